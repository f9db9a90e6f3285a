// The collection page: what it holds, page by page, and adding to it.
import * as api from "./api.js";

const $ = (id) => document.getElementById(id);
const kPage = 60, kAtOnce = 3, kThumb = 360;
const shown = { collection: "", where: "", next: null };
let collections = [], uploading = null;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function tell(words, bad = false) {
  $("told").textContent = words;
  $("told").classList.toggle("bad", bad);
}

// --- what it holds ---

const bytes = (count) => {
  for (const unit of ["bytes", "KiB", "MiB", "GiB"]) {
    if (count < 1024 || unit === "GiB") return `${count < 10 && unit !== "bytes" ? count.toFixed(1) : Math.round(count)} ${unit}`;
    count /= 1024;
  }
};

function show_numbers(info) {
  const live = info.recall.find((one) => one.at === 10);
  const numbers = {
    pictures: info.items.toLocaleString("en"), encoder: info.encoder, "kept of each": info.keep,
    vectors: info.heads.map((head) => `${head.name} ${head.dim}`).join(", "),
    "on disk": bytes(info.database_bytes + info.segment_bytes + info.blob_bytes + info.graph_bytes + info.list_bytes),
    segments: info.segments, indexes: info.graphs ? `${info.graphs} graphs` : info.lists ? `${info.lists} lists` : "none needed yet",
    "live recall@10": live ? `${live.recall.toFixed(3)} (${live.low.toFixed(3)} to ${live.high.toFixed(3)})` : "not measured yet",
  };
  $("numbers").replaceChildren(...Object.entries(numbers).map(([name, value]) =>
    element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value }))));
  $("facts").textContent = `${info.items.toLocaleString("en")} ${info.items === 1 ? "picture" : "pictures"} · ${info.encoder}`;
}

function card(item) {
  const frame = element("div", { className: "shot" });
  const image = element("img", { alt: "", loading: "lazy", decoding: "async", src: api.picture(shown.collection, item.id, kThumb) });
  image.onerror = () => frame.replaceChildren("picture not kept");
  frame.append(image);
  const name = item.text || item.id.split("/").pop();
  const like = element("a", { className: "like", textContent: "Similar",
    href: `index.html?${new URLSearchParams({ c: shown.collection, like: item.id })}` });
  like.setAttribute("aria-label", `Pictures similar to ${name}`);
  const remove = element("button", { className: "like", type: "button", textContent: "Delete" });
  remove.setAttribute("aria-label", `Delete ${name}`);
  const made = element("li", { className: "hit" }, frame, element("div", { className: "name", textContent: name, title: item.id }),
    element("div", { className: "under" }, like, remove));
  remove.onclick = () => delete_item(item.id, name, made);
  return made;
}

async function delete_item(id, name, made) {
  if (!confirm(`Delete “${name}”? It is found no more; its history stays until it is dropped.`)) return;
  try {
    await api.remove(shown.collection, id);
    made.remove();
    refresh_numbers();
  } catch (error) {
    tell(error.message, true);
  }
}

async function refresh_numbers() {
  try {
    show_numbers(await api.collection(shown.collection));
  } catch (error) {
    tell(error.message, true);
  }
}

async function load(again) {
  if (!shown.collection) return tell("There is no collection yet. Drop pictures here to make one.");
  if (again) {
    shown.next = null;
    $("shown").replaceChildren();
  }
  try {
    const page = await api.page(shown.collection, { where: shown.where, limit: kPage, cursor: shown.next });
    $("shown").append(...page.items.map(card));
    shown.next = page.next;
    $("more").hidden = !page.next;
    tell($("shown").childElementCount ? "" : shown.where ? "Nothing passes this filter." : "This collection is empty. Drop pictures here to fill it.");
  } catch (error) {
    $("more").hidden = true;
    tell(error.message, true);
  }
}

// --- adding ---

async function upload(files) {
  const pictures = [...files].filter((file) => file.type.startsWith("image/") || /\.(heic|avif|tiff?|webp)$/i.test(file.name));
  const others = [...files].filter((file) => !pictures.includes(file)).map((file) => [file.name, "is no picture by its name or type"]);
  const name = $("name").value.trim();
  if (!(pictures.length + others.length) || uploading) return;
  if (!$("name").checkValidity() || !name) return tell("Name the collection that they go into: letters, digits, '-', '_' and '.'.", true);
  uploading = { stop: new AbortController(), begun: performance.now(), total: pictures.length + others.length, done: others.length, refused: others };
  $("going").hidden = false;
  $("refused").hidden = true;
  const waiting = pictures.values();
  await Promise.all(Array.from({ length: kAtOnce }, () => send_all(waiting, name, uploading)));
  show_progress(true);
  uploading = null;
  await begin(name);
}

async function send_all(waiting, collection, state) {
  for (const file of waiting) {
    if (state.stop.signal.aborted) return;
    try {
      await api.put(collection, file.webkitRelativePath || file.name, file, state.stop.signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      state.refused.push([file.name, error.message]);
    }
    ++state.done;
    show_progress(false);
  }
}

function show_progress(ended) {
  const { total, done, begun, refused, stop } = uploading;
  const seconds = (performance.now() - begun) / 1000;
  const rate = done / Math.max(seconds, 0.001);
  $("bar").value = done / total;
  const left = rate > 0 ? Math.ceil((total - done) / rate) : 0;
  $("rate").textContent = ended ? `${done - refused.length} of ${total} pictures added in ${seconds.toFixed(1)} s${stop.signal.aborted ? ", then stopped" : ""}.` :
    `${done} of ${total}, ${rate.toFixed(1)} a second, about ${left} s left`;
  $("stop").hidden = ended;
  $("refused").hidden = !refused.length;
  $("refused").querySelector("summary").textContent = `${refused.length} refused`;
  $("refused").querySelector("ul").replaceChildren(...refused.slice(-200).map(([name, why]) =>
    element("li", {}, element("strong", { textContent: name }), `: ${why}`)));
}

// --- beginning ---

function listen() {
  $("pick").onclick = () => $("file").click();
  $("file").onchange = () => { upload($("file").files); $("file").value = ""; };
  $("stop").onclick = () => uploading?.stop.abort();
  $("more").onclick = () => load(false);
  $("filter").onsubmit = (event) => { event.preventDefault(); shown.where = $("where").value.trim(); load(true); };
  $("collection").onchange = () => { location.search = `?${new URLSearchParams({ c: $("collection").value })}`; };
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop") upload(event.dataTransfer?.files || []);
    });
  }
  addEventListener("beforeunload", (event) => { if (uploading) event.preventDefault(); });
}

async function begin(wanted) {
  try {
    collections = await api.collections();
  } catch (error) {
    return tell(error.message, true);
  }
  shown.collection = collections.some((one) => one.name === wanted) ? wanted : collections[0]?.name || "";
  $("collection").replaceChildren(...collections.map((one) => element("option", { value: one.name, textContent: one.name })));
  $("collection").value = shown.collection;
  $("name").value = shown.collection || "pictures";
  $("to-search").href = shown.collection ? `index.html?${new URLSearchParams({ c: shown.collection })}` : "index.html";
  const info = collections.find((one) => one.name === shown.collection);
  if (info) show_numbers(info);
  await load(true);
}

listen();
begin(new URLSearchParams(location.search).get("c"));
