// pictor encoder quantize: a static int8 encoder of one in f32.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/encoder_actions.h"
#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/source.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string encoder, name, calibration, evaluation, texts;
  std::string tower = "both";  // "image", "text"
  std::string loss_max = "0.2";
  std::size_t images = 256;
  std::optional<std::size_t> keep_float;
};

// One line that is written over, on a terminal; nothing elsewhere.
class StageLine {
 public:
  explicit StageLine(Session& session)
      : session_(session), on_(session.terminal().err_is_tty && !session.options().quiet && !session.json()) {}
  ~StageLine() { clear(); }
  StageLine(const StageLine&) = delete;
  StageLine& operator=(const StageLine&) = delete;

  void show(const std::string& what, std::size_t done, std::size_t of) {
    if (!on_) return;
    std::string line = printable(what) + "  " + std::to_string(done) + " of " + std::to_string(of);
    const std::size_t width = session_.terminal().width;
    if (line.size() + 1 > width) line.resize(width - 1);
    session_.err() << "\r\x1b[K" << line << std::flush;
    shown_ = true;
  }
  void clear() {
    if (shown_) session_.err() << "\r\x1b[K" << std::flush;
    shown_ = false;
  }

 private:
  Session& session_;
  bool on_;
  bool shown_ = false;
};

Status check_folder(Session& session, const std::string& folder, const char* option) {
  const auto info = session.env().info(folder);
  if (info.is_ok() && info->kind == FileKind::kFolder) return Status::ok();
  return {Code::kNotFound, std::string(option) + " '" + folder + "' is no folder: name one with pictures in it"};
}

// One text a line; empty lines are none.
Result<std::vector<std::string>> read_texts(Env& env, const std::string& path) {
  std::vector<std::string> out;
  if (path.empty()) return out;
  PICTOR_ASSIGN(const auto bytes, read_file(env, path, limits::kJsonBytesMax));
  std::string_view rest = as_text(bytes);
  while (!rest.empty() && out.size() < limits::kCalibrationTextsMax) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) out.emplace_back(line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (!out.empty()) return out;
  return Status(Code::kInvalid, "'" + path + "' has no text: one a line is wanted");
}

Result<double> loss_of(const std::string& text) {
  if (text == "off") return 2.0;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (!text.empty() && *end == '\0' && value > 0 && value < 1) return value;
  return Status(Code::kInvalid, "--max-loss is '" + text + "', a number between 0 and 1, or 'off', is wanted");
}

Status run(Session& session, const Options& options) {
  QuantizeRequest request;
  request.encoder = options.encoder;
  request.name = options.name;
  request.images = options.images;
  request.image_tower = options.tower != "text";
  request.text_tower = options.tower != "image";
  request.keep_float = options.keep_float;
  request.calibration = "'" + file_name(absolute_path(options.calibration)) + "'";
  PICTOR_ASSIGN(request.loss_max, loss_of(options.loss_max));
  PICTOR_ASSIGN(request.texts, read_texts(session.env(), options.texts));
  PICTOR_TRY(check_folder(session, options.calibration, "--calibration"));
  PICTOR_ASSIGN(const auto pictures, open_inputs(session.env(), {options.calibration}, {}));
  std::unique_ptr<InputSource> evaluation;
  if (!options.evaluation.empty()) {
    PICTOR_TRY(check_folder(session, options.evaluation, "--evaluate"));
    PICTOR_ASSIGN(evaluation, open_inputs(session.env(), {options.evaluation}, {}));
  }
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  const InterruptGuard interrupt;
  StageLine line(session);
  request.cancel = &interrupt.flag();
  request.progress = [&line](const std::string& what, std::size_t done, std::size_t of) { line.show(what, done, of); };
  const auto made = engine->quantize_encoder(request, *pictures, evaluation.get());
  line.clear();
  PICTOR_TRY(made.status());
  if (session.json()) {
    session.out() << quantized_encoder_json(*made) << "\n";
    return Status::ok();
  }
  if (session.options().quiet) return Status::ok();
  session.out() << "encoder " << session.bold(printable(made->info.name)) << " is here: int8 of "
                << printable(request.encoder) << ", calibrated on " << made->pictures << " pictures and " << made->texts
                << " texts, " << made->kept_float.size() << " layers kept in f32\n";
  if (made->unreadable > 0) session.out() << "  " << made->unreadable << " files could not be read as pictures\n";
  print_losses(session, made->info);
  session.out() << "next: pictor index --encoder " << printable(made->info.name) << " --collection NAME FOLDER\n";
  return Status::ok();
}

}  // namespace

void print_losses(Session& session, const EncoderInfo& info) {
  for (const EncoderLoss& loss : info.losses) {
    const bool by_text = loss.of == "pictures_by_text";
    char line[200];
    std::snprintf(line, sizeof(line), "cosine %.4f mean, %.4f least; overlap@10 %.3f, nearest the same %.3f; %llu %s",
                  loss.cosine_mean, loss.cosine_least, loss.overlap_at_10, loss.nearest_agrees,
                  static_cast<unsigned long long>(loss.count),
                  by_text              ? "texts that look for pictures"
                  : loss.of == "texts" ? "texts"
                                       : "pictures");
    session.out() << "  head " << printable(loss.head) << " against " << printable(info.quantized_from) << ": " << line
                  << "\n";
  }
}

Command add_encoder_quantize_action(CLI::App& encoder) {
  CLI::App& app = *encoder.add_subcommand("quantize", "Make a static int8 encoder of one in f32");
  auto options = std::make_shared<Options>();
  add_encoder_argument(app, options->encoder);
  app.add_option("--calibration", options->calibration, "Pictures like those to be searched")
      ->required()
      ->type_name("FOLDER");
  app.add_option("--name", options->name, "Name of the new encoder; else NAME-int8")->type_name("NAME");
  app.add_option("--evaluate", options->evaluation, "Measure the loss on these; else on some held out")
      ->type_name("FOLDER");
  app.add_option("--images", options->images, "How many pictures are drawn")
      ->check(CLI::Range(10, static_cast<int>(limits::kCalibrationPicturesMax)).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--calibration-texts", options->texts, "Texts, one a line; else sentences of Pictor's own")
      ->type_name("FILE");
  app.add_option("--tower", options->tower, "The other one stays in f32")
      ->check(CLI::IsMember({"both", "image", "text"}).description(""))
      ->type_name("both|image|text")
      ->capture_default_str();
  app.add_option("--max-loss", options->loss_max,
                 "Share of the ten nearest neighbours that may change, and ten times the mean cosine's loss; 'off': "
                 "any")
      ->type_name("SHARE")
      ->capture_default_str();
  app.add_option("--keep-float", options->keep_float,
                 "Keep the N layers that cost most in f32; else as many as --max-loss takes")
      ->check(CLI::Range(0, static_cast<int>(limits::kCardLayersMax)).description(""))
      ->type_name("N");
  set_examples(app, {"pictor encoder quantize clip --calibration ~/Pictures",
                     "pictor encoder quantize clip --calibration ~/Pictures --tower image"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
