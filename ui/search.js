// The search page: what is asked for lives in `asked`, and, but for pictures of one's own, in the address.
import * as api from "./api.js";
import { $, element, name_of, number, plural, shot, tell, waiting } from "./dom.js";
import { facets_of, show_facets } from "./facets.js";
import { chosen_of, chosen_text, where_of } from "./filters.js";
import { is_item_open, listen_item, show_item } from "./item_dialog.js";
import { choose_collection, keep_collection, show_caller } from "./shell.js";

const kThumb = 360, kHits = 48;
const asked = { collection: "", text: "", where: "", chosen: [], likes: [], picture: null, mix: 50 };
let collections = [], under_way = null, facets = { fields: [], of: 0 }, answered = null;

// --- the address ---

function from_address() {
  const given = new URLSearchParams(location.search);
  asked.collection = given.get("c") || "";
  asked.text = given.get("q") || "";
  asked.where = given.get("where") || "";
  asked.chosen = chosen_of(given.get("f"));
  asked.likes = given.getAll("like");
  asked.mix = Number(given.get("mix")) || 50;
}

function to_address() {
  const given = new URLSearchParams();
  if (asked.collection) given.set("c", asked.collection);
  if (asked.text) given.set("q", asked.text);
  if (asked.where) given.set("where", asked.where);
  if (asked.chosen.length) given.set("f", chosen_text(asked.chosen));
  for (const id of asked.likes) given.append("like", id);
  if (asked.mix !== 50) given.set("mix", asked.mix);
  const address = `${location.pathname}?${given}`;
  if (address !== location.pathname + location.search) history.pushState(null, "", address);
}

// --- pictures of one's own ---

// As base64, no larger than an encoder has use for: a camera's picture need not travel whole.
async function small_copy(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, 1024 / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && file.size < 2_000_000) return as_url(file);
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return as_url(await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 }));
}

function as_url(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

async function take_picture(file) {
  if (!file) return;
  try {
    asked.picture = await small_copy(file);
  } catch {
    return tell(`“${file.name || "This file"}” is no picture that the browser can read.`, true);
  }
  asked.likes = [];
  show_asked();
  run();
}

// --- the query ---

function parts() {
  const words = asked.text.trim();
  const pictures = [...(asked.picture ? [{ image: asked.picture }] : []), ...asked.likes.map((id) => ({ id }))];
  if (!words) return pictures.map((part) => ({ ...part, weight: 1 }));
  if (!pictures.length) return [{ text: words, weight: 1 }];
  const share = asked.mix / 100;
  return [{ text: words, weight: 1 - share }, ...pictures.map((part) => ({ ...part, weight: share / pictures.length }))];
}

const filter = () => where_of(asked.where, asked.chosen);

async function run() {
  to_address();
  if (under_way) under_way.abort();
  const mine = new AbortController();
  under_way = mine;
  answered = null;
  const query = parts();
  $("hits").classList.add("waiting");
  try {
    if (!asked.collection) return tell_empty();
    if (!query.length) return await browse(mine);
    const body = { query, k: kHits, explain: true, ...(filter() && { where: filter() }) };
    const answer = await api.search(asked.collection, body, mine.signal);
    answered = { collection: asked.collection, asked: query, filter: filter(), answer };
    show_hits(answer.hits);
    show_why(answer);
    tell_answer(answer);
  } catch (error) {
    if (error.name === "AbortError" || under_way !== mine) return;
    show_hits([]);
    $("why").hidden = true;
    tell(error.message, true);
  } finally {
    if (under_way === mine) {
      under_way = null;
      $("hits").classList.remove("waiting");
    }
  }
}

async function browse(mine) {
  $("why").hidden = true;
  const found = await api.items(asked.collection, kHits, filter());
  if (under_way !== mine) return;
  show_hits(found);
  tell(found.length ? "Some pictures of this collection. Type words, or drop a picture, to search." :
    filter() ? "Nothing passes this filter." : "This collection is empty. The collection page fills it.");
}

// --- what is shown ---

function tell_empty() {
  show_hits([]);
  tell("There is no collection yet. The collection page makes one of your pictures; so does `pictor index FOLDER`.");
}

function tell_answer(answer) {
  const count = answer.hits.length;
  const took = answer.ms < 10 ? answer.ms.toFixed(1) : Math.round(answer.ms);
  let words = count ? `${count} of ${number(answer.candidates)} pictures, in ${took} ms.` :
    "Nothing passes this filter.";
  if (!answer.complete) words += " The answer is not complete: a part did not answer.";
  tell([words, ...answer.warnings].join(" "));
}

function show_hits(hits) {
  $("hits").replaceChildren(...hits.map((hit, place) => {
    const name = name_of(hit);
    const open = element("button", { className: "open", type: "button", attributes: { "aria-label": name, "data-id": hit.id } },
      shot(api.picture(asked.collection, hit.id, kThumb)), element("div", { className: "name", textContent: name }));
    open.onclick = () => show_item(asked.collection, hit, answered, more_like);
    const like = element("button", { className: "like", type: "button", textContent: "More like this", attributes: { "aria-label": `More like ${name}` } });
    like.onclick = () => more_like(hit.id);
    const score = hit.score === undefined ? "" : hit.score.toFixed(3);
    return element("li", { className: "hit" }, open,
      element("div", { className: "under" }, element("span", { textContent: score, title: `place ${place + 1}` }), like));
  }));
}

function show_why(answer) {
  const rows = (answer.stages || []).map((stage) => element("tr", {}, element("td", { textContent: stage.room }),
    element("td", { textContent: stage.what }), element("td", { textContent: `${stage.ms.toFixed(2)} ms` })));
  $("stages").replaceChildren(element("p", { textContent:
    `Recall: ${answer.recall}. ${number(answer.distances)} distances, space ${answer.space.slice(0, 12)}…` }),
    element("table", {}, element("tbody", {}, ...rows)));
  $("why").hidden = false;
}

function show_asked() {
  $("text").value = asked.text;
  $("where").value = asked.where;
  $("mix").value = asked.mix;
  show_mix();
  $("preview").hidden = !asked.picture;
  $("pick-words").hidden = Boolean(asked.picture);
  if (asked.picture) $("preview").src = asked.picture; else $("preview").removeAttribute("src");
  show_facets($("facets"), facets, asked.chosen, choose);
  $("chips").replaceChildren(...asked.likes.map((id) => {
    const chip = element("button", { className: "chip", type: "button", textContent: `like ${id}  ×`, attributes: { "aria-label": `No longer like ${id}` } });
    chip.onclick = () => { asked.likes = asked.likes.filter((other) => other !== id); show_asked(); run(); };
    return chip;
  }));
}

// The mix is of words and pictures: without one of them there is nothing to mix.
function show_mix() {
  $("mix-row").hidden = !(asked.text.trim() && (asked.picture || asked.likes.length));
  $("mix-words").textContent = `${$("mix").value} %`;
}

function choose(chosen) {
  asked.chosen = chosen;
  show_asked();
  run();
}

async function show_collection() {
  const mine = asked.collection;
  keep_collection(mine);
  const found = collections.find((one) => one.name === mine);
  $("facts").textContent = found ? `${plural(found.items, "picture")} · ${found.encoder}` : "";
  facets = { fields: [], of: 0 };
  show_facets($("facets"), facets, asked.chosen, choose);
  if (!found?.items) return;
  const fresh = await facets_of(mine).catch(() => facets); // a search needs none
  if (asked.collection !== mine) return;
  facets = fresh;
  show_facets($("facets"), facets, asked.chosen, choose);
}

function more_like(id) {
  asked.likes = [id];
  asked.picture = null;
  asked.text = "";
  show_asked();
  run();
  scrollTo({ top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

// --- what people do ---

function move(step) {
  const all = [...document.querySelectorAll(".hit .open")];
  const at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))];
  if (next) next.focus();
}

function columns() {
  return getComputedStyle($("hits")).gridTemplateColumns.split(" ").length;
}

function on_key(event) {
  const typing = event.target.matches("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || is_item_open()) return;
  if (event.key === "/" && !typing) {
    event.preventDefault();
    $("text").focus();
    return;
  }
  if (typing) return;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(), ArrowUp: -columns() };
  if (event.key in steps) {
    event.preventDefault();
    move(steps[event.key]);
  }
  const id = document.activeElement?.dataset?.id;
  if (event.key === "m" && id) more_like(id);
}

function listen() {
  $("ask").onsubmit = (event) => {
    event.preventDefault();
    asked.text = $("text").value;
    asked.where = $("where").value;
    show_asked();
    run();
  };
  $("text").oninput = () => { asked.text = $("text").value; show_mix(); };
  $("mix").oninput = show_mix;
  $("mix").onchange = () => { asked.mix = Number($("mix").value); run(); };
  $("clear").onclick = () => { Object.assign(asked, { text: "", where: "", chosen: [], likes: [], picture: null, mix: 50 }); show_asked(); run(); };
  $("pick").onclick = () => $("file").click();
  $("file").onchange = () => { take_picture($("file").files[0]); $("file").value = ""; };
  $("collection").onchange = () => { Object.assign(asked, { collection: $("collection").value, likes: [], chosen: [] }); show_asked(); show_collection(); run(); };
  listen_item();
  document.addEventListener("keydown", on_key);
  document.addEventListener("paste", (event) => take_picture([...(event.clipboardData?.files || [])].find((file) => file.type.startsWith("image/"))));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop") take_picture(event.dataTransfer?.files[0]);
    });
  }
  addEventListener("popstate", () => {
    const before = asked.collection;
    from_address();
    asked.picture = null;
    if (asked.collection !== before) {
      asked.collection = choose_collection(collections, asked.collection);
      show_collection();
    }
    show_asked();
    run();
  });
}

async function begin() {
  from_address();
  listen();
  $("hits").replaceChildren(...waiting(12, "hit-wait").map((made) => element("li", {}, made)));
  show_caller();
  try {
    collections = await api.collections();
  } catch (error) {
    $("hits").replaceChildren();
    return tell(error.message, true);
  }
  asked.collection = choose_collection(collections, asked.collection);
  show_collection();
  show_asked();
  run();
}

begin();
