// Adding pictures that are dropped or picked: a few at a time, with what is done, what is left, and what was refused and why.
import * as api from "./api.js";
import { $, copy_button, element, number, plural, tell } from "./dom.js";

const kAtOnce = 3, kTries = 6, kFilesMax = 100_000, kShown = 50;
let uploading = null;

const is_picture = (file) => file.type.startsWith("image/") || /\.(heic|heif|avif|tiff?|webp|bmp)$/i.test(file.name);
const named = (file) => file.in_folder || file.webkitRelativePath || file.name;

// --- what was dropped ---

async function files_in(entry, path, found) {
  if (found.length >= kFilesMax) return;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    if (file.name.startsWith(".")) return; // what systems leave in folders
    file.in_folder = path + file.name;
    found.push(file);
    return;
  }
  const reader = entry.createReader();
  // It gives a hundred at a time, and none at the end.
  for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length;) {
    for (const one of some) await files_in(one, `${path}${entry.name}/`, found);
  }
}

// Files, and all that is in folders.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const found = [];
  for (const entry of entries) await files_in(entry, "", found);
  return found;
}

// A picture of the clipboard has no name of its own: every one is called the same.
function with_name(file) {
  const ending = /^image(\.\w+)$/.exec(file.name);
  return ending ? new File([file], `pasted-${Date.now()}${ending[1]}`, { type: file.type }) : file;
}

// --- sending ---

// The server that has too much to do says so, and is asked again when it wants to be.
async function send(collection, file, signal) {
  for (let tried = 1; ; ++tried) {
    try {
      return await api.put(collection, named(file), file, signal);
    } catch (error) {
      if (tried === kTries || ![429, 503].includes(error.status)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * Math.max(error.retry_s, 1)));
      signal.throwIfAborted();
    }
  }
}

async function send_all(waiting, collection, state) {
  for (const file of waiting) {
    if (state.stop.signal.aborted) return;
    try {
      await send(collection, file, state.stop.signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      state.refused.push([named(file), error.message]);
    }
    ++state.done;
    show_progress(false);
  }
}

async function upload(files, done) {
  const pictures = files.filter(is_picture);
  const others = files.filter((file) => !is_picture(file)).map((file) => [named(file), "is no picture by its name or type"]);
  const name = $("name").value.trim();
  if (!files.length || uploading) return;
  if (!$("name").checkValidity() || !name) return tell("Name the collection that they go into: letters, digits, '-', '_' and '.'.", true);
  uploading = { stop: new AbortController(), begun: performance.now(), total: files.length, done: others.length, refused: others };
  $("going").hidden = false;
  $("refused").hidden = true;
  show_progress(false);
  const waiting = pictures.values();
  await Promise.all(Array.from({ length: kAtOnce }, () => send_all(waiting, name, uploading)));
  show_progress(true);
  uploading = null;
  await done(name);
}

// --- what is shown ---

function show_progress(ended) {
  const { total, done, begun, refused, stop } = uploading;
  const seconds = (performance.now() - begun) / 1000;
  const rate = done / Math.max(seconds, 0.001);
  $("bar").value = done / total;
  const left = rate > 0 ? Math.ceil((total - done) / rate) : 0;
  const stopped = stop.signal.aborted ? ", then stopped" : "";
  $("rate").textContent = ended ? `${number(done - refused.length)} of ${plural(total, "picture")} added in ${seconds.toFixed(1)} s${stopped}.` :
    `${number(done)} of ${number(total)}, ${rate.toFixed(1)} a second, about ${number(left)} s left`;
  $("stop").hidden = ended;
  if (ended || refused.length !== shown_refused) show_refused(refused);
}

// Those of one cause together, most first: a folder of the wrong kind is one line, and what is odd is seen.
let shown_refused = -1;
function show_refused(refused) {
  shown_refused = refused.length;
  $("refused").hidden = !refused.length;
  const by_cause = new Map();
  for (const [name, why] of refused) {
    const cause = why.replaceAll(name, "it");
    by_cause.set(cause, [...(by_cause.get(cause) || []), name]);
  }
  const causes = [...by_cause].sort((a, b) => b[1].length - a[1].length);
  $("refused").querySelector("summary").textContent = `${number(refused.length)} put aside, ${plural(causes.length, "cause")}`;
  const list = refused.map(([name, why]) => `${name}\t${why}`).join("\n");
  $("refused").querySelector("div").replaceChildren(...causes.map(([cause, names]) => element("section", {},
    element("h3", { textContent: `${plural(names.length, "file")}: ${cause}` }),
    element("ul", {}, names.slice(0, kShown).map((name) => element("li", { textContent: name })),
      names.length > kShown ? element("li", { textContent: `and ${number(names.length - kShown)} more` }) : null))),
  element("p", {}, copy_button(list, "the list of what was put aside", "Copy the list")));
}

// `done(collection)` is called when a batch has ended.
export function listen_upload(done) {
  $("pick").onclick = () => $("file").click();
  $("file").onchange = () => {
    const files = [...$("file").files];
    $("file").value = "";
    upload(files, done);
  };
  $("stop").onclick = () => uploading?.stop.abort();
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop" && !$("drop").hidden && event.dataTransfer) dropped(event.dataTransfer).then((files) => upload(files, done));
    });
  }
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) upload([...event.clipboardData.files].map(with_name), done);
  });
  addEventListener("beforeunload", (event) => { if (uploading) event.preventDefault(); });
}
