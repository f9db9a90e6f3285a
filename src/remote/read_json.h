// What a server answers, as the engine's own values: the other way round from engine/json_output.h. Inside remote/
// only.
//
// What is missing keeps its default, so that an older or newer server is understood. Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "pictor/engine.h"

namespace pictor {

Hits hits_of(const nlohmann::json& json);
StoredItem item_of(const nlohmann::json& json);
StoredVersion version_of(const nlohmann::json& json);
CollectionInfo collection_of(const nlohmann::json& json);
EncoderInfo encoder_of(const nlohmann::json& json);
Facets facets_of(const nlohmann::json& json);
Purge purge_of(const nlohmann::json& json);
IndexesReport indexes_of(const nlohmann::json& json);
CalibrationReport calibration_of(const nlohmann::json& json);
Compaction compaction_of(const nlohmann::json& json);
std::vector<FaultInfo> faults_of(const nlohmann::json& json);
CheckedReceipt receipt_of(const nlohmann::json& json);

}  // namespace pictor
