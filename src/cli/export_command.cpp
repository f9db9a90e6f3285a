// pictor export: vectors as .npy with their ids beside, vectors and ids as HDF5, or whole items as JSON lines.
#include <CLI/CLI.hpp>

#include "cli/json_output.h"
#include "cli/output_file.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/vectors_output.h"
#include "exchange/exchange.h"

namespace pictor {
namespace {

struct Options {
  std::string file, collection = "default", format, head, where, as_of, ids;
  bool force = false, no_vectors = false;
};

std::string ids_path(const Options& options) {
  if (!options.ids.empty()) return options.ids;
  const std::string& npy = options.file;
  const std::string stem = npy.ends_with(".npy") ? npy.substr(0, npy.size() - 4) : npy;
  return stem + ".ids.jsonl";
}

// An id as a line: JSON, or in a .txt as it is.
Result<std::string> id_line(const std::string& path, const std::string& id) {
  if (!path.ends_with(".txt")) return json_string(id) + "\n";
  if (id.find_first_of("\r\n") == std::string::npos) return id + "\n";
  return Status(Code::kInvalid, "id '" + printable(id) +
                                    "' has a line end in it: a text file cannot hold it, name the "
                                    "file of ids .jsonl");
}

// The head that is exported, and its dimension.
Result<HeadInfo> find_head(Engine& engine, const Options& options) {
  PICTOR_ASSIGN(const CollectionInfo info, engine.stats(options.collection));
  std::string names;
  for (const HeadInfo& head : info.heads) {
    if (options.head.empty() || head.name == options.head) return head;
    names += (names.empty() ? "" : ", ") + head.name;
  }
  return Status(Code::kNotFound,
                "collection '" + options.collection + "' has no head '" + options.head + "'; it has: " + names);
}

ScanRequest asked(const Options& options, const AsOf& at, bool with_vectors) {
  return {options.collection, options.where, with_vectors, at};
}

Result<std::uint64_t> export_npy(Session& session, Engine& engine, const AsOf& at, const Options& options) {
  PICTOR_ASSIGN(const HeadInfo head, find_head(engine, options));
  PICTOR_ASSIGN(const auto vectors, OutputFile::create(session.env(), options.file, options.force));
  const std::string ids_file = ids_path(options);
  PICTOR_ASSIGN(const auto ids, OutputFile::create(session.env(), ids_file, options.force));
  PICTOR_TRY(vectors->write(npy_header(0, head.dim)));
  std::uint64_t rows = 0;
  PICTOR_TRY(engine.scan(asked(options, at, true), [&](const StoredItem& item) -> Status {
    const auto found = item.vectors.find(head.name);
    if (found == item.vectors.end() || found->second.empty()) return Status::ok();
    if (found->second.size() != head.dim) {
      return {Code::kCorrupt, "item '" + item.id + "' has " + std::to_string(found->second.size()) +
                                  " numbers in head '" + head.name + "', the head has " + std::to_string(head.dim)};
    }
    ++rows;
    PICTOR_TRY(vectors->write(as_text(std::as_bytes(std::span(found->second)))));
    PICTOR_ASSIGN(const std::string line, id_line(ids_file, item.id));
    return ids->write(line);
  }));
  PICTOR_TRY(vectors->rewrite_begin(npy_header(rows, head.dim)));
  PICTOR_TRY(ids->finish());
  PICTOR_TRY(vectors->finish());
  return rows;
}

Result<std::uint64_t> export_hdf5(Session& session, Engine& engine, const AsOf& at, const Options& options) {
  PICTOR_ASSIGN(const HeadInfo head, find_head(engine, options));
  PICTOR_ASSIGN(
      const auto file,
      create_hdf5(session.env(), options.file,
                  {options.collection, head.name, head.space, metric_name(head.metric), head.dim}, options.force));
  std::uint64_t rows = 0;
  PICTOR_TRY(engine.scan(asked(options, at, true), [&](const StoredItem& item) -> Status {
    const auto found = item.vectors.find(head.name);
    if (found == item.vectors.end() || found->second.empty()) return Status::ok();
    ++rows;
    return file->add(item.id, found->second);
  }));
  PICTOR_TRY(file->finish());
  return rows;
}

// Only the wanted head's vector when one was named.
void keep_head(StoredItem& item, const std::string& head) {
  if (!head.empty()) std::erase_if(item.vectors, [&](const auto& entry) { return entry.first != head; });
}

Result<std::uint64_t> export_json_lines(Session& session, Engine& engine, const AsOf& at, const Options& options) {
  if (!options.head.empty()) PICTOR_TRY(find_head(engine, options).status());
  std::unique_ptr<OutputFile> file;
  if (options.file != "-") {
    PICTOR_ASSIGN(file, OutputFile::create(session.env(), options.file, options.force));
  }
  std::uint64_t rows = 0;
  PICTOR_TRY(engine.scan(asked(options, at, !options.no_vectors), [&](const StoredItem& found) -> Status {
    StoredItem item = found;
    keep_head(item, options.head);
    ++rows;
    const std::string line = item_json(item, false) + "\n";
    if (file != nullptr) return file->write(line);
    session.out() << line;
    return session.out().good() ? Status::ok() : Status(Code::kIo, "standard output was closed");
  }));
  if (file != nullptr) PICTOR_TRY(file->finish());
  return rows;
}

std::string format_of(const Options& options) {
  if (!options.format.empty()) return options.format;
  const auto ends = [&](std::string_view with) { return options.file.ends_with(with); };
  if (ends(".npy")) return "npy";
  return ends(".h5") || ends(".hdf5") ? "hdf5" : "jsonl";
}

Status run(Session& session, const Options& options) {
  const std::string format = format_of(options);
  if (format != "jsonl" && options.file == "-") {
    return {Code::kInvalid, format + " needs a file; name one or use --format jsonl"};
  }
  if (format != "npy" && !options.ids.empty()) {
    return {Code::kInvalid, "only npy has its ids in another file: " + format + " has them in it"};
  }
  PICTOR_ASSIGN(const AsOf at, parse_as_of(options.as_of));
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const std::uint64_t rows, format == "npy"    ? export_npy(session, *engine, at, options)
                                          : format == "hdf5" ? export_hdf5(session, *engine, at, options)
                                                             : export_json_lines(session, *engine, at, options));
  if (options.file == "-" || session.options().quiet) return Status::ok();
  const std::string ids = format == "npy" ? ids_path(options) : "";
  if (session.json()) {
    session.out() << "{\"items\": " << rows << ", \"file\": " << json_string(options.file)
                  << ", \"ids_file\": " << (ids.empty() ? "null" : json_string(ids)) << "}\n";
    return Status::ok();
  }
  session.out() << "Wrote " << plural(rows, "item", "items") << " to " << printable(options.file)
                << (ids.empty() ? "" : ", ids to " + printable(ids)) << "\n";
  return Status::ok();
}

}  // namespace

Command add_export_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("export", "Write vectors or items to a file");
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "File to write; - is standard output (jsonl)")->required()->type_name("FILE");
  add_collection_option(app, options->collection);
  app.add_option("--format", options->format,
                 "npy (vectors, and FILE.ids.jsonl beside), hdf5 (vectors and ids) or jsonl; else by FILE's ending")
      ->check(CLI::IsMember({"npy", "hdf5", "jsonl"}).description(""))
      ->type_name("npy|hdf5|jsonl");
  app.add_option("--ids", options->ids, "Where the ids of npy go: .txt, one a line, else JSON lines")
      ->type_name("FILE");
  app.add_option("--head", options->head, "Head of the vectors; else the first (npy, hdf5), or all (jsonl)")
      ->type_name("NAME");
  add_where_option(app, options->where);
  add_as_of_option(app, options->as_of);
  app.add_flag("--no-vectors", options->no_vectors, "Leave the vectors out (jsonl)");
  app.add_flag("--force", options->force, "Replace files that exist");
  set_examples(app, {"pictor export vectors.npy --head visual", "pictor export items.jsonl --where 'year = 2024'",
                     "pictor export - --no-vectors | head"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
