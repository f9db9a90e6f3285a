// Picture bytes by the hash of their content: blobs/<first two digits>/<64 digits>.
//
// A file under its final name is whole: it was written aside and synced before it got that name. Thread safety: put and
// remove by one thread at a time, all else from any.
#pragma once

#include <bitset>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"

namespace pictor {

struct Blob {
  Hash256 hash;
  ByteView bytes;
};

class Blobs {
 public:
  Blobs(Env& env, std::string folder) : env_(env), folder_(std::move(folder)) {}

  // All are durable when this returns ok. What an error leaves behind is harmless: no item refers to it.
  Status put(std::span<const Blob> blobs);
  // The files are surely gone when this returns ok, those of puts that did not end too. Missing ones are no error.
  Status remove(std::span<const Hash256> hashes);
  // kNotFound or kCorrupt when the bytes are not there as they were written.
  Result<Bytes> get(const Hash256& hash) const;
  std::string path(const Hash256& hash) const;
  // Files in the area, those that no item refers to included.
  Result<std::uint64_t> count_files() const;

 private:
  Status put_one(const Blob& blob);
  Status make_shard(std::uint8_t shard);
  std::string shard_path(std::uint8_t shard) const;

  Env& env_;
  std::string folder_;
  std::bitset<256> shards_made_;  // whose names this process has made durable
};

}  // namespace pictor
