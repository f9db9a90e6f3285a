// The search page: what is asked for lives in `asked`, and, but for pictures of one's own, in the address.
import * as api from "./api.js";

const $ = (id) => document.getElementById(id);
const kThumb = 360, kHits = 48;
const asked = { collection: "", text: "", where: "", likes: [], picture: null, mix: 50 };
let collections = [], waiting = null;

// --- the address ---

function from_address() {
  const given = new URLSearchParams(location.search);
  asked.collection = given.get("c") || "";
  asked.text = given.get("q") || "";
  asked.where = given.get("where") || "";
  asked.likes = given.getAll("like");
  asked.mix = Number(given.get("mix")) || 50;
}

function to_address() {
  const given = new URLSearchParams();
  if (asked.collection) given.set("c", asked.collection);
  if (asked.text) given.set("q", asked.text);
  if (asked.where) given.set("where", asked.where);
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

async function run() {
  to_address();
  if (waiting) waiting.abort();
  const mine = new AbortController();
  waiting = mine;
  const query = parts();
  $("hits").classList.add("waiting");
  try {
    if (!asked.collection) return tell_empty();
    if (!query.length) return await browse();
    const body = { query, k: kHits, explain: true };
    if (asked.where.trim()) body.where = asked.where.trim();
    const answer = await api.search(asked.collection, body, mine.signal);
    show_hits(answer.hits);
    show_why(answer);
    tell_answer(answer);
  } catch (error) {
    if (error.name === "AbortError") return;
    show_hits([]);
    $("why").hidden = true;
    tell(error.message, true);
  } finally {
    if (waiting === mine) {
      waiting = null;
      $("hits").classList.remove("waiting");
    }
  }
}

async function browse() {
  $("why").hidden = true;
  const found = await api.items(asked.collection, kHits);
  show_hits(found);
  tell(found.length ? "Some pictures of this collection. Type words, or drop a picture, to search." :
    "This collection is empty. The collection page fills it.");
}

// --- what is shown ---

function tell(words, bad = false) {
  $("told").textContent = words;
  $("told").classList.toggle("bad", bad);
}

function tell_empty() {
  show_hits([]);
  tell("There is no collection yet. The collection page makes one of your pictures; so does `pictor index FOLDER`.");
}

function tell_answer(answer) {
  const count = answer.hits.length;
  const took = answer.ms < 10 ? answer.ms.toFixed(1) : Math.round(answer.ms);
  let words = count ? `${count} of ${answer.candidates.toLocaleString("en")} pictures, in ${took} ms.` :
    "Nothing passes this filter.";
  if (!answer.complete) words += " The answer is not complete: a part did not answer.";
  tell([words, ...answer.warnings].join(" "));
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function shot(id, side) {
  const frame = element("div", { className: "shot" });
  const image = element("img", { alt: "", loading: "lazy", decoding: "async", src: api.picture(asked.collection, id, side) });
  image.onerror = () => frame.replaceChildren("picture not kept");
  frame.append(image);
  return frame;
}

function show_hits(hits) {
  $("hits").replaceChildren(...hits.map((hit, place) => {
    const name = hit.text || hit.id.split("/").pop();
    const open = element("button", { className: "open", type: "button", ariaLabel: name });
    open.dataset.id = hit.id;
    open.append(shot(hit.id, kThumb), element("div", { className: "name", textContent: name }));
    open.onclick = () => show_item(hit.id, hit.score);
    const like = element("button", { className: "like", type: "button", textContent: "More like this" });
    like.setAttribute("aria-label", `More like ${name}`);
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
    `Recall: ${answer.recall}. ${answer.distances.toLocaleString("en")} distances, space ${answer.space.slice(0, 12)}…` }),
    element("table", {}, element("tbody", {}, ...rows)));
  $("why").hidden = false;
}

function show_asked() {
  $("text").value = asked.text;
  $("where").value = asked.where;
  $("mix").value = asked.mix;
  $("preview").hidden = !asked.picture;
  $("pick-words").hidden = Boolean(asked.picture);
  if (asked.picture) $("preview").src = asked.picture; else $("preview").removeAttribute("src");
  $("mix-row").hidden = !(asked.text.trim() && (asked.picture || asked.likes.length));
  $("chips").replaceChildren(...asked.likes.map((id) => {
    const chip = element("button", { className: "chip", type: "button", textContent: `like ${id}  ×` });
    chip.setAttribute("aria-label", `No longer like ${id}`);
    chip.onclick = () => { asked.likes = asked.likes.filter((other) => other !== id); show_asked(); run(); };
    return chip;
  }));
}

function show_collection() {
  $("to-collection").href = asked.collection ? `collection.html?${new URLSearchParams({ c: asked.collection })}` : "collection.html";
  const found = collections.find((one) => one.name === asked.collection);
  $("facts").textContent = found ? `${found.items.toLocaleString("en")} ${found.items === 1 ? "picture" : "pictures"} · ${found.encoder}` : "";
}

async function show_item(id, score) {
  const dialog = $("item");
  $("item-title").textContent = id;
  $("item-img").src = api.picture(asked.collection, id, 1024);
  $("item-open").href = api.picture(asked.collection, id);
  $("item-text").textContent = "";
  $("item-list").replaceChildren();
  $("item-receipt").open = false;
  $("item-receipt").querySelector("pre").textContent = "";
  $("item-like").onclick = () => { dialog.close(); more_like(id); };
  if (!dialog.open) dialog.showModal();
  try {
    const [item, receipt] = await Promise.all([api.item(asked.collection, id), api.receipt(asked.collection, id)]);
    const facts = { ...item.metadata, size: `${item.width} × ${item.height}`, format: item.format, source: item.source, "signature": receipt.state };
    if (score !== undefined) facts.score = score.toFixed(4);
    $("item-text").textContent = item.text;
    $("item-list").replaceChildren(...Object.entries(facts).flatMap(([name, value]) => [element("dt", { textContent: name }),
      element("dd", { textContent: typeof value === "object" ? JSON.stringify(value) : value })]));
    $("item-receipt").querySelector("pre").textContent = JSON.stringify(receipt.receipt, null, 1);
  } catch (error) {
    $("item-text").textContent = error.message;
  }
}

function more_like(id) {
  asked.likes = [id];
  asked.picture = null;
  asked.text = "";
  show_asked();
  run();
  scrollTo({ top: 0, behavior: "smooth" });
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
  if (event.ctrlKey || event.metaKey || event.altKey || $("item").open) return;
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
  $("text").oninput = () => { asked.text = $("text").value; $("mix-row").hidden = !(asked.text.trim() && (asked.picture || asked.likes.length)); };
  $("mix").onchange = () => { asked.mix = Number($("mix").value); run(); };
  $("clear").onclick = () => { Object.assign(asked, { text: "", where: "", likes: [], picture: null, mix: 50 }); show_asked(); run(); };
  $("pick").onclick = () => $("file").click();
  $("file").onchange = () => { take_picture($("file").files[0]); $("file").value = ""; };
  $("collection").onchange = () => { asked.collection = $("collection").value; asked.likes = []; show_asked(); show_collection(); run(); };
  $("item-close").onclick = () => $("item").close();
  $("item").onclick = (event) => { if (event.target === $("item")) $("item").close(); };
  document.addEventListener("keydown", on_key);
  document.addEventListener("paste", (event) => take_picture([...(event.clipboardData?.files || [])].find((file) => file.type.startsWith("image/"))));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop") take_picture(event.dataTransfer?.files[0]);
    });
  }
  addEventListener("popstate", () => { from_address(); asked.picture = null; show_asked(); run(); });
}

async function begin() {
  from_address();
  listen();
  try {
    collections = await api.collections();
  } catch (error) {
    return tell(error.message, true);
  }
  if (!collections.some((one) => one.name === asked.collection)) asked.collection = collections[0]?.name || "";
  $("collection").replaceChildren(...collections.map((one) => element("option", { value: one.name, textContent: one.name })));
  $("collection").value = asked.collection;
  show_collection();
  show_asked();
  run();
}

begin();
