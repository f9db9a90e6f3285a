#include "serve/bulk_lines.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "serve/json_reader.h"
#include "serve/multipart.h"
#include "serve/picture_in.h"
#include "serve/put_in.h"

namespace pictor {
namespace {

// Base64 makes four characters of three bytes; the rest of a line is small.
constexpr std::uint64_t kLineRoomBytes = 1 * limits::kMiB;

Status too_long(std::string_view what, std::uint64_t wanted) {
  return {Code::kLimit, "the " + std::string(what) + " has more than " + std::to_string(wanted) + " bytes"};
}

class JsonLines final : public BulkLines {
 public:
  JsonLines(std::uint64_t picture_bytes_max, Sink sink)
      : picture_bytes_max_(picture_bytes_max), sink_(std::move(sink)) {}

  Status take(std::string_view text) override {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      add(text.substr(0, end));
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + 1);
      finish();
    }
    return Status::ok();
  }
  Status end() override {
    finish();
    return Status::ok();
  }

 private:
  void add(std::string_view text) {
    const std::uint64_t most = line_bytes_max(picture_bytes_max_);
    if (!passed_over_ && line_.size() + text.size() > most) {
      passed_over_ = true;
      std::string().swap(line_);
      sink_({{}, too_long("line", most)});
    }
    if (!passed_over_) line_ += text;
  }

  void finish() {
    if (!passed_over_ && line_.find_first_not_of(" \t\r") != std::string::npos) {
      BulkLine out;
      const auto json = parse_request_json(line_);
      Result<PutItem> put = json.is_ok() ? item_of_json(*json, picture_bytes_max_) : json.status();
      out.problem = put.status();
      if (put.is_ok()) out.put = std::move(put).value();
      sink_(std::move(out));
    }
    line_.clear();
    passed_over_ = false;
  }

  const std::uint64_t picture_bytes_max_;
  const Sink sink_;
  std::string line_;
  bool passed_over_ = false;  // the line that is being read is too long, and was told
};

class FormLines final : public BulkLines {
 public:
  FormLines(FormReader reader, std::uint64_t picture_bytes_max, Sink sink)
      : reader_(std::move(reader)), picture_bytes_max_(picture_bytes_max), sink_(std::move(sink)) {}

  Status take(std::string_view text) override {
    if (ended_) return Status::ok();  // an epilogue
    form_ += text;
    for (;;) {
      FormPart part;
      const auto found = reader_.next(form_, part);
      if (!found.is_ok()) {
        sink_({{}, found.status()});
      } else if (*found == FormReader::Found::kPart) {
        sink_(line_of(part));
      } else {
        ended_ = *found == FormReader::Found::kEnd;
        break;
      }
    }
    form_.erase(0, reader_.forget());
    const std::uint64_t most = line_bytes_max(picture_bytes_max_);
    if (ended_ || form_.size() <= most) return Status::ok();
    if (!reader_.begun()) return reader_.cut_short();
    BulkLine passed_over = line_of(reader_.pass_over(form_));
    passed_over.problem = too_long("part", most);
    sink_(std::move(passed_over));
    form_.erase(0, reader_.forget());
    return Status::ok();
  }
  Status end() override { return ended_ ? Status::ok() : reader_.cut_short(); }

 private:
  BulkLine line_of(const FormPart& part) const {
    BulkLine line;
    line.put.item.id = part.file_name;
    line.put.item.source = part.file_name;
    if (part.name != "image") {
      line.problem = {Code::kInvalid,
                      "part '" + part.name + "' is none of a bulk upload: each part is an 'image' with a file name"};
    } else if (part.bytes.size() > picture_bytes_max_) {
      line.problem = too_long("picture", picture_bytes_max_);
    } else {
      line.put.picture = bytes_of(part.bytes);
    }
    return line;
  }

  FormReader reader_;
  const std::uint64_t picture_bytes_max_;
  const Sink sink_;
  std::string form_;  // what of it is still needed
  bool ended_ = false;
};

}  // namespace

std::uint64_t BulkLines::line_bytes_max(std::uint64_t picture_bytes_max) {
  return picture_bytes_max / 3 * 4 + kLineRoomBytes;
}

Result<std::unique_ptr<BulkLines>> BulkLines::of(std::string_view content_type, std::uint64_t picture_bytes_max,
                                                 Sink sink) {
  if (!is_form(content_type)) {
    return std::unique_ptr<BulkLines>(std::make_unique<JsonLines>(picture_bytes_max, std::move(sink)));
  }
  PICTOR_ASSIGN(FormReader reader, FormReader::of(content_type));
  return std::unique_ptr<BulkLines>(std::make_unique<FormLines>(std::move(reader), picture_bytes_max, std::move(sink)));
}

}  // namespace pictor
