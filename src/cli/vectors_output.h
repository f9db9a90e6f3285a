// What pictor import and pictor tune print.
#pragma once

#include <string>

#include "cli/session.h"
#include "pictor/vectors.h"

namespace pictor {

const char* metric_name(Metric metric);   // "inner_product", for JSON and files
const char* metric_text(Metric metric);   // "inner product", for people
std::string short_number(double number);  // "0.98": the fewest digits that read back as the same

struct ImportSummary {
  std::string collection, file;
  VectorOrigin origin;
  bool dry_run = false;
  ImportReport report;
  IndexesReport graphs;
};
std::string import_json(const ImportSummary& summary);
void print_import(Session& session, const ImportSummary& summary);
std::string refused_json(const RefusedVector& refused);  // one line of the --refused file

std::string tune_json(const std::string& collection, const TuneReport& report);
void print_tune(Session& session, const TuneRequest& request, const TuneReport& report);

}  // namespace pictor
