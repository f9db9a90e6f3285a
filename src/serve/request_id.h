// The name of one request in logs and answers, and its place in a trace. Inside serve/ only.
#pragma once

#include <string>
#include <string_view>

#include "observe/observe.h"
#include "serve/http.h"

namespace pictor {

// Goes on with the trace of the request's traceparent and tracestate (W3C Trace Context), or begins one, at a rate as
// continue_trace says.
TraceContext trace_of_request(Env& env, const HttpHead& head, double rate);

// What the client gave as X-Request-Id, if it is 1 to 64 letters, digits, '-', '_' and '.'; else the trace's id.
std::string request_id_of(std::string_view given, const TraceContext& trace);

}  // namespace pictor
