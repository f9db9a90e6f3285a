// pictor embed: vectors of pictures or words on standard output; nothing is stored.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/output_file.h"
#include "cli/session.h"

namespace pictor {
namespace {

struct Options {
  std::vector<std::string> images, texts;
  std::string encoder, collection, head, format = "json", output;
  bool reproducible = false;
};

struct Embedded {
  std::vector<std::string> inputs;
  std::vector<std::vector<float>> vectors;
};

Result<Embedded> embed(Session& session, Engine& engine, const Options& options) {
  Embedded out;
  for (const std::string& image : options.images) {
    PICTOR_ASSIGN(const Bytes file, read_file(session.env(), image, limits::kImageFileBytesMax));
    Result<std::vector<float>> vector = engine.embed_picture(options.encoder, options.head, file);
    if (!vector.is_ok()) return vector.status().in("'" + image + "'");
    out.inputs.push_back(image);
    out.vectors.push_back(std::move(vector).value());
  }
  if (!options.texts.empty()) {
    PICTOR_ASSIGN(const std::vector<float> numbers, engine.embed_texts(options.encoder, options.head, options.texts));
    const std::size_t dim = numbers.size() / options.texts.size();
    for (std::size_t i = 0; i < options.texts.size(); ++i) {
      const auto begin = numbers.begin() + static_cast<std::ptrdiff_t>(i * dim);
      out.inputs.push_back(options.texts[i]);
      out.vectors.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(dim));
    }
  }
  return out;
}

std::string npy_file(const Embedded& embedded) {
  std::string file = npy_header(embedded.vectors.size(), embedded.vectors.front().size());
  for (const auto& vector : embedded.vectors) file += as_text(std::as_bytes(std::span(vector)));
  return file;
}

// The encoder and the instruction-set class of the collection.
Status embed_as(Engine& engine, Options& options) {
  PICTOR_ASSIGN(const CollectionInfo info, engine.stats(options.collection));
  if (options.encoder.empty()) options.encoder = info.encoder;
  if (options.encoder != info.encoder) {
    return {Code::kMismatch, "collection '" + options.collection + "' was made by encoder '" + info.encoder +
                                 "', not '" + options.encoder + "': leave --encoder out"};
  }
  return engine.keep_to_class_of(options.collection);
}

Status run(Session& session, Options options) {
  if (options.images.empty() == options.texts.empty()) {
    return {Code::kInvalid, options.images.empty() ? "nothing to embed: give --image FILE or --text WORDS"
                                                   : "give pictures or words, not both: their heads may differ"};
  }
  const bool npy = options.format == "npy";
  if (npy && options.output.empty() && session.terminal().out_is_tty) {
    return {Code::kInvalid, "npy is not for a terminal; redirect it or give --output FILE"};
  }
  if (options.reproducible && options.collection.empty()) {
    return {Code::kInvalid, "--reproducible needs a --collection, whose instruction-set class is kept to"};
  }
  session.options().reproducible = options.reproducible;
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  if (!options.collection.empty()) PICTOR_TRY(embed_as(*engine, options));
  if (options.head.empty()) {
    PICTOR_ASSIGN(options.head, first_head(*engine, options.encoder, !options.images.empty()));
  }
  PICTOR_ASSIGN(const Embedded embedded, embed(session, *engine, options));
  const std::string text =
      npy ? npy_file(embedded) : vectors_json(options.head, embedded.inputs, embedded.vectors) + "\n";
  if (options.output.empty()) {
    session.out() << text;
    return Status::ok();
  }
  PICTOR_ASSIGN(const auto file, OutputFile::create(session.env(), options.output, true));
  PICTOR_TRY(file->write(text));
  return file->finish();
}

}  // namespace

Command add_embed_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("embed", "Print the vectors of pictures or words");
  auto options = std::make_shared<Options>();
  app.add_option("-i,--image", options->images, "Picture files")->type_name("FILE");
  app.add_option("-t,--text", options->texts, "Words; may be given again")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("WORDS");
  app.add_option("--encoder", options->encoder, "Encoder; see pictor encoders")
      ->envname("PICTOR_ENCODER")
      ->type_name("NAME");
  app.add_option("-c,--collection", options->collection, "By the encoder of this collection")->type_name("NAME");
  add_reproducible_option(app, options->reproducible);
  app.add_option("--head", options->head, "Head of the encoder")->type_name("NAME");
  app.add_option("--format", options->format, "How vectors are written")
      ->check(CLI::IsMember({"json", "npy"}).description(""))
      ->type_name("json|npy")
      ->capture_default_str();
  app.add_option("-o,--output", options->output, "Write to this file")->type_name("FILE");
  set_examples(app, {"pictor embed --text \"a red car\"", "pictor embed --image cat.jpg dog.jpg --head visual",
                     "pictor embed --image cat.jpg --format npy > cat.npy"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
