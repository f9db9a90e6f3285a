// Downloads that go on where they stopped. PATH holds the bytes so far, written as they come; PATH.state says of what
// they are a part: three lines, "pictor-part 1", the identity, the ETag (empty when the server gives none).
//
// A part is continued when the identity is the caller's and the server proves that it still has the same: If-Range with
// a strong ETag, and the ETag of the answer compared again, since some servers pass over If-Range. The order on disk
// is: part emptied, state written, part filled. So a part never has a state that is newer than its first byte.
#include <algorithm>
#include <charconv>

#include "net/http_session.h"

namespace pictor {
namespace {

constexpr std::string_view kStateMark = "pictor-part 1\n";
constexpr std::uint64_t kStateBytesMax = 16 * limits::kKiB;
constexpr std::int64_t kProgressEveryUs = 100'000;

std::string state_path(const std::string& path) { return path + ".state"; }

struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<std::uint64_t> total;  // none: "*"
};

// "bytes 5-9/10"
std::optional<ContentRange> parse_content_range(std::string_view text) {
  ContentRange range;
  const auto number = [&](std::uint64_t& out, std::string_view until) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.starts_with(until)) return false;
    text.remove_prefix(until.size());
    return true;
  };
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  if (!number(range.first, "-") || !number(range.last, "/")) return std::nullopt;
  if (text == "*") return range;
  std::uint64_t total = 0;
  if (!number(total, "") || !text.empty()) return std::nullopt;
  range.total = total;
  return range;
}

bool is_strong(const std::string& etag) { return etag.size() > 2 && etag.front() == '"'; }

// Tells the caller how far a download is.
class Meter {
 public:
  Meter(Env& env, const HttpDownload& download) : env_(env), download_(download), last_us_(env.monotonic_us()) {}

  void moved(std::uint64_t there, std::uint64_t came) {
    came_ += came;
    const auto now_us = env_.monotonic_us();
    if (now_us - last_us_ < kProgressEveryUs) return;
    const double rate = static_cast<double>(came_) * 1e6 / static_cast<double>(now_us - last_us_);
    rate_ = rate_ == 0 ? rate : 0.8 * rate_ + 0.2 * rate;
    last_us_ = now_us;
    came_ = 0;
    tell(there);
  }
  void tell(std::uint64_t there) const {
    if (download_.progress) download_.progress({there, download_.bytes, rate_});
  }

 private:
  Env& env_;
  const HttpDownload& download_;
  std::int64_t last_us_;
  std::uint64_t came_ = 0;
  double rate_ = 0;
};

// The bytes so far, as the sink of one try after the other.
class Part : public HttpSink {
 public:
  Part(Env& env, const HttpDownload& download) : env_(env), download_(download), meter_(env, download) {}

  // Keeps what an earlier run left of the same content.
  Status open() {
    PICTOR_ASSIGN(file_, env_.open(download_.path, OpenMode::kReadWriteCreate));
    PICTOR_ASSIGN(size_, file_->size());
    if (size_ > download_.bytes || !read_state()) PICTOR_TRY(empty());
    return Status::ok();
  }

  // The headers of the next try.
  std::vector<std::string> headers() {
    again_ = false;
    std::vector<std::string> out;
    if (size_ == 0) return out;
    out.push_back("Range: bytes=" + std::to_string(size_) + "-");
    if (is_strong(etag_)) out.push_back("If-Range: " + etag_);
    return out;
  }

  Status begin(const HttpAnswerHead& head) override {
    if (head.status == 206) return go_on(head);
    const auto length = head.content_length();
    if (length && *length != download_.bytes) return other_size(*length);
    PICTOR_TRY(empty());
    return write_state(head.header("etag"));
  }

  Status take(ByteView bytes) override {
    received_ += bytes.size();
    if (bytes.size() > download_.bytes - size_) {
      PICTOR_TRY(empty());
      return {Code::kLimit, "the server sends more than the " + std::to_string(download_.bytes) + " bytes announced"};
    }
    PICTOR_TRY(file_->write_at(size_, bytes));
    size_ += bytes.size();
    meter_.moved(size_, bytes.size());
    return Status::ok();
  }

  Status empty() {
    etag_.clear();
    if (size_ == 0) return Status::ok();
    size_ = 0;
    PICTOR_TRY(file_->truncate(0));
    return file_->sync();
  }

  Status finish() {
    meter_.tell(size_);
    return file_->sync();
  }

  bool whole() const { return size_ == download_.bytes; }
  bool again() const { return again_; }  // the last answer was odd, another try may have a better one
  std::uint64_t size() const { return size_; }
  std::uint64_t received() const { return received_; }

 private:
  Status go_on(const HttpAnswerHead& head) {
    const auto text = head.header("content-range");
    const auto range = parse_content_range(text);
    const auto etag = head.header("etag");
    const bool same = etag_.empty() || etag.empty() || etag == etag_;
    if (size_ > 0 && range && range->first == size_ && range->last + 1 == download_.bytes &&
        (!range->total || *range->total == download_.bytes) && same) {
      return Status::ok();
    }
    again_ = true;
    const auto had = size_;
    PICTOR_TRY(empty());
    if (!same) return {Code::kMismatch, "the file on the server is another one than before"};
    return {Code::kUnreadable, "the server sends '" + text.substr(0, 64) + "' where bytes " + std::to_string(had) +
                                   " to " + std::to_string(download_.bytes) + " were asked for"};
  }

  Status other_size(std::uint64_t seen) {
    again_ = true;
    return {Code::kMismatch,
            "the server sends " + std::to_string(seen) + " bytes, the file has " + std::to_string(download_.bytes)};
  }

  bool read_state() {
    const auto bytes = read_file(env_, state_path(download_.path), kStateBytesMax);
    if (!bytes.is_ok()) return false;
    std::string_view text = as_text(*bytes);
    if (!text.starts_with(kStateMark)) return false;
    text.remove_prefix(kStateMark.size());
    const auto line = text.find('\n');
    if (line == std::string_view::npos || text.substr(0, line) != download_.identity || !text.ends_with('\n')) {
      return false;
    }
    text.remove_prefix(line + 1);
    if (text.empty()) return false;
    etag_ = text.substr(0, text.size() - 1);
    return true;
  }

  Status write_state(std::string etag) {
    if (etag.size() > 1024) etag.clear();
    PICTOR_TRY(write_file_atomic(env_, state_path(download_.path),
                                 as_bytes(std::string(kStateMark) + download_.identity + "\n" + etag + "\n")));
    etag_ = std::move(etag);
    return Status::ok();
  }

  Env& env_;
  const HttpDownload& download_;
  Meter meter_;
  std::unique_ptr<File> file_;
  std::uint64_t size_ = 0;
  std::uint64_t received_ = 0;
  std::string etag_;
  bool again_ = false;
};

HttpOutcome broke_off(const HttpOutcome& outcome, const Part& part, std::uint64_t wanted) {
  return {Status(Code::kIo,
                 "the answer ended after " + std::to_string(part.size()) + " of " + std::to_string(wanted) + " bytes"),
          true, outcome.head};
}

}  // namespace

Result<HttpDownloaded> HttpClient::download(const HttpDownload& download) {
  PICTOR_ASSIGN(const auto url, state_->checked(download.request));
  Part part(state_->env, download);
  PICTOR_TRY(part.open());
  HttpDownloaded done;
  done.bytes_kept = part.size();
  Patience patience(state_->env, state_->options);
  while (!part.whole()) {
    const auto before = part.size();
    auto outcome = state_->fetch(url, download.request, part.headers(), part);
    if (part.whole() && outcome.status.is_ok()) break;
    if (outcome.status.is_ok()) outcome = broke_off(outcome, part, download.bytes);
    if (outcome.head.status == 416) PICTOR_TRY(part.empty());
    if (part.again() || outcome.head.status == 416) outcome.transient = true;
    PICTOR_TRY(patience.next(outcome, part.size() > before ? part.size() - before : 0));
  }
  PICTOR_TRY(part.finish());
  done.bytes_received = part.received();
  return done;
}

Status forget_download(Env& env, const std::string& path) {
  bool removed = false;
  for (const auto& name : {path, state_path(path), state_path(path) + ".tmp"}) {
    if (!exists(env, name)) continue;
    PICTOR_TRY(env.remove(name));
    removed = true;
  }
  return removed ? env.sync_dir(parent_path(path)) : Status::ok();
}

}  // namespace pictor
