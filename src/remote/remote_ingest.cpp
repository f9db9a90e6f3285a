// Pictures to a server, many a request: a line of JSON each, and a line of answer.
#include <nlohmann/json.hpp>

#include "remote/remote_engine.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kRequestBytes = 16 * limits::kMiB;  // of pictures, before base64
constexpr std::size_t kRequestItems = 64;
constexpr std::int64_t kTellUs = 100'000;

class Sender {
 public:
  Sender(Wire& wire, Env& env, const IngestRequest& request)
      : wire_(wire), env_(env), request_(request), begun_us_(env.monotonic_us()) {
    target_ = collection_path(request.collection) + "/items:bulk?";
    for (const auto& [name, value] : {std::pair("encoder", &request.encoder), std::pair("keep", &request.keep),
                                      std::pair("tokens", &request.tokens)}) {
      if (!value->empty()) target_ += std::string(name) + "=" + percent_encoded(*value) + "&";
    }
    target_.pop_back();
  }

  Status take(IngestSource::Entry& entry) {
    ++counts_.seen;
    std::string id = entry.item.id.empty() ? entry.item.source : entry.item.id;
    Result<std::vector<std::byte>> bytes = entry.problem.is_ok() && entry.read ? entry.read() : entry.problem;
    if (!bytes.is_ok()) {
      refuse(id, entry.item.source, bytes.status());
      return Status::ok();
    }
    counts_.bytes += bytes->size();
    bytes_ += bytes->size();
    Json line = {{"id", id}, {"source", entry.item.source}, {"text", entry.item.text}, {"image", base64_of(*bytes)}};
    line["metadata"] = Json::parse(entry.item.metadata, nullptr, false);
    body_ += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    waiting_.emplace_back(std::move(id), entry.item.source);
    return bytes_ >= kRequestBytes || waiting_.size() >= kRequestItems ? send() : Status::ok();
  }

  Status send() {
    if (waiting_.empty()) return Status::ok();
    PICTOR_ASSIGN(const std::string answer, wire_.bytes("POST", target_, "application/x-ndjson", std::move(body_)));
    body_.clear();
    bytes_ = 0;
    std::size_t at = 0, begin = 0;
    while (begin < answer.size() && at < waiting_.size()) {
      const std::size_t end = std::min(answer.find('\n', begin), answer.size());
      settle(waiting_[at++], Json::parse(answer.begin() + static_cast<std::ptrdiff_t>(begin),
                                         answer.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false));
      begin = end + 1;
    }
    if (at < waiting_.size()) {
      return {Code::kUnreadable,
              "the server answered " + std::to_string(at) + " of " + std::to_string(waiting_.size()) + " items"};
    }
    waiting_.clear();
    return Status::ok();
  }

  void tell(bool last) {
    const std::int64_t now = env_.monotonic_us();
    counts_.seconds = static_cast<double>(now - begun_us_) / 1e6;
    if (!request_.progress || (!last && now - told_us_ < kTellUs)) return;
    told_us_ = now;
    request_.progress(counts_);
  }

  IngestReport take_report(bool cancelled) {
    tell(true);
    report_.counts = counts_;
    report_.cancelled = cancelled;
    return std::move(report_);
  }
  void expect(std::optional<std::uint64_t> total) { counts_.total = total; }

 private:
  void refuse(const std::string& id, const std::string& source, const Status& why) {
    ++counts_.quarantined;
    const Quarantined refused{source, why};
    if (report_.quarantine.size() < limits::kQuarantineListMax) report_.quarantine.push_back(refused);
    if (request_.quarantined) request_.quarantined(refused);
    if (request_.settled) request_.settled(id, IngestOutcome::kQuarantined, why);
  }

  void settle(const std::pair<std::string, std::string>& item, const Json& line) {
    const std::string status = line.is_object() ? line.value("status", "") : "";
    if (status == "refused" || status.empty()) {
      const Json problem = line.is_object() ? line.value("problem", Json::object()) : Json::object();
      return refuse(item.first, item.second,
                    {Code::kUnreadable, problem.value("detail", std::string("the server gave no reason"))});
    }
    const IngestOutcome outcome = status == "added"      ? IngestOutcome::kAdded
                                  : status == "replaced" ? IngestOutcome::kReplaced
                                                         : IngestOutcome::kUnchanged;
    ++(outcome == IngestOutcome::kAdded      ? counts_.added
       : outcome == IngestOutcome::kReplaced ? counts_.replaced
                                             : counts_.unchanged);
    if (request_.settled) request_.settled(item.first, outcome, Status::ok());
  }

  Wire& wire_;
  Env& env_;
  const IngestRequest& request_;
  const std::int64_t begun_us_;
  std::int64_t told_us_ = 0;
  std::string target_, body_;
  std::uint64_t bytes_ = 0;
  std::vector<std::pair<std::string, std::string>> waiting_;  // id and source
  IngestProgress counts_;
  IngestReport report_;
};

}  // namespace

Result<IngestReport> ingest_into(Wire& wire, Env& env, const IngestRequest& request, IngestSource& source) {
  if (request.force || request.tokens_dim != 0) {
    return needs_the_folder(wire, request.force ? "embedding again what is unchanged" : "keeping a part of each token");
  }
  Sender sender(wire, env, request);
  sender.expect(source.total());
  bool cancelled = false;
  while (true) {
    cancelled = request.cancel != nullptr && *request.cancel;
    if (cancelled) break;
    IngestSource::Entry entry;
    PICTOR_ASSIGN(const bool more, source.next(entry));
    if (!more) break;
    PICTOR_TRY(sender.take(entry));
    sender.tell(false);
  }
  PICTOR_TRY(sender.send());
  return sender.take_report(cancelled);
}

}  // namespace pictor
