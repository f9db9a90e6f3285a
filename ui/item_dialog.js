// One picture over the results: what is known of it, and why it is there.
import * as api from "./api.js";
import { $, element, value_words } from "./dom.js";
import { link } from "./shell.js";
import { explain_hit } from "./why.js";

const kSide = 1024;
let looking = null;

export const is_item_open = () => $("item").open;

// `answered`: {collection, asked, filter, answer} of the search that found it; null where nothing was asked for.
export async function show_item(collection, hit, answered, more_like) {
  const dialog = $("item"), { id } = hit;
  looking?.abort();
  looking = new AbortController();
  const mine = looking;
  $("item-title").textContent = id;
  $("item-img").src = api.picture(collection, id, kSide);
  $("item-img").alt = hit.text || "";
  $("item-open").href = api.picture(collection, id);
  $("item-page").href = link("item", { c: collection, id });
  $("item-text").textContent = "";
  $("item-list").replaceChildren();
  $("item-receipt").open = false;
  $("item-receipt").querySelector("pre").textContent = "";
  $("item-like").onclick = () => { dialog.close(); more_like(id); };
  $("item-why").hidden = !answered;
  if (!dialog.open) dialog.showModal();
  if (answered) explain_hit($("item-why").querySelector("div"), { ...answered, hit, signal: mine.signal });
  try {
    const [item, receipt] = await Promise.all([api.item(collection, id), api.receipt(collection, id)]);
    if (looking !== mine) return;
    const rows = { ...item.metadata, size: `${item.width} × ${item.height}`, format: item.format, source: item.source, signature: receipt.state };
    $("item-text").textContent = item.text;
    $("item-list").replaceChildren(...Object.entries(rows).flatMap(([name, value]) => [element("dt", { textContent: name }),
      element("dd", { textContent: value_words(value) })]));
    $("item-receipt").querySelector("pre").textContent = JSON.stringify(receipt.receipt, null, 1);
  } catch (error) {
    if (looking === mine) $("item-text").textContent = error.message;
  }
}

export function listen_item() {
  $("item-close").onclick = () => $("item").close();
  $("item").onclick = (event) => { if (event.target === $("item")) $("item").close(); };
  $("item").addEventListener("close", () => looking?.abort());
}
