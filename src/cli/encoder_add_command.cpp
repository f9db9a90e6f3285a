// pictor encoder add, pull: an encoder of your own, from a folder or from a hub.
#include <CLI/CLI.hpp>

#include "cli/encoder_actions.h"
#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/text.h"

namespace pictor {
namespace {

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

Status add(Session& session, EncoderRequest request) {
  const std::string given = request.folder;
  while (request.folder.size() > 1 && request.folder.back() == '/') request.folder.pop_back();
  const auto info = session.env().info(request.folder);
  if (!info.is_ok() || info->kind != FileKind::kFolder) {
    return {Code::kNotFound, "'" + given + "' is no folder; give one with config.json and onnx/ in it"};
  }
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const auto added, engine->add_encoder(request));
  return finish_added(session, added);
}

Status pull(Session& session, EncoderRequest request) {
  if (request.endpoint.empty()) {
    return {Code::kInvalid,
            "no hub is named: set HF_ENDPOINT=https://..., or give --endpoint, with the address of the "
            "hub or of a mirror of it"};
  }
  request.token = environment("HF_TOKEN");
  const std::string offline = environment("HF_HUB_OFFLINE");
  request.offline = request.offline || (!offline.empty() && offline != "0");
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  const InterruptGuard interrupt;
  PullLine line(session);
  request.cancel = &interrupt.flag();
  request.progress = [&line](const EncoderProgress& at) { line.show(at); };
  request.told = [&line](const std::string& text) { line.tell(text); };
  const auto added = engine->pull_encoder(request);
  line.clear();
  PICTOR_TRY(added.status());
  return finish_added(session, *added);
}

void add_request_options(CLI::App& app, EncoderRequest& request) {
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
}

}  // namespace

Command add_encoder_add_action(CLI::App& encoder) {
  CLI::App& app = *encoder.add_subcommand("add", "Take an encoder from a folder of the hub's layout");
  auto request = std::make_shared<EncoderRequest>();
  app.add_option("folder", request->folder, "The folder: config.json, preprocessor_config.json, onnx/, ...")
      ->required()
      ->type_name("FOLDER");
  add_request_options(app, *request);
  set_examples(app, {"pictor encoder add ~/models/clip-vit-base-patch32 --name clip",
                     "pictor encoder add ~/models/dinov2-small --variant fp16 --pooling mean"});
  return {&app, [request](Session& session) { return add(session, *request); }};
}

Command add_encoder_pull_action(CLI::App& encoder) {
  CLI::App& app = *encoder.add_subcommand("pull", "Fetch an encoder from a hub; every file is compared");
  auto request = std::make_shared<EncoderRequest>();
  app.add_option("repository", request->hub, "hf:OWNER/NAME or hf:OWNER/NAME@REVISION")
      ->required()
      ->type_name("REPOSITORY");
  add_request_options(app, *request);
  app.add_option("--endpoint", request->endpoint, "Address of the hub, or of a mirror of it")
      ->envname("HF_ENDPOINT")
      ->type_name("URL");
  app.add_flag("--offline", request->offline, "Ask nobody; check what is there (environment: HF_HUB_OFFLINE)");
  set_examples(app, {"pictor encoder pull hf:owner/name@main --variant fp16",
                     "pictor encoder pull hf:owner/name --name clip --offline"});
  return {&app, [request](Session& session) { return pull(session, *request); }};
}

}  // namespace pictor
