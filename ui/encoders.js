// The encoders page: all of them, or, with ?e=NAME, one.
import * as api from "./api.js";
import { $, bytes, element, facts, number, plural, state, waiting } from "./dom.js";
import { show_encoder } from "./encoder_page.js";
import { badges_of, takes_of, users_of } from "./encoder_words.js";
import { keep_collection, link, show_caller } from "./shell.js";

const given = new URLSearchParams(location.search);

function card(encoder, collections) {
  const used = users_of(encoder, collections);
  const items = used.reduce((sum, one) => sum + one.items, 0);
  const name = element("a", { className: "card-link", href: link("encoders", { e: encoder.name, c: given.get("c") || "" }), textContent: encoder.name });
  const head = element("div", { className: "card-head" }, element("h2", {}, name), element("span", { className: "badges" }, badges_of(encoder)));
  return element("li", { className: "card" }, head, element("p", { className: "clamp", textContent: encoder.description || "No description." }), facts([
    ["takes", takes_of(encoder)], ["vectors", encoder.heads.map((one) => `${one.name} ${number(one.dim)}`).join(", ") || "none"],
    ["precision", encoder.precision || "not said"], ["size", encoder.bytes ? bytes(encoder.bytes) : "not known"], ["licence", encoder.licence || "not said"],
    ["used by", used.length ? `${plural(used.length, "collection")}, ${plural(items, "item")}` : "no collection"]], "pairs"));
}

const command = (words) => element("code", { textContent: words });

// The default one, then those that can be used, then by name.
function in_order(encoders) {
  const rank = (one) => (one.default ? 0 : one.ready ? 1 : 2);
  return [...encoders].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

function show_all(encoders, collections) {
  const ready = encoders.filter((one) => one.ready).length;
  if (!encoders.length) {
    return $("shown").replaceChildren(state("There is no encoder", "One comes with Pictor; bring your own with:",
      element("p", {}, command("pictor encoder add FOLDER"))));
  }
  $("facts").textContent = `${plural(encoders.length, "encoder")}, ${ready} ready. ${$("facts").textContent}`;
  $("shown").replaceChildren(element("ul", { className: "cards" }, in_order(encoders).map((one) => card(one, collections))),
    element("p", { className: "note after" }, "More come with ", command("pictor encoder add"), " and ", command("pictor encoder pull"),
      "; vectors of two encoders are never compared."));
}

async function begin() {
  keep_collection(given.get("c") || "");
  show_caller();
  $("shown").replaceChildren(element("div", { className: "cards" }, waiting(4, "card-wait")));
  try {
    if (given.get("e")) return show_encoder(...await Promise.all([api.encoder(given.get("e")), api.collections()]));
    show_all(...await Promise.all([api.encoders(), api.collections()]));
  } catch (error) {
    if (error.status === 404) {
      $("title").textContent = given.get("e");
      return $("shown").replaceChildren(state("There is no encoder of that name", error.message,
        element("p", {}, element("a", { href: "encoders.html", textContent: "All encoders" }))));
    }
    $("shown").replaceChildren(state("The encoders could not be read", error.message));
  }
}

begin();
