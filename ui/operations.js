// The operations page: who asks, and its tabs; each tab has a file of its own. The open one is in the address.
import { show_audit } from "./operations_audit.js";
import { show_jobs } from "./operations_jobs.js";
import { show_keys } from "./operations_keys.js";
import { show_live } from "./operations_live.js";
import { show_tenants } from "./operations_tenants.js";
import { $, state, tell } from "./dom.js";
import { keep_collection, show_caller } from "./shell.js";

const kTabs = { live: show_live, jobs: show_jobs, keys: show_keys, tenants: show_tenants, audit: show_audit };
// Who cannot be asked may do all: the answers of the server then say what is not so.
const kAnybody = { key: "", tenant: "", role: "", rights: ["operate", "govern"], collections: [] };
let caller = null, shown = "";

const tabs = () => [...document.querySelectorAll("#tabs [role=tab]")];

function open_tab(name) {
  if (!(name in kTabs)) name = "live";
  for (const tab of tabs()) {
    const mine = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", mine);
    tab.tabIndex = mine ? 0 : -1;
    $(tab.getAttribute("aria-controls")).hidden = !mine;
  }
  if (shown === name) return;
  shown = name;
  tell("");
  fill($(`panel-${name}`), name);
}

// What may go wrong while a panel is made takes its place.
async function fill(panel, name) {
  try {
    await kTabs[name](panel, caller);
  } catch (error) {
    panel.replaceChildren(state("This could not be read", error.message));
  }
}

function on_key(event) {
  const all = tabs(), at = all.indexOf(event.target);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  const next = all[(to + all.length) % all.length];
  next.focus();
  next.click();
}

async function begin() {
  keep_collection(new URLSearchParams(location.search).get("c") || "");
  caller = await show_caller() || kAnybody;
  for (const tab of tabs()) {
    tab.onclick = () => {
      history.pushState(null, "", `#${tab.id.slice("tab-".length)}`);
      open_tab(location.hash.slice(1));
    };
  }
  $("tabs").addEventListener("keydown", on_key);
  addEventListener("popstate", () => open_tab(location.hash.slice(1)));
  open_tab(location.hash.slice(1));
}

begin();
