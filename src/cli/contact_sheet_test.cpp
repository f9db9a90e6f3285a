#include "cli/contact_sheet.h"

#include <gtest/gtest.h>

namespace pictor {
namespace {

Hits hits_of(const std::vector<Hit>& list) {
  Hits hits;
  hits.hits = list;
  hits.recall = "exact";
  hits.head = "joint";
  hits.candidates = 10;
  return hits;
}

std::vector<SheetCard> cards_of(const Hits& hits) {
  std::vector<SheetCard> cards;
  for (const Hit& hit : hits.hits) cards.push_back({&hit, Bytes(3)});
  return cards;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(ContactSheet, hostile_ids_texts_and_metadata_stay_text) {
  const std::string evil = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>";
  Hit hit;
  hit.id = evil;
  hit.text = evil;
  hit.source = evil;
  hit.format = evil;
  hit.width = hit.height = 1;
  hit.metadata = R"({"<b>key</b>": "</dd><script>alert(3)</script>", "n": {"deep": "<i>"}})";
  const Hits hits = hits_of({hit});
  SheetQuery query;
  query.texts = {evil, "</title><script>"};
  query.where = evil;
  query.collection = evil;
  const std::string html = contact_sheet(query, hits, cards_of(hits));
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("<b>"), std::string::npos);
  EXPECT_EQ(html.find("<i>"), std::string::npos);
  EXPECT_EQ(count(html, "<img "), 1U);      // the thumbnail alone
  EXPECT_EQ(count(html, "onerror='"), 0U);  // its quotes are escaped
  EXPECT_EQ(count(html, "</title>"), 1U);
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
}

TEST(ContactSheet, needs_nothing_from_outside) {
  Hit hit;
  hit.id = "cat.jpg";
  const Hits hits = hits_of({hit});
  const std::string html = contact_sheet({{"a cat"}, {Bytes(3)}, "", "default"}, hits, cards_of(hits));
  EXPECT_EQ(html.find("http://"), std::string::npos);
  EXPECT_EQ(html.find("https://"), std::string::npos);
  EXPECT_EQ(html.find("url("), std::string::npos);
  EXPECT_EQ(count(html, "src=\"data:image/jpeg;base64,AAAA\""), 2U);
}

TEST(ContactSheet, every_picture_has_words_for_those_who_do_not_see_it) {
  Hit described, plain;
  described.id = "1";
  described.text = "A snowy owl.";
  plain.id = "owl.png";
  const Hits hits = hits_of({described, plain});
  const std::string html = contact_sheet({{"owl"}, {}, "", "default"}, hits, cards_of(hits));
  EXPECT_NE(html.find("alt=\"A snowy owl.\""), std::string::npos);
  EXPECT_NE(html.find("alt=\"picture owl.png\""), std::string::npos);
  EXPECT_NE(html.find("<html lang=\"en\">"), std::string::npos);
}

TEST(ContactSheet, says_so_when_nothing_was_found_or_a_picture_is_gone) {
  Hit hit;
  hit.id = "1";
  const Hits none = hits_of({});
  EXPECT_NE(contact_sheet({{"x"}, {}, "", "c"}, none, {}).find("Nothing was found."), std::string::npos);
  Hits hits = hits_of({hit});
  hits.complete = false;
  const std::string html = contact_sheet({{"x"}, {}, "", "c"}, hits, {{&hits.hits[0], {}}});
  EXPECT_NE(html.find("picture not kept"), std::string::npos);
  EXPECT_NE(html.find("hits may be missing"), std::string::npos);
}

}  // namespace
}  // namespace pictor
