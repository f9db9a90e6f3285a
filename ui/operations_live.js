// How the server is just now: readiness, figures over the last minute, latencies, collections.
import * as api from "./api.js";
import { $, badge, bytes, duration, element, figure, number, part, plural, state, table, trouble_teller, waiting } from "./dom.js";
import { kWindow, recall_level } from "./levels.js";
import { show_latency } from "./live_latency.js";
import { make_tile, tiles_of } from "./live_tiles.js";
import { label_sets, parse_metrics } from "./metrics.js";
import { Poll } from "./poll.js";
import { Samples } from "./samples.js";
import { link } from "./shell.js";

const kEvery = 2000, kSlowEvery = 15_000; // ms: figures; sizes and readiness
const kCollections = ["Collection", "Encoder", { name: "Items", number: true }, { name: "Segments", number: true },
  { name: "On disk", number: true }, "Recall@10, live"];
const samples = new Samples();
let parts = null, poll = null, slow = null, version = null;

// --- what stands still ---

function skeleton() {
  const hold = element("button", { type: "button", className: "quiet small", id: "hold", textContent: "Pause",
    attributes: { "aria-pressed": "false" } });
  hold.onclick = () => {
    const held = hold.getAttribute("aria-pressed") !== "true";
    hold.setAttribute("aria-pressed", held);
    hold.textContent = held ? "Go on" : "Pause";
    poll?.hold(held);
    slow?.hold(held);
    pulse(held ? "paused" : "");
  };
  return {
    hold, tiles: element("div", { className: "tiles" }, waiting(6, "tile")), latency: element("div", {}, waiting(3)), every: element("div"),
    pulse: element("span", { className: "pulse", id: "pulse" }), ready: element("div", { className: "ready", id: "ready" }),
    collections: table("Collections", kCollections), no_collections: element("p", { className: "soft" }), made: new Map(),
  };
}

function lay_out(panel, sees_figures) {
  const figures = sees_figures ? [element("h2", { className: "hidden", textContent: `The last ${kWindow} seconds` }), parts.tiles,
    part("Latency", `Of the last ${kWindow} s, from the histograms of the server: estimates within a bucket.`, parts.latency)] : [no_right()];
  panel.replaceChildren(element("div", { className: "strip" }, parts.ready, element("div", { className: "live" }, parts.pulse, parts.hold)),
    ...figures, part("Collections", "", parts.collections, parts.no_collections), parts.every);
}

const no_right = () => state("Figures are for operators",
  "Rates, latencies and queues need the right “operate”, which operators and admins of the whole server have. " +
  "Whether the server is ready, and what its collections hold, stands here for everybody.");

// --- what changes ---

function pulse(kind, words = { "": "Live", paused: "Paused", lost: "No answer" }[kind]) {
  parts.pulse.className = `pulse ${kind}`;
  parts.pulse.textContent = words;
}

function show_ready({ ready, why_not }) {
  parts.ready.replaceChildren(badge(ready ? "Ready" : "Not ready", ready ? "good" : "act"),
    ready ? element("span", { textContent: "It answers, and an encoder has its weights." }) :
      element("ul", {}, why_not.map((why) => element("li", { textContent: why }))));
}

function show_server() {
  const begun = samples.now("process_start_time_seconds");
  $("server").textContent = [version && `Pictor ${version.version}`, version && `API ${version.api}`,
    begun && `up ${duration(Math.max(0, Date.now() / 1000 - begun))}`].filter(Boolean).join(" · ");
  $("server").title = version?.build?.join("\n") || "";
}

const on_disk = (one) => one.database_bytes + one.segment_bytes + one.blob_bytes + one.graph_bytes + one.list_bytes;

function recall_cell(one) {
  const measured = one.recall.find((recall) => recall.at === 10);
  const found = recall_level(measured, one.search?.recall ?? 0.98);
  const made = element("span", { className: "verdict" }, badge(found.words, found.level));
  if (!measured) return made;
  const [mean, low, high] = [measured.recall, measured.low, measured.high].map((value) => value.toFixed(3));
  made.append(element("span", { className: "soft", textContent: `${mean} (${low} to ${high}, ${plural(measured.queries, "query", "queries")})` }));
  return made;
}

function segments_cell(one) {
  const damaged = one.segments_damaged ? [" ", badge(`${one.segments_damaged} damaged`, "act")] : [];
  const fresh = one.rows_fresh ? [element("span", { className: "soft", textContent: ` + ${number(one.rows_fresh)} fresh` })] : [];
  return element("span", {}, number(one.segments), ...fresh, ...damaged);
}

let collections_were = "";
function show_collections(collections) {
  const are = JSON.stringify(collections);
  if (are === collections_were) return; // what has the focus keeps it
  collections_were = are;
  parts.collections.hidden = !collections.length;
  parts.no_collections.textContent = collections.length ? "" : "There is no collection yet.";
  parts.collections.refill(collections.map((one) => [element("a", { href: link("collection", { c: one.name }), textContent: one.name }),
    one.external ? one.encoder : element("a", { href: link("encoders", { e: one.encoder }), textContent: one.encoder }),
    number(one.items), segments_cell(one), bytes(on_disk(one)), recall_cell(one)]));
}

function show_tiles() {
  if (!parts.made.size) parts.tiles.replaceChildren(); // what stood for them
  for (const tile of tiles_of(samples)) {
    if (!parts.made.has(tile.title)) {
      parts.made.set(tile.title, make_tile(tile));
      parts.tiles.append(parts.made.get(tile.title));
    }
    parts.made.get(tile.title).show(tile);
  }
}

// Every figure that there is, also those that no part of this page knows.
function show_every() {
  if (!parts.every.firstChild) {
    const rows = table("All metrics", ["Metric", { name: "Value", number: true }, "What it is"]);
    const box = element("details", { className: "why" }, element("summary", { textContent: "All metrics" }), rows);
    box.ontoggle = () => show_every();
    parts.every.append(box);
  }
  const box = parts.every.firstChild;
  if (!box.open) return;
  box.querySelector(".scroll").refill([...samples.families.values()].flatMap((family) => label_sets(family).map((labels) => {
    const words = Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(", ");
    const part = family.type === "histogram" ? `${family.name}_count` : family.name;
    const value = samples.now(part, labels);
    return [element("code", { textContent: words ? `${family.name} {${words}}` : family.name }), value === null ? "" : figure(value), family.help];
  })));
}

async function ask_figures(signal) {
  samples.add(performance.now() / 1000, parse_metrics(await api.metrics(signal)));
  show_tiles();
  show_latency(parts.latency, samples);
  show_server();
  show_every();
}

async function ask_slow(signal) {
  show_ready(await api.ready(signal));
  show_collections(await api.collections());
}

// What each poll has to say; both may fail, and either may go well again.
const troubles = new Map(), tell_trouble = trouble_teller();
const told_by = (name) => ({ error, wait_ms }) => {
  troubles.delete(name);
  if (error) troubles.set(name, error.status === 403 ? error.message : `${error.message} It is asked again in ${Math.round(wait_ms / 1000)} s.`);
  pulse(error && error.status !== 403 ? "lost" : "");
  tell_trouble([...new Set(troubles.values())].join(" "));
};

export async function show_live(panel, caller) {
  if (parts) return; // it goes on where it was
  parts = skeleton();
  const sees_figures = caller.rights.includes("operate") && !caller.tenant;
  lay_out(panel, sees_figures);
  pulse("");
  slow = new Poll(ask_slow, told_by("slow"), kSlowEvery);
  slow.begin();
  if (sees_figures) {
    poll = new Poll(ask_figures, told_by("figures"), kEvery);
    poll.begin();
  }
  try {
    version = await api.version();
    show_server();
  } catch { /* the polls say that it does not answer */ }
}
