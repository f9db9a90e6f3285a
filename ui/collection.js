// The collection page: what it holds, page by page, filters, and adding to it.
import * as api from "./api.js";
import { $, badge, bytes, confirmed, element, name_of, number, plural, shot, tell, waiting } from "./dom.js";
import { facets_of, show_facets } from "./facets.js";
import { chosen_of, chosen_text, where_of } from "./filters.js";
import { recall_level } from "./levels.js";
import { choose_collection, link, show_caller } from "./shell.js";
import { listen_upload } from "./upload.js";

const kPage = 60, kThumb = 360;
const shown = { collection: "", where: "", chosen: [], next: null, asked: 0 };
let collections = [], facets = { fields: [], of: 0 }, may_write = true;

// --- what it holds ---

function show_numbers(info) {
  const live = info.recall.find((one) => one.at === 10);
  const level = recall_level(live, info.search?.recall ?? 0.98);
  const recall = live && `${live.recall.toFixed(3)} (${live.low.toFixed(3)} to ${live.high.toFixed(3)}) `;
  const numbers = {
    pictures: number(info.items),
    encoder: info.external ? info.encoder : element("a", { href: link("encoders", { e: info.encoder }), textContent: info.encoder }),
    "kept of each": info.keep, vectors: info.heads.map((head) => `${head.name} ${head.dim}`).join(", "),
    "on disk": bytes(info.database_bytes + info.segment_bytes + info.blob_bytes + info.graph_bytes + info.list_bytes),
    segments: number(info.segments), indexes: info.graphs ? plural(info.graphs, "graph") : info.lists ? plural(info.lists, "list") : "none needed yet",
    "live recall@10": live ? [recall, badge(level.words, level.level)] : "not measured yet",
  };
  $("numbers").replaceChildren(...Object.entries(numbers).map(([name, value]) =>
    element("div", {}, element("dt", { textContent: name }), element("dd", {}, value))));
  $("facts").textContent = `${plural(info.items, "picture")} · ${info.encoder}`;
}

function card(item) {
  const name = name_of(item);
  const open = element("a", { className: "open", href: link("item", { c: shown.collection, id: item.id }) },
    shot(api.picture(shown.collection, item.id, kThumb)), element("div", { className: "name", textContent: name, title: item.id }));
  const like = element("a", { className: "like", textContent: "Similar", href: link("index", { c: shown.collection, like: item.id }),
    attributes: { "aria-label": `Pictures similar to ${name}` } });
  const remove = element("button", { className: "like", type: "button", textContent: "Delete", hidden: !may_write, attributes: { "aria-label": `Delete ${name}` } });
  const made = element("li", { className: "hit" }, open, element("div", { className: "under" }, like, remove));
  remove.onclick = () => delete_item(item.id, name, made);
  return made;
}

async function delete_item(id, name, made) {
  if (!await confirmed("Delete this picture?", `“${name}” is found no more; its history stays until it is dropped.`, "Delete")) return;
  try {
    await api.remove(shown.collection, id);
    const next = made.nextElementSibling || made.previousElementSibling;
    made.remove();
    (next?.querySelector(".open") || $("shown")).focus();
    show_numbers(await api.collection(shown.collection));
  } catch (error) {
    tell(error.message, true);
  }
}

const filter = () => where_of(shown.where, shown.chosen);

function to_address() {
  const given = link("collection", { c: shown.collection, where: shown.where, f: shown.chosen.length ? chosen_text(shown.chosen) : "" });
  history.replaceState(null, "", given);
}

async function load(again) {
  if (!shown.collection) {
    $("shown").replaceChildren();
    return tell("There is no collection yet. Drop pictures here to make one.");
  }
  const mine = ++shown.asked; // a later filter's pictures are not mixed with these
  if (again) {
    shown.next = null;
    $("shown").replaceChildren(...waiting(12, "hit-wait").map((made) => element("li", {}, made)));
  }
  try {
    const page = await api.page(shown.collection, { where: filter(), limit: kPage, cursor: shown.next });
    if (mine !== shown.asked) return;
    if (again) $("shown").replaceChildren();
    $("shown").append(...page.items.map(card));
    shown.next = page.next;
    $("more").hidden = !page.next;
    tell($("shown").childElementCount ? "" : filter() ? "Nothing passes this filter." : "This collection is empty. Drop pictures here to fill it.");
  } catch (error) {
    if (mine !== shown.asked) return;
    if (again) $("shown").replaceChildren();
    $("more").hidden = true;
    tell(error.message, true);
  }
}

// --- filters ---

function choose(chosen) {
  shown.chosen = chosen;
  show_facets($("facets"), facets, chosen, choose);
  to_address();
  load(true);
}

async function load_facets() {
  const mine = shown.collection;
  show_facets($("facets"), facets, shown.chosen, choose);
  if (!mine) return;
  facets = await facets_of(mine).catch(() => facets); // the pictures are seen without them
  show_facets($("facets"), facets, shown.chosen, choose);
}

// --- beginning ---

function listen() {
  $("more").onclick = () => load(false);
  $("filter").onsubmit = (event) => {
    event.preventDefault();
    shown.where = $("where").value.trim();
    to_address();
    load(true);
  };
  $("collection").onchange = () => { location.href = link("collection", { c: $("collection").value }); };
  listen_upload(begin);
}

async function begin(wanted) {
  try {
    collections = await api.collections();
  } catch (error) {
    $("shown").replaceChildren();
    return tell(error.message, true);
  }
  shown.collection = choose_collection(collections, wanted);
  $("name").value = shown.collection || "pictures";
  const info = collections.find((one) => one.name === shown.collection);
  if (info) show_numbers(info);
  await Promise.all([load(true), load_facets()]);
}

async function open() {
  const given = new URLSearchParams(location.search);
  shown.where = given.get("where") || "";
  shown.chosen = chosen_of(given.get("f"));
  $("where").value = shown.where;
  $("shown").replaceChildren(...waiting(12, "hit-wait").map((made) => element("li", {}, made)));
  listen();
  const caller = await show_caller();
  may_write = !caller || caller.rights.includes("write");
  $("drop").hidden = !may_write;
  await begin(given.get("c"));
}

open();
