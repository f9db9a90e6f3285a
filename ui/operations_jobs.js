// Long work: what runs, what waits, what came of it; beginning, stopping and going on.
import * as api from "./api.js";
import { badge, bytes, confirmed, duration, element, number, state, table, tell, time, trouble_teller } from "./dom.js";
import { ask_in_dialog, choice, field, value_of } from "./forms.js";
import { Poll } from "./poll.js";

const kEvery = 3000;
const kColumns = ["Job", "Of", "Begun", "How far", "State", { name: "What can be done", hidden: true }];
const kKinds = { verify: "read everything and compare", compact: "merge segments", rebuild: "make the indexes that are missing", calibrate: "learn how likely hits are right", backup: "copy to a folder of the server" };
const kStates = { waiting: "none", running: "accent", done: "good", failed: "act", cancelled: "watch", interrupted: "watch" };
let poll = null, jobs_were = "", beginning = null;

// --- the list ---

const amount = (count, unit) => (unit === "bytes" ? bytes(count) : `${number(count)} ${unit}`);

function how_far(job) {
  if (job.problem) return element("span", { className: "problem", textContent: job.problem.detail });
  if (job.state === "done") return took(job);
  if (!job.total) return job.done ? amount(job.done, job.unit) : "";
  const bar = element("progress", { max: job.total, value: job.done, attributes: { "aria-label": `How far the ${job.kind} is` } });
  return element("span", { className: "far" }, bar, element("span", { textContent: `${amount(job.done, job.unit)} of ${amount(job.total, job.unit)}` }));
}

function took(job) {
  const words = job.started_us && job.ended_us ? `in ${duration((job.ended_us - job.started_us) / 1e6)}` : "";
  const faults = job.kind === "verify" && job.result?.faults;
  if (!faults) return words;
  return element("span", { className: "verdict" }, badge(faults.length ? `${number(faults.length)} faults` : "no faults", faults.length ? "act" : "good"), words);
}

function row(job, again) {
  const act = (words, what) => element("button", { type: "button", className: "quiet small", textContent: words,
    attributes: { "aria-label": `${words} ${job.kind} ${job.id}` }, onclick: () => what(job, again) });
  const may = ["waiting", "running"].includes(job.state) ? act("Stop", stop) : ["failed", "cancelled", "interrupted"].includes(job.state) ? act("Go on", go_on) : "";
  return [job.kind, job.collection || "every collection", time(job.created_us), how_far(job), badge(job.state, kStates[job.state]), may];
}

async function stop(job, again) {
  if (!await confirmed(`Stop this ${job.kind}?`, "What it has done stays, and it can go on later.", "Stop it")) return;
  await told(() => api.cancel_job(job.id), again);
}

const go_on = (job, again) => told(() => api.resume_job(job.id), again);

async function told(what, again) {
  try {
    await what();
    tell("");
    await again();
  } catch (error) {
    tell(error.message, true);
  }
}

// --- beginning one ---

async function begin(again) {
  const collections = await api.collections();
  const kind = choice("What", Object.entries(kKinds).map(([name, what]) => [`${name}: ${what}`, name]));
  const of = choice("Of which collection", collections.map((one) => [one.name, one.name]));
  const path = field("Folder of the backup", { placeholder: "/backups/pictor" }, "A path on the server, where `pictor backup` made one before.");
  const select = kind.querySelector("select");
  // A backup may be of all; the others are of one.
  const fit = () => {
    const backup = select.value === "backup";
    path.hidden = !backup;
    const all = of.querySelector("option[value='']");
    if (backup && !all) of.querySelector("select").prepend(element("option", { value: "", textContent: "all of them", selected: true }));
    if (!backup) all?.remove();
  };
  select.onchange = fit;
  fit();
  ask_in_dialog("Begin a job", element("p", { className: "soft", textContent: "One runs at a time, the others wait. The server goes on answering." }),
    [kind, of, path], "Begin", async () => {
      const asked = { kind: select.value, ...(value_of(of) && { collection: value_of(of) }), ...(select.value === "backup" && { path: value_of(path) }) };
      await api.start_job(asked);
      tell("It has begun.");
      await again();
    });
}

function show(panel, jobs, again) {
  const are = JSON.stringify(jobs);
  if (are === jobs_were) return; // what has the focus keeps it
  jobs_were = are;
  const shown = jobs.length ? table("Jobs, newest first", kColumns, jobs.slice(0, 100).map((job) => row(job, again))) :
    state("No job has run yet", "Verifying, merging, making indexes and copying are work that nobody should have to wait for.");
  panel.querySelector(".rows").replaceChildren(shown);
}

export async function show_jobs(panel, caller) {
  if (!caller.rights.includes("operate")) {
    return panel.replaceChildren(state("Jobs are for operators", `That needs the right “operate”, which this key's role, ${caller.role}, has not.`));
  }
  const again = async () => show(panel, await api.jobs(), again);
  beginning ??= element("button", { type: "button", className: "go", textContent: "Begin a job", onclick: () => begin(again).catch((error) => tell(error.message, true)) });
  let first;
  try {
    first = await api.jobs();
  } catch (error) {
    if (error.status !== 404) throw error;
    return panel.replaceChildren(state("This server has no jobs", "It is of a version before them: long work is done by the commands of `pictor`."));
  }
  jobs_were = "";
  panel.replaceChildren(element("div", { className: "panel-head" }, element("h2", { textContent: "Jobs" }), beginning), element("div", { className: "rows" }));
  show(panel, first, again);
  poll?.stop();
  const trouble = trouble_teller();
  // Somebody looks at it only while its tab is the open one.
  poll = new Poll(async () => { if (!panel.hidden) await again(); }, ({ error }) => trouble(error?.message || ""), kEvery);
  poll.begin();
}
