// A small line of numbers over time, as SVG, with a sentence for who does not see it.

const kWide = 120, kHigh = 32, kEdge = 2;
const kFewest = 20; // numbers that the width is of at least: the first ones do not jump about
const kSpace = "http://www.w3.org/2000/svg";

function svg(name, attributes, ...children) {
  const made = document.createElementNS(kSpace, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

// Stretches of numbers between those that are not known: [[place, value], ...] each.
function stretches(values) {
  const all = [];
  values.forEach((value, place) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return;
    if (place && all.length && all.at(-1).at(-1)[0] === place - 1) all.at(-1).push([place, value]);
    else all.push([[place, value]]);
  });
  return all;
}

// Where the numbers are drawn: `most` is at the top, zero at the bottom, the newest of `slots` numbers at the right.
function places(values, most, slots) {
  const x = (place) => ((place + slots - values.length) / Math.max(1, slots - 1)) * kWide;
  const y = (value) => kHigh - kEdge - (most > 0 ? Math.min(1, Math.max(0, value) / most) : 0) * (kHigh - 2 * kEdge);
  return stretches(values).map((points) => points.map(([place, value]) => [x(place).toFixed(1), y(value).toFixed(1)]));
}

const joined = (points) => points.map((point) => point.join(" ")).join("L");

// A dot on the newest number, where it is known.
export function dot_path(values, most, slots) {
  const [x, y] = values.length && Number.isFinite(values.at(-1)) ? places(values, most, slots).at(-1).at(-1) : [];
  return x === undefined ? "" : `M${x} ${y}h0.1`;
}

// A number alone is a dot.
export const line_path = (values, most, slots) => places(values, most, slots).map((points) =>
  `M${joined(points)}${points.length === 1 ? "h0.1" : ""}`).join("");

// What is below the line.
export const area_path = (values, most, slots) => places(values, most, slots).filter((points) => points.length > 1).map((points) =>
  `M${joined(points)}L${points.at(-1)[0]} ${kHigh}L${points[0][0]} ${kHigh}Z`).join("");

// "from 0 to 12, now 4"; `say` makes words of a number.
export function line_words(title, values, say) {
  const known = values.filter((value) => Number.isFinite(value));
  if (!known.length) return `${title}: nothing yet`;
  const now = Number.isFinite(values.at(-1)) ? `, now ${say(values.at(-1))}` : ", nothing just now";
  return `${title}: from ${say(Math.min(...known))} to ${say(Math.max(...known))}${now}`;
}

// An SVG whose numbers are changed by its draw(values).
export function sparkline(title, say, slots) {
  const area = svg("path", { class: "area" }), line = svg("path", { class: "line" }), dot = svg("path", { class: "dot" });
  const base = svg("path", { class: "base", d: `M0 ${kHigh - kEdge}H${kWide}` });
  const made = svg("svg", { class: "spark", viewBox: `0 0 ${kWide} ${kHigh}`, preserveAspectRatio: "none", role: "img" }, base, area, line, dot);
  made.draw = (values) => {
    const shown = values.slice(-slots);
    const most = Math.max(0, ...shown.filter(Number.isFinite));
    const wide = Math.max(kFewest, shown.length);
    line.setAttribute("d", line_path(shown, most, wide));
    area.setAttribute("d", area_path(shown, most, wide));
    dot.setAttribute("d", dot_path(shown, most, wide));
    made.setAttribute("aria-label", line_words(title, shown, say));
  };
  made.draw([]);
  return made;
}
