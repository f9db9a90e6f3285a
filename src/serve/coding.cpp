#include "serve/coding.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

namespace pictor {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's own number for: gzip, 32 KiB
constexpr int kGzipLevel = 4;
constexpr int kZstdLevel = 3;
constexpr int kZstdWindowLog = 23;  // 8 MiB: what RFC 9659 allows on the web
constexpr std::size_t kPiece = 64 * limits::kKiB;

Status not_whole(std::string_view coding) {
  return {Code::kInvalid, "the body is no whole " + std::string(coding) + " stream, which Content-Encoding says it is"};
}

Status too_long(std::uint64_t bytes_max) {
  return {Code::kLimit, "the body becomes more than " + std::to_string(bytes_max) + " bytes when it is unpacked"};
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool same(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + ('a' - 'A') : x) == y; });
}

std::string to_gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, kGzipLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int state = deflate(&stream, Z_FINISH);
  out.resize(state == Z_STREAM_END ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

std::string to_zstd(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kZstdLevel);
  out.resize(ZSTD_isError(size) != 0 ? 0 : size);
  return out;
}

// "gzip;q=0.5": how much it is liked, 1 unless it is said.
double liking(std::string_view parameters) {
  const std::size_t at = parameters.find("q=");
  if (at == std::string_view::npos) return 1;
  const std::string_view text = trimmed(parameters.substr(at + 2));
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? value : 0;
}

bool is_text(std::string_view type) {
  return type.starts_with("text/") || type.find("json") != std::string_view::npos ||
         type.starts_with("application/yaml") || type == "image/svg+xml";
}

}  // namespace

struct Unpacker::State {
  State(Coding packed_as, std::uint64_t most) : coding(packed_as), bytes_max(most) {}
  ~State() {
    if (gzip_began) inflateEnd(&gzip);
    ZSTD_freeDCtx(zstd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Status give(std::size_t size, const Sink& sink) {
    bytes += size;
    if (bytes > bytes_max) return too_long(bytes_max);
    if (bytes > limits::kServerUnpackedBytesMin && bytes / limits::kServerUnpackedRatioMax > packed_bytes) {
      return {Code::kLimit, "the body becomes more than " + std::to_string(limits::kServerUnpackedRatioMax) +
                                " times as large when it is unpacked"};
    }
    return size == 0 ? Status::ok() : sink(std::string_view(piece.data(), size));
  }

  Status from_gzip(std::string_view packed, const Sink& sink) {
    if (!gzip_began && inflateInit2(&gzip, kGzipWindow) != Z_OK) return {Code::kInternal, "zlib did not start"};
    gzip_began = true;
    if (ended) return not_whole("gzip");
    gzip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib does not write there
    gzip.avail_in = static_cast<uInt>(packed.size());
    do {
      gzip.next_out = reinterpret_cast<Bytef*>(piece.data());
      gzip.avail_out = static_cast<uInt>(piece.size());
      const int state = inflate(&gzip, Z_NO_FLUSH);
      PICTOR_TRY(give(piece.size() - gzip.avail_out, sink));
      ended = state == Z_STREAM_END;
      if (state == Z_BUF_ERROR) break;  // it wants more
      if (state != Z_OK && !ended) return not_whole("gzip");
    } while (!ended && (gzip.avail_in > 0 || gzip.avail_out == 0));
    return gzip.avail_in > 0 ? not_whole("gzip") : Status::ok();
  }

  Status from_zstd(std::string_view packed, const Sink& sink) {
    if (zstd == nullptr) {
      zstd = ZSTD_createDCtx();
      if (zstd == nullptr) return {Code::kInternal, "zstd did not start"};
      ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, kZstdWindowLog);
    }
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    for (;;) {
      ZSTD_outBuffer to{piece.data(), piece.size(), 0};
      const std::size_t before = in.pos;
      const std::size_t left = ZSTD_decompressStream(zstd, &to, &in);
      if (ZSTD_isError(left) != 0) return not_whole("zstd");
      PICTOR_TRY(give(to.pos, sink));
      ended = left == 0;  // a frame has
      if (in.pos == in.size && (ended || to.pos < to.size)) return Status::ok();
      if (in.pos == before && to.pos == 0) return not_whole("zstd");
    }
  }

  const Coding coding;
  const std::uint64_t bytes_max;
  std::uint64_t packed_bytes = 0, bytes = 0;
  bool ended = false;
  z_stream gzip{};
  bool gzip_began = false;
  ZSTD_DCtx* zstd = nullptr;
  std::array<char, kPiece> piece{};
};

Unpacker::Unpacker(Coding coding, std::uint64_t bytes_max) : state_(std::make_unique<State>(coding, bytes_max)) {}
Unpacker::~Unpacker() = default;

Status Unpacker::take(std::string_view packed, const Sink& sink) {
  if (packed.empty()) return Status::ok();
  state_->packed_bytes += packed.size();
  if (state_->coding == Coding::kGzip) return state_->from_gzip(packed, sink);
  if (state_->coding == Coding::kZstd) return state_->from_zstd(packed, sink);
  state_->bytes += packed.size();
  return state_->bytes > state_->bytes_max ? too_long(state_->bytes_max) : sink(packed);
}

Status Unpacker::end() const {
  if (state_->ended || state_->coding == Coding::kPlain) return Status::ok();
  return not_whole(coding_name(state_->coding));
}

std::string_view coding_name(Coding coding) {
  switch (coding) {
    case Coding::kGzip: return "gzip";
    case Coding::kZstd: return "zstd";
    case Coding::kPlain: break;
  }
  return {};
}

Result<Coding> coding_of(const HttpHead& head) {
  const std::string_view name = trimmed(head.field("content-encoding"));
  if (name.empty() || same(name, "identity")) return Coding::kPlain;
  if (same(name, "gzip") || same(name, "x-gzip")) return Coding::kGzip;
  if (same(name, "zstd")) return Coding::kZstd;
  return Status(Code::kUnsupported, "Content-Encoding is '" + std::string(name) + "', wanted gzip, zstd or none");
}

Result<std::string> unpacked(Coding coding, std::string_view bytes, std::uint64_t bytes_max) {
  Unpacker unpacker(coding, bytes_max);
  std::string out;
  PICTOR_TRY(unpacker.take(bytes, [&](std::string_view piece) {
    out += piece;
    return Status::ok();
  }));
  PICTOR_TRY(unpacker.end());
  return out;
}

std::string packed(Coding coding, std::string_view bytes) {
  if (coding == Coding::kGzip) return to_gzip(bytes);
  if (coding == Coding::kZstd) return to_zstd(bytes);
  return std::string(bytes);
}

Coding coding_wanted(const HttpHead& head) {
  std::string_view list = head.field("accept-encoding");
  double gzip = -1, zstd = -1, any = -1;
  while (!list.empty()) {
    const std::string_view one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    const std::string_view name = trimmed(one.substr(0, one.find(';')));
    const double liked = liking(one.substr(std::min(one.size(), one.find(';'))));
    if (same(name, "gzip")) gzip = liked;
    if (same(name, "zstd")) zstd = liked;
    if (name == "*") any = liked;
  }
  if (gzip < 0) gzip = any;
  if (zstd < 0) zstd = any;
  if (zstd > 0 && zstd >= gzip) return Coding::kZstd;
  return gzip > 0 ? Coding::kGzip : Coding::kPlain;
}

void pack(const HttpHead& head, HttpReply& reply) {
  if (reply.body.size() < limits::kServerPackedBytesMin || !is_text(reply.type)) return;
  const Coding coding = coding_wanted(head);
  reply.fields.emplace_back("Vary", "Accept-Encoding");
  if (coding == Coding::kPlain) return;
  std::string smaller = packed(coding, reply.body);
  if (smaller.empty() || smaller.size() >= reply.body.size()) return;
  reply.body = std::move(smaller);
  reply.fields.emplace_back("Content-Encoding", coding_name(coding));
}

}  // namespace pictor
