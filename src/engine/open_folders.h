// Data folders that are open in this process, so that whoever needs one shares it: a folder has one owner.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "store/store.h"

namespace pictor {

// Thread safety: all calls from any thread; a folder may be let go by any thread, also after this is gone.
class OpenFolders {
 public:
  explicit OpenFolders(Env& env) : env_(env), state_(std::make_shared<State>()) {}

  // The one that is open under this path, else opened now; closed when the last one lets go of it. A path is one
  // spelling. kBusy: another process has it open; kNotFound: `create` is false, and there is none.
  Result<std::shared_ptr<DataFolder>> open(const std::string& path, bool create);

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable closed;
    std::map<std::string, std::weak_ptr<DataFolder>> folders;  // until they are closed
  };

  Env& env_;
  const std::shared_ptr<State> state_;
};

}  // namespace pictor
