// pictor encoder: bring an encoder of your own, and look after those that are here.
#include <CLI/CLI.hpp>
#include <iomanip>
#include <sstream>

#include "cli/encoder_actions.h"
#include "cli/encoder_fingerprint.h"
#include "cli/encoder_tools.h"
#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/session.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string action, target;
  EncoderRequest request;
  FingerprintOptions fingerprint;
  QuantizeChoices quantize;
  bool yes = false;
  EncoderToolOptions tools;
};

std::string mebibytes(std::uint64_t bytes) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << static_cast<double>(bytes) / static_cast<double>(limits::kMiB) << " MiB";
  return out.str();
}

// One line that is written over, on a terminal; nothing elsewhere.
class PullLine {
 public:
  explicit PullLine(Session& session)
      : session_(session),
        on_(session.terminal().err_is_tty && !session.options().quiet && !session.json()),
        width_(session.terminal().width) {}
  ~PullLine() { clear(); }
  PullLine(const PullLine&) = delete;
  PullLine& operator=(const PullLine&) = delete;

  void show(const EncoderProgress& at) {
    if (!on_) return;
    const auto percent = at.bytes_total == 0 ? 0 : 100 * at.bytes / at.bytes_total;
    std::string line = std::to_string(percent) + "%  " + mebibytes(at.bytes) + " of " + mebibytes(at.bytes_total) +
                       "  " + mebibytes(static_cast<std::uint64_t>(at.bytes_per_second)) + "/s  file " +
                       std::to_string(at.files_done + 1) + " of " + std::to_string(at.files_total) + "  " +
                       printable(at.file);
    if (line.size() > width_ - 1) line.resize(width_ - 1);
    session_.err() << "\r\x1b[K" << line << std::flush;
    shown_ = true;
  }
  void tell(const std::string& text) {
    clear();
    if (!session_.options().quiet && !session_.json()) session_.err() << printable(text) << "\n" << std::flush;
  }
  void clear() {
    if (shown_) session_.err() << "\r\x1b[K" << std::flush;
    shown_ = false;
  }

 private:
  Session& session_;
  bool on_;
  std::size_t width_;
  bool shown_ = false;
};

void print_heads(Session& session, const EncoderInfo& info) {
  for (const HeadInfo& head : info.heads) {
    const char* takes = head.images && head.texts ? "pictures and words" : head.images ? "pictures" : "words";
    session.out() << "  head " << head.name << ": " << head.dim << " numbers, " << takes << ", space "
                  << head.space.substr(0, 12) << "\n";
  }
}

Status finish_added(Session& session, const AddedEncoder& added) {
  if (session.json()) {
    session.out() << added_encoder_json(added) << "\n";
    return Status::ok();
  }
  for (const std::string& note : added.notes) session.err() << "pictor: note: " << printable(note) << "\n";
  if (session.options().quiet) return Status::ok();
  session.out() << "encoder " << session.bold(printable(added.info.name))
                << " is here: " << printable(added.info.precision) << ", preprocessing of "
                << printable(added.preprocessing) << ", " << mebibytes(added.info.bytes) << "\n";
  print_heads(session, added.info);
  session.out() << "next: pictor index --encoder " << printable(added.info.name) << " --collection NAME FOLDER\n";
  return Status::ok();
}

Status add(Session& session, Options options) {
  options.request.folder = options.target;
  while (options.request.folder.size() > 1 && options.request.folder.back() == '/') options.request.folder.pop_back();
  const auto info = session.env().info(options.request.folder);
  if (!info.is_ok() || info->kind != FileKind::kFolder) {
    return {Code::kNotFound, "'" + options.target + "' is no folder; give one with config.json and onnx/ in it"};
  }
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const auto added, engine->add_encoder(options.request));
  return finish_added(session, added);
}

Status pull(Session& session, Options options) {
  if (options.request.endpoint.empty()) {
    return {Code::kInvalid,
            "no hub is named: set HF_ENDPOINT=https://..., or give --endpoint, with the address of the "
            "hub or of a mirror of it"};
  }
  options.request.hub = options.target;
  options.request.token = environment("HF_TOKEN");
  const std::string offline = environment("HF_HUB_OFFLINE");
  options.request.offline = options.request.offline || (!offline.empty() && offline != "0");
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  const InterruptGuard interrupt;
  PullLine line(session);
  options.request.cancel = &interrupt.flag();
  options.request.progress = [&line](const EncoderProgress& at) { line.show(at); };
  options.request.told = [&line](const std::string& text) { line.tell(text); };
  const auto added = engine->pull_encoder(options.request);
  line.clear();
  PICTOR_TRY(added.status());
  return finish_added(session, *added);
}

Result<EncoderInfo> named(Engine& engine, const std::string& name) {
  PICTOR_ASSIGN(const auto all, engine.encoders());
  std::string known;
  for (const auto& info : all) {
    if (info.name == name) return info;
    known += (known.empty() ? "" : ", ") + info.name;
  }
  return Status(Code::kNotFound, "encoder '" + name + "' is not known; known are: " + known);
}

Status show(Session& session, const Options& options) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const auto info, named(*engine, options.target));
  if (session.json()) {
    session.out() << encoders_json({info}) << "\n";
    return Status::ok();
  }
  session.out() << session.bold(printable(info.name)) << "  " << printable(info.precision) << "  "
                << mebibytes(info.bytes) << (info.ready ? "" : "  not ready") << "\n"
                << "  source: " << printable(info.source) << ", licence: " << printable(info.licence) << "\n"
                << "  files: " << printable(info.folder) << "\n";
  print_heads(session, info);
  print_losses(session, info);
  session.out() << "card:\n" << info.card << (info.card.ends_with("\n") ? "" : "\n");
  return Status::ok();
}

Status verify(Session& session, const Options& options) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_TRY(engine->verify_encoder(options.target));
  if (options.fingerprint.with_verify) return encoder_fingerprint(session, options.target, options.fingerprint);
  if (session.json()) {
    session.out() << faults_json({}) << "\n";
  } else if (!session.options().quiet) {
    session.out() << "every file of encoder " << printable(options.target) << " has the hash of its card\n";
  }
  return Status::ok();
}

Status remove(Session& session, const Options& options) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const auto info, named(*engine, options.target));
  PICTOR_TRY(session.confirm("Remove encoder '" + info.name + "' (" + mebibytes(info.bytes) + ")?", options.yes));
  return engine->remove_encoder(options.target);
}

Status list(Session& session) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const auto all, engine->encoders());
  if (session.json()) {
    session.out() << encoders_json(all) << "\n";
    return Status::ok();
  }
  for (const auto& info : all) {
    session.out() << session.bold(printable(info.name)) << "  " << printable(info.precision) << "  "
                  << mebibytes(info.bytes) << (info.added ? "  added" : "") << (info.ready ? "" : "  not ready")
                  << "\n";
    print_heads(session, info);
  }
  return Status::ok();
}

Status run(Session& session, const Options& options) {
  if (options.action == "list") return list(session);
  if (is_encoder_tool(options.action, options.tools)) {
    return run_encoder_tool(session, options.action, options.target, options.request, options.tools);
  }
  if (options.target.empty()) {
    const char* wanted = options.action == "add" ? "FOLDER" : options.action == "pull" ? "hf:OWNER/NAME" : "NAME";
    return {Code::kInvalid, "pictor encoder " + options.action + " needs a " + wanted};
  }
  if (options.action == "add") return add(session, options);
  if (options.action == "pull") return pull(session, options);
  if (options.action == "quantize") {
    auto choices = options.quantize;
    choices.name = options.request.name;
    return quantize_encoder_action(session, options.target, choices);
  }
  if (options.action == "show") return show(session, options);
  if (options.action == "verify") return verify(session, options);
  if (options.action == "fingerprint") return encoder_fingerprint(session, options.target, options.fingerprint);
  return remove(session, options);
}

}  // namespace

Command add_encoder_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("encoder", "Add, pull, show, verify, quantize, measure or remove an encoder");
  auto options = std::make_shared<Options>();
  auto& request = options->request;
  app.add_option("action", options->action,
                 "add, pull, list, show, verify, fingerprint, quantize, bench, warm, derive or remove")
      ->required()
      ->check(CLI::IsMember({"add", "pull", "list", "show", "verify", "fingerprint", "quantize", "bench", "warm",
                             "derive", "remove"})
                  .description(""))
      ->type_name("ACTION");
  app.add_option("target", options->target,
                 "add: a folder as the hub has it; pull: hf:OWNER/NAME[@REVISION]; else a name")
      ->type_name("TARGET");
  app.add_option("--name", request.name, "Its name in Pictor; else from the folder or repository")->type_name("NAME");
  app.add_option("--variant", request.variant, "fp16, int8, quantized, ...: vision_model_VARIANT.onnx")
      ->type_name("VARIANT");
  app.add_option("--output", request.output, "Output of the image network; else by the kind of model")
      ->type_name("NAME");
  app.add_option("--pooling", request.pooling, "How its tokens become one vector; else by the kind of model")
      ->check(CLI::IsMember({"cls", "mean"}).description(""))
      ->type_name("cls|mean");
  app.add_option("--dim", request.dim, "Keep the first N numbers of a vector (Matryoshka); 0 keeps all")
      ->check(CLI::Range(0, static_cast<int>(limits::kVectorDimMax)).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--licence", request.licence, "Licence of the weights, when nothing says it")->type_name("NAME");
  app.add_option("--endpoint", request.endpoint, "pull: address of the hub")->envname("HF_ENDPOINT")->type_name("URL");
  app.add_flag("--offline", request.offline, "pull: ask nobody; check what is there");
  add_fingerprint_options(app, options->fingerprint);
  auto& quantize = options->quantize;
  app.add_option("--calibration", quantize.calibration, "quantize: pictures like those to be searched")
      ->type_name("FOLDER");
  app.add_option("--evaluate", quantize.evaluation, "quantize: measure the loss on these; else on some held out")
      ->type_name("FOLDER");
  app.add_option("--images", quantize.images, "quantize: how many pictures are drawn")
      ->check(CLI::Range(10, static_cast<int>(limits::kCalibrationPicturesMax)).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--calibration-texts", quantize.texts, "quantize: texts, one a line; else sentences of Pictor's own")
      ->type_name("FILE");
  app.add_option("--tower", quantize.tower, "quantize: the other one stays in f32")
      ->check(CLI::IsMember({"both", "image", "text"}).description(""))
      ->type_name("both|image|text")
      ->capture_default_str();
  app.add_option("--max-loss", quantize.loss_max,
                 "quantize: share of the ten nearest neighbours that may change, and ten times the mean cosine's "
                 "loss; 'off': any")
      ->type_name("SHARE")
      ->capture_default_str();
  app.add_option("--keep-float", quantize.keep_float,
                 "quantize: keep the N layers that cost most in f32; else as many as --max-loss takes")
      ->check(CLI::Range(0, static_cast<int>(limits::kCardLayersMax)).description(""))
      ->type_name("N");
  app.add_flag("-y,--yes", options->yes, "remove: do not ask");
  add_encoder_tool_options(app, options->tools);
  set_examples(app,
               {"pictor encoder add ~/models/clip-vit-base-patch32 --name clip", "pictor encoder show clip",
                "pictor encoder pull hf:owner/name@main --variant fp16", "pictor encoder fingerprint clip --check",
                "pictor encoder quantize clip --calibration ~/Pictures", "pictor encoder bench clip --seconds 20",
                "pictor encoder verify clip --against records.jsonl",
                "pictor encoder derive clip --name clip-256 --dim 256 --pca ~/photos", "pictor encoder remove clip"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
