// What was answered to requests that may come again (Idempotency-Key): DATA/repeats.db.
//
// A name is one caller's: of the same key of two tenants, or of two keys of one, each has an answer of its own. An
// answer is there for limits::kRepeatSeconds, and not longer than kRepeatsMax newer ones of its tenant have come, or
// kRepeatBytesMax of them. It is in the file only as what the request itself opens: a name and a request are there as
// hashes, and the key of the cipher is made of the request's hash, which is in no file. So nobody reads from it what
// was answered, or which items an answer named after they were erased, who does not have the whole request.
//
// Thread safety: all calls from any thread. The data folder's lock must be held by this process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/base.h"

namespace pictor {

struct RepeatName {
  std::string tenant, caller;  // whose
  std::string key;             // as the caller named it
};

struct KeptAnswer {
  bool same = false;   // it was given to the same request; otherwise the name was that of another
  std::string answer;  // then empty
};

class Repeats {
 public:
  // Makes the file when it does not exist.
  static Result<std::unique_ptr<Repeats>> open(Env& env, const std::string& data_folder);
  virtual ~Repeats() = default;

  // Takes the name until `leave`: false while somebody else has it. In memory alone; a process that ends leaves none.
  virtual bool enter(const RepeatName& name) = 0;
  virtual void leave(const RepeatName& name) = 0;

  virtual Result<bool> has(const RepeatName& name) = 0;
  // `request` is the hash of all that makes the request what it is.
  virtual Result<std::optional<KeptAnswer>> find(const RepeatName& name, const Hash256& request) = 0;
  // Durable when it returns. kLimit: the answer has more than limits::kRepeatAnswerBytesMax.
  virtual Status keep(const RepeatName& name, const Hash256& request, std::string_view answer) = 0;
};

}  // namespace pictor
