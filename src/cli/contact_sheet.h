// One HTML page with the hits of a search: no scripts, no outside resources, pictures inside as data: addresses.
#pragma once

#include <string>
#include <vector>

#include "base/base.h"
#include "pictor/engine.h"

namespace pictor {

struct SheetCard {
  const Hit* hit = nullptr;
  Bytes thumbnail;  // JPEG; empty: a grey field with the reason
};

struct SheetQuery {
  std::vector<std::string> texts;  // as they were asked: words, ids
  std::vector<Bytes> pictures;     // thumbnails, JPEG
  std::string where;
  std::string collection;
};

// Everything from outside is escaped; the page carries a content security policy that forbids scripts and requests.
std::string contact_sheet(const SheetQuery& query, const Hits& hits, const std::vector<SheetCard>& cards);

}  // namespace pictor
