// Finished traces as OTLP in its JSON encoding (opentelemetry-proto, ExportTraceServiceRequest). Inside serve/ only.
#pragma once

#include <span>
#include <string>

#include "observe/observe.h"

namespace pictor {

// Ids are hexadecimal, times are decimal strings of nanoseconds, enums are numbers, attributes are lists of keys and
// values. Bytes that are not UTF-8 are replaced by U+FFFD.
std::string otlp_json(std::span<const FinishedTrace> traces);

// What a collector answers: spans that it rejected ("partialSuccess"), and why.
struct OtlpRejected {
  std::uint64_t spans = 0;
  std::string why;
};
OtlpRejected otlp_rejected(const std::string& answer);

}  // namespace pictor
