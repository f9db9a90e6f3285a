// The server's API as functions. What goes wrong is a Problem, whose message is the detail that the server gave.
import { sign_in } from "./sign_in.js";

export class Problem extends Error {
  // status: of HTTP, 0 when no answer came; retry_s: after how long the server wants to be asked again, 0: not said.
  constructor(message, status = 0, code = "", retry_s = 0) {
    super(message);
    Object.assign(this, { name: "Problem", status, code, retry_s });
  }
}

async function problem_of(response) {
  const retry_s = Number(response.headers.get("Retry-After")) || 0;
  try {
    const problem = await response.json();
    return new Problem(problem.detail || problem.title || response.statusText, response.status, problem.code, retry_s);
  } catch {
    return new Problem(`The server answered ${response.status}`, response.status, "", retry_s);
  }
}

async function respond(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server does not answer. Is it still running?");
  }
}

async function ask(path, options, as = "json") {
  const response = await respond(path, options);
  if (response.status === 401) {
    await sign_in();
    return ask(path, options, as);
  }
  if (!response.ok) throw await problem_of(response);
  return response.status === 204 ? null : response[as]();
}

const at = (collection) => `/v1/collections/${encodeURIComponent(collection)}`;
const item_at = (collection, id) => `${at(collection)}/items/${encodeURIComponent(id)}`;
const with_json = (method, body, signal) => ({ method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });

export const collections = () => ask("/v1/collections").then((answer) => answer.collections);
export const collection = (name) => ask(at(name));
export const facets = (name, fields, limit) =>
  ask(`${at(name)}/facets?${new URLSearchParams([...fields.map((field) => ["field", field]), ["limit", limit]])}`).then((answer) => answer.facets);
export const item = (collection, id) => ask(item_at(collection, id));
export const receipt = (collection, id) => ask(`${item_at(collection, id)}/receipt`);
export const history = (collection, id) => ask(`${item_at(collection, id)}/history`).then((answer) => answer.versions);
export const page = (collection, { where, limit, cursor }) =>
  ask(`${at(collection)}/items?${new URLSearchParams({ limit, ...(where && { where }), ...(cursor && { cursor }) })}`);
export const items = (collection, limit, where = "") => page(collection, { limit, where }).then((answer) => answer.items);
export const put = (collection, id, file, signal) =>
  ask(item_at(collection, id), { method: "PUT", headers: { "Content-Type": "application/octet-stream" }, body: file, signal });
export const remove = (collection, id) => ask(item_at(collection, id), { method: "DELETE" });
export const search = (collection, query, signal) => ask(`${at(collection)}/search`, with_json("POST", query, signal));
export const picture = (collection, id, side) => `${item_at(collection, id)}/picture${side ? `?side=${side}` : ""}`;

export const encoders = () => ask("/v1/encoders").then((answer) => answer.encoders);
export const encoder = (name) => ask(`/v1/encoders/${encodeURIComponent(name)}`);

export const whoami = () => ask("/v1/whoami");
export const sign_out = () => ask("/v1/session", { method: "DELETE" });
export const keys = () => ask("/v1/keys").then((answer) => answer.keys);
export const make_key = (key) => ask("/v1/keys", with_json("POST", key));
export const rotate_key = (id, overlap_s) => ask(`/v1/keys/${encodeURIComponent(id)}/rotate`, with_json("POST", { overlap_s }));
export const revoke_key = (id) => ask(`/v1/keys/${encodeURIComponent(id)}`, { method: "DELETE" });
export const tenants = () => ask("/v1/tenants").then((answer) => answer.tenants);
export const put_tenant = (name, items_max) => ask(`/v1/tenants/${encodeURIComponent(name)}`, with_json("PUT", { items_max }));
export const audit = (query) => ask(`/v1/audit?${new URLSearchParams(query)}`);
export const verify_audit = () => ask("/v1/audit/verify");

export const jobs = () => ask("/v1/jobs").then((answer) => answer.jobs);
export const start_job = (job) => ask("/v1/jobs", with_json("POST", job));
export const cancel_job = (id) => ask(`/v1/jobs/${encodeURIComponent(id)}/cancel`, { method: "POST" });
export const resume_job = (id) => ask(`/v1/jobs/${encodeURIComponent(id)}/resume`, { method: "POST" });

export const version = () => ask("/v1/version");
export const metrics = (signal) => ask("/metrics", { signal }, "text");
// Not ready is an answer, too.
export async function ready(signal) {
  const response = await respond("/readyz", { signal });
  if (!response.ok && response.status !== 503) throw await problem_of(response);
  return response.json();
}
