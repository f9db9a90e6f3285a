// pictor receipt: where an item's vectors came from, and whether the receipt that says so is right.
#include <CLI/CLI.hpp>
#include <iterator>

#include "cli/provenance_output.h"

namespace pictor {
namespace {

// A receipt, laid out for people and with what is printed around it.
constexpr std::uint64_t kTextBytesMax = 4 * std::uint64_t{limits::kReceiptBytesMax};

struct Options {
  std::string target, collection = "default", public_key;
};

Result<std::string> read_text(Session& session, const std::string& path) {
  if (path != "-") {
    PICTOR_ASSIGN(const Bytes bytes, read_file(session.env(), path, kTextBytesMax));
    return std::string(as_text(bytes));
  }
  std::istream* in = session.services().in;
  if (in == nullptr) return Status(Code::kInvalid, "there is no standard input here");
  std::string text;
  for (std::istreambuf_iterator<char> at(*in), end; at != end; ++at) {
    text.push_back(*at);
    if (text.size() > kTextBytesMax) {
      return Status(Code::kLimit,
                    "standard input has more than " + std::to_string(kTextBytesMax) + " bytes: give one receipt");
    }
  }
  return text;
}

Result<CheckedReceipt> check(Session& session, const Options& options) {
  if (options.public_key.empty()) {
    PICTOR_ASSIGN(Engine * engine, session.engine());
    return engine->receipt(options.collection, options.target);
  }
  PICTOR_ASSIGN(const std::string key, read_text(session, options.public_key));
  PICTOR_ASSIGN(const std::string text, read_text(session, options.target));
  PICTOR_ASSIGN(const std::string receipt, receipt_within(text));
  CheckedReceipt checked = check_receipt(receipt, key);
  if (checked.state != ReceiptState::kUnsigned) return checked;
  checked.state = ReceiptState::kWrong;
  checked.problem = {Code::kMismatch, "the receipt has no signature that could be checked"};
  return checked;
}

Status run(Session& session, const Options& options) {
  PICTOR_ASSIGN(const CheckedReceipt checked, check(session, options));
  if (session.json())
    session.out() << receipt_json(checked) << "\n";
  else
    print_receipt(session, checked);
  return checked.problem;
}

}  // namespace

Command add_receipt_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("receipt", "Show where an item's vectors came from, and check the signature");
  auto options = std::make_shared<Options>();
  app.add_option("id", options->target, "The item's id; with --public-key a file with a receipt, or - for input")
      ->required()
      ->type_name("ID");
  add_collection_option(app, options->collection);
  app.add_option("--public-key", options->public_key,
                 "Check a receipt without a data folder, by this key: DATA/keys/receipts.pub of whoever signed it")
      ->type_name("FILE");
  set_examples(app, {"pictor receipt photos/cat.jpg", "pictor receipt photos/cat.jpg --json > cat.json",
                     "pictor receipt cat.json --public-key receipts.pub"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
