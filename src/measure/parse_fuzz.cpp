// Judgements, runs and queries of any bytes: no crash, memory bounded by their size, and what was read survives being
// written and read again.
#include "measure/measure.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pictor;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    const ReadJudgements read = read_judgements(text);
    for (const TextFault& fault : read.faults.first) {
      if (fault.message.empty() || fault.line == 0) __builtin_trap();
    }
    const ReadJudgements again = read_judgements(write_qrels(read.judgements));
    if (again.faults.count > 0 || again.judgements.queries != read.judgements.queries) __builtin_trap();
  } else if (data[0] % 3 == 1) {
    const ReadRun read = read_run(text);
    const ReadRun again = read_run(write_run(read.run));
    if (again.faults.count > 0 || again.run.queries.size() != read.run.queries.size()) __builtin_trap();
    Judgements judgements;
    for (const auto& [query, items] : read.run.queries) judgements.add(query, items.front().item, data[0] / 3 % 4);
    EvaluationOptions options;
    options.samples.samples = limits::kBootstrapSamplesMin;
    const auto scored = evaluate(judgements, read.run, options);
    if (scored.is_ok() == read.run.queries.empty()) __builtin_trap();
  } else {
    for (const EvalQuery& query : read_queries(text).queries) {
      if (query.id.empty() || query.text.size() + query.picture.size() + query.item.size() == 0) __builtin_trap();
    }
  }
  static_cast<void>(parse_measures(text));
  return 0;
}
