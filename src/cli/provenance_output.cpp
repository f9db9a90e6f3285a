#include "cli/provenance_output.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/interrupt.h"
#include "cli/text.h"
#include "engine/engine.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

// Discarded where it is not fit to be made a tree: text from a disk.
Json tree_of(const std::string& text) {
  return check_json_object(text).is_ok() ? Json::parse(text, nullptr, false) : Json(Json::value_t::discarded);
}

std::string dumped(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace); }

const char* state_name(ReceiptState state) {
  switch (state) {
    case ReceiptState::kSigned: return "signed";
    case ReceiptState::kUnsigned: return "unsigned";
    case ReceiptState::kWrong: return "wrong";
    case ReceiptState::kUnknownKey: return "unknown_key";
  }
  return "wrong";
}

const char* state_name(FingerprintState state) {
  switch (state) {
    case FingerprintState::kNew: return "new";
    case FingerprintState::kEqual: return "equal";
    case FingerprintState::kOther: return "other";
  }
  return "other";
}

Json object_of(const RederiveReport& report) {
  Json others = Json::array();
  for (const OtherVector& other : report.others) {
    others.push_back({{"id", other.id},
                      {"head", other.head},
                      {"isa_class", other.isa_class},
                      {"runtime", other.runtime},
                      {"cosine", other.cosine}});
  }
  return {{"items", report.items},
          {"equal", report.equal},
          {"differ", report.differ},
          {"other", report.other},
          {"no_picture", report.no_picture},
          {"unread", report.unread},
          {"signed", report.signed_count},
          {"unsigned", report.unsigned_count},
          {"unknown_key", report.unknown_key},
          {"unknown_keys", report.unknown_keys},
          {"seed", report.seed == 0 ? Json(nullptr) : Json(report.seed)},
          {"others", others},
          {"cancelled", report.cancelled}};
}

ProgressPrinter::Mode bar_mode(Session& session) {
  const bool shown = session.terminal().err_is_tty && !session.options().quiet && !session.json();
  return shown ? ProgressPrinter::Mode::kBar : ProgressPrinter::Mode::kOff;
}

}  // namespace

std::string verify_json(const std::vector<FaultInfo>& faults, const std::vector<Rederived>& rederived) {
  Json found = Json::array();
  for (const FaultInfo& fault : faults) {
    found.push_back(
        {{"collection", fault.collection}, {"where", fault.where}, {"what", fault.what}, {"advice", fault.advice}});
  }
  Json again = Json::array();
  for (const Rederived& one : rederived) {
    Json object = {{"collection", one.collection}};
    object.update(object_of(one.report));
    again.push_back(object);
  }
  const bool all_checked =
      std::ranges::all_of(rederived, [](const Rederived& one) { return one.report.unknown_key == 0; });
  return dumped({{"ok", faults.empty() && all_checked}, {"faults", found}, {"rederived", again}});
}

std::string receipt_json(const CheckedReceipt& checked) {
  const Json receipt = tree_of(checked.receipt);
  Json object = {{"state", state_name(checked.state)},
                 {"receipt", receipt.is_discarded() ? Json(checked.receipt) : receipt}};
  if (!checked.problem.is_ok()) object["problem"] = checked.problem.message();
  return dumped(object);
}

std::string fingerprints_json(const std::string& encoder, const FingerprintReport& report) {
  Json prints = Json::array();
  for (const Fingerprint& print : report.fingerprints) {
    Json object = {{"head", print.head},           {"of", print.of},
                   {"precision", print.precision}, {"runtime", print.runtime},
                   {"isa_class", print.isa_class}, {"count", print.count},
                   {"sha256", print.sha256},       {"state", state_name(print.state)}};
    if (!print.wanted.empty()) object["wanted"] = print.wanted;
    if (!print.kept_in.empty()) object["kept_in"] = print.kept_in;
    prints.push_back(object);
  }
  Json object = {{"encoder", encoder}, {"fingerprints", prints}, {"seconds", report.seconds}};
  if (!report.note.empty()) object["note"] = report.note;
  return dumped(object);
}

void print_rederived(Session& session, const Rederived& rederived) {
  const RederiveReport& report = rederived.report;
  std::ostream& out = session.out();
  out << session.bold(printable(rederived.collection)) << ": " << plural(report.items, "item", "items")
      << " looked at, " << with_commas(report.equal) << " made again bit for bit\n";
  const auto row = [&out](std::uint64_t count, const std::string& what) {
    if (count > 0) out << "  " << pad_left(with_commas(count), 8) << "  " << what << "\n";
  };
  row(report.differ, "are made again and differ");
  row(report.unread, "have a picture that was changed or cannot be read");
  row(report.no_picture, "have no picture at hand");
  row(report.other, "were made under another instruction-set class or version: compared by cosine");
  row(report.signed_count, "have a right signature");
  row(report.unsigned_count, "are unsigned: made before receipts were signed");
  row(report.unknown_key, "are signed by a key that is not here, and were not checked");
  for (const std::string& name : report.unknown_keys) {
    out << "            put that key's public half at keys/former/" << printable(name) << ".pub in the data folder\n";
  }
  if (report.seed != 0) out << "  drawn at random: --seed " << report.seed << " draws the same items again\n";
  const auto least = std::ranges::min_element(report.others, {}, &OtherVector::cosine);
  if (least == report.others.end()) return;
  out << "  the least cosine of those is " << fixed(least->cosine, 8) << ": " << printable(least->id) << ", head "
      << printable(least->head) << ", " << printable(least->isa_class) << ", " << printable(least->runtime) << "\n";
}

void print_receipt(Session& session, const CheckedReceipt& checked) {
  std::ostream& out = session.out();
  const Json receipt = tree_of(checked.receipt);
  const auto row = [&](const std::string& name, const std::string& value) {
    out << pad_right(cut_end(printable(name), 16), 18) << printable(value) << "\n";
  };
  const auto show = [&row](const std::string& name, const Json& value) {
    if (name == "time_us" && value.is_number_integer()) return row("time", date_text(value.get<std::int64_t>()));
    row(name,
        value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  if (!receipt.is_object()) {
    out << printable(checked.receipt) << "\n";
  } else {
    for (const auto& [name, value] : receipt.items()) {
      if (value.is_object()) {
        for (const auto& [head, inner] : value.items()) show(std::string(name).append(".").append(head), inner);
      } else {
        show(name, value);
      }
    }
  }
  const bool is_unknown = checked.state == ReceiptState::kUnknownKey;
  const bool wrong = checked.state == ReceiptState::kWrong;
  out << "this receipt is "
      << (wrong ? session.red("wrong") : session.bold(is_unknown ? "signed" : state_name(checked.state)))
      << (checked.state == ReceiptState::kSigned ? ", and its signature is right" : "")
      << (is_unknown ? " by a key that is not here: it was not checked" : "") << "\n";
}

void print_fingerprints(Session& session, const std::string& encoder, const FingerprintReport& report) {
  std::ostream& out = session.out();
  for (const Fingerprint& print : report.fingerprints) {
    out << print.sha256 << "  " << session.bold(printable(encoder)) << " " << printable(print.head) << ", "
        << print.count << " " << print.of << ", " << print.precision << ", " << print.isa_class << ", " << print.runtime
        << ": ";
    if (print.state == FingerprintState::kEqual) out << "as known";
    if (print.state == FingerprintState::kOther) out << session.red("not as known") << ", wanted " << print.wanted;
    if (print.state == FingerprintState::kNew) out << (print.kept_in.empty() ? "none is known" : "new, kept");
    out << "\n";
  }
  out << "in " << fixed(report.seconds, 1) << " s\n";
  if (!report.note.empty()) out << session.bold("not kept") << ": " << printable(report.note) << "\n";
}

Result<std::string> receipt_within(const std::string& text) {
  // What is printed around a receipt has an item's metadata beside it, one level further in.
  const Status fit = check_json_object(text, limits::kMetadataDepthMax + 1);
  if (!fit.is_ok()) return fit.in("the receipt");
  const Json object = Json::parse(text, nullptr, false);
  if (!object.contains("receipt") || !object["receipt"].is_object()) return text;
  return object["receipt"].dump(-1, ' ', false, Json::error_handler_t::replace);
}

WorkBar::WorkBar(Session& session)
    : env_(session.env()),
      printer_(session.err(), bar_mode(session), session.terminal().width),
      start_us_(session.env().monotonic_us()) {}

std::function<void(std::uint64_t, std::uint64_t)> WorkBar::function() {
  return [this](std::uint64_t done, std::uint64_t total) {
    IngestProgress progress;
    progress.seen = done;
    progress.total = total;
    progress.seconds = static_cast<double>(env_.monotonic_us() - start_us_) * 1e-6;
    printer_.update(progress);
  };
}

Status make_missing_indexes(Session& session, Engine& engine, const std::string& collection) {
  const InterruptGuard interrupt;
  WorkBar bar(session);
  IndexesRequest request;
  request.collection = collection;
  request.cancel = &interrupt.flag();
  request.progress = bar.function();
  return engine.build_indexes(request).status();
}

}  // namespace pictor
