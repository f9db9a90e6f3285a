#include "observe/trace.h"

#include <algorithm>
#include <charconv>
#include <span>

namespace pictor {
namespace {

constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanDigits = 16;
constexpr std::size_t kParentBytes = 55;  // of version 00: exactly
constexpr std::size_t kStateBytesMax = 512;
constexpr std::size_t kStateMembersMax = 32;
constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;

thread_local TraceLink now;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool is_id(std::string_view text) { return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos; }

std::uint64_t number_of(std::string_view digits) {
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return number;
}

// Spreads numbers that follow one another (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111eb;
  return x ^ (x >> 31U);
}

bool is_key_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' || c == '/';
}
bool is_word(std::string_view text, std::size_t most, bool may_begin_with_digit) {
  if (text.empty() || text.size() > most || !std::all_of(text.begin(), text.end(), is_key_char)) return false;
  const bool digit = text.front() >= '0' && text.front() <= '9';
  return (text.front() >= 'a' && text.front() <= 'z') || (digit && may_begin_with_digit);
}
// "rojo", or "tenant@vendor".
bool is_state_key(std::string_view key) {
  const std::size_t at = key.find('@');
  if (at == std::string_view::npos) return is_word(key, 256, false);
  return is_word(key.substr(0, at), 241, true) && is_word(key.substr(at + 1), 14, false);
}
bool is_state_value(std::string_view value) {
  if (value.empty() || value.size() > 256 || value.back() == ' ') return false;
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// The last eight bytes of a trace's id are as good as drawn: who samples by them at one rate samples the same traces.
bool is_chosen(std::string_view trace_id, double rate) {
  if (rate <= 0) return false;
  const double place = static_cast<double>(number_of(trace_id.substr(kSpanDigits)) >> 11U) * 0x1p-53;
  return place < rate;
}

}  // namespace

std::optional<TraceParent> parse_traceparent(std::string_view text) {
  if (text.size() < kParentBytes || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const std::string_view version = text.substr(0, 2), trace = text.substr(3, kTraceDigits),
                         parent = text.substr(36, kSpanDigits), flags = text.substr(53, 2);
  if (!is_hex(version) || version == "ff" || !is_id(trace) || !is_id(parent) || !is_hex(flags)) return std::nullopt;
  // A later version may say more, after another dash.
  if (text.size() > kParentBytes && (version == "00" || text[kParentBytes] != '-')) return std::nullopt;
  return TraceParent{std::string(trace), std::string(parent), (number_of(flags) & 1U) != 0};
}

bool is_tracestate(std::string_view text) {
  if (text.size() > kStateBytesMax) return false;
  std::vector<std::string_view> keys;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view member = trimmed(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos || !is_state_key(member.substr(0, equals)) ||
        !is_state_value(member.substr(equals + 1))) {
      return false;
    }
    if (std::find(keys.begin(), keys.end(), member.substr(0, equals)) != keys.end()) return false;
    keys.push_back(member.substr(0, equals));
  }
  return keys.size() <= kStateMembersMax;
}

std::string span_id_text(std::uint64_t id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(kSpanDigits, '0');
  for (std::size_t i = kSpanDigits; i-- > 0; id >>= 4U) text[i] = kDigits[id & 15U];
  return text;
}

std::string TraceContext::span_id() const { return span_id_text(span); }

std::string TraceContext::traceparent() const { return "00-" + trace_id + "-" + span_id() + (sampled ? "-01" : "-00"); }

TraceContext continue_trace(Env& env, std::string_view traceparent, std::string_view tracestate, double rate) {
  std::uint64_t drawn[3];
  env.random(std::as_writable_bytes(std::span(drawn)));
  for (std::uint64_t& number : drawn) number = std::max<std::uint64_t>(number, 1);  // 0 is no id
  TraceContext context;
  context.span = drawn[2];
  if (auto parent = parse_traceparent(traceparent)) {
    context.trace_id = std::move(parent->trace_id);
    context.parent_id = std::move(parent->parent_id);
    context.sampled = rate >= 0 && parent->sampled;
    if (is_tracestate(tracestate)) context.state = tracestate;
    return context;
  }
  context.trace_id = span_id_text(drawn[0]) + span_id_text(drawn[1]);
  context.sampled = is_chosen(context.trace_id, rate);
  return context;
}

Trace::Trace(Env& env, TraceContext context, std::int64_t begin_us)
    : env_(env),
      context_(std::move(context)),
      begin_us_(begin_us),
      since_1970_us_(env.wall_us() - env.monotonic_us()) {}

std::uint64_t Trace::new_span() {
  const std::uint64_t number = drawn_.fetch_add(1, std::memory_order_relaxed) + 1;
  return std::max<std::uint64_t>(mixed(context_.span + number * kGolden), 1);
}

void Trace::add(Span span, std::int64_t begin_us, std::int64_t end_us) {
  span.begin_us = begin_us + since_1970_us_;
  span.end_us = std::max(begin_us, end_us) + since_1970_us_;
  const std::lock_guard lock(mutex_);
  if (spans_.size() >= kSpansMax) {
    ++left_out_;
    return;
  }
  spans_.push_back(std::move(span));
}

FinishedTrace Trace::finish(std::string name, std::vector<TraceAttribute> attributes, bool failed) {
  const std::int64_t end_us = env_.monotonic_us();
  const std::lock_guard lock(mutex_);
  if (left_out_ > 0) attributes.push_back({"pictor.spans_left_out", left_out_});
  FinishedTrace finished{context_, failed, {}};
  finished.spans.reserve(spans_.size() + 1);
  finished.spans.push_back(
      {context_.span, 0, std::move(name), begin_us_ + since_1970_us_, end_us + since_1970_us_, std::move(attributes)});
  for (Span& span : spans_) finished.spans.push_back(std::move(span));
  spans_.clear();
  return finished;
}

TraceLink TraceLink::current() { return now; }

TraceScope::TraceScope(TraceLink link) : before_(now) { now = link; }
TraceScope::~TraceScope() { now = before_; }

TraceSpan::TraceSpan(std::string_view name, TraceLink above) : above_(above), name_(name) {
  if (above_.trace == nullptr) return;
  before_ = now;
  id_ = above_.trace->new_span();
  begin_us_ = above_.trace->env().monotonic_us();
  now = {above_.trace, id_};
}

TraceSpan::~TraceSpan() {
  if (above_.trace == nullptr) return;
  now = before_;
  if (dropped_) return;
  Span span;
  span.id = id_;
  span.parent = above_.parent;
  span.name = name_;
  span.attributes = std::move(attributes_);
  above_.trace->add(std::move(span), begin_us_, above_.trace->env().monotonic_us());
}

void TraceSpan::note(std::string_view name, std::string_view value) {
  if (above_.trace != nullptr) attributes_.push_back({std::string(name), std::string(value)});
}

void add_trace_span(std::string_view name, std::int64_t begin_us, std::int64_t end_us) {
  if (now.trace == nullptr) return;
  Span span;
  span.id = now.trace->new_span();
  span.parent = now.parent;
  span.name = name;
  now.trace->add(std::move(span), begin_us, end_us);
}

}  // namespace pictor
