// What all pages build with: elements, words for numbers and times, things to copy, dialogs.

export const $ = (id) => document.getElementById(id);

// `attributes` are what has no property in every browser. A child that is null or undefined is left out.
export function element(name, properties = {}, ...children) {
  const { attributes, ...own } = properties;
  const made = Object.assign(document.createElement(name), own);
  for (const [attribute, value] of Object.entries(attributes || {})) made.setAttribute(attribute, value);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export function tell(words, bad = false, where = $("told")) {
  where.textContent = words;
  where.classList.toggle("bad", bad);
}

// For who asks again and again: trouble is told when it comes and when it goes, and what others have told stays.
export function trouble_teller() {
  let said = "";
  return (words) => {
    if (words === said) return;
    said = words;
    tell(words, Boolean(words));
  };
}

// --- words ---

export const number = (value) => value.toLocaleString("en");
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export function bytes(count) {
  for (const unit of ["bytes", "KiB", "MiB", "GiB"]) {
    if (count < 1024 || unit === "GiB") return `${count < 10 && unit !== "bytes" ? count.toFixed(1) : Math.round(count)} ${unit}`;
    count /= 1024;
  }
}

// Two or three digits, as a person reads a measurement: 0.42, 4.2, 42, 420, 4,200.
export function figure(value) {
  const size = Math.abs(value);
  if (size > 0 && size < 0.005) return "<0.01";
  if (size === 0 || size >= 100) return number(Math.round(value));
  return size < 1 ? value.toFixed(2) : size < 10 ? value.toFixed(1) : String(Math.round(value));
}

export function duration(seconds) {
  if (seconds < 0.001) return `${figure(seconds * 1e6)} µs`;
  if (seconds < 1) return `${figure(seconds * 1e3)} ms`;
  if (seconds < 120) return `${figure(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  const days = Math.floor(seconds / 86_400), hours = Math.floor((seconds % 86_400) / 3600);
  return days ? `${plural(days, "day")} ${hours} h` : `${hours} h ${Math.floor((seconds % 3600) / 60)} min`;
}

const kTime = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
export function time(us) {
  const exact = new Date(us / 1000).toISOString();
  return element("time", { dateTime: exact, title: exact, textContent: kTime.format(us / 1000) });
}

// --- things ---

export const badge = (words, kind = "") => element("span", { className: `badge ${kind}`, textContent: words });

// The clipboard is there for pages of this machine or over HTTPS alone; elsewhere the old way is left.
async function to_clipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = element("textarea", { value: text, readOnly: true, className: "hidden" });
    (document.querySelector("dialog[open]") || document.body).append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

// `what` is for who does not see what stands beside it; `shown` where that does not say it.
export function copy_button(text, what, shown = "Copy") {
  const button = element("button", { type: "button", className: "copy", attributes: { "aria-label": `Copy ${what}` } },
    element("span", { textContent: shown }));
  const told = element("span", { className: "hidden", attributes: { role: "status" } });
  button.onclick = async () => {
    const done = await to_clipboard(text);
    button.focus();
    button.firstChild.textContent = told.textContent = done ? "Copied" : "Not allowed";
    setTimeout(() => { button.firstChild.textContent = shown; told.textContent = ""; }, 1600);
  };
  return element("span", { className: "copies" }, button, told);
}

export function hash(text, what) {
  if (!text) return element("span", { className: "soft", textContent: "none" });
  const short = text.length > 20 ? `${text.slice(0, 12)}…${text.slice(-6)}` : text;
  return element("span", { className: "hash" }, element("code", { textContent: short, title: text }), copy_button(text, what));
}

// [name, value] rows; a row whose value is null, undefined or empty is left out.
export function facts(rows, className = "list") {
  return element("dl", { className }, rows.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) =>
    element("div", {}, element("dt", { textContent: name }), element("dd", {}, value))));
}

// `columns`: names, or {name, number: true} for what is set to the right, {name, hidden: true} for one that is only heard.
// It is scrolled where it is too wide.
export function table(caption, columns, rows = []) {
  const head = columns.map((column) => element("th", { scope: "col", className: column.number ? "number" : "" },
    element("span", { className: column.hidden ? "hidden" : "", textContent: column.name ?? column })));
  const frame = element("div", { className: "scroll", tabIndex: 0, attributes: { role: "region", "aria-label": caption } },
    element("table", { className: "table" }, element("caption", { className: "hidden", textContent: caption }),
      element("thead", {}, element("tr", {}, head)), element("tbody")));
  frame.refill = (fresh) => frame.querySelector("tbody").replaceChildren(...fresh.map((cells) => table_row(columns, cells)));
  frame.refill(rows);
  return frame;
}

function table_row(columns, cells) {
  return element("tr", {}, cells.map((cell, place) => {
    const className = columns[place].number ? "number" : "";
    return place ? element("td", { className }, cell) : element("th", { className, scope: "row" }, cell);
  }));
}

// A picture of an item, or a sentence where none is kept.
export function shot(source) {
  const frame = element("div", { className: "shot" });
  const image = element("img", { alt: "", loading: "lazy", decoding: "async", src: source });
  image.onerror = () => frame.replaceChildren("picture not kept");
  frame.append(image);
  return frame;
}

// A value of metadata, as words.
export function value_words(value) {
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export const name_of = (item) => item.text || item.id.split("/").pop();

// A part of a page under its own heading.
export const part = (title, note, ...content) => element("section", { className: "part" }, element("h2", { textContent: title }),
  note ? element("p", { className: "note", textContent: note }) : null, ...content);

// What is shown in the place of results: nothing is there yet, or something went wrong.
export const state = (title, words, ...more) =>
  element("div", { className: "state" }, element("h2", { textContent: title }), element("p", {}, words), ...more);

// Grey bars in the shape of what is coming.
export function waiting(count, className = "bar") {
  return Array.from({ length: count }, () => element("div", { className: `waits ${className}`, attributes: { "aria-hidden": "true" } }));
}

// --- dialogs ---

// Over the page until it is closed; what had the focus gets it back. `ended` is told once.
export function dialog(title, content, ended = () => {}) {
  const heading = element("h2", { textContent: title, id: `dialog-${Math.random().toString(36).slice(2)}` });
  const made = element("dialog", { className: "box", attributes: { "aria-labelledby": heading.id } }, heading, content);
  const before = document.activeElement;
  made.addEventListener("close", () => {
    made.remove();
    if (before?.isConnected) before.focus();
    ended();
  });
  document.body.append(made);
  made.showModal();
  return made;
}

// Asks before what cannot be taken back; whether it may be done.
export function confirmed(title, words, act) {
  return new Promise((resolve) => {
    let answer = false;
    const yes = element("button", { type: "button", className: "go danger", textContent: act });
    const no = element("button", { type: "button", className: "quiet", textContent: "Cancel" });
    const box = dialog(title, [element("p", {}, words), element("div", { className: "acts row" }, yes, no)], () => resolve(answer));
    yes.onclick = () => { answer = true; box.close(); };
    no.onclick = () => box.close();
    no.focus();
  });
}
