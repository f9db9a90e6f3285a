// The tenants: data folders of their own beside the main one, and how much each may hold.
import * as api from "./api.js";
import { element, number, state, table, tell, time } from "./dom.js";
import { ask_in_dialog, labelled } from "./forms.js";
import { govern_state } from "./operations_keys.js";

const kColumns = ["Tenant", { name: "May hold", number: true }, "Since", { name: "What can be done", hidden: true }];

function put(tenant, again) {
  const name = element("input", { type: "text", required: true, maxLength: 64, pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]*", spellcheck: false, autocomplete: "off",
    value: tenant?.name || "", readOnly: Boolean(tenant), placeholder: "acme" });
  const most = element("input", { type: "number", min: 0, step: 1, value: tenant?.items_max || "", placeholder: "any number" });
  const controls = [labelled("Name", name, "Letters, digits, “-”, “_” and “.”; it stays."), labelled("Items, in all its collections", most)];
  ask_in_dialog(tenant ? `Change ${tenant.name}` : "Make a tenant", null, controls, tenant ? "Change" : "Make the tenant", async () => {
    await api.put_tenant(name.value.trim(), Number(most.value) || 0);
    tell(`Tenant “${name.value.trim()}” is ${tenant ? "changed" : "made. Keys for it are made in the other tab"}.`);
    await again();
  });
}

export async function show_tenants(panel, caller) {
  if (!caller.rights.includes("govern")) return panel.replaceChildren(govern_state("Tenants", caller));
  if (caller.tenant) {
    return panel.replaceChildren(state("Tenants are of the whole server",
      `This key is of tenant “${caller.tenant}”. An admin of the main tenant sees them all.`));
  }
  const again = async () => {
    const tenants = await api.tenants();
    const add = element("button", { type: "button", className: "go", textContent: "Make a tenant", onclick: () => put(null, again) });
    const change = (tenant) => element("button", { type: "button", className: "quiet small", textContent: "Change", onclick: () => put(tenant, again),
      attributes: { "aria-label": `Change ${tenant.name}` } });
    panel.replaceChildren(element("div", { className: "panel-head" }, element("h2", { textContent: "Tenants" }), add), tenants.length ?
      table("Tenants", kColumns, tenants.map((one) => [one.name, one.items_max ? number(one.items_max) : "any number", time(one.created_us), change(one)])) :
      state("There is the main tenant alone", "A tenant has collections, caches, indexes and keys of its own, which no other tenant sees."));
  };
  await again();
}
