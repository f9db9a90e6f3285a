// Encoders as a hub of the Hugging Face kind has them: named, listed, chosen, pulled, each file verified.
//
// A pull makes one folder: the chosen files at the repository's own paths, and pulled.json, written last, which says
// repository, commit, licence, and SHA-256 and size of each file. A folder without pulled.json is not complete. Bytes
// are gathered in NAME.part with NAME.part.state beside it; when they are whole they are compared with the hash of the
// listing, synced and renamed. So whatever ends a pull (an error, a cancellation, a kill, a power failure), the same
// call goes on from there and asks for nothing that is already there. What the listing says is believed of names and
// hashes only, and checked: no path leaves the folder.
//
// Thread safety: free functions; one pull at a time in a folder (another gets kBusy).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "net/net.h"

namespace pictor {

struct HubRef {
  std::string repository;         // "owner/name"
  std::string revision = "main";  // a branch, a tag or a commit
};

// "hf:owner/name" or "hf:owner/name@revision".
Result<HubRef> parse_hub_ref(std::string_view text);

struct HubFile {
  std::string path;               // relative, of plain parts
  std::uint64_t bytes = 0;        //
  std::optional<Hash256> sha256;  // large files
  std::string git_sha1;           // the others: SHA-1 that git gives their bytes, 40 hexadecimal digits
};

struct HubListing {
  std::string commit;   // 40 hexadecimal digits
  std::string licence;  // as the repository's card says it; empty when it does not
  std::vector<HubFile> files;
};

// An answer of ENDPOINT/api/models/OWNER/NAME/revision/REVISION?blobs=true. kUnreadable says what is wrong, and where.
Result<HubListing> parse_hub_listing(std::string_view json);

// The files that an encoder needs: its configurations, and its networks in one variant ("" for the plain one, "fp16",
// "int8", "quantized", ...) with their external data. Towers of their own (vision_model, text_model) are preferred to
// one network of both (model). kNotFound says what there is.
Result<std::vector<HubFile>> choose_hub_files(const HubListing& listing, std::string_view variant);

struct PullProgress {
  std::string_view file;
  std::uint64_t file_bytes = 0;
  std::uint64_t file_bytes_total = 0;
  std::uint64_t bytes = 0;  // of all files, those that were there included
  std::uint64_t bytes_total = 0;
  std::size_t files_done = 0;
  std::size_t files_total = 0;
  double bytes_per_second = 0;
};

struct PullRequest {
  HubRef ref;
  std::string variant;
  std::string folder;    // made when needed; holds one repository in one revision and one variant
  std::string endpoint;  // address of the hub: HF_ENDPOINT, or the hub's own
  std::string token;     // HF_TOKEN; empty: none
  bool offline = false;  // HF_HUB_OFFLINE: nothing is asked, what is there is checked
  std::function<void(const PullProgress&)> progress;  // may be null
};

struct PulledFile {
  std::string path;
  Hash256 sha256;
  std::uint64_t bytes = 0;
};

struct PulledRepo {
  std::string repository;
  std::string revision;  // as it was asked for
  std::string commit;
  std::string variant;
  std::string licence;
  std::vector<PulledFile> files;
  std::uint64_t bytes_received = 0;  // by this call; not kept in pulled.json
};

// `http` carries time limits, certificates and cancellation. kExists: the folder holds another repository, revision or
// variant. kCorrupt: a file's bytes are not those of the listing, twice. kNotFound (offline): names what is missing.
Result<PulledRepo> pull_repository(Env& env, HttpClient& http, const PullRequest& request);

// FOLDER/pulled.json. kNotFound when there is none: nothing was pulled there, or not completely.
Result<PulledRepo> read_pulled(Env& env, const std::string& folder);

}  // namespace pictor
