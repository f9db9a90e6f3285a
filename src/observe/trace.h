// Traces: what one request did and when, as spans below spans; and the words of W3C Trace Context (level 1) that carry
// a trace from one program to the next.
//
// A trace that is recorded is the current one of the threads that work for it. Code on any floor opens a TraceSpan
// where something begins, which costs a look at a thread's variable where nothing is recorded. Thread safety: a Trace
// from any thread; a TraceSpan and a TraceScope belong to the thread that made them, and end in the reverse order.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/base.h"

namespace pictor {

struct TraceParent {
  std::string trace_id;   // 32 lower-case hexadecimal digits, not all of them 0
  std::string parent_id;  // 16, likewise
  bool sampled = false;
};
// "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", or of a later version of the words. Nothing: it is
// malformed, and the trace begins anew.
std::optional<TraceParent> parse_traceparent(std::string_view text);
// Is it a list of at most 32 members "key=value" as the standard spells them, of at most 512 bytes?
bool is_tracestate(std::string_view text);

// Where one request stands in a trace.
struct TraceContext {
  std::string trace_id;
  std::string parent_id;  // empty: the trace begins here
  std::uint64_t span = 0;
  bool sampled = false;  // recorded here, and to be by those who are asked on
  std::string state;     // tracestate, as it came

  std::string span_id() const;
  std::string traceparent() const;
};
std::string span_id_text(std::uint64_t id);  // 16 hexadecimal digits

// Goes on with the trace of a request that is asked with these, or begins one. `rate`: the share of new traces that is
// sampled; one that came is sampled as its parent was. Below 0: none is sampled.
TraceContext continue_trace(Env& env, std::string_view traceparent, std::string_view tracestate, double rate);

struct TraceAttribute {
  std::string name;
  std::variant<std::string, std::int64_t, double, bool> value;
};

struct Span {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;  // 0: that of the context
  std::string name;
  std::int64_t begin_us = 0, end_us = 0;  // since 1970
  std::vector<TraceAttribute> attributes;
};

struct FinishedTrace {
  TraceContext context;
  bool failed = false;
  std::vector<Span> spans;  // the first is the request's
};

class Trace {
 public:
  static constexpr std::size_t kSpansMax = 128;  // that are kept below the request's; others are counted

  // `begin_us`: on Env::monotonic_us.
  Trace(Env& env, TraceContext context, std::int64_t begin_us);
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  const TraceContext& context() const { return context_; }
  Env& env() const { return env_; }
  std::uint64_t new_span();
  void add(Span span, std::int64_t begin_us, std::int64_t end_us);  // on Env::monotonic_us
  // REQUIRES: no span is open; called once.
  FinishedTrace finish(std::string name, std::vector<TraceAttribute> attributes, bool failed);

 private:
  Env& env_;
  const TraceContext context_;
  const std::int64_t begin_us_;
  const std::int64_t since_1970_us_;  // less the monotonic clock
  std::atomic<std::uint64_t> drawn_{0};
  std::mutex mutex_;
  std::vector<Span> spans_;
  std::int64_t left_out_ = 0;
};

// A place in a trace, to go on from on another thread. Must not be used once the trace has finished.
struct TraceLink {
  Trace* trace = nullptr;  // null: nothing is recorded
  std::uint64_t parent = 0;

  static TraceLink current();  // of this thread
};

// Makes a place this thread's current one while this lives.
class TraceScope {
 public:
  explicit TraceScope(TraceLink link);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  TraceLink before_;
};

// From here to the end of its scope; those that are opened meanwhile on this thread are below it.
class TraceSpan {
 public:
  explicit TraceSpan(std::string_view name) : TraceSpan(name, TraceLink::current()) {}
  TraceSpan(std::string_view name, TraceLink above);
  ~TraceSpan();
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;

  bool recorded() const { return above_.trace != nullptr; }
  void rename(std::string_view name) { name_ = name; }  // it must stay where it is until the span ends
  void note(std::string_view name, std::string_view value);
  void drop() { dropped_ = true; }  // it is not recorded; REQUIRES: none was opened below it

 private:
  TraceLink above_;
  TraceLink before_;
  std::uint64_t id_ = 0;
  std::int64_t begin_us_ = 0;
  std::string_view name_;
  std::vector<TraceAttribute> attributes_;
  bool dropped_ = false;
};

// What was timed by somebody else, below this thread's current place. On Env::monotonic_us.
void add_trace_span(std::string_view name, std::int64_t begin_us, std::int64_t end_us);

}  // namespace pictor
