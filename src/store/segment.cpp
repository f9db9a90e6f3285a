#include "store/segment.h"

#include <algorithm>
#include <array>

namespace pictor {
namespace {

constexpr std::uint64_t kHeaderMagic = 0x474553524F544350;  // "PCTORSEG"
constexpr std::uint64_t kFooterMagic = 0x444E45524F544350;  // "PCTOREND"
constexpr std::size_t kHeaderBytes = 64;
constexpr std::size_t kEntryBytes = 32;
constexpr std::size_t kFooterFixedBytes = 24;
constexpr std::array kKinds = {SectionKind::kSpaceId, SectionKind::kRows, SectionKind::kBorn,
                               SectionKind::kInverseNorms, SectionKind::kVectors};

struct Section {
  SectionKind kind{};
  std::uint32_t space = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint32_t dim = 0;
};

struct Header {
  std::uint32_t version = 0;
  std::uint32_t sections = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t id = 0;
  std::uint64_t first_row = 0;
  std::uint64_t last_row = 0;
  std::uint64_t footer_offset = 0;
};

std::uint64_t aligned(std::uint64_t offset) {
  return (offset + kSegmentAlignment - 1) / kSegmentAlignment * kSegmentAlignment;
}

Status corrupt(const std::string& what) { return {Code::kCorrupt, "segment file " + what}; }

std::string seen_wanted(const char* what, std::uint64_t seen, std::uint64_t wanted) {
  return std::string(what) + " is " + std::to_string(seen) + ", wanted " + std::to_string(wanted);
}

// --- reading ---

Result<Header> parse_header(ByteView file) {
  ByteReader reader(file);
  std::uint64_t magic = 0;
  Header header;
  if (!reader.get(magic) || magic != kHeaderMagic) return corrupt("does not start as one (too short, or overwritten)");
  if (!reader.get(header.version) || !reader.get(header.sections) || !reader.get(header.file_bytes) ||
      !reader.get(header.id) || !reader.get(header.first_row) || !reader.get(header.last_row) ||
      !reader.get(header.footer_offset)) {
    return corrupt("ends within its header, after " + std::to_string(file.size()) + " bytes");
  }
  if (header.version != kSegmentVersion) {
    return Status(Code::kMismatch, "segment file has version " + std::to_string(header.version) +
                                       ", this build reads " + std::to_string(kSegmentVersion) +
                                       ": use the Pictor that wrote it");
  }
  if (header.file_bytes != file.size()) return corrupt(seen_wanted("size", file.size(), header.file_bytes));
  if (header.sections > kKinds.size() * limits::kSpacesPerCollectionMax || header.sections % kKinds.size() != 0) {
    return corrupt("names " + std::to_string(header.sections) + " sections");
  }
  const std::uint64_t table_end = kHeaderBytes + header.sections * kEntryBytes;
  const std::uint64_t footer_bytes = kFooterFixedBytes + header.sections * sizeof(std::uint32_t);
  if (header.footer_offset < table_end || header.footer_offset > file.size() ||
      file.size() - header.footer_offset != footer_bytes) {
    return corrupt("has its footer at " + std::to_string(header.footer_offset) + " of " + std::to_string(file.size()));
  }
  if (header.first_row > header.last_row) return corrupt("has its last row before its first");
  return header;
}

// The footer: magic, sum of header and table, number of sections, a sum each, and the sum of all that.
Result<std::vector<std::uint32_t>> parse_footer(ByteView file, const Header& header, std::uint32_t& footer_crc) {
  const ByteView footer = file.subspan(header.footer_offset);
  ByteReader reader(footer);
  std::uint64_t magic = 0;
  std::uint32_t header_crc = 0;
  std::uint32_t count = 0;
  if (!reader.get(magic) || magic != kFooterMagic) return corrupt("has no footer where its header says");
  if (!reader.get(header_crc) || !reader.get(count) || count != header.sections) {
    return corrupt(seen_wanted("number of sums", count, header.sections));
  }
  std::vector<std::uint32_t> sums(count);
  for (auto& sum : sums) {
    if (!reader.get(sum)) return corrupt("ends within its footer");
  }
  const std::uint32_t footer_seen = crc32c(footer.first(reader.position()));
  std::uint32_t reserved = 0;
  if (!reader.get(footer_crc) || !reader.get(reserved)) return corrupt("ends within its footer");
  if (footer_seen != footer_crc) return corrupt(seen_wanted("sum of the footer", footer_seen, footer_crc));
  const std::uint32_t header_seen = crc32c(file.first(kHeaderBytes + header.sections * kEntryBytes));
  if (header_seen != header_crc) return corrupt(seen_wanted("sum of the header", header_seen, header_crc));
  return sums;
}

Result<std::vector<Section>> parse_table(ByteView file, const Header& header) {
  std::vector<Section> sections(header.sections);
  ByteReader reader(file.subspan(kHeaderBytes));
  std::uint64_t end = kHeaderBytes + header.sections * kEntryBytes;
  for (std::uint32_t i = 0; i < header.sections; ++i) {
    Section& section = sections[i];
    std::uint32_t kind = 0;
    std::uint32_t reserved = 0;
    if (!reader.get(kind) || !reader.get(section.space) || !reader.get(section.offset) || !reader.get(section.bytes) ||
        !reader.get(section.dim) || !reader.get(reserved)) {
      return corrupt("ends within its table");
    }
    section.kind = kKinds[i % kKinds.size()];
    if (kind != static_cast<std::uint32_t>(section.kind) || section.space != i / kKinds.size()) {
      return corrupt("has section " + std::to_string(i) + " of kind " + std::to_string(kind) + " and space " +
                     std::to_string(section.space) + " out of order");
    }
    if (section.offset != aligned(end) || section.offset > header.footer_offset ||
        section.bytes > header.footer_offset - section.offset) {
      return corrupt("has section " + std::to_string(i) + " outside its bounds");
    }
    end = section.offset + section.bytes;
  }
  if (header.footer_offset != aligned(end))
    return corrupt(seen_wanted("footer offset", header.footer_offset, aligned(end)));
  return sections;
}

template <typename T>
std::span<const T> typed(ByteView file, const Section& section) {
  return {reinterpret_cast<const T*>(file.data() + section.offset), section.bytes / sizeof(T)};
}

Result<SegmentSpaceView> parse_space(ByteView file, std::span<const Section> of_space) {
  const Section& id = of_space[0];
  const Section& rows = of_space[1];
  const Section& vectors = of_space[4];
  if (id.bytes == 0 || id.bytes > limits::kShortTextBytesMax) return corrupt("has a space without a name");
  if (rows.bytes % sizeof(RowId) != 0 || rows.bytes / sizeof(RowId) > limits::kSegmentRowsMax) {
    return corrupt("has a row list of " + std::to_string(rows.bytes) + " bytes");
  }
  const std::uint64_t count = rows.bytes / sizeof(RowId);
  const std::uint32_t dim = vectors.dim;
  if (dim == 0 || dim > limits::kVectorDimMax) return corrupt("has vectors of " + std::to_string(dim) + " numbers");
  if (of_space[2].bytes != count * sizeof(Sequence) || of_space[3].bytes != count * sizeof(float) ||
      vectors.bytes != count * dim * sizeof(float)) {
    return corrupt("has sections of different lengths for one space");
  }
  SegmentSpaceView view;
  view.id = as_text(file.subspan(id.offset, id.bytes));
  view.dim = dim;
  view.rows = typed<RowId>(file, rows);
  view.born = typed<Sequence>(file, of_space[2]);
  view.inverse_norms = typed<float>(file, of_space[3]);
  view.vectors = typed<float>(file, vectors);
  return view;
}

struct Parsed {
  Header header;
  std::vector<Section> sections;
  std::vector<std::uint32_t> sums;
  std::uint32_t footer_crc = 0;
};

Result<Parsed> parse_frame(ByteView file) {
  Parsed parsed;
  PICTOR_ASSIGN(parsed.header, parse_header(file));
  PICTOR_ASSIGN(parsed.sums, parse_footer(file, parsed.header, parsed.footer_crc));
  PICTOR_ASSIGN(parsed.sections, parse_table(file, parsed.header));
  return parsed;
}

// --- writing ---

class SegmentWriter {
 public:
  SegmentWriter(File& file, const SegmentContent& content, const SegmentStep& step)
      : file_(file), content_(content), step_(step) {}

  Status write() {
    const std::uint64_t table_end = kHeaderBytes + content_.spaces.size() * kKinds.size() * kEntryBytes;
    end_ = table_end;
    for (const auto& space : content_.spaces) PICTOR_TRY(write_space(space));
    PICTOR_TRY(flush());
    const std::uint64_t footer_offset = aligned(end_);
    const Bytes header = header_bytes(footer_offset);
    const Bytes footer = footer_bytes(header);
    PICTOR_TRY(file_.write_at(footer_offset, footer));
    return file_.write_at(0, header);
  }

 private:
  Status write_space(const SegmentSpaceContent& space) {
    const auto index = static_cast<std::uint32_t>(table_.size() / kKinds.size());
    begin_section(SectionKind::kSpaceId, index, 0);
    PICTOR_TRY(append(as_bytes(space.id)));
    begin_section(SectionKind::kRows, index, 0);
    for (const auto& piece : space.pieces) PICTOR_TRY(append(std::as_bytes(std::span(piece.rows, piece.count))));
    begin_section(SectionKind::kBorn, index, 0);
    for (const auto& piece : space.pieces) PICTOR_TRY(append(std::as_bytes(std::span(piece.born, piece.count))));
    begin_section(SectionKind::kInverseNorms, index, 0);
    for (const auto& piece : space.pieces) {
      PICTOR_TRY(append(std::as_bytes(std::span(piece.inverse_norms, piece.count))));
    }
    begin_section(SectionKind::kVectors, index, space.dim);
    for (const auto& piece : space.pieces) {
      PICTOR_TRY(append(std::as_bytes(std::span(piece.vectors, piece.count * space.dim))));
    }
    return Status::ok();
  }

  void begin_section(SectionKind kind, std::uint32_t space, std::uint32_t dim) {
    // What waits is written without the gap: a section may begin while the one before still waits.
    waiting_.resize(waiting_.size() + (aligned(end_) - end_));
    end_ = aligned(end_);
    table_.push_back({kind, space, end_, 0, dim});
    sums_.push_back(0);
  }

  // Pieces may be as small as one number, or as large as all memory: what is written at once is neither.
  Status append(ByteView bytes) {
    sums_.back() = crc32c(bytes, sums_.back());
    table_.back().bytes += bytes.size();
    while (!bytes.empty()) {
      if (waiting_.size() >= kSegmentStepBytes) PICTOR_TRY(flush());
      const ByteView part = bytes.first(std::min(bytes.size(), kSegmentStepBytes - waiting_.size()));
      waiting_.insert(waiting_.end(), part.begin(), part.end());
      end_ += part.size();
      bytes = bytes.subspan(part.size());
    }
    return Status::ok();
  }

  Status flush() {
    if (waiting_.empty()) return Status::ok();
    PICTOR_TRY(file_.write_at(end_ - waiting_.size(), waiting_));
    unsynced_ += waiting_.size();
    // The system gets it in portions, instead of all at the end, when others would wait for it.
    if (unsynced_ >= kSyncBytes) {
      PICTOR_TRY(file_.sync());
      unsynced_ = 0;
    }
    const std::uint64_t bytes = waiting_.size();
    waiting_.clear();
    return step_ ? step_(bytes) : Status::ok();
  }

  Bytes header_bytes(std::uint64_t footer_offset) const {
    ByteWriter writer;
    writer.put(kHeaderMagic);
    writer.put(kSegmentVersion);
    writer.put(static_cast<std::uint32_t>(table_.size()));
    writer.put(footer_offset + kFooterFixedBytes + table_.size() * sizeof(std::uint32_t));
    writer.put(content_.id);
    writer.put(content_.first_row);
    writer.put(content_.last_row);
    writer.put(footer_offset);
    writer.put(std::uint64_t{0});
    for (const auto& section : table_) {
      writer.put(static_cast<std::uint32_t>(section.kind));
      writer.put(section.space);
      writer.put(section.offset);
      writer.put(section.bytes);
      writer.put(section.dim);
      writer.put(std::uint32_t{0});
    }
    return writer.take();
  }

  Bytes footer_bytes(const Bytes& header) const {
    ByteWriter writer;
    writer.put(kFooterMagic);
    writer.put(crc32c(header));
    writer.put(static_cast<std::uint32_t>(sums_.size()));
    for (const auto sum : sums_) writer.put(sum);
    writer.put(crc32c(writer.bytes()));
    writer.put(std::uint32_t{0});
    return writer.take();
  }

  static constexpr std::uint64_t kSyncBytes = 64 * limits::kMiB;

  File& file_;
  const SegmentContent& content_;
  const SegmentStep& step_;
  Bytes waiting_;  // the last bytes before end_
  std::uint64_t unsynced_ = 0;
  std::uint64_t end_ = 0;
  std::vector<Section> table_;
  std::vector<std::uint32_t> sums_;
};

}  // namespace

Result<SegmentView> parse_segment(ByteView file) {
  if (reinterpret_cast<std::uintptr_t>(file.data()) % alignof(std::uint64_t) != 0) {
    return Status(Code::kInternal, "segment bytes are not aligned in memory");
  }
  PICTOR_ASSIGN(const auto parsed, parse_frame(file));
  SegmentView view;
  view.id = parsed.header.id;
  view.first_row = parsed.header.first_row;
  view.last_row = parsed.header.last_row;
  view.footer_crc = parsed.footer_crc;
  const std::span sections(parsed.sections);
  for (std::size_t i = 0; i < sections.size(); i += kKinds.size()) {
    PICTOR_ASSIGN(auto space, parse_space(file, sections.subspan(i, kKinds.size())));
    view.spaces.push_back(std::move(space));
  }
  return view;
}

Status check_segment(ByteView file, const SegmentView& view) {
  PICTOR_ASSIGN(const auto parsed, parse_frame(file));
  for (std::size_t i = 0; i < parsed.sections.size(); ++i) {
    const Section& section = parsed.sections[i];
    const std::uint32_t seen = crc32c(file.subspan(section.offset, section.bytes));
    if (seen != parsed.sums[i]) {
      return corrupt("section " + std::to_string(i) + " is damaged: " + seen_wanted("its sum", seen, parsed.sums[i]));
    }
  }
  for (const auto& space : view.spaces) {
    RowId next = view.first_row;
    for (const RowId row : space.rows) {
      if (row < next || row > view.last_row) return corrupt("has row " + std::to_string(row) + " out of order");
      next = row + 1;
    }
  }
  return Status::ok();
}

namespace {

Status write_aside(Env& env, const std::string& aside, const SegmentContent& content, const SegmentStep& step) {
  PICTOR_ASSIGN(const auto file, env.open(aside, OpenMode::kReadWriteCreate));
  PICTOR_TRY(file->truncate(0));
  PICTOR_TRY(SegmentWriter(*file, content, step).write());
  return file->sync();
}

}  // namespace

Status write_segment(Env& env, const std::string& path, const SegmentContent& content, const SegmentStep& step) {
  const std::string aside = path + ".tmp";
  Status written = write_aside(env, aside, content, step);
  if (!written.is_ok()) {
    static_cast<void>(env.remove(aside));  // its room may be what was lacking
    return written;
  }
  PICTOR_TRY(env.rename(aside, path));
  return env.sync_dir(parent_path(path));
}

}  // namespace pictor
