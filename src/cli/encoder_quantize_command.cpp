// pictor encoder quantize: a static int8 encoder of one in f32.
#include <cstdio>

#include "cli/encoder_actions.h"
#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/source.h"
#include "cli/text.h"

namespace pictor {
namespace {

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

Status quantize_encoder_action(Session& session, const std::string& target, const QuantizeChoices& choices) {
  if (choices.calibration.empty()) {
    return {Code::kInvalid,
            "pictor encoder quantize needs --calibration FOLDER, with pictures like those to be searched"};
  }
  QuantizeRequest request;
  request.encoder = target;
  request.name = choices.name;
  request.images = choices.images;
  request.image_tower = choices.tower != "text";
  request.text_tower = choices.tower != "image";
  request.keep_float = choices.keep_float;
  request.calibration = "'" + file_name(absolute_path(choices.calibration)) + "'";
  PICTOR_ASSIGN(request.loss_max, loss_of(choices.loss_max));
  PICTOR_ASSIGN(request.texts, read_texts(session.env(), choices.texts));
  PICTOR_TRY(check_folder(session, choices.calibration, "--calibration"));
  PICTOR_ASSIGN(const auto pictures, open_inputs(session.env(), {choices.calibration}, {}));
  std::unique_ptr<InputSource> evaluation;
  if (!choices.evaluation.empty()) {
    PICTOR_TRY(check_folder(session, choices.evaluation, "--evaluate"));
    PICTOR_ASSIGN(evaluation, open_inputs(session.env(), {choices.evaluation}, {}));
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

}  // namespace pictor
