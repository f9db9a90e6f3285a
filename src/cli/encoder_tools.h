// What `pictor encoder` does besides adding and removing: bench, warm, derive, and verify against another stack.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"

namespace pictor {

struct EncoderToolOptions {
  std::vector<std::string> more;  // warm: names after the first
  bool all = false;               // warm
  double seconds = 10;            // bench
  std::string against;            // verify
  std::string head;               // verify --against, derive
  std::string pca, matrix, bias;  // derive
  std::string texts, measure;     // derive
  bool truncate = false;          // derive
};

void add_encoder_tool_options(CLI::App& app, EncoderToolOptions& options);
bool is_encoder_tool(const std::string& action, const EncoderToolOptions& options);
// REQUIRES: is_encoder_tool(action, options).
Status run_encoder_tool(Session& session, const std::string& action, const std::string& target,
                        const EncoderRequest& request, const EncoderToolOptions& options);

Status compare_with_foreign(Session& session, const ForeignRequest& request);
Status derive_encoder_command(Session& session, const std::string& name, const EncoderRequest& request,
                              const EncoderToolOptions& options);

std::string encoder_bench_json(const EncoderBench& bench);
std::string warmed_json(const std::vector<WarmedEncoder>& warmed);
std::string foreign_json(const ForeignReport& report);
std::string derived_json(const DerivedEncoder& made);

}  // namespace pictor
