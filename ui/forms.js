// Forms in dialogs, and their controls.
import { dialog, element } from "./dom.js";

let ids = 0;
// A control with its name above it, and perhaps a sentence of help below.
export function labelled(words, control, help) {
  control.id ||= `control-${++ids}`;
  if (help) control.setAttribute("aria-describedby", `${control.id}-help`);
  return element("div", { className: "control" }, element("label", { htmlFor: control.id, textContent: words }), control,
    help ? element("small", { id: `${control.id}-help`, textContent: help }) : null);
}

export const choice = (words, options, help) =>
  labelled(words, element("select", {}, options.map(([text, value]) => element("option", { value, textContent: text }))), help);
export const field = (words, properties, help) => labelled(words, element("input", { type: "text", autocomplete: "off", spellcheck: false, ...properties }), help);
export const value_of = (control) => control.querySelector("input, select").value.trim();

// A form in a dialog; what goes wrong is said in it, and it stays.
export function ask_in_dialog(title, head, controls, act, done) {
  const problem = element("p", { className: "problem", attributes: { role: "alert" } });
  const go = element("button", { type: "submit", className: "go", textContent: act });
  const cancel = element("button", { type: "button", className: "quiet", textContent: "Cancel" });
  const form = element("form", { className: "controls" }, head, ...controls, problem, element("div", { className: "acts row" }, go, cancel));
  const box = dialog(title, form);
  cancel.onclick = () => box.close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      const after = await done();
      box.close();
      return after;
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      go.disabled = false;
    }
  };
  form.querySelector("input, select")?.focus();
}
