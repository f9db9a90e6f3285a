// When a figure is good, when to watch it, and when to act: as a level, which gives the colour, and as words.

export const kWindow = 60; // seconds that a figure is of

const kSlow = { image: 0.15, text: 0.1, vector: 0.1, id: 0.02, mixed: 0.15 }; // p99 of a search, seconds

const level = (value, watch, act) => (value >= act ? "act" : value >= watch ? "watch" : "good");
const kWords = { good: "good", watch: "slow", act: "far too slow" };

// Of a search by that kind of query; null for what has no bound.
export function latency_level(kind, p99) {
  const bound = kSlow[kind];
  if (!bound || !p99) return null;
  const found = level(p99.value, bound, 4 * bound);
  return { level: found, words: found === "good" ? `good: under ${bound * 1000} ms` : `${kWords[found]}: ${bound * 1000} ms is wanted` };
}

// Counts of requests within the window.
export function error_level({ answered, refused, too_many, failed }) {
  const all = answered + refused + too_many + failed;
  if (!all) return { level: "none", words: "no requests", share: 0 };
  const share = failed / all, turned = too_many / all;
  const found = [level(share, Number.MIN_VALUE, 0.01), level(turned, 0.01, 0.1)];
  const worst = found.includes("act") ? "act" : found.includes("watch") ? "watch" : "good";
  const percent = (part) => `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;
  const words = [failed && `${percent(share)} failed`, too_many && `${percent(turned)} told to come again`].filter(Boolean).join(", ");
  return { level: worst, words: words || "none failed", share };
}

// `places`: of each lane.
export function queue_level(waiting, places = 256) {
  const found = level(waiting, places / 8, places * 0.75);
  return { level: found, words: { good: waiting ? "moving" : "empty", watch: "filling up", act: "nearly full: more is refused" }[found] };
}

// `measured`: {recall, low, high} of live queries; `wanted`: what searches ask for.
export function recall_level(measured, wanted) {
  if (!measured) return { level: "none", words: "not measured yet" };
  if (measured.high < wanted) return { level: "act", words: `surely below the ${wanted} wanted` };
  if (measured.recall < wanted) return { level: "watch", words: `below the ${wanted} wanted, by chance perhaps` };
  return { level: "good", words: `as wanted: ${wanted}` };
}
