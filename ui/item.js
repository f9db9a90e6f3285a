// The page of one item: its picture, what is known of it, where its vectors came from, its versions, its neighbours.
import * as api from "./api.js";
import { $, badge, confirmed, copy_button, element, facts, hash, name_of, number, part, shot, state, table, tell, time, value_words, waiting } from "./dom.js";
import { keep_collection, link, show_caller } from "./shell.js";

const kSide = 1024, kThumb = 360, kNeighbours = 12;
const given = new URLSearchParams(location.search);
const collection = given.get("c") || "", id = given.get("id") || "";

// --- what is known of it ---

async function remove() {
  if (!await confirmed("Delete this item?", `“${id}” is found no more; its history stays until it is dropped.`, "Delete")) return;
  try {
    await api.remove(collection, id);
    location.href = link("collection", { c: collection });
  } catch (error) {
    tell(error.message, true);
  }
}

function picture(item, may_write) {
  const frame = shot(api.picture(collection, id, kSide));
  frame.querySelector("img").alt = item.text || `The picture ${id}`;
  frame.querySelector("img").loading = "eager";
  const like = element("a", { className: "go", href: link("index", { c: collection, like: id }), textContent: "More like this" });
  const open = element("a", { className: "quiet", href: api.picture(collection, id), target: "_blank", rel: "noopener", textContent: "The picture itself" });
  const gone = may_write ? element("button", { type: "button", className: "quiet", textContent: "Delete", onclick: remove }) : null;
  return element("div", { className: "item-side" }, frame, element("div", { className: "acts row" }, like, open, gone));
}

function known(item) {
  const own = Object.entries(item.metadata || {});
  return element("div", { className: "item-side" }, item.text && element("p", { className: "item-words", textContent: item.text }),
    own.length ? facts(own.map(([name, value]) => [name, value_words(value)])) : element("p", { className: "soft", textContent: "It has no metadata." }),
    element("h2", { textContent: "The file" }),
    facts([["size", item.width ? `${number(item.width)} × ${number(item.height)} pixels` : ""], ["format", item.format], ["source", item.source],
      ["added", time(item.created_us)], ["SHA-256", item.content ? hash(item.content, "the SHA-256 of the file") : "not kept: its vectors were imported"]]));
}

// --- where its vectors came from ---

const kStates = {
  signed: ["good", "signed, and the signature is right"], unsigned: ["watch", "not signed"],
  wrong: ["act", "the signature is wrong"], unknown_key: ["watch", "signed by a key that this server does not have"],
};

const decoders = (value) => (value && typeof value === "object" ? Object.entries(value).map(([name, version]) => `${name} ${version}`).join(", ") : value);

function origin({ state: found, receipt, problem }) {
  const [level, words] = kStates[found] || ["none", found];
  const text = receipt && JSON.stringify(receipt, null, 2);
  const of = receipt || {};
  return part("Where its vectors came from", "", element("p", {}, badge(words, level), problem && found !== "signed" ? ` ${problem}` : ""), receipt && facts([
    ["encoder", of.encoder && element("a", { href: link("encoders", { e: of.encoder }), textContent: of.encoder })],
    ["its card", of.card && hash(of.card, "the SHA-256 of the card")], ["made by", of.code], ["run by", of.runtime], ["processor class", of.isa],
    ["decoders", decoders(of.decoders)],
    ...Object.entries(of.spaces || {}).map(([head, space]) => [`space of ${head}`, hash(value_words(space), `the space of ${head}`)]),
    ...Object.entries(of.vectors || {}).map(([head, vector]) => [`vector ${head}`, hash(value_words(vector), `the SHA-256 of vector ${head}`)]),
    ["signed by", of.key && hash(of.key, "the name of the key")]], "list narrow"),
  receipt && element("details", { className: "why" }, element("summary", { textContent: "The whole receipt" }), copy_button(text, "the receipt"),
    element("pre", { className: "code", textContent: text })));
}

function versions(all) {
  if (all.length < 2) return null; // that there is one is seen above
  const moment = (us, commit) => (us ? time(us) : `commit ${commit}`);
  return part("Its versions", "", table("Versions", ["Added", "Until", "Source", "SHA-256"], all.map((one) => [moment(one.born_us, one.born),
    one.died === null ? "now" : moment(one.died_us, one.died), one.source, hash(one.content, "the SHA-256 of that version")])));
}

// --- its neighbours ---

async function show_neighbours() {
  $("near").hidden = false;
  $("hits").replaceChildren(...waiting(6, "hit-wait").map((made) => element("li", {}, made)));
  try {
    const answer = await api.search(collection, { query: [{ id }], k: kNeighbours + 1 });
    const hits = answer.hits.filter((hit) => hit.id !== id).slice(0, kNeighbours);
    $("hits").replaceChildren(...hits.map((hit) => element("li", { className: "hit" },
      element("a", { className: "open", href: link("item", { c: collection, id: hit.id }) }, shot(api.picture(collection, hit.id, kThumb)),
        element("div", { className: "name", textContent: name_of(hit) })),
      element("div", { className: "under" }, element("span", { textContent: hit.score.toFixed(3), title: "likeness" })))));
    if (!hits.length) $("hits").replaceChildren(element("li", { className: "soft", textContent: "It is alone in this collection." }));
  } catch (error) {
    $("hits").replaceChildren(element("li", { className: "soft", textContent: error.message }));
  }
}

async function begin() {
  keep_collection(collection);
  $("back").href = link("collection", { c: collection });
  $("back").textContent = collection ? `All of ${collection}` : "The collections";
  $("title").textContent = id || "No item";
  if (!collection || !id) {
    return $("shown").replaceChildren(state("The address names no item", "It is item.html?c=COLLECTION&id=ID; the pages of collections lead to items."));
  }
  document.title = `Pictor: ${id}`;
  $("shown").replaceChildren(element("div", { className: "item-page" }, waiting(2, "side-wait")));
  const caller = show_caller();
  try {
    const asked = [api.item(collection, id), api.receipt(collection, id), api.history(collection, id).catch(() => [])];
    const [item, receipt, history] = await Promise.all(asked);
    const may_write = (await caller)?.rights.includes("write");
    const seen = element("div", { className: "item-page" }, picture(item, may_write), known(item));
    $("shown").replaceChildren(...[seen, origin(receipt), versions(history)].filter(Boolean));
    await show_neighbours();
  } catch (error) {
    $("shown").replaceChildren(state(error.status === 404 ? "There is no such item" : "The item could not be read", error.message));
  }
}

begin();
