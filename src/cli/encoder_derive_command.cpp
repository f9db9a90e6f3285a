// pictor encoder derive: another dimension for a head, as an encoder of its own.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <memory>

#include "cli/encoder_actions.h"
#include "cli/encoder_tools_json.h"
#include "cli/interrupt.h"
#include "cli/source.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string encoder, name, head;
  std::uint32_t dim = 0;
  std::string pca, texts, matrix, bias, measure;
  bool truncate = false;
};

// The pictures of a folder, an archive or a manifest, one file after the other; what cannot be read is passed over.
std::function<Result<bool>(std::vector<std::byte>&)> pictures_of(std::shared_ptr<InputSource> source) {
  return [source = std::move(source)](std::vector<std::byte>& file) -> Result<bool> {
    for (;;) {
      IngestSource::Entry entry;
      PICTOR_ASSIGN(const bool more, source->next(entry));
      if (!more) return false;
      if (!entry.problem.is_ok()) continue;
      auto bytes = entry.read();
      if (!bytes.is_ok()) continue;
      file = std::move(bytes).value();
      return true;
    }
  };
}

Result<std::vector<std::string>> lines_of(Env& env, const std::string& path) {
  PICTOR_ASSIGN(const auto bytes, read_file(env, path, limits::kJsonBytesMax));
  std::vector<std::string> lines;
  std::string_view rest = as_text(bytes);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (lines.size() == limits::kDeriveTextsMax) {
      return Status(Code::kLimit, "'" + path + "' has more than " + std::to_string(limits::kDeriveTextsMax) +
                                      " texts: give fewer, a PCA needs no more");
    }
    lines.emplace_back(line);
  }
  return lines;
}

void print_derived(Session& session, const DerivedEncoder& made) {
  auto& out = session.out();
  out << "encoder " << session.bold(printable(made.encoder)) << " is here: head " << printable(made.head) << ", "
      << made.dim_before << " numbers become " << made.dim << "\n";
  if (made.pictures_fitted > 0) {
    out << "  fitted on " << plural(made.pictures_fitted, "picture", "pictures");
    if (made.texts_fitted > 0) out << " and " << plural(made.texts_fitted, "text", "texts");
    out << ": " << fixed(100 * made.kept, 1) << " % of the spread is kept\n";
  }
  if (made.neighbours > 0) {
    out << "  overlap@" << made.neighbours << " of neighbours before and after: " << fixed(made.overlap, 3) << " on "
        << plural(made.pictures_measured, "picture", "pictures") << " that were not fitted\n";
  }
  if (made.pictures_unreadable > 0) {
    out << "  " << plural(made.pictures_unreadable, "picture", "pictures") << " could not be read\n";
  }
}

Status run(Session& session, const Options& options) {
  const int ways = (options.pca.empty() ? 0 : 1) + (options.truncate ? 1 : 0) + (options.matrix.empty() ? 0 : 1);
  if (ways != 1) {
    return {Code::kInvalid, "pictor encoder derive needs one of --pca INPUT, --truncate, --matrix FILE"};
  }
  DeriveRequest wanted;
  wanted.name = options.encoder;
  wanted.new_name = options.name;
  wanted.head = options.head;
  wanted.dim = options.dim;
  wanted.by = options.truncate ? DeriveBy::kTruncate : options.pca.empty() ? DeriveBy::kMatrix : DeriveBy::kPca;
  wanted.matrix = options.matrix;
  wanted.bias = options.bias;
  const std::string pictures = options.pca.empty() ? options.measure : options.pca;
  if (!pictures.empty()) {
    PICTOR_ASSIGN(auto source, open_inputs(session.env(), {pictures}, {}));
    wanted.next_picture = pictures_of(std::move(source));
  }
  if (!options.texts.empty()) {
    PICTOR_ASSIGN(wanted.texts, lines_of(session.env(), options.texts));
  }
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  const InterruptGuard interrupt;
  wanted.cancel = &interrupt.flag();
  PICTOR_ASSIGN(const auto made, engine->encoder_tools().derive(wanted));
  if (session.json()) {
    session.out() << derived_json(made) << "\n";
    return Status::ok();
  }
  for (const auto& note : made.notes) session.err() << "pictor: note: " << printable(note) << "\n";
  if (!session.options().quiet) print_derived(session, made);
  return Status::ok();
}

}  // namespace

Command add_encoder_derive_action(CLI::App& encoder) {
  CLI::App& app = *encoder.add_subcommand("derive", "Make an encoder with another dimension of a head");
  auto options = std::make_shared<Options>();
  add_encoder_argument(app, options->encoder);
  app.add_option("--name", options->name, "Name of the new encoder")->required()->type_name("NAME");
  app.add_option("--dim", options->dim, "How many numbers its vectors have")
      ->required()
      ->check(CLI::Range(1, static_cast<int>(limits::kVectorDimMax)).description(""))
      ->type_name("N");
  app.add_option("--head", options->head, "The head that is changed; else the first")->type_name("NAME");
  auto* pca = app.add_option("--pca", options->pca,
                             "Fit principal components on these pictures; a fifth is held out and measured")
                  ->type_name("INPUT");
  app.add_option("--texts", options->texts, "Fit --pca on these texts too, one a line")->type_name("FILE")->needs(pca);
  app.add_flag("--truncate", options->truncate, "Keep the first numbers (Matryoshka)");
  auto* matrix = app.add_option("--matrix", options->matrix,
                                "f32, little-endian: a row of --dim numbers for each number of the head")
                     ->type_name("FILE");
  app.add_option("--bias", options->bias, "Of --matrix: --dim f32 numbers that are added")
      ->type_name("FILE")
      ->needs(matrix);
  app.add_option("--measure", options->measure, "Pictures whose neighbours before and after are compared")
      ->type_name("INPUT")
      ->excludes(pca);
  set_examples(app, {"pictor encoder derive clip --name clip-256 --dim 256 --pca ~/photos",
                     "pictor encoder derive clip --name clip-64 --dim 64 --truncate"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
