// Pulling: the order of steps on disk is what makes it safe to stop anywhere.
//
//   1. pulling.json says what is wanted (for people, and for --offline)
//   2. each file: gathered in NAME.part, synced, compared with the listing's hash, renamed, its folder synced
//   3. pulled.json is written aside, synced, renamed; only now is the folder complete
#include <algorithm>
#include <array>

#include "encode/hub_files.h"

namespace pictor {
namespace {

constexpr std::size_t kBlockBytes = 1 << 20;

struct Hashes {
  Hash256 sha256;
  std::string git_sha1;
  std::uint64_t bytes = 0;
};

Result<Hashes> hash_file(Env& env, const HttpClient& http, const std::string& path, bool with_git) {
  PICTOR_ASSIGN(const auto file, env.open(path, OpenMode::kRead));
  Hashes out;
  PICTOR_ASSIGN(out.bytes, file->size());
  Sha256Stream sha256;
  Sha1Stream sha1;
  const auto head = "blob " + std::to_string(out.bytes);
  if (with_git) sha1.add(as_bytes(std::string_view(head.c_str(), head.size() + 1)));  // git hashes its zero byte too
  Bytes block(kBlockBytes);
  for (std::uint64_t at = 0; at < out.bytes;) {
    if (http.cancelled()) return Status(Code::kCancelled, "cancelled; what has come is kept");
    PICTOR_ASSIGN(const auto got, file->read_at(at, block));
    if (got == 0) return Status(Code::kIo, "'" + path + "' has become shorter while it was read");
    const auto part = ByteView(block).first(got);
    sha256.add(part);
    if (with_git) sha1.add(part);
    at += got;
  }
  out.sha256 = sha256.finish();
  if (with_git) out.git_sha1 = sha1.finish();
  return out;
}

// Folders that are made are durable when this returns, up to the first that was there.
Status make_folder(Env& env, const std::string& path) {
  std::vector<std::string> made;
  for (auto at = path; !at.empty() && at != "/" && at != "." && !exists(env, at); at = parent_path(at)) {
    made.push_back(at);
  }
  PICTOR_TRY(env.make_dirs(path));
  for (const auto& folder : made) PICTOR_TRY(env.sync_dir(parent_path(folder)));
  return Status::ok();
}

// All but letters, digits and '-', '_', '.', '~' as %XX; `kept` as they are.
std::string url_encoded(std::string_view text, std::string_view kept) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-_.~").find(c) != std::string_view::npos;
    if (plain || kept.find(c) != std::string_view::npos) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

bool is_commit(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

class Puller {
 public:
  Puller(Env& env, HttpClient& http, const PullRequest& request) : env_(env), http_(http), request_(request) {}

  Result<PulledRepo> pull() {
    PICTOR_TRY(make_folder(env_, request_.folder));
    PICTOR_ASSIGN(const auto lock, lock_folder());
    PICTOR_TRY(list());
    PICTOR_TRY(check_folder());
    for (const auto& file : files_) bytes_total_ += file.bytes;
    PICTOR_TRY(write_file_atomic(env_, in_folder(kPullingFile), as_bytes(pulling_json(files_))));
    for (const auto& file : files_) {
      PICTOR_ASSIGN(const auto hashes, bring(file));
      repo_.files.push_back({file.path, hashes.sha256, file.bytes});
      bytes_done_ += file.bytes;
    }
    PICTOR_TRY(write_file_atomic(env_, in_folder(kPulledFile), as_bytes(pulled_json(repo_))));
    PICTOR_TRY(env_.remove(in_folder(kPullingFile)));
    PICTOR_TRY(env_.sync_dir(request_.folder));
    return std::move(repo_);
  }

  Result<PulledRepo> check_offline() {
    auto pulled = read_pulled(env_, request_.folder);
    if (!pulled.is_ok()) return pulled.status().code() == Code::kNotFound ? missing() : pulled.status();
    if (!is_of_request(*pulled) || !(pulled->revision == request_.ref.revision || is_asked_commit(*pulled))) {
      return Status(Code::kMismatch, "offline: '" + request_.folder + "' holds " + described(*pulled) + ", not " +
                                         wanted() + "; pull it without offline mode");
    }
    for (const auto& file : pulled->files) {
      const auto hashes = hash_file(env_, http_, in_folder(file.path), false);
      if (!hashes.is_ok() && hashes.status().code() != Code::kNotFound) return hashes.status();
      if (hashes.is_ok() && hashes->sha256 == file.sha256) continue;
      return Status(hashes.is_ok() ? Code::kCorrupt : Code::kNotFound,
                    "offline: '" + file.path + "' in '" + request_.folder +
                        (hashes.is_ok() ? "' has other bytes than were pulled" : "' is missing") +
                        "; pull again without offline mode, which mends it");
    }
    return pulled;
  }

 private:
  std::string in_folder(std::string_view path) const { return join_path(request_.folder, path); }

  std::string wanted() const {
    return "hf:" + request_.ref.repository + "@" + request_.ref.revision +
           (request_.variant.empty() ? "" : " in variant '" + request_.variant + "'");
  }
  static std::string described(const PulledRepo& repo) {
    return "hf:" + repo.repository + "@" + repo.commit +
           (repo.variant.empty() ? "" : " in variant '" + repo.variant + "'");
  }
  bool is_of_request(const PulledRepo& repo) const {
    return repo.repository == request_.ref.repository && repo.variant == request_.variant;
  }
  bool is_asked_commit(const PulledRepo& repo) const { return repo.commit == request_.ref.revision; }

  Result<std::unique_ptr<FileLock>> lock_folder() {
    auto lock = env_.lock(in_folder("pull.lock"));
    if (lock.is_ok() || lock.status().code() != Code::kBusy) return lock;
    return Status(Code::kBusy, "another pull into '" + request_.folder + "' is running: wait for it");
  }

  std::string base_url() const {
    auto base = request_.endpoint;
    while (base.ends_with('/')) base.pop_back();
    return base;
  }

  Status list() {
    const auto& ref = request_.ref;
    const auto url =
        base_url() + "/api/models/" + ref.repository + "/revision/" + url_encoded(ref.revision, "") + "?blobs=true";
    const auto text = http_.get({url, request_.token}, limits::kHubListingBytesMax);
    if (!text.is_ok()) return refused(text.status());
    auto listing = parse_hub_listing(*text);
    if (!listing.is_ok()) return listing.status().in(wanted());
    if (is_commit(ref.revision) && listing->commit != ref.revision) {
      return {Code::kMismatch, wanted() + ": the hub answers with commit " + listing->commit};
    }
    auto files = choose_hub_files(*listing, request_.variant);
    if (!files.is_ok()) return files.status().in(wanted());
    files_ = std::move(*files);
    repo_.repository = ref.repository;
    repo_.revision = ref.revision;
    repo_.commit = listing->commit;
    repo_.variant = request_.variant;
    repo_.licence = listing->licence;
    return Status::ok();
  }

  Status refused(const Status& status) const {
    if (status.code() == Code::kNotFound) {
      return Status(status.code(), status.message() + "; check owner, name and revision").in(wanted());
    }
    if (status.code() != Code::kDenied) return status.in(wanted());
    return Status(status.code(), status.message() +
                                     "; when the repository is private or gated, accept its terms on its page and set "
                                     "HF_TOKEN to a token that may read it; when it is neither, check its name")
        .in(wanted());
  }

  // One folder, one commit, one variant: so that what was complete stays so until the new one is.
  Status check_folder() {
    const auto pulled = read_pulled(env_, request_.folder);
    if (pulled.is_ok() && !(is_of_request(*pulled) && pulled->commit == repo_.commit)) {
      return {Code::kExists, "'" + request_.folder + "' holds " + described(*pulled) +
                                 ", now wanted is hf:" + repo_.repository + "@" + repo_.commit +
                                 ": pull into another folder, or remove this one"};
    }
    std::uint64_t wanted_bytes = 0;
    for (const auto& file : files_) {
      const auto whole = env_.info(in_folder(file.path));
      const auto part = env_.info(in_folder(file.path + ".part"));
      const auto there = whole.is_ok() ? file.bytes : part.is_ok() ? std::min(part->size, file.bytes) : 0;
      wanted_bytes += file.bytes - there;
    }
    PICTOR_ASSIGN(const auto free, env_.free_bytes(request_.folder));
    if (wanted_bytes <= free) return Status::ok();
    return {Code::kLimit, wanted() + " needs " + std::to_string(wanted_bytes) + " more bytes in '" + request_.folder +
                              "', " + std::to_string(free) + " are free: make room, or choose another disk"};
  }

  // Whether a file has the bytes that the listing says.
  Result<bool> is_right(const HubFile& file, const std::string& path, Hashes& hashes) {
    PICTOR_ASSIGN(hashes, hash_file(env_, http_, path, !file.sha256));
    return hashes.bytes == file.bytes &&
           (file.sha256 ? hashes.sha256 == *file.sha256 : hashes.git_sha1 == file.git_sha1);
  }

  // The file, there and right; downloaded only when it is not there yet, or is not what it should be.
  Result<Hashes> bring(const HubFile& file) {
    const auto path = in_folder(file.path);
    const auto part = path + ".part";
    Hashes hashes;
    const auto there = env_.info(path);
    if (there.is_ok() && there->kind == FileKind::kFile && there->size == file.bytes) {
      PICTOR_ASSIGN(const bool right, is_right(file, path, hashes));
      if (right) {
        tell(file, {file.bytes, file.bytes, 0});
        PICTOR_TRY(forget_download(env_, part));
        return hashes;
      }
    }
    PICTOR_TRY(make_folder(env_, parent_path(path)));
    constexpr int kTries = 2;  // bytes may have been damaged on the way, or by a power failure in an earlier part
    for (int i = 0; i < kTries; ++i) {
      PICTOR_TRY(download(file, part));
      PICTOR_ASSIGN(const bool right, is_right(file, part, hashes));
      if (right) {
        PICTOR_TRY(env_.rename(part, path));
        PICTOR_TRY(env_.sync_dir(parent_path(path)));
        PICTOR_TRY(forget_download(env_, part));
        return hashes;
      }
      PICTOR_TRY(forget_download(env_, part));
    }
    return Status(Code::kCorrupt,
                  wanted() + ": '" + file.path + "' arrived with " +
                      (file.sha256 ? "SHA-256 " + hashes.sha256.hex() : "git's SHA-1 " + hashes.git_sha1) +
                      ", the listing says " + (file.sha256 ? file.sha256->hex() : file.git_sha1) +
                      "; it was thrown away. Try again later, or tell the repository's owner");
  }

  Status download(const HubFile& file, const std::string& part) {
    HttpDownload download;
    download.request.url =
        base_url() + "/" + request_.ref.repository + "/resolve/" + repo_.commit + "/" + url_encoded(file.path, "/");
    download.request.token = request_.token;
    download.path = part;
    download.identity = file.sha256 ? "sha256:" + file.sha256->hex() : "git-sha1:" + file.git_sha1;
    download.bytes = file.bytes;
    download.progress = [&](const HttpProgress& progress) { tell(file, progress); };
    const auto done = http_.download(download);
    if (!done.is_ok()) return refused(done.status().in(file.path));
    repo_.bytes_received += done->bytes_received;
    return Status::ok();
  }

  void tell(const HubFile& file, const HttpProgress& progress) const {
    if (!request_.progress) return;
    request_.progress({file.path, progress.bytes, file.bytes, bytes_done_ + progress.bytes, bytes_total_,
                       repo_.files.size() + (progress.bytes == file.bytes ? 1 : 0), files_.size(),
                       progress.bytes_per_second});
  }

  // Offline, and no pull has ended here: what there is of what one wanted.
  Status missing() {
    auto none = Status(Code::kNotFound, "offline: " + wanted() + " was never pulled to '" + request_.folder +
                                            "'; pull it once without offline mode");
    const auto bytes = read_file(env_, in_folder(kPullingFile), limits::kHubListingBytesMax);
    if (!bytes.is_ok()) return none;
    const auto files = parse_pulling(as_text(*bytes));
    if (!files.is_ok()) return none;
    std::string list;
    for (const auto& file : *files) {
      if (exists(env_, in_folder(file.path))) continue;
      const auto part = env_.info(in_folder(file.path + ".part"));
      list += (list.empty() ? "'" : ", '") + file.path + "' (" + std::to_string(part.is_ok() ? part->size : 0) +
              " of " + std::to_string(file.bytes) + " bytes are there)";
    }
    return {Code::kNotFound, "offline: the pull of " + wanted() + " to '" + request_.folder + "' has not ended; " +
                                 (list.empty() ? "all files are there but unchecked" : "missing: " + list) +
                                 "; pull again without offline mode, which goes on from there"};
  }

  Env& env_;
  HttpClient& http_;
  const PullRequest& request_;
  std::vector<HubFile> files_;
  std::uint64_t bytes_total_ = 0;
  std::uint64_t bytes_done_ = 0;
  PulledRepo repo_;
};

}  // namespace

Result<PulledRepo> pull_repository(Env& env, HttpClient& http, const PullRequest& request) {
  // A request may have been put together by other means than parse_hub_ref: its parts go into addresses.
  PICTOR_TRY([&] {
    const auto ref = parse_hub_ref("hf:" + request.ref.repository + "@" + request.ref.revision);
    return ref.is_ok() ? Status::ok() : ref.status();
  }());
  if (request.folder.empty()) return Status(Code::kInvalid, "a folder to pull into is wanted");
  Puller puller(env, http, request);
  if (request.offline) return puller.check_offline();
  if (request.endpoint.empty()) return Status(Code::kInvalid, "the hub's address is wanted: set HF_ENDPOINT");
  return puller.pull();
}

Result<PulledRepo> read_pulled(Env& env, const std::string& folder) {
  const auto bytes = read_file(env, join_path(folder, kPulledFile), limits::kHubListingBytesMax);
  if (!bytes.is_ok()) return bytes.status();
  auto repo = parse_pulled(as_text(*bytes));
  if (!repo.is_ok()) return Status(Code::kCorrupt, "'" + folder + "': " + repo.status().message());
  return repo;
}

}  // namespace pictor
