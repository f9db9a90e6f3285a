#include "cli/copy_output.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBarWidth = 20;
constexpr double kLineEverySeconds = 5;
constexpr double kRateMibMin = 0.0625;  // limits::kCopyRateBytesMin
constexpr double kRateMibMax = 1e6;

double share_of(const CopyProgress& progress) {
  if (progress.bytes_total == 0) return 0;
  return static_cast<double>(progress.bytes) / static_cast<double>(progress.bytes_total);
}

std::string figures(const CopyProgress& progress, std::string_view between) {
  std::string text = bytes_text(progress.bytes) + " of " + bytes_text(progress.bytes_total);
  if (progress.seconds <= 0) return text;
  const double rate = static_cast<double>(progress.bytes) / progress.seconds;
  text += std::string(between) + bytes_text(static_cast<std::uint64_t>(rate)) + "/s";
  if (rate <= 0 || progress.bytes >= progress.bytes_total) return text;
  const double left = static_cast<double>(progress.bytes_total - progress.bytes) / rate;
  return text + std::string(between) + duration_text(left) + " left";
}

std::string dumped(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

Json time_or_null(const std::optional<std::int64_t>& us) { return us ? Json(*us) : Json(nullptr); }

}  // namespace

std::string copy_bar(const CopyProgress& progress, std::size_t width) {
  const auto full = static_cast<std::size_t>(share_of(progress) * kBarWidth);
  const std::string percent = std::to_string(static_cast<int>(share_of(progress) * 100)) + "%";
  std::string text = "[" + std::string(full, '#') + std::string(kBarWidth - full, '-') + "] " + pad_left(percent, 4) +
                     "  " + figures(progress, "  ");
  if (!progress.collection.empty()) text += "  '" + printable(progress.collection) + "'";
  return cut_end(text, width);
}

CopyPrinter::CopyPrinter(Session& session, bool off) : err_(session.err()), width_(session.terminal().width) {
  if (off || session.options().quiet) return;
  mode_ = session.terminal().err_is_tty ? Mode::kBar : Mode::kLines;
}

CopyPrinter::~CopyPrinter() {
  if (bar_shown_) err_ << "\r\x1b[2K" << std::flush;
}

std::function<void(const CopyProgress&)> CopyPrinter::function() {
  return [this](const CopyProgress& progress) {
    if (mode_ == Mode::kBar) {
      // One column is left free: a full line makes some terminals wrap.
      err_ << "\r\x1b[2K" << copy_bar(progress, width_ - 1) << std::flush;
      bar_shown_ = true;
    } else if (mode_ == Mode::kLines && progress.seconds - printed_seconds_ >= kLineEverySeconds) {
      printed_seconds_ = progress.seconds;
      err_ << figures(progress, ", ") << std::endl;
    }
  };
}

void print_copied(Session& session, const std::string& verb, const CopyReport& report) {
  if (session.options().quiet) return;
  std::ostream& out = session.out();
  Table table({{"collection", TableColumn::Kind::kText},
               {"sequence", TableColumn::Kind::kNumber},
               {"of", TableColumn::Kind::kText, 23},
               {"items", TableColumn::Kind::kNumber},
               {"pictures", TableColumn::Kind::kNumber},
               {"size", TableColumn::Kind::kNumber}});
  for (const CopiedCollection& one : report.collections) {
    table.add({one.tenant.empty() ? one.name : one.tenant + "/" + one.name, with_commas(one.sequence),
               one.time_us ? date_text(*one.time_us) : "", with_commas(one.items), with_commas(one.blobs),
               bytes_text(one.bytes)});
  }
  if (table.rows() > 0) out << table.text(session.terminal().width);
  if (report.tenants > 0) out << "With " << plural(report.tenants, "tenant", "tenants") << "\n";
  if (report.governs) out << "With keys, tenants' limits and the audit log\n";
  for (const std::string& name : report.skipped) {
    out << "'" << printable(name) << "' was dropped meanwhile and is not in it\n";
  }
  out << verb << " " << plural(report.collections.size(), "collection", "collections") << ", "
      << plural(report.files, "file", "files") << " of " << bytes_text(report.bytes) << " ("
      << bytes_text(report.bytes_copied) << " copied, the rest was there), to " << printable(report.path) << "\n";
}

std::string copied_json(const CopyReport& report) {
  Json collections = Json::array();
  for (const CopiedCollection& one : report.collections) {
    collections.push_back({{"name", one.name},
                           {"tenant", one.tenant},
                           {"sequence", one.sequence},
                           {"time_us", time_or_null(one.time_us)},
                           {"items", one.items},
                           {"segments", one.segments},
                           {"blobs", one.blobs},
                           {"bytes", one.bytes}});
  }
  return dumped({{"path", report.path},
                 {"made_us", report.made_us},
                 {"collections", collections},
                 {"skipped", report.skipped},
                 {"tenants", report.tenants},
                 {"governs", report.governs},
                 {"files", report.files},
                 {"bytes", report.bytes},
                 {"files_copied", report.files_copied},
                 {"bytes_copied", report.bytes_copied}});
}

std::string places_json(const std::vector<BackupPlace>& places) {
  Json array = Json::array();
  for (const BackupPlace& place : places) {
    array.push_back({{"path", place.path},
                     {"collection", place.collection.empty() ? Json(nullptr) : Json(place.collection)},
                     {"of_parent", place.of_parent},
                     {"begun_us", place.begun_us},
                     {"made_us", time_or_null(place.made_us)}});
  }
  return dumped({{"backups", array}});
}

void add_rate_option(CLI::App& app, RateOption& rate) {
  app.add_option("--rate", rate.mib, "Read at most so many MiB a second; else as fast as it goes")
      ->check(CLI::Range(kRateMibMin, kRateMibMax).description(""))
      ->type_name("MIB");
}

}  // namespace pictor
