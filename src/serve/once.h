// A request that is done once, however often it comes: "Idempotency-Key" (draft-ietf-httpapi-idempotency-key-header).
// Inside serve/ only.
//
// The answer is kept when all that was done is durable. Of a process that ends in between it is not kept, and the next
// request is done anew, which is safe: puts are by id, and what is deleted is gone. What is kept is the answer to a
// whole request, of less than limits::kRepeatAnswerBytesMax, that another time would be the same: not 429, not 5xx.
// Thread safety: one call at a time.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "govern/govern.h"
#include "serve/api.h"

namespace pictor {

class Once {
 public:
  // Null: the request is as any other.
  static std::unique_ptr<Once> begin(Repeats& repeats, const HttpRequest& request, const Match& match);
  ~Once();
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

  // It is not done now, and `answer` says why: the same is being done, or the file of answers cannot be read.
  bool is_refused() const { return refused_.has_value(); }
  bool is_known() const { return known_; }       // an answer is kept: to this request, if its body is the same
  void take(std::string_view body, bool whole);  // of the body, unpacked; `whole`: with this all of it was there
  // Once all of the body was taken: what is answered without doing it. None: it is to be done.
  std::optional<HttpReply> answer();
  // The end of it: the answer that it got.
  void keep(const HttpReply& reply);

 private:
  Once(Repeats& repeats, const HttpRequest& request, std::string key);
  std::optional<HttpReply> kept_answer();
  void leave();

  Repeats& repeats_;
  const RepeatName name_;
  Sha256Stream digest_;
  std::optional<Hash256> request_;  // hashed; none: it is not all there
  std::optional<HttpReply> refused_;
  bool entered_ = false, known_ = false, answered_ = false;
};

// kInvalid: a key that is none, or where none may be. Operations that change nothing take no notice of it.
Status check_repeat_key(const Operation& operation, const HttpHead& head);

}  // namespace pictor
