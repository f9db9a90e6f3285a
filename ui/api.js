// The server's API as functions. What goes wrong is an Error whose message is the problem's detail.
import { sign_in } from "./sign_in.js";

async function problem_of(response) {
  try {
    const problem = await response.json();
    return problem.detail || problem.title || response.statusText;
  } catch {
    return `The server answered ${response.status}`;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is it still running?");
  }
  if (response.status === 401) {
    await sign_in();
    return ask(path, options);
  }
  if (!response.ok) throw new Error(await problem_of(response));
  return response.json();
}

const at = (collection) => `/v1/collections/${encodeURIComponent(collection)}`;

export const collections = () => ask("/v1/collections").then((answer) => answer.collections);
export const item = (collection, id) => ask(`${at(collection)}/items/${encodeURIComponent(id)}`);
export const receipt = (collection, id) => ask(`${at(collection)}/items/${encodeURIComponent(id)}/receipt`);
export const collection = (name) => ask(at(name));
export const page = (collection, { where, limit, cursor }) =>
  ask(`${at(collection)}/items?${new URLSearchParams({ limit, ...(where && { where }), ...(cursor && { cursor }) })}`);
export const put = (collection, id, file, signal) =>
  ask(`${at(collection)}/items/${encodeURIComponent(id)}`, { method: "PUT", headers: { "Content-Type": "application/octet-stream" }, body: file, signal });
export const remove = (collection, id) => ask(`${at(collection)}/items/${encodeURIComponent(id)}`, { method: "DELETE" });
export const items = (collection, limit) => ask(`${at(collection)}/items?limit=${limit}`).then((answer) => answer.items);
export const search = (collection, query, signal) =>
  ask(`${at(collection)}/search`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(query), signal });
export const picture = (collection, id, side) =>
  `${at(collection)}/items/${encodeURIComponent(id)}/picture${side ? `?side=${side}` : ""}`;
