// JSON of what the engine answers, the same from the command line (--json) and the server: docs/reference/json.md
// describes every field. All return one document without a line end, on one line or for people. Bytes that are not
// UTF-8 are replaced by U+FFFD. Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "pictor/engine.h"

namespace pictor {

std::string hits_json(const Hits& hits, bool pretty = true);
std::string item_json(const StoredItem& item, bool pretty);
std::string history_json(const std::vector<StoredVersion>& versions, bool pretty = true);
std::string collection_json(const CollectionInfo& collection, bool pretty = true);
std::string collections_json(const std::vector<CollectionInfo>& collections, bool pretty = true);
std::string encoder_json(const EncoderInfo& encoder, bool pretty = true);
std::string encoders_json(const std::vector<EncoderInfo>& encoders, bool pretty = true);
std::string facets_json(const Facets& facets, bool pretty = true);
std::string faults_json(const std::vector<FaultInfo>& faults, bool pretty = true);
std::string purged_json(const Purge& purge, bool pretty = true);
std::string compaction_json(const Compaction& made, bool pretty = true);
std::string indexes_json(const IndexesReport& report, bool pretty = true);
std::string calibrations_json(const std::vector<Calibration>& calibrations, bool pretty = true);
std::string calibration_json(const CalibrationReport& report, bool pretty = true);
std::string quarantined_json(const Quarantined& refused);   // one line
std::string vector_json(const std::vector<float>& vector);  // numbers that read back as the same floats

}  // namespace pictor
