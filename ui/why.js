// Why a picture is among the results: how near it is to each thing that was asked for, by the same vectors.
import * as api from "./api.js";
import { element, facts, number } from "./dom.js";
import { value_text } from "./filters.js";

const named = (part) => (part.text !== undefined ? `the words “${part.text}”` : part.id !== undefined ? `the picture ${part.id}` : "your picture");

// Each part is asked alone, in the head that the answer was made in, about this item only.
async function likenesses(collection, asked, head, id, signal) {
  const where = `@id = ${value_text(id)}`;
  const answers = await Promise.all(asked.map(({ weight, ...part }) =>
    api.search(collection, { query: [{ ...part, weight: 1 }], head, where, k: 1, exact: true }, signal)));
  return answers.map((answer, place) => ({ part: asked[place], score: answer.hits[0]?.score ?? null }));
}

function bar({ part, score }, share) {
  const words = `${named(part)}${share < 1 ? `, which counts ${Math.round(share * 100)} %` : ""}`;
  if (score === null) return element("li", {}, words);
  const meter = element("meter", { min: 0, max: 1, value: Math.max(0, Math.min(1, score)), textContent: score.toFixed(3),
    attributes: { "aria-label": `Likeness to ${named(part)}` } });
  const figure = element("strong", { textContent: score.toFixed(3) });
  return element("li", {}, element("span", { textContent: words }), element("span", { className: "bar-row" }, meter, figure));
}

// `answer` is what the server gave, `hit` one of its hits.
export async function explain_hit(where, { collection, asked, filter, answer, hit, signal }) {
  const best = answer.hits[0];
  const place = hit.id === best.id ? "the best" : `${(best.score - hit.score).toFixed(3)} below the best`;
  const rows = [["place", `${hit.rank} of ${number(answer.hits.length)} shown, ${place}`], ["compared by", `vectors “${answer.head}”`],
    ["found by", answer.recall], ["passes the filter", filter]];
  where.replaceChildren(facts(rows), element("p", { className: "soft", textContent: "How near it is to what was asked for…" }));
  try {
    const found = await likenesses(collection, asked, answer.head, hit.id, signal);
    const whole = asked.reduce((sum, part) => sum + Math.abs(part.weight), 0) || 1;
    where.lastChild.replaceWith(element("ul", { className: "likeness" }, found.map((one) => bar(one, Math.abs(one.part.weight) / whole))));
  } catch (error) {
    if (error.name !== "AbortError") where.lastChild.textContent = error.message;
  }
}
