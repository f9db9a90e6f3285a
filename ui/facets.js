// Filters to choose from: the values that a collection's items have, with their numbers. Which fields there are is seen in
// the first items; the server counts them in all, and where it does not, the numbers are those of the first items.
import * as api from "./api.js";
import { element, number } from "./dom.js";
import { field_text } from "./filters.js";

const kSample = 200, kValuesMax = 8, kFieldsMax = 8;

// {fields: [{field, many, values: [{value, count}]}], of: items that were counted, or 0: all of them}. `many`: an array.
export async function facets_of(collection) {
  const items = await api.items(collection, kSample);
  const fields = count_fields(items);
  if (!fields.length) return { fields, of: 0 };
  try {
    return { fields: counted(fields, await api.facets(collection, fields.map((one) => field_text(one.field)), kValuesMax)), of: 0 };
  } catch (error) {
    if (![400, 404, 405].includes(error.status)) throw error;
    return { fields, of: items.length };
  }
}

// The server's counts in the place of ours; it answers in the order of the fields.
export function counted(fields, answer) {
  return fields.map((one, place) => ({ ...one, values: answer[place].values.map(({ value, items }) => ({ value, count: items })) }))
    .filter((one) => is_choice(one.values));
}

// Worth choosing from: more than one value.
const is_choice = (values) => values.length > 1;

export function count_fields(items) {
  const fields = new Map();
  const count = (field, value, many) => {
    if (!["string", "number", "boolean"].includes(typeof value) || String(value).length > 60) return;
    if (!fields.has(field)) fields.set(field, { field, many, counts: new Map() });
    const one = fields.get(field);
    one.many ||= many;
    one.counts.set(value, (one.counts.get(value) || 0) + 1);
  };
  for (const item of items) {
    for (const [field, value] of Object.entries(item.metadata || {})) {
      if (Array.isArray(value)) new Set(value).forEach((each) => count(field, each, true));
      else count(field, value, false);
    }
    if (item.format) count("@format", item.format, false);
  }
  return [...fields.values()].filter(({ counts }) => is_choice([...counts.keys()]) && counts.size <= Math.max(kValuesMax, items.length / 4))
    .sort((a, b) => a.counts.size - b.counts.size).slice(0, kFieldsMax).map(({ field, many, counts }) => ({ field, many,
      values: [...counts].map(([value, times]) => ({ value, count: times })).sort((a, b) => b.count - a.count).slice(0, kValuesMax) }));
}

const is_same = (one, other) => one[0] === other[0] && one[1] === other[1];

function group({ field, many, values }, chosen, choose) {
  const boxes = values.map(({ value, count }) => {
    const mine = [field, value, many];
    const box = element("input", { type: "checkbox", checked: chosen.some((one) => is_same(one, mine)) });
    box.onchange = () => choose(box.checked ? [...chosen, mine] : chosen.filter((one) => !is_same(one, mine)));
    return element("label", { className: "facet" }, box, element("span", { textContent: String(value) }),
      element("small", { textContent: number(count), attributes: { "aria-label": `${number(count)} items` } }));
  });
  return element("fieldset", {}, element("legend", { textContent: field.replace(/^@/, "") }), boxes);
}

// Fills the <details> that is given; `choose` gets the new list of what is chosen. Nothing to choose from: it is hidden.
export function show_facets(where, { fields, of }, chosen, choose) {
  const focus = where.contains(document.activeElement) ? [...where.querySelectorAll("input")].indexOf(document.activeElement) : -1;
  if (where.hidden) where.open = !matchMedia("(max-width: 720px)").matches; // on a phone the results come first
  where.hidden = !fields.length && !chosen.length;
  where.querySelector("div").replaceChildren(...fields.map((one) => group(one, chosen, choose)),
    of ? element("p", { className: "note", textContent: `Counted over the first ${number(of)} pictures.` }) : "");
  where.querySelector("summary").textContent = chosen.length ? `Filters (${chosen.length})` : "Filters";
  if (focus >= 0) where.querySelectorAll("input")[focus]?.focus();
}
