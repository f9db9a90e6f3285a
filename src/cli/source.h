// Where pictures come from: folders, files, globs, archives and manifests, as one IngestSource in a stable order.
//
// Nothing is read before it is asked for; a part that cannot be read is an entry with a problem, and the rest goes on.
// Memory is bounded by the listing of the folders on the way down, one manifest line, one archive entry, and eight
// bytes an id (limits::kIngestIdsMax). Thread safety: one thread calls next(); read() functions may run on any thread
// and stay valid after further calls of next().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "pictor/engine.h"

namespace pictor {

// kPath: the path below the folder or archive that was named (a file named by itself: as typed); kFull: as typed.
enum class IdFrom : std::uint8_t { kPath, kFull, kName, kHash };

struct SourceOptions {
  IdFrom id_from = IdFrom::kPath;
  std::string id_prefix;            // put before every id that was not given by a manifest
  bool text_from_sidecar = false;   // first line of cat.txt beside cat.png: the text, and "description" in the metadata
  bool metadata_from_path = false;  // "folder" and "name" in the metadata
  bool hidden = false;              // take names that begin with a dot
  bool all_files = false;           // take files whatever their name ends in
  bool follow_links = false;        // go into linked folders, each real folder once
};

// What was passed over without an entry.
struct SkipCounts {
  std::uint64_t not_pictures = 0;    // by their names
  std::uint64_t hidden = 0;          // files and folders
  std::uint64_t linked_folders = 0;  // not followed, or seen before
  std::uint64_t same_content = 0;    // ids from hash: the picture came earlier in this run
};

// A source before ids are settled.
struct RawEntry {
  IngestSource::Entry entry;  // item.id only when a manifest gives it
  std::string path;           // below the folder or archive that was named, or as typed
  std::string full_path;      // with what was named before it
};
class RawSource {
 public:
  virtual ~RawSource() = default;
  virtual bool next(RawEntry& out) = 0;  // false: the end
  virtual std::optional<std::uint64_t> count() = 0;
};

class InputSource : public IngestSource {
 public:
  virtual const SkipCounts& skipped() const = 0;
};

// Opens what the user named; an input that does not exist, or a manifest without a path column, is an error here.
Result<std::unique_ptr<InputSource>> open_inputs(Env& env, const std::vector<std::string>& inputs,
                                                 const SourceOptions& options);

std::unique_ptr<RawSource> make_folder_source(Env& env, const std::string& folder, const SourceOptions& options,
                                              SkipCounts* skipped);
std::unique_ptr<RawSource> make_file_source(Env& env, std::vector<std::string> files, const SourceOptions& options);
std::unique_ptr<RawSource> make_archive_source(Env& env, const std::string& archive, const SourceOptions& options,
                                               SkipCounts* skipped);
// Reads the header of a CSV file at once.
Result<std::unique_ptr<RawSource>> make_manifest_source(Env& env, const std::string& manifest,
                                                        const SourceOptions& options);

bool is_picture_name(std::string_view name);
bool is_archive_name(std::string_view name);
bool is_manifest_name(std::string_view name);

// An entry for a file on disk, known as `name`; its problem is set when there is no such file.
RawEntry file_entry(Env& env, const std::string& path, const std::string& name, const SourceOptions& options);
// `{"description": ..., "folder": ..., "name": ...}` as the options ask.
std::string path_metadata(const std::string& path, const std::string& text, const SourceOptions& options);
std::string absolute_path(const std::string& path);

// Files that match a pattern with *, ?, [a-z] and **, in byte order of their paths. Links to folders are not followed.
Result<std::vector<std::string>> expand_glob(Env& env, std::string_view pattern);
bool has_glob(std::string_view text);
bool glob_matches(std::string_view pattern, std::string_view name);  // one name, without '/'

}  // namespace pictor
