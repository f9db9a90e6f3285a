// Errors as RFC 9457 problem details. Inside serve/ only.
#pragma once

#include "serve/http.h"

namespace pictor {

// The status of HTTP that goes with a code.
int http_status_of(Code code);
// "type" names the code, "title" says it in words, "detail" is the message, "code" and "status" as in
// docs/reference/json.md.
HttpReply problem_of(const Status& why, int status);
inline HttpReply problem_of(const Status& why) { return problem_of(why, http_status_of(why.code())); }
// Tells the client to wait longer than it would be told otherwise.
void set_retry_after(HttpReply& reply, std::int64_t seconds);
// With the member "error" beside them, where OpenAI's clients look for the message.
HttpReply openai_problem_of(const Status& why);
// The same as one line of a list of results.
std::string problem_line(const Status& why);

}  // namespace pictor
