// The keys: who has one, for what; making, rotating and revoking them. A secret is shown once, when it is made.
import * as api from "./api.js";
import { badge, confirmed, copy_button, dialog, element, facts, hash, number, state, table, tell, time } from "./dom.js";
import { ask_in_dialog, choice, field, value_of } from "./forms.js";

const kRoles = { reader: "searches and reads", writer: "also puts and deletes", reviewer: "reads, and decides what a person is asked about",
  operator: "sees metrics and sizes, no picture", admin: "everything, keys included" };
const kEnds = [["never", 0], ["in 7 days", 7], ["in 30 days", 30], ["in 90 days", 90], ["in a year", 365]];
const kOverlaps = [["a day", 86_400], ["an hour", 3600], ["a week", 604_800], ["not at all: the old one ends now", 0]];
const kColumns = ["Key", "Role", "For", "Use", "Ends", "State", { name: "What can be done", hidden: true }];
let tenants = [];

export const govern_state = (what, caller) => state(`${what} are for admins`,
  `That needs the right “govern”, which this key's role, ${caller.role}, has not. An admin of this server can show them, or make you a key that may.`);

// --- the list ---

function use_of(key) {
  const limits = [key.requests_per_second && `${key.requests_per_second} a second`,
    key.requests_per_day && `${number(key.requests_per_day)} a day`].filter(Boolean);
  const most = limits.length ? element("span", { className: "soft", textContent: ` of ${limits.join(", ")}` }) : null;
  return element("span", {}, `${number(key.requests_today)} today`, most);
}

function state_of(key) {
  if (key.live) return badge("live", "good");
  return badge(key.revoked_us ? "revoked" : "expired", "none");
}

const for_of = (key) => [key.tenant || "main tenant", key.collections.length ? key.collections.join(", ") : "every collection"].join(" · ");

function row(key, caller, again) {
  const called = key.name || "no name";
  const act = (words, what) => element("button", { type: "button", className: "quiet small", textContent: words,
    onclick: () => what(key, caller, again), attributes: { "aria-label": `${words} key ${called}` } });
  const mine = key.id === caller.key ? [" ", badge("yours", "none")] : [];
  return [element("span", { className: "named" }, element("span", {}, element("strong", { textContent: called }), ...mine), hash(key.id, `the id of key ${called}`)),
    key.role, for_of(key), use_of(key), key.expires_us ? time(key.expires_us) : "never", state_of(key),
    key.live ? element("span", { className: "acts row" }, act("Rotate", rotate), act("Revoke", revoke)) : ""];
}

async function revoke(key, caller, again) {
  const mine = key.id === caller.key ? " It is the one that you are signed in with: you will be asked for another." : "";
  const words = `“${key.name || key.id}” ends at once. Whoever uses it is refused from the next request on.${mine}`;
  if (!await confirmed("Revoke this key?", words, "Revoke")) return;
  try {
    await api.revoke_key(key.id);
    tell(`“${key.name || key.id}” is revoked.`);
    await again();
  } catch (error) {
    tell(error.message, true);
  }
}

function rotate(key, caller, again) {
  const overlap = choice("How long the old one goes on", kOverlaps);
  const words = `A new key like “${key.name || key.id}” is made. The old one goes on for a while, so that nobody is shut out.`;
  ask_in_dialog("Rotate this key", element("p", { textContent: words }), [overlap], "Make the new key", async () => {
    show_secret(await api.rotate_key(key.id, Number(value_of(overlap))));
    await again();
  });
}

// --- making one ---

function show_secret(made) {
  const close = element("button", { type: "button", className: "go", textContent: "I have kept it" });
  const box = dialog("The new key", [element("p", { textContent: "Copy it now: it is shown this once, and the server keeps only its hash." }),
    element("p", { className: "secret" }, element("code", { textContent: made.key, id: "secret" }), copy_button(made.key, "the key")),
    facts([["name", made.name], ["role", made.role], ["tenant", made.tenant], ["id", made.id]]), element("div", { className: "acts row" }, close)]);
  box.addEventListener("cancel", (event) => event.preventDefault()); // Esc alone must not lose it
  close.onclick = () => box.close();
}

function make(keys, caller, again) {
  const first = !keys.length;
  const role = choice("Role", Object.entries(kRoles).map(([name, what]) => [`${name}: ${what}`, name]));
  role.querySelector("select").value = first ? "admin" : "reader";
  const name = field("Name", { maxLength: 200, placeholder: "who or what uses it" });
  const tenant = caller.tenant ? null : choice("Tenant", [["the main one", ""], ...tenants.map((one) => [one.name, one.name])]);
  const collections = field("Collections", { placeholder: "all" }, "Names, or beginnings before a *, with commas between: shop-*, photos. Not for admins.");
  const ends = choice("It ends", kEnds);
  const rate = field("Requests a second", { type: "number", min: 0, step: "any", placeholder: "no limit" });
  const day = field("Requests a day", { type: "number", min: 0, step: 1, placeholder: "no limit" });
  const warning = first ? element("p", { className: "notice", textContent:
    "This is the first key. From then on every request needs one, yours too: make an admin's first, and sign in with it." }) : null;
  const controls = [name, role, tenant, collections, ends, element("div", { className: "pair" }, rate, day)].filter(Boolean);
  ask_in_dialog("Make a key", warning, controls, "Make the key", async () => {
    const days = Number(value_of(ends)), names = value_of(collections).split(",").map((one) => one.trim()).filter(Boolean);
    const asked = { role: value_of(role), name: value_of(name), collections: names,
      ...(tenant && { tenant: value_of(tenant) }), ...(days && { expires_us: (Date.now() + days * 86_400_000) * 1000 }),
      ...(value_of(rate) && { requests_per_second: Number(value_of(rate)) }), ...(value_of(day) && { requests_per_day: Number(value_of(day)) }) };
    show_secret(await api.make_key(asked));
    // After the first key nobody is let in without one; the list is shown again when there is a session.
    if (!first) await again();
    else tell("Keys are needed from now on. Sign in with the new one: this page asks for it at the next request.");
  });
}

// --- the panel ---

export async function show_keys(panel, caller) {
  if (!caller.rights.includes("govern")) return panel.replaceChildren(govern_state("Keys", caller));
  const again = async () => {
    const keys = await api.keys();
    if (!caller.tenant) tenants = await api.tenants();
    const add = element("button", { type: "button", className: "go", textContent: "Make a key", onclick: () => make(keys, caller, refreshed) });
    const head = element("div", { className: "panel-head" }, element("h2", { textContent: "Keys" }), add);
    const live = keys.filter((key) => key.live), ended = keys.filter((key) => !key.live);
    const rows = (some) => some.map((key) => row(key, caller, refreshed));
    const shown = keys.length ? table("Keys", kColumns, rows(live)) : state("There is no key yet", "Nobody needs one, and the server listens on this " +
      "machine alone. With the first key every request needs one, and the server may listen to other machines.");
    panel.replaceChildren(head, shown);
    if (ended.length) {
      panel.append(element("details", { className: "why" }, element("summary", { textContent: `${number(ended.length)} that ended` }),
        table("Keys that ended", kColumns, rows(ended))));
    }
  };
  const refreshed = async () => {
    await again();
    panel.querySelector(".go").focus(); // what had the focus is gone
  };
  await again();
}
