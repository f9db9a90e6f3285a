// pictor encoder bench, warm: one encoder measured, or made ready.
#include <CLI/CLI.hpp>
#include <cmath>

#include "cli/encoder_actions.h"
#include "cli/encoder_tools_json.h"
#include "cli/interrupt.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

// Three figures that count, whatever the size: 0.123, 12.3, 1,234.
std::string figure(double value) {
  if (value >= 1000) return with_commas(static_cast<std::uint64_t>(std::llround(value)));
  return fixed(value, value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3);
}

void print_bench(Session& session, const EncoderBench& bench) {
  auto& out = session.out();
  out << session.bold(printable(bench.encoder)) << "  " << bench.precision << "  " << printable(bench.runtime) << "  "
      << printable(bench.isa_class) << "\n";
  out << "first vector " << figure(bench.cold_ms) << " ms cold";
  if (bench.warm_ms > 0) out << ", " << figure(bench.warm_ms) << " ms with its networks compiled before";
  out << "\n";
  constexpr auto kNumber = TableColumn::Kind::kNumber;
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

Status bench(Session& session, const std::string& name, double seconds) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  const InterruptGuard interrupt;
  PICTOR_ASSIGN(const auto bench, engine->encoder_tools().bench({name, seconds, &interrupt.flag()}));
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

struct WarmOptions {
  std::vector<std::string> encoders;
  bool all = false;
};

Result<std::vector<std::string>> names_to_warm(Engine& engine, const WarmOptions& options) {
  std::vector<std::string> names = options.encoders;
  if (options.all == !names.empty()) return Status(Code::kInvalid, "pictor encoder warm needs names, or --all");
  if (!options.all) return names;
  PICTOR_ASSIGN(const auto infos, engine.encoders());
  for (const auto& info : infos) {
    if (info.ready) names.push_back(info.name);
  }
  return names;
}

Status warm(Session& session, const WarmOptions& options) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const auto names, names_to_warm(*engine, options));
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

Command add_encoder_bench_action(CLI::App& encoder) {
  CLI::App& app = *encoder.add_subcommand("bench", "Measure an encoder: its speed, and whether bits hold");
  struct Options {
    std::string encoder;
    double seconds = 10;
  };
  auto options = std::make_shared<Options>();
  add_encoder_argument(app, options->encoder);
  app.add_option("--seconds", options->seconds, "How long is measured, in all; loading comes on top")
      ->check(CLI::Range(0.1, 3600.0).description(""))
      ->type_name("N")
      ->capture_default_str();
  set_examples(app, {"pictor encoder bench clip --seconds 20"});
  return {&app, [options](Session& session) { return bench(session, options->encoder, options->seconds); }};
}

Command add_encoder_warm_action(CLI::App& encoder) {
  CLI::App& app = *encoder.add_subcommand("warm", "Compile networks before somebody waits for them");
  auto options = std::make_shared<WarmOptions>();
  app.add_option("encoders", options->encoders, "Names of encoders; see pictor encoder list")->type_name("NAME");
  app.add_flag("--all", options->all, "Every encoder whose weights are here");
  set_examples(app, {"pictor encoder warm clip clip-int8", "pictor encoder warm --all --threads 2"});
  return {&app, [options](Session& session) { return warm(session, *options); }};
}

}  // namespace pictor
