// pictor encoder bench, warm: one encoder measured, or made ready.
#include <CLI/CLI.hpp>

#include "cli/encoder_tools.h"
#include "cli/interrupt.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

// Three figures that count, whatever the size: 0.123, 12.3, 1,234.
std::string figure(double value) {
  if (value >= 1000) return with_commas(static_cast<std::uint64_t>(value + 0.5));
  return fixed(value, value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3);
}

void print_bench(Session& session, const EncoderBench& bench) {
  auto& out = session.out();
  out << session.bold(printable(bench.encoder)) << "  " << bench.precision << "  " << printable(bench.runtime) << "  "
      << printable(bench.isa_class) << "\n";
  out << "first vector " << figure(bench.cold_ms) << " ms cold";
  if (bench.warm_ms > 0) out << ", " << figure(bench.warm_ms) << " ms with its networks compiled before";
  out << "\n";
  constexpr auto kNumber = Column::Kind::kNumber;
  Table table({{"what"},
               {"batch", kNumber},
               {"threads", kNumber},
               {"a second", kNumber},
               {"a CPU-s", kNumber},
               {"CPU-s", kNumber},
               {"p50 ms", kNumber},
               {"p99 ms", kNumber},
               {"bits"}});
  for (const auto& row : bench.rows) {
    table.add({row.what, std::to_string(row.batch), std::to_string(row.threads), figure(row.per_second),
               figure(row.per_cpu_second), figure(row.cpu_seconds), figure(row.p50_ms), figure(row.p99_ms),
               row.bits_equal ? "equal" : "DIFFER"});
  }
  out << table.text(session.terminal().width);
}

Status bench(Session& session, const std::string& name, const EncoderToolOptions& options) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  const InterruptGuard interrupt;
  PICTOR_ASSIGN(const auto bench, engine->encoder_tools().bench({name, options.seconds, &interrupt.flag()}));
  for (const auto& note : bench.notes) session.err() << "pictor: note: " << printable(note) << "\n";
  if (session.json()) {
    session.out() << encoder_bench_json(bench) << "\n";
  } else {
    print_bench(session, bench);
  }
  for (const auto& row : bench.rows) {
    if (row.bits_equal) continue;
    return {Code::kMismatch, "vectors of encoder '" + name + "' depend on their batch or threads: " + row.what +
                                 ", batch " + std::to_string(row.batch) + ", " + std::to_string(row.threads) +
                                 " threads"};
  }
  return Status::ok();
}

Result<std::vector<std::string>> names_to_warm(Engine& engine, const std::string& first,
                                               const EncoderToolOptions& options) {
  std::vector<std::string> names = options.more;
  if (!first.empty()) names.insert(names.begin(), first);
  if (options.all == !names.empty()) return Status(Code::kInvalid, "pictor encoder warm needs names, or --all");
  if (!options.all) return names;
  PICTOR_ASSIGN(const auto infos, engine.encoders());
  for (const auto& info : infos) {
    if (info.ready) names.push_back(info.name);
  }
  return names;
}

Status warm(Session& session, const std::string& first, const EncoderToolOptions& options) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const auto names, names_to_warm(*engine, first, options));
  std::vector<WarmedEncoder> warmed;
  for (const auto& name : names) {
    PICTOR_ASSIGN(auto one, engine->encoder_tools().warm(name));
    if (!session.json() && !session.options().quiet) {
      session.out() << printable(name) << ": ";
      if (one.compiled == 0) {
        session.out() << "was warm; first vectors in " << fixed(one.seconds, 1) << " s\n" << std::flush;
      } else {
        session.out() << plural(one.compiled, "network", "networks") << " compiled, " << bytes_text(one.bytes)
                      << " in the cache, " << fixed(one.seconds, 1) << " s\n"
                      << std::flush;
      }
    }
    warmed.push_back(std::move(one));
  }
  if (session.json()) session.out() << warmed_json(warmed) << "\n";
  if (!warmed.empty() && warmed.back().kept >= warmed.back().kept_max) {
    session.err() << "pictor: note: the cache keeps " << warmed.back().kept_max
                  << " compiled networks; the oldest of more are compiled anew when they are needed\n";
  }
  return Status::ok();
}

}  // namespace

void add_encoder_tool_options(CLI::App& app, EncoderToolOptions& options) {
  app.add_option("more", options.more, "warm: more names")->type_name("NAME");
  app.add_flag("--all", options.all, "warm: every encoder whose weights are here");
  app.add_option("--seconds", options.seconds, "bench: how long is measured, in all; loading comes on top")
      ->check(CLI::Range(0.1, 3600.0).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--against", options.against, "verify: what another stack recorded, stage by stage")
      ->type_name("FILE");
  app.add_option("--head", options.head, "verify --against: the head their vectors are of; derive: the head")
      ->type_name("NAME");
  app.add_option("--pca", options.pca, "derive: fit principal components on these pictures; a fifth is held out")
      ->type_name("INPUT");
  app.add_option("--texts", options.texts, "derive --pca: fit on these texts too, a line each")->type_name("FILE");
  app.add_flag("--truncate", options.truncate, "derive: keep the first numbers (Matryoshka)");
  app.add_option("--matrix", options.matrix, "derive: f32, a row of --dim numbers for each number of the head")
      ->type_name("FILE");
  app.add_option("--bias", options.bias, "derive --matrix: --dim f32 numbers that are added")->type_name("FILE");
  app.add_option("--measure", options.measure, "derive: pictures whose neighbours before and after are compared")
      ->type_name("INPUT");
}

bool is_encoder_tool(const std::string& action, const EncoderToolOptions& options) {
  return action == "bench" || action == "warm" || action == "derive" ||
         (action == "verify" && !options.against.empty());
}

Status run_encoder_tool(Session& session, const std::string& action, const std::string& target,
                        const EncoderRequest& request, const EncoderToolOptions& options) {
  if (action == "warm") return warm(session, target, options);
  if (target.empty()) return {Code::kInvalid, "pictor encoder " + action + " needs a NAME"};
  if (action == "verify") return compare_with_foreign(session, {target, options.against, options.head});
  if (action == "derive") return derive_encoder_command(session, target, request, options);
  return bench(session, target, options);
}

}  // namespace pictor
