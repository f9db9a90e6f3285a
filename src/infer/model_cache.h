// Compiled networks kept in a folder, so that the next start need not compile.
//
// OpenVINO has such a cache of its own, but it believes what it finds there: one flipped byte in it changed vectors
// without a word. Here every entry carries its length and the CRC-32C of its parts, is written aside and renamed, and
// what does not fit is passed over. A cache never fails: what cannot be read or written is compiled again. Thread
// safety: functions of the folder only; several processes may share one.
#pragma once

#include <memory>
#include <string>

#include "base/base.h"

namespace pictor {

class CachedModel {
 public:
  CachedModel(std::unique_ptr<Mapping> mapping, ByteView bytes) : mapping_(std::move(mapping)), bytes_(bytes) {}
  ByteView bytes() const { return bytes_; }

 private:
  std::unique_ptr<Mapping> mapping_;
  ByteView bytes_;
};

// Null when there is none, or when it is damaged.
std::unique_ptr<CachedModel> find_cached_model(Env& env, const std::string& folder, const Hash256& key);
// Makes the folder when needed, and removes the oldest entries above limits::kCompiledModelsMax.
void keep_cached_model(Env& env, const std::string& folder, const Hash256& key, std::string_view bytes);

// What stands for a file's content in the key of a compiled network: its size and CRC-32C. The sum is remembered in the
// folder, since reading a network takes a sixth of a warm start; it is believed for the same path, size, time of change
// and sampled pages (two versions of a network often share all but the last).
std::string content_name(Env& env, const std::string& folder, const std::string& path, ByteView bytes);

}  // namespace pictor
