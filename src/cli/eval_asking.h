// What pictor eval run and pictor eval auto share: queries put to the engine one after the other, and the scores of
// what came back.
//
// Not for use from several threads at once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/eval_output.h"

namespace pictor {

struct EvalRunFlags {
  EvalFlags eval;
  std::string collection, output, head, tag = "pictor", save_judgements, alterations;
  std::size_t k = 100, items = 200;
  std::optional<double> recall;
  bool exact = false;
};

// A query to be asked, and what of its answer does not count.
struct EvalAsked {
  std::string id;
  Query query;
  std::string itself;  // an item that the query is made of
};

class EvalAsker {
 public:
  EvalAsker(Session& session, Engine& engine, EvalSummary& summary, std::size_t k)
      : session_(session), engine_(engine), summary_(summary), k_(k) {}

  // An error that is this query's own is kept and the run goes on; others stop it. A query without an answer has none
  // of the right items: it counts as 0.
  Status ask(Result<EvalAsked> asked, const std::string& id);
  // REQUIRES: called once, last.
  RankedRun finish(const std::string& tag);

 private:
  Status failed(const std::string& id, const Status& cause);

  Session& session_;
  Engine& engine_;
  EvalSummary& summary_;
  RankedRun run_;
  std::vector<double> times_;
  std::size_t k_;
};

void add_asking_options(CLI::App& app, EvalRunFlags& flags);
// The query that all have in common.
Query eval_query_of(const EvalRunFlags& flags);
Result<EvalSummary> begin_eval(const EvalRunFlags& flags, const char* kind);
Status write_eval_file(Session& session, const std::string& path, const std::string& text);
void tell_failed(Session& session, const EvalSummary& summary);
// Writes the run where it is wanted, scores it, prints and remembers that.
Status tell_eval(Session& session, const EvalRunFlags& flags, EvalSummary& summary, const RankedRun& run,
                 const Judgements& judgements);
Status eval_stopped();

}  // namespace pictor
