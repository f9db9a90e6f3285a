// What the user named, opened by kind and put into one row; and the ids of what comes out.
#include <vector>

#include "cli/source.h"
#include "cli/text.h"

namespace pictor {
namespace {

// Hashes of ids, eight bytes each and half as many free: two ids of 16 million fall together once in 100,000 runs.
class IdSet {
 public:
  // False when it was there already. Full: everything counts as new.
  bool insert(std::string_view id) {
    if (count_ >= limits::kIngestIdsMax) return true;
    if (count_ * 2 >= slots_.size()) grow();
    std::uint64_t hash = 0;
    std::memcpy(&hash, sha256(as_bytes(id)).bytes.data(), sizeof hash);
    return put(hash == 0 ? 1 : hash);
  }

 private:
  bool put(std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      if (slots_[at] == hash) return false;
      if (slots_[at] != 0) continue;
      slots_[at] = hash;
      ++count_;
      return true;
    }
  }
  void grow() {
    std::vector<std::uint64_t> old(slots_.empty() ? 1024 : slots_.size() * 2, 0);
    old.swap(slots_);
    count_ = 0;
    for (const std::uint64_t hash : old) {
      if (hash != 0) put(hash);
    }
  }

  std::vector<std::uint64_t> slots_;  // 0: free
  std::size_t count_ = 0;
};

class Inputs : public InputSource {
 public:
  explicit Inputs(SourceOptions options) : options_(std::move(options)), skipped_(std::make_unique<SkipCounts>()) {}

  SkipCounts* skip_counts() { return skipped_.get(); }
  void add(std::unique_ptr<RawSource> source) { sources_.push_back(std::move(source)); }
  void count() {
    total_ = 0;
    for (const auto& source : sources_) {
      const auto entries = source->count();
      if (!entries || !total_) {
        total_.reset();
        return;
      }
      *total_ += *entries;
    }
  }

  Result<bool> next(Entry& out) override {
    while (current_ < sources_.size()) {
      RawEntry raw;
      if (!sources_[current_]->next(raw)) {
        sources_[current_++].reset();
        continue;
      }
      if (raw.entry.problem.is_ok() && !identify(raw)) continue;
      out = std::move(raw.entry);
      return true;
    }
    return false;
  }

  std::optional<std::uint64_t> total() const override { return total_; }
  const SkipCounts& skipped() const override { return *skipped_; }

 private:
  // False when the entry is to be passed over.
  bool identify(RawEntry& raw) {
    IngestItem& item = raw.entry.item;
    if (item.metadata == "{}") item.metadata = path_metadata(raw.path, item.text, options_);
    if (!item.id.empty()) return check_repeat(raw);
    if (options_.id_from == IdFrom::kHash) return identify_by_content(raw);
    item.id = options_.id_prefix + to_utf8(name_of(raw));
    return check_repeat(raw);
  }

  bool identify_by_content(RawEntry& raw) {
    Result<Bytes> bytes = raw.entry.read();
    if (!bytes.is_ok()) {
      raw.entry.problem = bytes.status();
      return true;
    }
    raw.entry.item.id = options_.id_prefix + sha256(*bytes).hex();
    auto held = std::make_shared<Bytes>(std::move(bytes).value());
    raw.entry.read = [held]() -> Result<Bytes> { return std::move(*held); };
    if (ids_.insert(raw.entry.item.id)) return true;
    ++skipped_->same_content;
    return false;
  }

  bool check_repeat(RawEntry& raw) {
    if (ids_.insert(raw.entry.item.id)) return true;
    raw.entry.problem = {Code::kExists, "id '" + raw.entry.item.id +
                                            "' came earlier in this run; use other ids (--id-from full, --id-prefix, "
                                            "an id column) or remove one of the two"};
    return true;
  }

  std::string name_of(const RawEntry& raw) const {
    if (options_.id_from == IdFrom::kName) return file_name(raw.path);
    return options_.id_from == IdFrom::kFull ? raw.full_path : raw.path;
  }

  SourceOptions options_;
  std::unique_ptr<SkipCounts> skipped_;
  std::vector<std::unique_ptr<RawSource>> sources_;
  std::size_t current_ = 0;
  std::optional<std::uint64_t> total_;
  IdSet ids_;
};

Status add_input(Env& env, const std::string& input, const SourceOptions& options, Inputs& out) {
  const Result<FileInfo> info = env.info(input);
  if (info.is_ok() && info->kind == FileKind::kFolder) {
    out.add(make_folder_source(env, input, options, out.skip_counts()));
    return Status::ok();
  }
  if (info.is_ok()) {
    if (is_manifest_name(input)) {
      PICTOR_ASSIGN(auto source, make_manifest_source(env, input, options));
      out.add(std::move(source));
    } else if (is_archive_name(input)) {
      out.add(make_archive_source(env, input, options, out.skip_counts()));
    } else {
      out.add(make_file_source(env, {input}, options));
    }
    return Status::ok();
  }
  if (info.status().code() != Code::kNotFound) return info.status();
  if (!has_glob(input)) return {Code::kNotFound, "input '" + input + "' does not exist"};
  PICTOR_ASSIGN(auto files, expand_glob(env, input));
  if (files.empty()) return {Code::kNotFound, "no file matches the pattern '" + input + "'"};
  out.add(make_file_source(env, std::move(files), options));
  return Status::ok();
}

}  // namespace

Result<std::unique_ptr<InputSource>> open_inputs(Env& env, const std::vector<std::string>& inputs,
                                                 const SourceOptions& options) {
  auto out = std::make_unique<Inputs>(options);
  for (const std::string& input : inputs) PICTOR_TRY(add_input(env, input, options, *out));
  out->count();
  return std::unique_ptr<InputSource>(std::move(out));
}

}  // namespace pictor
