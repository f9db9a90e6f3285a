#include "cli/contact_sheet.h"

#include <algorithm>
#include <cmath>

#include "cli/json_output.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kPairsShown = 8;  // metadata of one card; the rest is in `pictor get`
constexpr std::size_t kValueColumns = 120;

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="pictor">
)";

constexpr std::string_view kStyle = R"(<style>
:root { --page: #f5f5f3; --card: #fff; --ink: #1b1c1e; --soft: #5d6168; --line: #e2e2de; --mat: #fafaf8; --accent: #2f5fd0;
  --track: #e6e8ee; }
@media (prefers-color-scheme: dark) { :root { --page: #131416; --card: #1d1f22; --ink: #ececea; --soft: #a0a4ab;
  --line: #2e3136; --mat: #26292d; --accent: #8fb0ff; --track: #32363d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Noto Sans",
  "DejaVu Sans", sans-serif; }
header, main, footer { max-width: 1440px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 32px; display: flex; flex-wrap: wrap; gap: 18px 22px; align-items: center; }
header figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 8px; }
header figure img { display: block; max-width: 128px; max-height: 128px; border-radius: 6px; }
header figcaption { font-size: 11px; color: var(--soft); text-align: center; padding-top: 6px; }
.what { flex: 1 1 320px; min-width: 0; }
.kicker { margin: 0; font-size: 12px; letter-spacing: .08em; text-transform: uppercase; color: var(--soft); }
h1 { margin: 2px 0 4px; font-size: clamp(22px, 3.2vw, 34px); line-height: 1.2; font-weight: 650; letter-spacing: -.015em;
  overflow-wrap: anywhere; }
.facts { margin: 0; color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
.facts code { color: var(--ink); }
code { font: 12.5px/1.4 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
main { padding-top: 26px; padding-bottom: 26px; }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 18px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 218px), 1fr)); }
li { background: var(--card); border: 1px solid var(--line); border-radius: 14px; overflow: hidden; display: flex;
  flex-direction: column; box-shadow: 0 1px 2px rgb(0 0 0 / 5%); }
.mat { background: var(--mat); aspect-ratio: 1; display: grid; place-items: center; padding: 14px;
  border-bottom: 1px solid var(--line); position: relative; }
.mat img { position: absolute; inset: 14px; width: calc(100% - 28px); height: calc(100% - 28px); object-fit: contain; }
.none { color: var(--soft); font-size: 13px; text-align: center; }
.rank { min-width: 24px; padding: 1px 7px; border-radius: 999px; font-size: 12px; font-weight: 600; text-align: center;
  border: 1px solid var(--line); color: var(--soft); }
.body { padding: 12px 14px 14px; display: flex; flex-direction: column; gap: 6px; min-width: 0; }
.score { display: flex; align-items: center; gap: 10px; font-weight: 650; font-variant-numeric: tabular-nums; }
.bar { flex: 1; height: 6px; border-radius: 3px; background: var(--track); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--accent); border-radius: 3px; }
.text { margin: 0; overflow-wrap: anywhere; }
.id { margin: 0; color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
dl { margin: 2px 0 0; padding-top: 8px; border-top: 1px solid var(--line); display: grid;
  grid-template-columns: max-content 1fr; gap: 2px 10px; font-size: 13px; }
dt { color: var(--soft); max-width: 10em; overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; }
.empty { padding: 48px 0; text-align: center; color: var(--soft); }
.warn { margin: 0 0 18px; padding: 10px 14px; border: 1px solid #c98a1b; border-radius: 10px; }
footer { padding-top: 14px; padding-bottom: 36px; color: var(--soft); font-size: 13px; }
@media (max-width: 560px) { header, main, footer { padding-left: 16px; padding-right: 16px; } ol { gap: 12px;
  grid-template-columns: repeat(2, minmax(0, 1fr)); } .mat img { inset: 8px; width: calc(100% - 16px);
  height: calc(100% - 16px); } dl { grid-template-columns: 1fr; } }
@media print { body { background: #fff; } li { break-inside: avoid; box-shadow: none; } }
</style>
)";

std::string image_tag(const Bytes& jpeg, const std::string& alt) {
  return "<img alt=\"" + html_escape(alt) + "\" src=\"data:image/jpeg;base64," + base64_of(jpeg) + "\">";
}

std::string title_of(const SheetQuery& query) {
  std::string title;
  for (const std::string& text : query.texts) title += (title.empty() ? "" : " + ") + text;
  if (title.empty()) title = query.pictures.size() == 1 ? "Like this picture" : "Like these pictures";
  return title;
}

// What a person who does not see the picture is told.
std::string alt_of(const Hit& hit) { return hit.text.empty() ? "picture " + hit.id : hit.text; }

// Share of the bar: scores of one page differ little, so they are shown between zero and the best one.
int bar_percent(float score, float best) {
  if (!(best > 0) || !(score > 0)) return 0;
  return static_cast<int>(std::lround(100.0F * std::min(1.0F, score / best)));
}

std::string metadata_list(const Hit& hit) {
  std::string list;
  std::size_t shown = 0, left = 0;
  for (const auto& [key, value] : metadata_pairs(hit.metadata)) {
    if (value == hit.text) continue;  // a description that is shown above
    if (shown == kPairsShown) {
      ++left;
      continue;
    }
    ++shown;
    list += "<dt>" + html_escape(key) + "</dt><dd>" + html_escape(cut_end(value, kValueColumns)) + "</dd>";
  }
  if (left > 0) list += "<dt>more</dt><dd>" + std::to_string(left) + " fields</dd>";
  return list.empty() ? "" : "<dl>" + list + "</dl>\n";
}

std::string card_html(const SheetCard& card, std::size_t rank, float best) {
  const Hit& hit = *card.hit;
  std::string html = "<li>\n<div class=\"mat\">";
  html +=
      card.thumbnail.empty() ? "<span class=\"none\">picture not kept</span>" : image_tag(card.thumbnail, alt_of(hit));
  html += "</div>\n<div class=\"body\">\n<div class=\"score\"><span class=\"rank\">" + std::to_string(rank) +
          "</span><span title=\"score\">" + fixed(hit.score.value, 3) +
          "</span><span class=\"bar\" aria-hidden=\"true\"><i style=\"width:" +
          std::to_string(bar_percent(hit.score.value, best)) + "%\"></i></span></div>\n";
  if (!hit.text.empty()) html += "<p class=\"text\">" + html_escape(hit.text) + "</p>\n";
  html += "<p class=\"id\"><code>" + html_escape(hit.id) + "</code>";
  if (hit.width > 0) {
    html +=
        "<br>" + std::to_string(hit.width) + " \xC3\x97 " + std::to_string(hit.height) + " " + html_escape(hit.format);
  }
  return html + "</p>\n" + metadata_list(hit) + "</div>\n</li>\n";
}

std::string header_html(const SheetQuery& query, const Hits& hits) {
  std::string html = "<header>\n";
  for (const Bytes& picture : query.pictures) {
    html += "<figure>" + image_tag(picture, "the picture that was searched for") +
            "<figcaption>query</figcaption></figure>\n";
  }
  html += "<div class=\"what\">\n<p class=\"kicker\">Search in " + html_escape(query.collection) + "</p>\n<h1>" +
          html_escape(title_of(query)) + "</h1>\n<p class=\"facts\">" + plural(hits.hits.size(), "hit", "hits") +
          " of " + plural(hits.candidates, "picture", "pictures") + ", " + html_escape(hits.recall) + ", head <code>" +
          html_escape(hits.head) + "</code>, " + fixed(hits.ms, 1) + " ms";
  if (!query.where.empty()) html += ", where <code>" + html_escape(query.where) + "</code>";
  return html + "</p>\n</div>\n</header>\n";
}

}  // namespace

std::string contact_sheet(const SheetQuery& query, const Hits& hits, const std::vector<SheetCard>& cards) {
  std::string html(kHead);
  html += "<title>" + html_escape(title_of(query)) + " - Pictor</title>\n";
  html += kStyle;
  html += "</head>\n<body>\n" + header_html(query, hits) + "<main>\n";
  if (!hits.complete) html += "<p class=\"warn\">Not every part answered: hits may be missing.</p>\n";
  if (cards.empty()) html += "<p class=\"empty\">Nothing was found.</p>\n";
  const float best = cards.empty() ? 0 : cards.front().hit->score.value;
  if (!cards.empty()) html += "<ol>\n";
  for (std::size_t i = 0; i < cards.size(); ++i) html += card_html(cards[i], i + 1, best);
  if (!cards.empty()) html += "</ol>\n";
  return html +
         "</main>\n<footer>Made by Pictor. Scores: larger is nearer; bars are relative to the best hit.</footer>\n"
         "</body>\n</html>\n";
}

}  // namespace pictor
