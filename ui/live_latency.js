// One row for each histogram of seconds that the server has, and for each of its labels that was ever used: what callers
// wait for first, what that is made of behind a button.
import { badge, duration, element, figure, table } from "./dom.js";
import { kWindow, latency_level } from "./levels.js";
import { histogram, label_sets } from "./metrics.js";
import { sparkline } from "./sparkline.js";

const kSlots = 90;
const kColumns = ["What", { name: "A second", number: true }, { name: "p50", number: true }, { name: "p99", number: true }, "p99 over time", "Verdict"];
const kFirst = ["pictor_http_seconds", "pictor_search_seconds", "pictor_http_operation_seconds"]; // in this order
const kNames = {
  pictor_http_seconds: "Every request", pictor_search_seconds: "Search by", pictor_http_operation_seconds: "Request",
  pictor_http_wait_seconds: "Wait for a worker,", pictor_encode_wait_seconds: "Wait for the encoder,", pictor_query_stage_seconds: "Of a search:",
  pictor_ingest_stage_seconds: "Of adding:", pictor_store_commit_seconds: "Making a batch durable",
};

const kKinds = { image: "picture", text: "words", id: "item", mixed: "mix" };

function named(family, labels) {
  const values = Object.values(labels).map((value) => (family.name === "pictor_search_seconds" && kKinds[value]) || value);
  const words = [kNames[family.name] || family.help.replace(/\.$/, "") || family.name, ...values].join(" ");
  return words.replace(/[,:]$/, "");
}

const latency = (found) => (found ? `${found.beyond ? "over " : ""}${duration(found.value)}` : "–");
const place_of = ({ name }) => (kFirst.includes(name) ? kFirst.indexOf(name) : kFirst.length);

function rows_of(samples) {
  return [...samples.families.values()].filter((family) => family.type === "histogram" && family.name.endsWith("_seconds"))
    .sort((a, b) => place_of(a) - place_of(b))
    .flatMap((family) => label_sets(family).map((labels) => ({ family, labels, key: family.name + JSON.stringify(labels) })))
    .filter(({ family, labels }) => histogram(samples.families, family.name, labels)?.counts.at(-1) > 0);
}

// Lines and tables stay the same elements from one showing to the next.
const lines = new Map();
let first = null, others = null, more = null;

function row({ family, labels, key }, samples) {
  const name = family.name, title = named(family, labels);
  const between = samples.histogram(name, labels, kWindow);
  const ends = samples.ends(kWindow);
  const rate = between && between.counts.at(-1) / (ends[1].at_s - ends[0].at_s);
  const p99 = samples.quantile(name, labels, 0.99, kWindow);
  const level = name === "pictor_search_seconds" ? latency_level(labels.kind, p99) : null;
  if (!lines.has(key)) lines.set(key, sparkline(`p99 of ${title}`, duration, kSlots));
  lines.get(key).draw(samples.quantiles(name, labels, 0.99));
  const none = name === "pictor_search_seconds" ? "none lately" : "no bound";
  return [title, rate === null ? "–" : figure(rate), latency(samples.quantile(name, labels, 0.5, kWindow)), latency(p99), lines.get(key),
    level ? badge(level.words, level.level) : element("span", { className: "soft", textContent: none })];
}

function lay_out(where) {
  first = table("Latencies", kColumns);
  others = table("Latencies of stages", kColumns);
  more = element("details", { className: "why" }, element("summary", { textContent: "What it is made of" }), others);
  where.replaceChildren(first, more);
}

export function show_latency(where, samples) {
  const rows = rows_of(samples);
  if (!rows.length) return where.replaceChildren(element("p", { className: "soft", textContent: "Nothing was timed yet." }));
  if (first?.parentElement !== where) lay_out(where);
  const inside = rows.filter(({ family }) => place_of(family) === kFirst.length);
  first.refill(rows.filter((one) => !inside.includes(one)).map((one) => row(one, samples)));
  more.hidden = !inside.length;
  if (more.open) others.refill(inside.map((one) => row(one, samples)));
  more.ontoggle = () => { if (more.open) others.refill(inside.map((one) => row(one, samples))); };
}
