// Reads what /metrics says: Prometheus' text format, version 0.0.4. Lines that are none of it are passed over.

const kSample = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?$/;
const kLabel = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const kNumbers = { "+Inf": Infinity, Inf: Infinity, "-Inf": -Infinity, NaN };
const kParts = ["_bucket", "_sum", "_count"];

const unescaped = (text) => text.replace(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter));
const number_of = (text) => (text in kNumbers ? kNumbers[text] : Number(text));
const labels_of = (text = "") => Object.fromEntries([...text.matchAll(kLabel)].map(([, name, value]) => [name, unescaped(value)]));

// The family that a sample is of: "a_bucket" is of "a" where that is a histogram.
function family_of(families, name) {
  for (const part of kParts) {
    const base = name.endsWith(part) ? families.get(name.slice(0, -part.length)) : undefined;
    if (base && (base.type === "histogram" || base.type === "summary")) return base;
  }
  return named(families, name);
}

function named(families, name) {
  if (!families.has(name)) families.set(name, { name, type: "untyped", help: "", samples: [] });
  return families.get(name);
}

// Families by name: {name, type, help, samples: [{name, labels, value}]}.
export function parse_metrics(text) {
  const families = new Map();
  for (const line of text.split("\n")) {
    const told = /^#\s+(HELP|TYPE)\s+(\S+)\s*(.*)$/.exec(line);
    if (told) {
      named(families, told[2])[told[1].toLowerCase()] = told[1] === "HELP" ? unescaped(told[3]) : told[3].trim();
      continue;
    }
    const sample = line.startsWith("#") ? null : kSample.exec(line.trim());
    if (!sample || !(sample[3] in kNumbers || Number.isFinite(Number(sample[3])))) continue;
    family_of(families, sample[1]).samples.push({ name: sample[1], labels: labels_of(sample[2]), value: number_of(sample[3]) });
  }
  return families;
}

// Does a sample have these labels, whatever others it has?
export const has_labels = (sample, wanted) => Object.entries(wanted).every(([name, value]) => sample.labels[name] === value);

// The sum of the samples that have the labels; null when there is none.
export function total(families, name, wanted = {}) {
  const found = (families.get(name)?.samples || []).filter((sample) => sample.name === name && has_labels(sample, wanted));
  return found.length ? found.reduce((sum, sample) => sum + sample.value, 0) : null;
}

// The label sets of a family, `le` left out, in their order.
export function label_sets(family) {
  const seen = new Map();
  for (const { labels } of family.samples) {
    const { le, ...own } = labels;
    seen.set(JSON.stringify(own), own);
  }
  return [...seen.values()];
}

// A histogram, summed over the label sets that fit: {bounds, counts, sum}, counts cumulative; null when there is none.
export function histogram(families, name, wanted = {}) {
  const by_bound = new Map();
  let sum = 0;
  for (const sample of families.get(name)?.samples || []) {
    if (!has_labels(sample, wanted)) continue;
    if (sample.name === `${name}_sum`) sum += sample.value;
    if (sample.name !== `${name}_bucket`) continue;
    const bound = number_of(sample.labels.le);
    by_bound.set(bound, (by_bound.get(bound) || 0) + sample.value);
  }
  if (!by_bound.size) return null;
  const bounds = [...by_bound.keys()].sort((a, b) => a - b);
  return { bounds, counts: bounds.map((bound) => by_bound.get(bound)), sum };
}

// What a counter grew by. One that is smaller than before began anew: the server was started again.
export const growth = (now, before) => (now < before ? now : now - before);

export function histogram_growth(now, before) {
  const same = before && before.bounds.length === now.bounds.length && before.bounds.every((bound, place) => bound === now.bounds[place]);
  if (!same || now.counts.at(-1) < before.counts.at(-1)) return now;
  return { bounds: now.bounds, counts: now.counts.map((count, place) => Math.max(0, count - before.counts[place])), sum: now.sum - before.sum };
}

// The value that a share `q` of the observations is at most, as if they lay evenly within each bucket. null: there were
// none. `beyond`: it is past the last bound, which is what is given.
export function quantile(histogram, q) {
  const { bounds, counts } = histogram;
  const rank = q * counts.at(-1);
  if (!counts.at(-1)) return null;
  const place = counts.findIndex((count) => count >= rank);
  const low = place ? bounds[place - 1] : Math.min(0, bounds[0]);
  if (bounds[place] === Infinity) return { value: low, beyond: true };
  const below = place ? counts[place - 1] : 0;
  const within = counts[place] - below;
  return { value: low + (within ? (rank - below) / within : 1) * (bounds[place] - low), beyond: false };
}
