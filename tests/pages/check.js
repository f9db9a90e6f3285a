// The smallest that tests of modules need: test(), equal(), and what became of them for pages_test.py.

const all = [];
export const test = (name, run) => { all.push({ name, run }); };

const as_text = (value) => JSON.stringify(value, (_, one) => (typeof one === "number" && !Number.isFinite(one) ? String(one) : one));
export function equal(found, wanted, what = "") {
  if (as_text(found) !== as_text(wanted)) throw new Error(`${what} is ${as_text(found)}, wanted ${as_text(wanted)}`);
}
export function near(found, wanted, what = "") {
  if (!(Math.abs(found - wanted) < 1e-9)) throw new Error(`${what} is ${found}, wanted ${wanted}`);
}
export const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// {passed, failed: [sentence]}
export async function run_all() {
  const failed = [];
  for (const { name, run } of all) {
    try {
      await run();
    } catch (error) {
      failed.push(`${name}: ${error.message}`);
    }
  }
  return { passed: all.length - failed.length, failed };
}
