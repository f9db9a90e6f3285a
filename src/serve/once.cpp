#include "serve/once.h"

#include <charconv>

#include "observe/observe.h"
#include "serve/problem.h"

namespace pictor {
namespace {

constexpr std::string_view kField = "idempotency-key";

// Operations that change something. What is only asked may be asked again.
bool is_done_once(const Operation& operation) {
  if (operation.method == "GET" || operation.tells_secret) return false;
  switch (operation.right) {
    case Right::kNone:
    case Right::kInspect:
    case Right::kRead: return false;
    case Right::kWrite:
    case Right::kReview:
    case Right::kErase:
    case Right::kOperate:
    case Right::kGovern: return true;
  }
  return false;
}

// What stands between the quotes of a string (RFC 9651).
std::optional<std::string> unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') return std::nullopt;
    if (text[i] == '\\' && (++i == text.size() || (text[i] != '"' && text[i] != '\\'))) return std::nullopt;
    out += text[i];
  }
  return out;
}

// "KEY" with its quotes, as the draft has it, or without, as many clients send it: they are one key.
Result<std::string> key_in(std::string_view text) {
  const bool quoted = !text.empty() && text.front() == '"';
  const std::optional<std::string> key = quoted ? unquoted(text) : std::optional(std::string(text));
  bool good = key && !key->empty() && key->size() <= limits::kRepeatKeyBytesMax;
  for (const char c : key.value_or("")) {
    good = good && c >= ' ' && c <= '~' && (quoted || (c != ' ' && c != '"' && c != ',' && c != ';'));
  }
  if (good) return *key;
  return Status(Code::kInvalid, "'Idempotency-Key' has " + std::to_string(text.size()) +
                                    " bytes that are no key: wanted one of 1 to " +
                                    std::to_string(limits::kRepeatKeyBytesMax) +
                                    " visible characters, such as a random UUID, in quotes or without");
}

// None: the request has no such field.
Result<std::optional<std::string>> repeat_key(const HttpHead& head) {
  std::optional<std::string> key;
  for (const auto& [name, value] : head.fields) {
    if (name != kField) continue;
    if (key) return Status(Code::kInvalid, "'Idempotency-Key' is there twice");
    PICTOR_ASSIGN(key, key_in(value));
  }
  return key;
}

// "STATUS TYPE", "NAME: VALUE" for each field, an empty line, the body.
std::string text_of(const HttpReply& reply) {
  std::string text = std::to_string(reply.status) + " " + reply.type + "\n";
  for (const auto& [name, value] : reply.fields) text.append(name).append(": ").append(value).append("\n");
  return text + "\n" + reply.body;
}

Result<HttpReply> reply_of(std::string_view text) {
  const Status broken(Code::kCorrupt, "the kept answer is not what was written");
  HttpReply reply;
  const std::size_t space = text.find(' '), line = text.find('\n');
  if (space == std::string_view::npos || line == std::string_view::npos || line < space) return broken;
  const auto read = std::from_chars(text.data(), text.data() + space, reply.status);
  if (read.ec != std::errc() || read.ptr != text.data() + space) return broken;
  reply.type = text.substr(space + 1, line - space - 1);
  text.remove_prefix(line + 1);
  while (true) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return broken;
    const std::string_view field = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (field.empty()) break;
    const std::size_t colon = field.find(": ");
    if (colon == std::string_view::npos) return broken;
    reply.fields.emplace_back(field.substr(0, colon), field.substr(colon + 2));
  }
  reply.body = text;
  return reply;
}

void count(HttpRepeat result) { Metrics::global().add(metric::kHttpRepeats, result); }

HttpReply come_again(const std::string& why) {
  HttpReply reply = problem_of({Code::kBusy, why}, 409);
  set_retry_after(reply, 1);
  return reply;
}

}  // namespace

Status check_repeat_key(const Operation& operation, const HttpHead& head) {
  if (!is_done_once(operation) && !operation.tells_secret) return Status::ok();
  PICTOR_ASSIGN(const auto key, repeat_key(head));
  if (!key || !operation.tells_secret) return Status::ok();
  return {Code::kInvalid, "'" + std::string(operation.name) +
                              "' takes no 'Idempotency-Key': its answer has a secret, and is kept for no repeat"};
}

std::unique_ptr<Once> Once::begin(Repeats& repeats, const HttpRequest& request, const Match& match) {
  if (match.operation == nullptr || !is_done_once(*match.operation)) return nullptr;
  auto key = repeat_key(request.head);  // looked at when it was admitted
  if (!key.is_ok() || !*key) return nullptr;
  return std::unique_ptr<Once>(new Once(repeats, request, std::move(**key)));
}

Once::Once(Repeats& repeats, const HttpRequest& request, std::string key)
    : repeats_(repeats), name_{request.caller->tenant, request.caller->key, std::move(key)} {
  digest_.add_field(request.head.method);
  digest_.add_field(request.head.target);
  digest_.add_field(request.head.field("content-type"));
  entered_ = repeats_.enter(name_);
  if (!entered_) {
    count(HttpRepeat::kRunning);
    refused_ = come_again("a request with this Idempotency-Key is under way: its answer will be kept");
    return;
  }
  const auto known = repeats_.has(name_);
  if (!known.is_ok()) refused_ = problem_of(known.status().in("repeats.db"), 500);
  known_ = known.is_ok() && *known;
}

Once::~Once() { leave(); }

void Once::leave() {
  if (entered_) repeats_.leave(name_);
  entered_ = false;
}

void Once::take(std::string_view body, bool whole) {
  if (request_) return;
  digest_.add(as_bytes(body));
  if (whole) request_ = digest_.finish();
}

std::optional<HttpReply> Once::answer() {
  std::optional<HttpReply> reply = refused_;
  if (!reply && known_ && request_) reply = kept_answer();
  answered_ = reply.has_value();
  return reply;
}

std::optional<HttpReply> Once::kept_answer() {
  const auto kept = repeats_.find(name_, *request_);
  if (!kept.is_ok()) return problem_of(kept.status().in("repeats.db"), 500);
  // Its body was passed over as one that is known.
  if (!*kept) return come_again("the answer was dropped at this very moment: send the request again");
  if (!(*kept)->same) {
    count(HttpRepeat::kOther);
    return problem_of({Code::kMismatch,
                       "this Idempotency-Key was that of another request: another method, address, type or body; a new "
                       "request has a new key"},
                      422);
  }
  auto reply = reply_of((*kept)->answer);
  if (!reply.is_ok()) return problem_of(reply.status().in("repeats.db"), 500);
  count(HttpRepeat::kReplayed);
  reply->fields.emplace_back("Idempotent-Replayed", "true");
  return std::move(reply).value();
}

void Once::keep(const HttpReply& reply) {
  if (answered_) return leave();
  Status kept(Code::kCancelled, "the answer is not one to be repeated");
  if (request_ && reply.lasting && reply.status < 500 && reply.status != 429) {
    kept = repeats_.keep(name_, *request_, text_of(reply));
  }
  count(kept.is_ok() ? HttpRepeat::kKept : HttpRepeat::kNotKept);
  // What was done stays done, and is answered; it would be done anew.
  if (!kept.is_ok() && kept.code() != Code::kCancelled && kept.code() != Code::kLimit) {
    log(LogLevel::kWarning, "repeat_not_kept", {{"cause", kept.message()}});
  }
  leave();
}

}  // namespace pictor
