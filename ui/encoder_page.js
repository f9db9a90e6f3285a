// One encoder: what somebody needs to know who must decide whether to trust it, or to change it.
import { $, bytes, copy_button, element, facts, hash, number, part, plural, table, tell } from "./dom.js";
import { badges_of, takes_of, users_of } from "./encoder_words.js";
import { link } from "./shell.js";

const mark = (good, words) => element("li", { className: good ? "yes" : "no" },
  element("span", { className: "hidden", textContent: good ? "Yes: " : "No: " }), words);

// What stands for it, and what does not; each is a fact that can be looked at further below.
function trust(encoder) {
  const card = encoder.card || {}, files = card.files || [], sources = card.sources || [];
  const hashed = files.filter((file) => file.sha256).length;
  const from = sources.map((one) => one.what || one.from).filter(Boolean).join("; ");
  return element("ul", { className: "marks" },
    mark(encoder.ready, encoder.ready ? "Its weights are here." : "Its weights are not here."),
    mark(files.length > 0 && hashed === files.length, files.length ?
      `${hashed} of ${plural(files.length, "file")} with a SHA-256, which “pictor encoder verify” compares.` : "Its card names no files."),
    mark(Boolean(from), from ? `It says where its weights come from: ${from}.` : "It does not say where its weights come from."),
    mark(Boolean(encoder.licence), encoder.licence ? `Its licence: ${encoder.licence}.` : "It names no licence: ask before others see what it makes."),
    encoder.losses?.length ? mark(true, `What its precision costs was measured against ${encoder.quantized_from}.`) : null);
}

function change(encoder, used) {
  if (!used.length) return part("If you change it", "No collection uses it: it can go without loss.");
  const items = used.reduce((sum, one) => sum + one.items, 0);
  return part("Who relies on it", `${plural(items, "item")} would have to be embedded again by another encoder: vectors of two are never compared.`,
    table("Collections that use it", ["Collection", { name: "Items", number: true }, "Kept of each"],
      used.map((one) => [element("a", { href: link("collection", { c: one.name }), textContent: one.name }), number(one.items), one.keep])));
}

const takes = (head) => [head.images && "pictures", head.texts && "words"].filter(Boolean).join(", ") || "nothing";

const kHeads = "A head is one kind of vector. Vectors may be compared where the space is the same: it is the SHA-256 of all that decides their bits.";
const heads = (encoder) => part("Vectors", kHeads,
  table("Heads", ["Head", { name: "Numbers", number: true }, "Compared by", "Made of", "Space"],
    encoder.heads.map((head) => [head.name, number(head.dim), head.metric.replace("_", " "), takes(head), hash(head.space, `the space of ${head.name}`)])));

function files(card) {
  if (!card?.files?.length) return null;
  return part("Its files", "", table("Files", ["File", { name: "Size", number: true }, "SHA-256"],
    card.files.map((file) => [element("code", { textContent: file.path }), bytes(file.bytes), hash(file.sha256, `the SHA-256 of ${file.path}`)])));
}

function source(one) {
  const inside = (one.contains || []).map((file) => [file.path.split("/").pop(), file]);
  const fetched = [...(one.download ? [[one.download.file, one.download]] : []), ...inside];
  return element("li", {}, element("strong", { textContent: one.what || one.from || "not named" }),
    facts([["licence", one.licence], ["from", one.from], ["package", one.package && `${one.package} ${one.version || ""}`]], "pairs"),
    fetched.length ? facts(fetched.map(([name, file]) => [name, hash(file.sha256, `the SHA-256 of ${name}`)]), "list narrow") : null);
}

const sources = (card) => (card?.sources?.length ?
  part("Where it came from", "", element("ul", { className: "sources" }, card.sources.map(source))) : null);

function preparation(card) {
  const prepare = card?.prepare, decode = card?.decode;
  if (!prepare) return null;
  const triple = (numbers) => numbers?.join(", ");
  return part("What a picture goes through", "The same steps, to the bit, for what is stored and what is asked with.", facts([
    ["size", `${prepare.width} × ${prepare.height} pixels`], ["cut", prepare.fit?.replaceAll("_", " ")], ["resized by", prepare.filter],
    ["turned upright", decode?.orientation === "apply" ? "by EXIF" : "no"], ["colour", decode?.icc === "to_srgb" ? "to sRGB" : "as it is"],
    ["mean", triple(prepare.mean)], ["deviation", triple(prepare.std)], ["words, at most", card.towers?.text && `${number(card.towers.text.max_tokens)} tokens`]]));
}

const kOf = { pictures: "pictures", texts: "words", pictures_by_text: "pictures by words" };
function losses(encoder) {
  if (!encoder.losses?.length) return null;
  const share = (value) => `${(value * 100).toFixed(1)} %`;
  const columns = ["Head", "Of", ...["Cosine, mean", "least", "Nearest ten the same", "Nearest the same"].map((name) => ({ name, number: true }))];
  return part("What int8 costs", `Against ${encoder.quantized_from}, measured when it was made.`, table("Losses", columns,
    encoder.losses.map((loss) => [loss.head, `${number(loss.count)} ${kOf[loss.of] || loss.of}`, loss.cosine_mean.toFixed(4), loss.cosine_least.toFixed(4),
      share(loss.overlap_at_10), share(loss.nearest_agrees)])));
}

function whole_card(card) {
  if (!card) return null;
  const text = JSON.stringify(card, null, 2);
  return element("details", { className: "why" }, element("summary", { textContent: "The whole card" }), copy_button(text, "the card"),
    element("pre", { className: "code", textContent: text }));
}

function advice(encoder) {
  if (encoder.ready || !encoder.advice) return null;
  return element("p", { className: "notice" }, "To make it ready: ", element("code", { textContent: encoder.advice }), " ",
    copy_button(encoder.advice, "the command"));
}

function at_a_glance({ grid, ...encoder }) {
  return facts([["takes", takes_of(encoder)], ["precision", encoder.precision], ["size", encoder.bytes ? bytes(encoder.bytes) : ""],
    ["licence", encoder.licence || "not said"], ["runs on", encoder.card?.runtime || "openvino"],
    ["patch tokens", grid ? `${grid.height} × ${grid.width} of ${number(grid.dim)} numbers` : "none"],
    ["its card, as receipts name it", encoder.card_sha256 ? hash(encoder.card_sha256, "the SHA-256 of the card") : ""]], "numbers");
}

export function show_encoder(encoder, collections) {
  const used = users_of(encoder, collections), card = encoder.card;
  document.title = `Pictor: ${encoder.name}`;
  $("title").replaceChildren(encoder.name, " ", element("span", { className: "badges" }, badges_of(encoder)));
  $("facts").textContent = encoder.description;
  tell("");
  const all = element("p", { className: "back" }, element("a", { href: "encoders.html", textContent: "All encoders" }));
  $("shown").replaceChildren(...[all, advice(encoder), at_a_glance(encoder), part("Can it be trusted?", "", trust(encoder)), change(encoder, used),
    heads(encoder), losses(encoder), sources(card), files(card), preparation(card), whole_card(card)].filter(Boolean));
}
