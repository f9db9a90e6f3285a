// The engine's VectorTools, over the parts of one engine.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "engine/encoders.h"
#include "engine/merger.h"
#include "pictor/engine.h"

namespace pictor {

class VectorToolsImpl final : public VectorTools {
 public:
  struct Parts {  // all must outlive it
    Env& env;
    ThreadPool& pool;
    DataFolder& folder;
    Backend& backend;
    Merger& merger;
    std::function<Result<SigningKey>(std::vector<std::string>& warnings)> signing_key;
    std::function<Result<Hits>(const Query&)> search;  // without being counted or compared
    Encoders& encoders;
    std::function<Result<std::optional<std::vector<std::byte>>>(const std::string& collection, const std::string& id)>
        picture;
  };
  explicit VectorToolsImpl(Parts parts) : parts_(std::move(parts)) {}

  Result<ImportReport> import(const ImportRequest& request, VectorSource& source) override;
  Result<TuneReport> tune(const TuneRequest& request) override;
  Result<CalibrationReport> calibrate(const CalibrationRequest& request) override;
  Result<std::vector<Calibration>> calibrations(const std::string& collection) override;

 private:
  const Parts parts_;
};

}  // namespace pictor
