// The figures in tiles: one large number each, its line over the last minutes, what it means, and whether it is good.
import { badge, bytes, duration, element, figure, number, plural } from "./dom.js";
import { error_level, kWindow, queue_level } from "./levels.js";
import { sparkline } from "./sparkline.js";

const kRequests = "pictor_http_requests_total", kSearch = "pictor_search_seconds", kIngest = "pictor_ingest_pictures_total";
const kSlots = 90;
const some = (...parts) => parts.filter(Boolean).join(" · ");
const percent = (share) => `${figure(share * 100)} %`;
const latency = (found) => (found ? `${found.beyond ? "over " : ""}${duration(found.value)}` : null);

// Each reads what it needs and gives {figure, unit, note, level, series, say}; null where the server does not have it.
// What is not known yet, as with a single sample, is shown as a dash.
const kTiles = {
  "Requests"(samples) {
    if (samples.now(kRequests) === null) return null;
    const rate = samples.rate(kRequests, {}, kWindow), connections = samples.now("pictor_http_connections");
    return { figure: rate === null ? null : figure(rate), unit: "a second", series: samples.rates(kRequests, {}), say: figure,
      note: connections === null ? "" : `${plural(connections, "connection")} open` };
  },
  "Errors"(samples) {
    if (samples.now(kRequests) === null) return null;
    const counts = Object.fromEntries(["answered", "refused", "too_many", "failed"].map((result) =>
      [result, samples.growth(kRequests, { result }, kWindow) ?? 0]));
    const level = error_level(counts);
    return { figure: percent(level.share), unit: "failed", level, series: samples.rates(kRequests, { result: "failed" }), say: figure,
      line: "Failed requests a second", note: counts.refused ? `${number(counts.refused)} refused as wrong` : "" };
  },
  "Search, p99"(samples) {
    if (!samples.families.has(kSearch)) return null;
    const p50 = samples.quantile(kSearch, {}, 0.5, kWindow), rate = samples.rate("pictor_search_queries_total", {}, kWindow);
    return { figure: latency(samples.quantile(kSearch, {}, 0.99, kWindow)), series: samples.quantiles(kSearch, {}, 0.99), say: duration,
      none: "no searches", note: some(p50 && `p50 ${latency(p50)}`, rate && `${figure(rate)} a second`) };
  },
  "Waiting"(samples) {
    const waiting = samples.now("pictor_http_waiting");
    if (waiting === null) return null;
    const encoder = samples.now("pictor_encode_queue_items"), body = samples.now("pictor_http_body_bytes");
    const working = samples.now("pictor_http_working"), workers = samples.now("pictor_http_limit", { of: "working" });
    return { figure: figure(waiting), unit: waiting === 1 ? "request" : "requests", say: figure, series: samples.gauges("pictor_http_waiting"),
      level: queue_level(waiting, samples.now("pictor_http_limit", { of: "waiting" }) ?? undefined),
      note: some(working !== null && (workers === null ? `${working} worked on` : `${working} of ${workers} workers busy`),
        encoder !== null && `${number(encoder)} before the encoder`, body && `${bytes(body)} of bodies`) };
  },
  "Encoder turns"(samples) {
    const name = "pictor_encode_together_items";
    if (!samples.families.has(name)) return null;
    const mean = samples.mean(name, {}, kWindow);
    const pictures = samples.rate("pictor_encode_pictures_total", {}, kWindow), texts = samples.rate("pictor_encode_texts_total", {}, kWindow);
    return { figure: mean === null ? null : figure(mean), unit: "together", series: samples.means(name, {}), say: figure, none: "nothing embedded",
      line: "Pictures or texts in one turn", note: some(pictures && `${figure(pictures)} pictures a second`, texts && `${figure(texts)} texts a second`) };
  },
  "Vector cache"(samples) {
    const name = "pictor_vector_cache_total";
    if (samples.now(name) === null) return null;
    const hits = samples.growth(name, { result: "hit" }, kWindow), all = samples.growth(name, {}, kWindow);
    const held = samples.now("pictor_vector_cache_bytes");
    return { figure: all ? percent(hits / all) : null, unit: "found", series: samples.rates(name, { result: "hit" }), say: figure,
      line: "Hits a second", none: "not asked", note: held === null ? "" : `holds ${bytes(held)}` };
  },
  "Pictures in"(samples) {
    if (samples.now(kIngest) === null) return null;
    const rate = samples.rate(kIngest, {}, kWindow), refused = samples.now(kIngest, { result: "quarantined" });
    const lately = samples.growth(kIngest, { result: "quarantined" }, kWindow), fresh = samples.now("pictor_store_fresh_rows");
    return { figure: rate === null ? null : figure(rate), unit: "a second", series: samples.rates(kIngest, {}), say: figure,
      level: lately ? { level: "watch", words: `${number(lately)} quarantined just now` } : null,
      note: some(refused && `${number(refused)} quarantined since the start`, fresh && `${number(fresh)} not yet in segments`) };
  },
  "Processor"(samples) {
    const name = "process_cpu_seconds_total", memory = samples.now("process_resident_memory_bytes");
    if (samples.now(name) === null) return null;
    const cores = samples.rate(name, {}, kWindow);
    return { figure: cores === null ? null : figure(cores), unit: "cores busy", series: samples.rates(name, {}), say: figure,
      note: memory === null ? "" : `${bytes(memory)} of memory` };
  },
};

// What there is to show, in the order of the tiles.
export const tiles_of = (samples) => Object.entries(kTiles).map(([title, read]) => ({ title, ...read(samples) })).filter((tile) => "figure" in tile);

export function make_tile({ title, line, say }) {
  const drawn = sparkline(line || title, say, kSlots);
  const value = element("p", { className: "figure" }), note = element("p", { className: "soft" }), level = element("p", { className: "level" });
  const made = element("article", { className: "tile" }, element("h3", { textContent: title }), value, drawn, level, note);
  made.show = (tile) => {
    const nothing = tile.figure === null;
    value.replaceChildren(element("strong", { textContent: nothing ? "–" : tile.figure }),
      element("span", { textContent: nothing ? tile.none || "not known yet" : tile.unit || "" }));
    drawn.draw(tile.series);
    note.textContent = tile.note || "";
    level.replaceChildren(...(tile.level ? [badge(tile.level.words, tile.level.level)] : []));
    made.className = `tile ${tile.level?.level || ""}`;
  };
  return made;
}
