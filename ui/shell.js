// What stands above every page: the way to the other pages, for the same collection, and who is signed in.
import * as api from "./api.js";
import { $, element, tell } from "./dom.js";

export const link = (page, given) => {
  const kept = Object.entries(given).filter(([, value]) => value);
  return kept.length ? `${page}.html?${new URLSearchParams(kept)}` : `${page}.html`;
};

// The pages that are of one collection keep it when one goes from one to the other.
export function keep_collection(collection) {
  for (const anchor of document.querySelectorAll(".nav a[data-page]")) {
    anchor.href = link(anchor.dataset.page, { c: collection });
  }
}

// Fills the box of collections; the one that is shown: that of `wanted` if there is one, else the first.
export function choose_collection(collections, wanted) {
  const shown = collections.some((one) => one.name === wanted) ? wanted : collections[0]?.name || "";
  $("collection").replaceChildren(...collections.map((one) => element("option", { value: one.name, textContent: one.name })));
  $("collection").value = shown;
  $("collection").closest("label").hidden = !collections.length;
  keep_collection(shown);
  return shown;
}

async function leave() {
  try {
    await api.sign_out();
    location.reload();
  } catch (error) {
    tell(error.message, true);
  }
}

// Who asks; null when that is not answered. Where nobody needs a key there is nobody to name.
export async function show_caller() {
  let caller;
  try {
    caller = await api.whoami();
  } catch {
    return null;
  }
  if (!caller.key) return caller;
  const out = element("button", { type: "button", className: "quiet small", textContent: "Sign out" });
  out.onclick = leave;
  const words = [caller.role, caller.tenant].filter(Boolean).join(" · ");
  $("caller").replaceChildren(element("span", { textContent: words, title: `Key ${caller.key}` }), out);
  return caller;
}
