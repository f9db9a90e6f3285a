#include "index/lists_file.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace pictor {
namespace {

constexpr std::uint64_t kMagic = 0x5453494C52544350;     // "PCTRLIST"
constexpr std::uint64_t kEndMagic = 0x444E454C52544350;  // "PCTRLEND"
constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kHeaderSummed = kHeaderBytes - sizeof(std::uint32_t);
constexpr std::size_t kFooterBytes = 64;
constexpr std::size_t kFooterSummed = 8 + kListSections * sizeof(std::uint32_t);
// Read when a file is opened: small, and what a search goes by without looking twice.
constexpr std::array kReadAtOnce = {ListSection::kMean, ListSection::kFirst, ListSection::kLists, ListSection::kSteps};

Status corrupt(const std::string& what) { return {Code::kCorrupt, "list file " + what}; }

std::string seen_wanted(const char* what, std::uint64_t seen, std::uint64_t wanted) {
  return std::string(what) + " is " + std::to_string(seen) + ", wanted " + std::to_string(wanted);
}

std::uint64_t aligned(std::uint64_t offset) { return (offset + kListAlignment - 1) / kListAlignment * kListAlignment; }

std::size_t index_of(ListSection section) { return static_cast<std::size_t>(section) - 1; }

Bytes header_bytes(const ListHeader& header, std::uint64_t file_bytes) {
  ByteWriter writer;
  writer.put(kMagic);
  writer.put(kListVersion);
  writer.put(static_cast<std::uint32_t>(kListSections));
  writer.put(file_bytes);
  writer.put(header.owner);
  writer.put(static_cast<std::uint32_t>(header.metric));
  writer.put(header.dim);
  writer.put(header.rows);
  writer.put(header.lists);
  writer.put(header.bits);
  writer.put(std::uint32_t{0});
  writer.put(header.unit);
  writer.put(header.length);
  while (writer.bytes().size() < kHeaderSummed) writer.put(std::uint32_t{0});
  writer.put(crc32c(writer.bytes()));
  return writer.take();
}

Status check_header(const ListHeader& header, std::uint32_t metric) {
  if (metric < 1 || metric > 3) return corrupt("has metric " + std::to_string(metric) + ", wanted 1 to 3");
  if (header.dim < 1 || header.dim > limits::kVectorDimMax) {
    return corrupt("has vectors of " + std::to_string(header.dim) + " numbers");
  }
  if (header.rows < 1 || header.rows > limits::kListRowsMax) {
    return corrupt("has " + std::to_string(header.rows) + " rows");
  }
  if (header.lists < 1 || header.lists > 2 * limits::kListsMax || header.lists > header.rows) {
    return corrupt("has " + std::to_string(header.lists) + " lists for " + std::to_string(header.rows) + " rows");
  }
  if (header.bits != 4 && header.bits != 8) return corrupt("has codes of " + std::to_string(header.bits) + " bits");
  if (!(header.unit > 0 && std::isfinite(header.unit) && header.length >= 0 && std::isfinite(header.length))) {
    return corrupt("has a unit or a length that is no number of its kind");
  }
  return Status::ok();
}

Result<ListHeader> parse_header(ByteView file) {
  ByteReader reader(file);
  std::uint64_t magic = 0;
  std::uint32_t version = 0;
  std::uint32_t sections = 0;
  std::uint64_t file_bytes = 0;
  if (!reader.get(magic) || magic != kMagic) return corrupt("does not start as one (too short, or overwritten)");
  if (!reader.get(version) || !reader.get(sections) || !reader.get(file_bytes) || file.size() < kHeaderBytes) {
    return corrupt("ends within its header, after " + std::to_string(file.size()) + " bytes");
  }
  if (version != kListVersion) {
    return Status(Code::kMismatch, "list file has version " + std::to_string(version) + ", this build reads " +
                                       std::to_string(kListVersion) + ": build the lists again");
  }
  std::uint32_t sum = 0;
  std::memcpy(&sum, file.data() + kHeaderSummed, sizeof(sum));
  const std::uint32_t seen = crc32c(file.first(kHeaderSummed));
  if (seen != sum) return corrupt(seen_wanted("sum of the header", seen, sum));
  if (file_bytes != file.size()) return corrupt(seen_wanted("size", file.size(), file_bytes));
  if (sections != kListSections) return corrupt(seen_wanted("number of sections", sections, kListSections));
  ListHeader header;
  std::uint32_t metric = 0;
  std::uint32_t reserved = 0;
  if (!reader.get(header.owner) || !reader.get(metric) || !reader.get(header.dim) || !reader.get(header.rows) ||
      !reader.get(header.lists) || !reader.get(header.bits) || !reader.get(reserved) || !reader.get(header.unit) ||
      !reader.get(header.length)) {
    return corrupt("ends within its header");
  }
  PICTOR_TRY(check_header(header, metric));
  header.metric = static_cast<Metric>(metric);
  const ListLayout layout = layout_of(header);
  if (layout.file_bytes != file.size()) return corrupt(seen_wanted("size", file.size(), layout.file_bytes));
  return header;
}

Status check_footer(ByteView file, const ListLayout& layout) {
  const ByteView footer = file.subspan(layout.footer, kFooterBytes);
  std::uint64_t magic = 0;
  std::uint32_t sum = 0;
  std::memcpy(&magic, footer.data(), sizeof(magic));
  std::memcpy(&sum, footer.data() + kFooterSummed, sizeof(sum));
  const std::uint32_t seen = crc32c(footer.first(kFooterSummed));
  if (magic != kEndMagic || seen != sum) return corrupt("has a damaged footer: " + seen_wanted("its sum", seen, sum));
  return Status::ok();
}

Status check_sum(ByteView file, const ListHeader& header, ListSection section) {
  const ListLayout layout = layout_of(header);
  std::uint32_t sum = 0;
  std::memcpy(&sum, file.data() + layout.footer + 8 + index_of(section) * sizeof(sum), sizeof(sum));
  const std::uint32_t seen = crc32c(file.subspan(layout.offsets[index_of(section)], header.section_bytes(section)));
  if (seen == sum) return Status::ok();
  return corrupt("section " + std::to_string(index_of(section) + 1) +
                 " is damaged: " + seen_wanted("its sum", seen, sum));
}

template <typename T>
std::span<const T> typed(ByteView file, const ListHeader& header, ListSection section) {
  const auto offset = layout_of(header).offsets[index_of(section)];
  return {reinterpret_cast<const T*>(file.data() + offset), header.section_bytes(section) / sizeof(T)};
}

ListView view_of(ByteView file, const ListHeader& header) {
  ListView view;
  view.header = header;
  view.mean = typed<float>(file, header, ListSection::kMean);
  view.centres = typed<float>(file, header, ListSection::kCentres);
  view.centre_codes = typed<std::uint8_t>(file, header, ListSection::kCentreCodes);
  view.first = typed<std::uint32_t>(file, header, ListSection::kFirst);
  view.positions = typed<std::uint32_t>(file, header, ListSection::kPositions);
  view.codes = typed<std::uint8_t>(file, header, ListSection::kCodes);
  view.terms = typed<CodeTerms>(file, header, ListSection::kTerms);
  view.lists = typed<ListTerms>(file, header, ListSection::kLists);
  view.calibration = typed<ListCalibration>(file, header, ListSection::kSteps).data();
  return view;
}

bool finite(const ListTerms& terms) {
  return std::isfinite(terms.scale) && std::isfinite(terms.rank) && std::isfinite(terms.mean) &&
         std::isfinite(terms.square) && std::isfinite(terms.spread);
}

Status check_small_sections(const ListView& view) {
  if (view.first.front() != 0 || view.first.back() != view.header.rows) return corrupt("has rows that are in no list");
  for (std::size_t i = 1; i < view.first.size(); ++i) {
    if (view.first[i] < view.first[i - 1])
      return corrupt("has list " + std::to_string(i) + " before the one before it");
  }
  for (const float number : view.mean) {
    if (!std::isfinite(number)) return corrupt("has a mean that is not finite");
  }
  for (const ListTerms& terms : view.lists) {
    if (!finite(terms)) return corrupt("has numbers of a list that are not finite");
  }
  for (const std::uint32_t count : view.calibration->counts) {
    if (count > limits::kListStepsMax) return corrupt("has " + std::to_string(count) + " steps");
  }
  if (!std::isfinite(view.calibration->reach) || !std::isfinite(view.calibration->doubt)) {
    return corrupt("has a reach or a doubt that is not finite");
  }
  return Status::ok();
}

}  // namespace

std::span<const ListStep> ListView::steps(std::size_t of_k, bool strange) const {
  const auto all = std::span(calibration->steps[of_k]).first(calibration->counts[of_k]);
  const auto of_strange = std::find_if(all.begin(), all.end(), [](const ListStep& step) { return step.strange != 0; });
  const auto of_rows = static_cast<std::size_t>(of_strange - all.begin());
  return strange && of_strange != all.end() ? all.subspan(of_rows) : all.first(of_rows);
}

std::uint64_t ListHeader::section_bytes(ListSection section) const {
  switch (section) {
    case ListSection::kMean: return std::uint64_t{dim} * sizeof(float);
    case ListSection::kCentres: return lists * list_width(dim) * sizeof(float);
    case ListSection::kCentreCodes: return lists * list_width(dim);
    case ListSection::kFirst: return (std::uint64_t{lists} + 1) * sizeof(std::uint32_t);
    case ListSection::kPositions: return std::uint64_t{rows} * sizeof(std::uint32_t);
    case ListSection::kCodes: return rows * list_row_bytes(dim, bits);
    case ListSection::kTerms: return std::uint64_t{rows} * sizeof(CodeTerms);
    case ListSection::kLists: return std::uint64_t{lists} * sizeof(ListTerms);
    case ListSection::kSteps: return sizeof(ListCalibration);
  }
  return 0;
}

ListLayout layout_of(const ListHeader& header) {
  ListLayout layout;
  std::uint64_t end = kHeaderBytes;
  for (std::size_t i = 0; i < kListSections; ++i) {
    layout.offsets[i] = aligned(end);
    end = layout.offsets[i] + header.section_bytes(static_cast<ListSection>(i + 1));
  }
  layout.footer = aligned(end);
  layout.file_bytes = layout.footer + kFooterBytes;
  return layout;
}

Result<ListView> parse_lists(ByteView file) {
  if (reinterpret_cast<std::uintptr_t>(file.data()) % alignof(std::uint64_t) != 0) {
    return Status(Code::kInternal, "list bytes are not aligned in memory");
  }
  PICTOR_ASSIGN(const auto header, parse_header(file));
  PICTOR_TRY(check_footer(file, layout_of(header)));
  for (const ListSection section : kReadAtOnce) PICTOR_TRY(check_sum(file, header, section));
  ListView view = view_of(file, header);
  PICTOR_TRY(check_small_sections(view));
  return view;
}

Status check_list_sections(ByteView file, const ListView& view) {
  for (std::size_t i = 1; i <= kListSections; ++i) {
    PICTOR_TRY(check_sum(file, view.header, static_cast<ListSection>(i)));
  }
  std::vector<bool> seen(view.header.rows, false);
  for (const std::uint32_t position : view.positions) {
    if (position >= view.header.rows || seen[position]) {
      return corrupt("has position " + std::to_string(position) + " twice or past its " +
                     std::to_string(view.header.rows) + " rows");
    }
    seen[position] = true;
  }
  for (const CodeTerms& terms : view.terms) {
    if (!std::isfinite(terms.scale) || !std::isfinite(terms.bias)) return corrupt("has a scale that is not finite");
  }
  for (const float number : view.centres) {
    if (!std::isfinite(number)) return corrupt("has a centre that is not finite");
  }
  return Status::ok();
}

ListWriter::ListWriter(const ListHeader& header, const ByteSink& sink)
    : header_(header), layout_(layout_of(header)), sink_(sink) {}

Status ListWriter::put(ByteView bytes) {
  if (bytes.empty()) return Status::ok();
  written_ += bytes.size();
  return sink_(bytes);
}

Status ListWriter::fill_to(std::uint64_t offset) {
  const std::array<std::byte, kListAlignment> zeros{};
  return put(ByteView(zeros).first(offset - written_));
}

Status ListWriter::start() { return put(header_bytes(header_, layout_.file_bytes)); }

Status ListWriter::add(ListSection section, ByteView bytes) {
  const std::size_t i = index_of(section);
  if (written_ < layout_.offsets[i]) PICTOR_TRY(fill_to(layout_.offsets[i]));
  sums_[i] = crc32c(bytes, sums_[i]);
  return put(bytes);
}

Status ListWriter::finish() {
  PICTOR_TRY(fill_to(layout_.footer));
  ByteWriter writer;
  writer.put(kEndMagic);
  for (const std::uint32_t sum : sums_) writer.put(sum);
  writer.put(crc32c(writer.bytes()));
  while (writer.bytes().size() < kFooterBytes) writer.put(std::uint32_t{0});
  return put(writer.bytes());
}

}  // namespace pictor
