// Putting many pictures in one request.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "serve/api.h"
#include "serve/json_reader.h"
#include "serve/multipart.h"
#include "serve/picture_in.h"
#include "serve/problem.h"
#include "serve/put_in.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

// One line of a bulk upload: what came, or why it cannot be used.
struct BulkLine {
  PutItem put;
  Status problem;
};

std::vector<BulkLine> lines_of_json(std::string_view body, std::uint64_t bytes_max) {
  std::vector<BulkLine> lines;
  while (!body.empty()) {
    const std::string_view line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(body.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    BulkLine out;
    const auto json = parse_request_json(line);
    Result<PutItem> put = json.is_ok() ? item_of_json(*json, bytes_max) : json.status();
    out.problem = put.status();
    if (put.is_ok()) out.put = std::move(put).value();
    lines.push_back(std::move(out));
  }
  return lines;
}

Result<std::vector<BulkLine>> lines_of(const Call& call, const ServerOptions& options) {
  if (!is_form(call.request.head.field("content-type")))
    return lines_of_json(call.request.body, options.body_bytes_max);
  PICTOR_ASSIGN(const auto parts, parse_form(call.request.head.field("content-type"), call.request.body));
  std::vector<BulkLine> lines;
  for (const FormPart& part : parts) {
    BulkLine line;
    line.put.item.id = part.file_name;
    line.put.item.source = part.file_name;
    line.put.picture = bytes_of(part.bytes);
    if (part.name != "image") {
      line.problem = {Code::kInvalid,
                      "part '" + part.name + "' is none of a bulk upload: each part is an 'image' with a file name"};
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string line_json(std::size_t number, const std::string& id, const PutResult& result) {
  Json line = {{"line", number}, {"id", id}, {"status", outcome_name(result.outcome)}};
  if (!result.cause.is_ok()) line["problem"] = Json::parse(problem_line(result.cause), nullptr, false);
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Takes the lines of a bulk upload one after the other and puts them, some at a time: pictures that are fetched for it
// are held no longer than that.
class BulkPut {
 public:
  explicit BulkPut(const Call& call) : call_(call), target_(put_target(call)) {}

  void take(BulkLine line) {
    if (!line.put.address.empty()) ++addresses_;
    lines_.push_back(std::move(line));
    if (lines_.size() == limits::kServerBatchItems || addresses_ == limits::kPictureFetchTogether) put();
  }
  std::string take_results() {
    put();
    return std::move(results_);
  }

 private:
  void fetch() {
    std::vector<PutItem*> items;
    for (BulkLine& line : lines_) items.push_back(&line.put);
    const auto statuses = fetch_pictures(call_, items);
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].problem.is_ok()) lines_[i].problem = statuses[i];
    }
  }

  void put() {
    if (addresses_ > 0) fetch();
    std::vector<PutItem> items;
    for (BulkLine& line : lines_) {
      if (line.problem.is_ok()) line.problem = complete(line.put);
      if (line.problem.is_ok()) items.push_back({line.put.item, std::move(line.put.picture)});
    }
    const auto results = call_.tenant.lanes.put(target_, std::move(items));
    if (!results.empty()) call_.tenant.keeper.written(call_.at("collection"));
    auto result = results.begin();
    for (const BulkLine& line : lines_) {
      const PutResult refused{IngestOutcome::kQuarantined, line.problem};
      const PutResult& now = line.problem.is_ok() ? *result++ : refused;
      results_ += line_json(++number_, line.put.item.id, now);
      const bool taken = now.outcome != IngestOutcome::kQuarantined;
      if (taken) call_.touched.items.push_back(line.put.item.id);
      if (!taken) ++call_.touched.refused;
    }
    lines_.clear();
    addresses_ = 0;
  }

  const Call& call_;
  const PutTarget target_;
  std::vector<BulkLine> lines_;
  std::size_t addresses_ = 0;  // of pictures, among them
  std::size_t number_ = 0;     // of the last line that has a result
  std::string results_;
};

}  // namespace

Result<HttpReply> put_items(const Call& call) {
  PICTOR_TRY(check_room(call));
  PICTOR_TRY(only_parameters(call, {"encoder", "keep", "tokens"}));
  PICTOR_ASSIGN(auto lines, lines_of(call, call.options));
  BulkPut bulk(call);
  for (BulkLine& line : lines) bulk.take(std::move(line));
  HttpReply reply;
  reply.type = "application/x-ndjson";
  reply.body = bulk.take_results();
  return reply;
}

}  // namespace pictor
