#include "cli/indexing.h"

#include <CLI/CLI.hpp>

#include "cli/text.h"

namespace pictor {

void add_indexing_options(CLI::App& app, IndexingOptions& options) {
  app.add_option("--memory-budget", options.memory_budget,
                 "Memory that searches may take, as 2GiB: graphs where vectors and graphs fit into it, else graphs of "
                 "codes, else lists. Kept with the collection; default: half of what the machine has")
      ->type_name("SIZE|default");
  app.add_option("--index-type", options.index_type,
                 "Have graphs or lists whatever the budget; auto chooses. Kept with the collection")
      ->check(CLI::IsMember({"auto", "graph", "lists"}).description(""))
      ->type_name("auto|graph|lists");
}

Status apply(const IndexingOptions& options, IndexesRequest& request) {
  request.index_type = options.index_type;
  if (options.memory_budget.empty()) return Status::ok();
  if (options.memory_budget == "default") {
    request.memory_bytes = 0;
    return Status::ok();
  }
  const auto bytes = parse_bytes(options.memory_budget);
  if (!bytes.has_value()) {
    return {Code::kInvalid, "'" + options.memory_budget +
                                "' is no memory budget: wanted a number and KiB, MiB, GiB or "
                                "TiB, as 2GiB, or default"};
  }
  if (*bytes < limits::kMemoryBudgetBytesMin || *bytes > limits::kMemoryBudgetBytesMax) {
    return {Code::kInvalid, "a memory budget of " + bytes_text(*bytes) + " was given; wanted " +
                                bytes_text(limits::kMemoryBudgetBytesMin) + " to " +
                                bytes_text(limits::kMemoryBudgetBytesMax)};
  }
  request.memory_bytes = *bytes;
  return Status::ok();
}

std::string indexes_text(std::uint64_t count, const std::string& kind) {
  return kind == "lists" ? plural(count, "list file", "list files") : plural(count, "graph", "graphs");
}

}  // namespace pictor
