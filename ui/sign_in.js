// Asks for a key where the server wants one. The server keeps it in a cookie that no script can read.

let asking = null; // several requests may be refused at once: one dialog for all

const kBody = `
  <form method="dialog" class="sign-in">
    <h2>This server needs a key</h2>
    <label for="sign-in-key">Key</label>
    <input id="sign-in-key" type="password" autocomplete="current-password" required placeholder="pk_…" spellcheck="false">
    <p id="sign-in-problem" class="problem" role="alert"></p>
    <p class="help">Whoever runs it makes one with <code>pictor key create</code>. It stays in this browser until it is closed.</p>
    <button type="submit" class="go">Sign in</button>
  </form>`;

async function begin(key) {
  // A key is plain ASCII; what cannot be in a field of HTTP is none.
  if (!/^[\x21-\x7e]+$/.test(key)) return "This is no key";
  const response = await fetch("/v1/session", { method: "PUT", headers: { Authorization: `Bearer ${key}` } });
  if (response.ok) return "";
  const problem = await response.json().catch(() => ({}));
  return response.status === 401 ? "There is no such key, or it has ended" : problem.detail || response.statusText;
}

function show() {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "Sign in");
  dialog.innerHTML = kBody;
  document.body.append(dialog);
  const field = dialog.querySelector("input"), problem = dialog.querySelector("#sign-in-problem");
  return new Promise((resolve) => {
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.querySelector("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        problem.textContent = await begin(field.value.trim());
      } catch {
        problem.textContent = "The server does not answer. Is it still running?";
      }
      if (problem.textContent) return field.select();
      dialog.close();
      dialog.remove();
      resolve();
    });
    dialog.showModal();
    field.focus();
  });
}

export function sign_in() {
  asking ??= show().finally(() => { asking = null; });
  return asking;
}
