// What `pictor encoder bench`, `warm`, `derive` and `verify --against` print with --json.
#pragma once

#include <string>
#include <vector>

#include "cli/services.h"

namespace pictor {

std::string encoder_bench_json(const EncoderBench& bench);
std::string warmed_json(const std::vector<WarmedEncoder>& warmed);
std::string foreign_json(const ForeignReport& report);
std::string derived_json(const DerivedEncoder& made);

}  // namespace pictor
