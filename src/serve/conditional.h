// Answers that a client has already are not sent again: ETag and If-None-Match (RFC 9110). Inside serve/ only.
#pragma once

#include "serve/http.h"

namespace pictor {

// Gives a good answer to GET or HEAD a tag of its bytes; one whose tag the client names becomes 304 without a body.
void make_conditional(const HttpHead& head, HttpReply& reply);

}  // namespace pictor
