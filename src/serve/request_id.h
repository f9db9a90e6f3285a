// The name of one request in logs, answers and traces. Inside serve/ only.
#pragma once

#include <string>
#include <string_view>

#include "base/base.h"

namespace pictor {

// What the client gave as X-Request-Id, if it is 1 to 64 letters, digits, '-', '_' and '.'; else the trace id of a W3C
// traceparent; else 32 hexadecimal digits drawn.
std::string request_id_of(Env& env, std::string_view given, std::string_view traceparent);

}  // namespace pictor
