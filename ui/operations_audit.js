// The audit log: its lines, newest page first, and whether the chain is whole.
import * as api from "./api.js";
import { badge, element, hash, number, plural, table, tell, time } from "./dom.js";
import { govern_state } from "./operations_keys.js";

const kPage = 50;
const kColumns = [{ name: "Line", number: true }, "When", "What", "Answer", "Who", "Collection", "From"];
const shown = { after: 0, next: null, item: "", collection: "" };

const answer = (status) => (status ? badge(String(status), status >= 500 ? "act" : status >= 400 ? "watch" : "good") : "");

const what = (line) => (line.items ? `${line.operation}, ${plural(line.items.count, "item")}` : line.operation);

const row = (line) => [number(line.line), time(line.time_us), what(line), answer(line.status),
  [line.role, line.tenant, line.key && `key ${line.key}`].filter(Boolean).join(" · ") || "no key", line.collection || "", line.client || ""];

// --- the chain ---

function show_check(where, check) {
  where.replaceChildren(badge(check.whole ? "Whole" : "Not whole", check.whole ? "good" : "act"),
    element("span", { textContent: check.whole ? `${plural(check.lines, "line")}, none changed, left out or put in.` : check.problem }),
    element("span", { className: "soft", textContent: "Head:" }), hash(check.head, "the head of the log"));
}

async function verify(where) {
  where.replaceChildren(element("span", { className: "soft", textContent: "The chain is being read…" }));
  try {
    const check = await api.verify_audit();
    show_check(where, check);
    return check.lines;
  } catch (error) {
    where.replaceChildren(element("span", { textContent: error.message }));
    return 0;
  }
}

// --- the lines ---

async function load(parts) {
  const about = shown.item ? { item: shown.item, collection: shown.collection } : {};
  try {
    const page = await api.audit({ after: shown.after, limit: kPage, ...about });
    shown.next = page.next;
    parts.rows.hidden = !page.lines.length;
    parts.rows.refill(page.lines.reverse().map(row));
    parts.none.textContent = page.lines.length ? "" : shown.item ? "No line is about this item." : "There is no line here.";
    parts.older.disabled = !shown.after;
    parts.newer.disabled = page.next === null;
  } catch (error) {
    tell(error.message, true);
  }
}

function about_form(parts) {
  const item = element("input", { type: "text", id: "audit-item", placeholder: "boats/1.jpg", spellcheck: false });
  const collection = element("input", { type: "text", id: "audit-collection", placeholder: "photos", spellcheck: false });
  const go = element("button", { type: "submit", className: "quiet", textContent: "Find" });
  const form = element("form", { className: "filter about" }, element("label", { className: "field" }, "Collection ", collection),
    element("label", { className: "field" }, "Item ", item), go);
  form.onsubmit = (event) => {
    event.preventDefault();
    const wanted = item.value.trim();
    if (wanted && !collection.value.trim()) return tell("Name the collection, too: an id is one of a collection.", true);
    Object.assign(shown, { item: wanted, collection: collection.value.trim(), after: 0 });
    tell("");
    load(parts);
  };
  return form;
}

export async function show_audit(panel, caller) {
  if (!caller.rights.includes("govern")) return panel.replaceChildren(govern_state("Lines of the audit log", caller));
  const check = element("p", { className: "chain", attributes: { role: "status" } });
  const step = (words) => element("button", { type: "button", className: "quiet", textContent: words });
  const rows = table("Lines of the audit log, newest first", kColumns);
  const parts = { rows, none: element("p", { className: "soft" }), older: step("Older"), newer: step("Newer") };
  const whole = !caller.tenant;
  const again = step("Check again");
  panel.replaceChildren(element("div", { className: "panel-head" }, element("h2", { textContent: "Audit log" }), whole ? again : ""),
    check, about_form(parts), parts.rows, parts.none, element("p", { className: "acts row" }, parts.older, parts.newer));
  again.onclick = () => verify(check);
  parts.older.onclick = () => { shown.after = Math.max(0, shown.after - kPage); load(parts); };
  parts.newer.onclick = () => { shown.after = shown.next ?? shown.after; load(parts); };
  const lines = whole ? await verify(check) : 0;
  shown.after = Math.max(0, lines - kPage); // the last page; who cannot have the number of lines begins with the first
  await load(parts);
}
