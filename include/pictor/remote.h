// The engine of a server that runs elsewhere, or that owns the data folder here: the same calls, over HTTP.
//
// Thread safety: an engine from any thread; its calls take turns.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pictor/engine.h"

namespace pictor {

struct RemoteOptions {
  std::string url;                // "http://127.0.0.1:7733"
  std::string key;                // sent as a bearer; empty: none
  std::string certificates_file;  // trusted instead of the system's; empty: the system's
};

// kUnsupported for calls that need the data folder itself: they say so. Errors of the server come as their own codes
// and words.
Result<std::unique_ptr<Engine>> connect_engine(Env& env, const RemoteOptions& options);

// Where the server says that it listens which has this data folder open; nothing: none says so.
std::optional<std::string> server_of(Env& env, const std::string& data_folder);

}  // namespace pictor
