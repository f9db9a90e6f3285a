#include "serve/request_id.h"

#include <algorithm>

namespace pictor {
namespace {

constexpr std::size_t kGivenMax = 64;

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

}  // namespace

TraceContext trace_of_request(Env& env, const HttpHead& head, double rate) {
  std::string parent, state;
  bool several = false;
  for (const auto& [name, value] : head.fields) {
    if (name == "traceparent") {
      several = several || !parent.empty();
      parent = value;
    } else if (name == "tracestate") {
      state += (state.empty() ? "" : ",") + value;  // of several fields: one list
    }
  }
  // Of two parents neither is more right than the other.
  return continue_trace(env, several ? "" : parent, state, rate);
}

std::string request_id_of(std::string_view given, const TraceContext& trace) {
  const bool fits = !given.empty() && given.size() <= kGivenMax && std::all_of(given.begin(), given.end(), is_plain);
  return fits ? std::string(given) : trace.trace_id;
}

}  // namespace pictor
