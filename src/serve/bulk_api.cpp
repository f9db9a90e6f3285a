// Putting many pictures in one request: they are put while the rest of its body still comes.
#include <nlohmann/json.hpp>
#include <optional>

#include "serve/api.h"
#include "serve/bulk_lines.h"
#include "serve/coding.h"
#include "serve/once.h"
#include "serve/problem.h"
#include "serve/put_in.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

std::string line_json(std::size_t number, const std::string& id, const PutResult& result) {
  Json line = {{"line", number}, {"id", id}, {"status", outcome_name(result.outcome)}};
  if (!result.cause.is_ok()) line["problem"] = Json::parse(problem_line(result.cause), nullptr, false);
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Takes lines one after the other and puts them, some at a time: no more of them is held.
class BulkPut {
 public:
  explicit BulkPut(const Call& call) : call_(call), target_(put_target(call)) {}

  void take(BulkLine line) {
    bytes_ += line.put.picture.size();
    if (!line.put.address.empty()) ++addresses_;
    lines_.push_back(std::move(line));
    if (lines_.size() == limits::kServerBatchItems || bytes_ >= limits::kServerBatchBytes ||
        addresses_ == limits::kPictureFetchTogether) {
      put();
    }
  }
  void put() {
    if (lines_.empty()) return;
    if (addresses_ > 0) fetch();
    std::vector<PutItem> items;
    const Status room = check_room(call_);
    for (BulkLine& line : lines_) {
      if (line.problem.is_ok()) line.problem = room;
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
      if (!taken && http_status_of(now.cause.code()) >= 500) lasting_ = false;
    }
    lines_.clear();
    addresses_ = 0;
    bytes_ = 0;
  }
  bool has_lines() const { return number_ > 0 || !lines_.empty(); }
  const std::string& results() const { return results_; }  // of those that were put, a line each
  bool lasting() const { return lasting_; }                // no line was refused that another time may be taken

 private:
  void fetch() {
    std::vector<PutItem*> items;
    for (BulkLine& line : lines_) items.push_back(&line.put);
    const auto statuses = fetch_pictures(call_, items);
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].problem.is_ok()) lines_[i].problem = statuses[i];
    }
  }

  const Call& call_;
  const PutTarget target_;
  std::vector<BulkLine> lines_;
  std::size_t addresses_ = 0;  // of pictures, among them
  std::uint64_t bytes_ = 0;    // of the pictures that are there
  std::size_t number_ = 0;     // of the last line that has a result
  std::string results_;
  bool lasting_ = true;
};

// What is wrong with a request before its body is looked at is its answer. Later every line has a result, and what ends
// the upload too soon is that of one more line: what was put stays. Of a request that was done before the body is only
// compared.
class BulkUpload final : public HttpUpload {
 public:
  BulkUpload(Api& api, const HttpRequest& request, std::shared_ptr<Tenant> tenant, const Match& match,
             std::unique_ptr<Once> once)
      : tenant_(std::move(tenant)),
        call_{api, request, *request.caller, *request.options, *tenant_, touched_, match.path},
        once_(std::move(once)),
        put_(call_) {
    problem_ = begin();
  }

  Once* once() override { return once_.get(); }

  bool take(std::string_view piece) override {
    if (!problem_.is_ok() || (once_ && once_->is_refused())) return false;
    Status took = unpacker_->take(piece, [this](std::string_view text) { return take_text(text); });
    if (took.is_ok() && put_.results().size() > limits::kServerResultsBytesMax) {
      took = {Code::kLimit, "the results of one upload have more than " +
                                std::to_string(limits::kServerResultsBytesMax) + " bytes: send the rest in another"};
    }
    if (!took.is_ok()) end(took);
    return took.is_ok();
  }

  void end(const Status& how) override {
    Status ended = how;
    if (ended.is_ok()) ended = unpacker_->end();
    if (ended.is_ok() && once_) once_->take("", true);
    if (ended.is_ok()) ended = lines_->end();
    if (!ended.is_ok() && !put_.has_lines()) {
      problem_ = ended;
    } else if (!ended.is_ok()) {
      BulkLine cut;
      cut.problem = ended.in("this line and what came after it was not taken");
      put_.take(std::move(cut));
    }
    put_.put();
  }

  Result<HttpReply> answer(Touched& touched) {
    touched = std::move(touched_);
    PICTOR_TRY(problem_);
    HttpReply reply;
    reply.type = "application/x-ndjson";
    reply.body = put_.results();
    reply.lasting = put_.lasting();
    return reply;
  }

 private:
  Status take_text(std::string_view text) {
    if (!once_) return lines_->take(text);
    once_->take(text, false);
    return once_->is_known() ? Status::ok() : lines_->take(text);
  }

  Status begin() {
    if (!once_ || !once_->is_known()) PICTOR_TRY(check_room(call_));
    PICTOR_TRY(only_parameters(call_, {"encoder", "keep", "tokens"}));
    const HttpHead& head = call_.request.head;
    PICTOR_ASSIGN(const Coding coding, coding_of(head));
    unpacker_.emplace(coding, call_.options.bulk_bytes_max);
    PICTOR_ASSIGN(lines_, BulkLines::of(head.field("content-type"), call_.options.body_bytes_max,
                                        [this](BulkLine line) { put_.take(std::move(line)); }));
    return Status::ok();
  }

  const std::shared_ptr<Tenant> tenant_;
  Touched touched_;
  const Call call_;
  const std::unique_ptr<Once> once_;  // null: a request as any other
  BulkPut put_;
  std::optional<Unpacker> unpacker_;
  std::unique_ptr<BulkLines> lines_;
  Status problem_;  // with all of it
};

}  // namespace

std::uint64_t upload_bytes_max(const ServerOptions& options) {
  return BulkLines::line_bytes_max(options.body_bytes_max) + limits::kServerBatchBytes + options.body_bytes_max +
         limits::kServerPieceBytes + limits::kServerResultsBytesMax;
}

std::unique_ptr<HttpUpload> begin_put_items(Api& api, const HttpRequest& request, std::shared_ptr<Tenant> tenant,
                                            const Match& match, std::unique_ptr<Once> once) {
  return std::make_unique<BulkUpload>(api, request, std::move(tenant), match, std::move(once));
}

Result<HttpReply> put_items(const Call& call) {
  auto* upload = dynamic_cast<BulkUpload*>(call.request.upload.get());
  if (upload == nullptr) return Status(Code::kInternal, "the upload was not begun");
  return upload->answer(call.touched);
}

}  // namespace pictor
