// What each format's reader gives: entries whose id may still be empty.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exchange/cursor.h"
#include "exchange/exchange.h"

namespace pictor {

class Rows {
 public:
  virtual ~Rows() = default;
  // Numbers, place, and whatever else the row has. As VectorSource::next.
  virtual Result<bool> next(VectorSource::Entry& out) = 0;

  std::uint32_t dim = 0;
  std::optional<std::uint64_t> total;
  std::optional<Metric> metric;
  std::string format;
  std::vector<std::string> notes;
};

// Formats. REQUIRES: the file begins as one of that format.
Result<std::unique_ptr<Rows>> open_npy(const SourceFile& file);
Result<std::unique_ptr<Rows>> open_json_lines(const SourceFile& file, const std::string& head);
Result<std::unique_ptr<Rows>> open_faiss(const SourceFile& file);
// The library opens the path by itself.
Result<std::unique_ptr<Rows>> open_hdf5(const SourceFile& file, const std::string& path, const std::string& dataset);

// Whether a file that begins with these bytes may be one.
bool is_npy(ByteView begin);
bool is_json_lines(ByteView begin);
bool is_faiss(ByteView begin);
bool is_hdf5(ByteView begin);

// Ids from a file of their own.
class Ids {
 public:
  virtual ~Ids() = default;
  virtual Result<bool> next(std::string& id) = 0;  // false: the end
};
Result<std::unique_ptr<Ids>> open_ids(const SourceFile& file);
Result<std::unique_ptr<Ids>> open_npy_ids(const SourceFile& file);

Status check_dim(const SourceFile& file, std::uint64_t dim);

}  // namespace pictor
