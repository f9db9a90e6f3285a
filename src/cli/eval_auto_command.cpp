// pictor eval auto: pictures of the collection are altered, and should find themselves.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <unordered_map>

#include "cli/eval_asking.h"
#include "cli/interrupt.h"
#include "cli/provenance_output.h"
#include "cli/text.h"

namespace pictor {
namespace {

Result<std::vector<Alteration>> parse_alterations(const std::string& names) {
  std::vector<Alteration> out;
  for (const std::string& name : split(names, ',')) {
    const auto* found = std::find_if(std::begin(kAlterations), std::end(kAlterations),
                                     [&](Alteration how) { return alteration_name(how) == lower_ascii(name); });
    if (found == std::end(kAlterations)) {
      return Status(Code::kInvalid, "alteration '" + name +
                                        "' is not known; there are crop, resize, jpeg, blur and "
                                        "brightness");
    }
    if (std::find(out.begin(), out.end(), *found) == out.end()) out.push_back(*found);
  }
  return out;
}

struct DrawnItem {
  std::string id, content;
};

// Each item as likely as the others (Vitter, 1985, algorithm R), in the order of age.
Result<std::vector<DrawnItem>> draw(Engine& engine, const EvalRunFlags& flags) {
  std::vector<std::pair<std::uint64_t, DrawnItem>> drawn;
  Draws draws(flags.eval.samples.seed);
  std::uint64_t seen = 0;
  PICTOR_TRY(engine.scan({flags.collection}, [&](const StoredItem& item) {
    const std::uint64_t place = seen < flags.items ? seen : draws.below(seen + 1);
    if (place < drawn.size()) {
      drawn[place] = {seen, {item.id, item.content}};
    } else if (place < flags.items) {
      drawn.emplace_back(seen, DrawnItem{item.id, item.content});
    }
    ++seen;
    return Status::ok();
  }));
  if (drawn.empty()) return Status(Code::kNotFound, "collection '" + flags.collection + "' is empty");
  std::sort(drawn.begin(), drawn.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<DrawnItem> items;
  items.reserve(drawn.size());
  for (auto& one : drawn) items.push_back(std::move(one.second));
  return items;
}

// Items of the same picture are as right as the one that was drawn.
Result<std::unordered_map<std::string, std::vector<std::string>>> same_pictures(Engine& engine,
                                                                                const EvalRunFlags& flags,
                                                                                const std::vector<DrawnItem>& items) {
  std::unordered_map<std::string, std::vector<std::string>> same;
  for (const DrawnItem& item : items) {
    if (!item.content.empty()) same[item.content];
  }
  PICTOR_TRY(engine.scan({flags.collection}, [&](const StoredItem& item) {
    const auto found = same.find(item.content);
    if (found != same.end()) found->second.push_back(item.id);
    return Status::ok();
  }));
  return same;
}

class AutoRun {
 public:
  AutoRun(Session& session, Engine& engine, const EvalRunFlags& flags, EvalSummary& summary)
      : session_(session), engine_(engine), flags_(flags), asker_(session, engine, summary, flags.k) {}

  Status run(const std::vector<Alteration>& ways) {
    PICTOR_ASSIGN(const auto items, draw(engine_, flags_));
    PICTOR_ASSIGN(const auto same, same_pictures(engine_, flags_, items));
    const InterruptGuard interrupt;
    WorkBar bar(session_);
    const auto progress = bar.function();
    std::uint64_t done = 0;
    for (const DrawnItem& item : items) {
      if (interrupt.flag()) return eval_stopped();
      PICTOR_ASSIGN(const auto picture, engine_.picture(flags_.collection, item.id));
      if (picture.has_value()) {
        PICTOR_TRY(ask(item, done, *picture, ways, same));
      } else {
        ++without_picture;
      }
      progress(++done, items.size());
    }
    return Status::ok();
  }

  RankedRun finish() { return asker_.finish(flags_.tag); }

  Judgements judgements;
  std::uint64_t without_picture = 0;

 private:
  Status ask(const DrawnItem& item, std::uint64_t number, const Bytes& picture, const std::vector<Alteration>& ways,
             const std::unordered_map<std::string, std::vector<std::string>>& same) {
    for (const Alteration how : ways) {
      const std::string name(alteration_name(how));
      const std::string id = name + "-" + std::to_string(number + 1);
      judgements.add(id, item.id, 1);
      if (const auto found = same.find(item.content); found != same.end()) {
        for (const std::string& other : found->second) judgements.add(id, other, 1);
      }
      judgements.slices[id]["alteration"] = name;
      EvalAsked asked{id, eval_query_of(flags_), ""};
      QueryPart& part = asked.query.parts.emplace_back();
      part.kind = QueryPart::Kind::kImage;
      // Every picture by a seed of its own, whichever ways are asked for.
      const std::uint64_t seed = flags_.eval.samples.seed * 1'000'003 + number * 31 + static_cast<std::uint64_t>(how);
      Result<Bytes> altered = altered_picture(picture, how, seed);
      const Status made = altered.status();
      if (made.is_ok()) part.image = std::move(altered).value();
      PICTOR_TRY(asker_.ask(made.is_ok() ? Result<EvalAsked>(std::move(asked)) : made, id));
    }
    return Status::ok();
  }

  Session& session_;
  Engine& engine_;
  const EvalRunFlags& flags_;
  EvalAsker asker_;
};

Status run_auto(Session& session, EvalRunFlags flags) {
  if (flags.eval.measures.empty()) flags.eval.measures = "hit@1,hit@5,hit@10,MRR";
  PICTOR_ASSIGN(EvalSummary summary, begin_eval(flags, "auto"));
  PICTOR_ASSIGN(const std::vector<Alteration> ways, parse_alterations(flags.alterations));
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_TRY(engine->stats(flags.collection).status());
  AutoRun run(session, *engine, flags, summary);
  PICTOR_TRY(run.run(ways));
  if (run.judgements.count == 0) {
    return {Code::kNotFound, "no picture of collection '" + flags.collection +
                                 "' is kept or still where it was: index it with --keep original"};
  }
  if (run.without_picture > 0) {
    session.log(Verbosity::kWarn, plural(run.without_picture, "item", "items") + " without a picture were left out");
  }
  if (!flags.save_judgements.empty()) {
    PICTOR_TRY(write_eval_file(session, flags.save_judgements, write_qrels(run.judgements)));
  }
  return tell_eval(session, flags, summary, run.finish(), run.judgements);
}

}  // namespace

Command add_eval_auto_action(CLI::App& parent) {
  CLI::App& app =
      *parent.add_subcommand("auto", "Alter pictures of a collection, and see whether they find themselves");
  auto flags = std::make_shared<EvalRunFlags>();
  flags->alterations = "crop,resize,jpeg,blur,brightness";
  app.add_option("collection", flags->collection, "Collection")->required()->type_name("COLLECTION");
  app.add_option("-n,--items", flags->items, "Items that are drawn")
      ->check(CLI::Range(1, static_cast<int>(limits::kAlteredItemsMax)).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--alterations", flags->alterations, "What is done to them, a query each")
      ->type_name("NAME,...")
      ->capture_default_str();
  app.add_option("--save-judgements", flags->save_judgements, "Write what is right as TREC qrels")->type_name("FILE");
  add_asking_options(app, *flags);
  add_scoring_options(app, flags->eval);
  app.get_option("--measures")->default_str("hit@1,hit@5,hit@10,MRR");
  add_gate_option(app, flags->eval, "the mean of a metric");
  set_examples(app, {"pictor eval auto photos", "pictor eval auto photos -n 1000 --alterations crop,blur --seed 7",
                     "pictor eval auto photos --fail-below hit@1=0.9 --json"});
  return {&app, [flags](Session& session) { return run_auto(session, *flags); }};
}

}  // namespace pictor
