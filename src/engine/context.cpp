// The life of a context pack: candidates -> rights -> duplicates -> words and picture -> budget.
#include "pictor/context.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/context_parts.h"
#include "engine/engine.h"
#include "image/image.h"
#include "net/net.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kShortCaptionBytes = 120;  // what a caption is cut to before its entry is left out

struct Candidate {
  std::string id, text, metadata;
  std::vector<float> vector;
  std::optional<float> score;
};

struct Candidates {
  std::vector<Candidate> all;
  AsOf moment;
};

// UTF-8 whatever the bytes were.
std::string clean(const std::string& text) {
  const Json quoted = Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace), nullptr, false);
  return quoted.is_string() ? quoted.get<std::string>() : std::string();
}

// More than are wanted, as some are left out.
std::size_t candidates_wanted(const ContextRequest& request) {
  return std::min<std::size_t>(request.items * 4 + 16, limits::kContextCandidatesMax);
}

Result<Candidates> searched(Engine& engine, const ContextRequest& request, ContextPack& pack) {
  Query query = request.query;
  query.k = candidates_wanted(request);
  query.with_vectors = true;
  query.explain = false;
  PICTOR_ASSIGN(Hits hits, engine.search(query));
  pack.complete = hits.complete;
  pack.sequence = hits.sequence;
  for (const std::string& warning : hits.warnings) pack.warnings.push_back(clean(warning));
  Candidates out;
  out.moment = {AsOf::Kind::kSequence, hits.sequence, 0, ""};
  for (Hit& hit : hits.hits) {
    out.all.push_back(
        {std::move(hit.id), std::move(hit.text), std::move(hit.metadata), std::move(hit.vector), hit.score.value});
  }
  return out;
}

Result<Candidates> listed(Engine& engine, const ContextRequest& request, ContextPack& pack) {
  Candidates out;
  ScanRequest scan{request.query.collection, request.query.where, true, request.query.as_of};
  scan.begun = [&](Sequence moment) { pack.sequence = moment; };
  const std::size_t wanted = candidates_wanted(request);
  const Status scanned = engine.scan(scan, [&](const StoredItem& item) {
    if (out.all.size() == wanted) return Status(Code::kCancelled, "there are enough");
    const auto named = item.vectors.find(request.query.head);
    const auto chosen = named == item.vectors.end() ? item.vectors.begin() : named;
    out.all.push_back({item.id, item.text, item.metadata,
                       chosen == item.vectors.end() ? std::vector<float>() : chosen->second, std::nullopt});
    return Status::ok();
  });
  if (!scanned.is_ok() && !(scanned.code() == Code::kCancelled && out.all.size() == wanted)) return scanned;
  out.moment = {AsOf::Kind::kSequence, pack.sequence, 0, ""};
  return out;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return -1;
  double both = 0, of_a = 0, of_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    both += double{a[i]} * double{b[i]};
    of_a += double{a[i]} * double{a[i]};
    of_b += double{b[i]} * double{b[i]};
  }
  return of_a == 0 || of_b == 0 ? -1 : both / std::sqrt(of_a * of_b);
}

std::string caption_of(const Candidate& from, const Json& metadata, const ContextRequest& request) {
  static const std::vector<std::string> kUsual = {"caption", "description", "title", "name"};
  if (request.captions.empty() && !from.text.empty()) return clean(from.text);
  for (const std::string& name : request.captions.empty() ? kUsual : request.captions) {
    const Json* value = field_of(metadata, name);
    if (value != nullptr && value->is_string() && !value->get_ref<const std::string&>().empty()) {
      return clean(value->get<std::string>());
    }
  }
  return "";
}

// What a picture is shown by; false: it cannot be.
bool add_picture(Engine& engine, const ContextRequest& request, const AsOf& moment, const std::string& id,
                 ContextEntry& entry) {
  if (request.pictures == ContextPictures::kLink) {
    // Of its shape nothing is known here: it costs what the dearest with that side does.
    entry.width = entry.height = request.side;
    for (std::uint32_t height = 1; height < request.side; ++height) {
      const auto tokens = [&](std::uint32_t of) { return picture_tokens(request.format, request.side, of); };
      if (tokens(height) > tokens(entry.height)) entry.height = height;
    }
    entry.link = request.link_base + "/v1/collections/" + percent_encoded(request.query.collection) + "/items/" +
                 percent_encoded(id) + "/picture?side=" + std::to_string(request.side);
    return true;
  }
  const auto file = engine.picture_as_of(request.query.collection, id, moment);
  if (!file.is_ok() || !*file) return false;
  const auto decoded = decode_image(**file, DecodeSpec{});
  if (!decoded.is_ok()) return false;
  auto small = make_thumbnail(decoded->image, request.side);
  if (!small.is_ok() || small->size() > limits::kContextPictureBytesMax) return false;
  const auto info = read_image_info(*small);
  if (!info.is_ok()) return false;
  entry.jpeg = std::move(*small);
  entry.width = info->width;
  entry.height = info->height;
  return true;
}

void drop_picture(ContextEntry& entry) {
  entry.jpeg.clear();
  entry.link.clear();
  entry.width = entry.height = 0;
}

// The entries of a pack, one after the other, for as long as they fit.
class Packer {
 public:
  Packer(Engine& engine, const ContextRequest& request, ContextPack& pack)
      : engine_(engine), request_(request), pack_(pack) {}

  Status take(const Candidates& from, const Candidate& candidate) {
    Json metadata = Json::object();
    if (check_json_object(candidate.metadata).is_ok()) metadata = Json::parse(candidate.metadata, nullptr, false);
    if (!may_be_shown(metadata, request_.rights)) return left_out(pack_.left_out.rights);
    PICTOR_ASSIGN(const auto item, engine_.get_as_of(request_.query.collection, candidate.id, false, from.moment));
    if (!item) return left_out(pack_.left_out.gone);
    if (!item->content.empty() && contents_.contains(item->content)) return left_out(pack_.left_out.duplicates);
    for (const std::vector<float>* shown : shown_) {
      if (cosine(*shown, candidate.vector) >= request_.near_duplicate) return left_out(pack_.left_out.near_duplicates);
    }
    ContextEntry entry = entry_of(candidate, metadata, *item);
    if (!fits_cut(entry)) return left_out(pack_.left_out.budget);
    if (request_.pictures != ContextPictures::kNone) try_picture(from.moment, candidate.id, entry);
    pack_.tokens += entry_tokens(pack_, entry);
    if (!item->content.empty()) contents_.insert(item->content);
    shown_.push_back(&candidate.vector);
    pack_.entries.push_back(std::move(entry));
    return Status::ok();
  }

 private:
  static Status left_out(std::uint64_t& count) {
    ++count;
    return Status::ok();
  }
  bool fits(const ContextEntry& entry) const {
    return pack_.tokens + entry_tokens(pack_, entry) <= pack_.budget_tokens;
  }
  bool fits_cut(ContextEntry& entry) const {
    if (fits(entry)) return true;
    entry.caption = cut_text(entry.caption, kShortCaptionBytes);
    return fits(entry);
  }
  ContextEntry entry_of(const Candidate& candidate, const Json& metadata, const StoredItem& item) const {
    ContextEntry entry;
    entry.citation = pack_.entries.size() + 1;
    entry.id = clean(candidate.id);
    entry.score = candidate.score;
    entry.caption = cut_text(caption_of(candidate, metadata, request_), request_.caption_bytes);
    for (const std::string& name : request_.fields) {
      const Json* value = field_of(metadata, name);
      if (value == nullptr) continue;
      entry.fields.emplace_back(clean(name), value->dump(-1, ' ', false, Json::error_handler_t::replace));
    }
    entry.content = item.content;
    entry.receipt = "/v1/collections/" + percent_encoded(request_.query.collection) + "/items/" +
                    percent_encoded(candidate.id) + "/receipt";
    return entry;
  }
  void try_picture(const AsOf& moment, const std::string& id, ContextEntry& entry) {
    // No picture takes less than one of a pixel: where that has no room, none is read.
    ContextEntry least = entry;
    least.link = "-";
    least.width = least.height = 1;
    if (fits(least) && add_picture(engine_, request_, moment, id, entry) && fits(entry)) return;
    drop_picture(entry);
    ++pack_.left_out.pictures;
  }

  Engine& engine_;
  const ContextRequest& request_;
  ContextPack& pack_;
  std::set<std::string> contents_;
  std::vector<const std::vector<float>*> shown_;
};

Status check(const ContextRequest& request) {
  const auto refuse = [](const std::string& what) { return Status(Code::kInvalid, what); };
  if (request.query.collection.empty()) return refuse("'collection' is missing: the name of one");
  if (request.query.parts.empty() && request.query.where.empty()) {
    return refuse("nothing to look for: give 'text', 'image', 'id', 'vector' or 'query', or a filter as 'where'");
  }
  if (!(request.near_duplicate > 0 && request.near_duplicate <= 1)) {
    return refuse("'near_duplicate' is " + std::to_string(request.near_duplicate) + ", wanted above 0, at most 1");
  }
  if (request.items == 0 || request.items > limits::kContextItemsMax) {
    return refuse("'items' is " + std::to_string(request.items) + ", wanted 1 to " +
                  std::to_string(limits::kContextItemsMax));
  }
  if (request.side == 0 || request.side > limits::kContextSideMax) {
    return refuse("'side' is " + std::to_string(request.side) + ", wanted 1 to " +
                  std::to_string(limits::kContextSideMax));
  }
  const bool web = request.link_base.starts_with("https://") || request.link_base.starts_with("http://");
  if (request.link_base.size() > limits::kContextUrlBytesMax || (!request.link_base.empty() && !web)) {
    return refuse("'link_base' is no address of at most " + std::to_string(limits::kContextUrlBytesMax) +
                  " bytes, as https://pictures.example.org");
  }
  if (request.pictures == ContextPictures::kLink && request.format != ContextFormat::kPack && !web) {
    return refuse(
        "links in a message need 'link_base': where the API reaches this server, as "
        "https://pictures.example.org");
  }
  return Status::ok();
}

}  // namespace

std::string cut_text(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  if (bytes < 3) return "";
  std::size_t end = bytes - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

Result<ContextPack> make_context(Engine& engine, const ContextRequest& request) {
  PICTOR_TRY(check(request));
  ContextPack pack;
  pack.format = request.format;
  pack.collection = clean(request.query.collection);
  pack.budget_tokens = std::min(request.budget_tokens, limits::kContextTokensMax);
  PICTOR_ASSIGN(const Candidates from,
                request.query.parts.empty() ? listed(engine, request, pack) : searched(engine, request, pack));
  pack.tokens = envelope_tokens(pack);
  if (pack.tokens > pack.budget_tokens) {
    return Status(Code::kInvalid, "'budget_tokens' is " + std::to_string(pack.budget_tokens) +
                                      ", an empty pack alone takes " + std::to_string(pack.tokens));
  }
  Packer packer(engine, request, pack);
  for (const Candidate& candidate : from.all) {
    if (pack.entries.size() == request.items) break;
    PICTOR_TRY(packer.take(from, candidate));
  }
  return pack;
}

}  // namespace pictor
