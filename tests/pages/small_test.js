import { bytes, duration, figure, number, plural } from "/ui/dom.js";
import { count_fields, counted } from "/ui/facets.js";
import { chosen_of, chosen_text, clauses, field_text, value_text, where_of } from "/ui/filters.js";
import { error_level, latency_level, queue_level, recall_level } from "/ui/levels.js";
import { next_wait_ms, Poll } from "/ui/poll.js";
import { area_path, dot_path, line_path, line_words } from "/ui/sparkline.js";
import { equal, later, test } from "./check.js";

test("numbers are told as a person reads them", () => {
  equal([0, 0.004, 0.42, 4.2, 42.4, 420.4, 4200].map(figure), ["0", "<0.01", "0.42", "4.2", "42", "420", "4,200"]);
  equal([0.0000005, 0.00042, 0.042, 4.2, 119, 600, 7300, 200_000].map(duration),
    ["0.50 µs", "420 µs", "42 ms", "4.2 s", "119 s", "10 min", "2 h 1 min", "2 days 7 h"]);
  equal([0, 1023, 1024, 20 * 1024 ** 2, 3 * 1024 ** 4].map(bytes), ["0 bytes", "1023 bytes", "1.0 KiB", "20 MiB", "3072 GiB"]);
  equal([plural(1, "item"), plural(2, "query", "queries"), number(1234567)], ["1 item", "2 queries", "1,234,567"]);
});

test("filters are written in the words of the server", () => {
  equal(["year", "size.w", "@format", "odd name", "in", "1st"].map(field_text), ["year", "size.w", "@format", '"odd name"', '"in"', '"1st"']);
  equal(["it's", 3, 0.5, true].map(value_text), ["'it''s'", "3", "0.5", "true"]);
  equal(clauses([["kind", "boat", false], ["year", 1990, false], ["kind", "car", false]]), ["kind in ('boat', 'car')", "year = 1990"]);
  equal(clauses([["tags", "red", true], ["tags", "blue", true]]), ["tags contains 'red' or tags contains 'blue'"]);
  equal(where_of("", []), "");
  equal(where_of(" a = 1 or b = 2 ", []), "a = 1 or b = 2");
  equal(where_of("a = 1 or b = 2", [["kind", "boat", false]]), "(a = 1 or b = 2) and (kind = 'boat')");
  equal(chosen_of(chosen_text([["kind", "boat", false]])), [["kind", "boat", false]]);
  equal([chosen_of("{"), chosen_of(null), chosen_of('[1,["a"],["b",2]]')], [[], [], [["b", 2]]]);
});

test("fields that can be chosen from are counted, others are left out", () => {
  const items = Array.from({ length: 20 }, (_, i) => ({ format: "png", metadata: { kind: i % 2 ? "a" : "b", serial: `s${i}`, same: 1, tags: ["x", "x", i ? "y" : "z"], deep: { no: 1 } } }));
  const found = count_fields(items);
  equal(found.map((one) => one.field), ["kind", "tags"], "fields");
  equal(found[0].values, [{ value: "b", count: 10 }, { value: "a", count: 10 }]);
  equal([found[1].many, found[1].values[0]], [true, { value: "x", count: 20 }]);
  const answer = [{ field: "kind", values: [{ value: "b", items: 900 }, { value: "c", items: 5 }] }, { field: "tags", values: [{ value: "x", items: 1 }] }];
  equal(counted(found, answer), [{ field: "kind", many: false, values: [{ value: "b", count: 900 }, { value: "c", count: 5 }] }], "of the server");
});

test("levels have a bound and words on each side of it", () => {
  equal([0.09, 0.1, 0.4].map((value) => latency_level("text", { value }).level), ["good", "watch", "act"]);
  equal([latency_level("text", null), latency_level("other", { value: 9 })], [null, null]);
  const errors = (answered, too_many, failed) => { const { level, words } = error_level({ answered, refused: 0, too_many, failed }); return [level, words]; };
  equal(errors(0, 0, 0), ["none", "no requests"]);
  equal(errors(100, 0, 0), ["good", "none failed"]);
  equal(errors(999, 0, 1), ["watch", "0.1 % failed"]);
  equal(errors(90, 0, 10), ["act", "10 % failed"]);
  equal(errors(95, 5, 0), ["watch", "5.0 % told to come again"]);
  equal([0, 31, 32, 192].map((waiting) => queue_level(waiting).level), ["good", "good", "watch", "act"]);
  equal(queue_level(3, 4).words, "nearly full: more is refused");
  equal([null, { recall: 0.99, low: 0.98, high: 1 }, { recall: 0.97, low: 0.9, high: 0.985 }, { recall: 0.9, low: 0.88, high: 0.92 }].map((one) => recall_level(one, 0.98).level),
    ["none", "good", "watch", "act"]);
});

test("a line is drawn from the right, with gaps, and has words", () => {
  equal(line_path([0, 5, 10], 10, 3), "M0.0 30.0L60.0 16.0L120.0 2.0");
  equal(line_path([10, 0], 10, 3), "M60.0 2.0L120.0 30.0", "the newest at the right");
  equal(line_path([1, null, 1], 1, 3), "M0.0 2.0h0.1M120.0 2.0h0.1", "gap");
  equal(area_path([1, 1, null], 1, 3), "M0.0 2.0L60.0 2.0L60.0 32L0.0 32Z");
  equal([line_path([], 0, 3), line_path([null], 0, 3), area_path([1], 1, 3)], ["", "", ""]);
  equal([dot_path([0, 10], 10, 3), dot_path([1, null], 1, 3), dot_path([], 0, 3)], ["M120.0 2.0h0.1", "", ""], "the newest");
  equal(line_path([0, 0], 0, 2), "M0.0 30.0L120.0 30.0", "all zero");
  equal(line_words("Rate", [1, null, 3], String), "Rate: from 1 to 3, now 3");
  equal(line_words("Rate", [1, null], String), "Rate: from 1 to 1, nothing just now");
  equal(line_words("Rate", [], String), "Rate: nothing yet");
});

test("waits double with failures, up to a minute, and never less than the server wants", () => {
  equal([0, 1, 2, 5, 20].map((failures) => next_wait_ms(2000, failures)), [2000, 4000, 8000, 60_000, 60_000]);
  equal(next_wait_ms(2000, 1, 30), 30_000);
});

function hide(hidden) {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}

test("a poll rests while the page is hidden or held, and asks at once when it is seen again", async () => {
  let asked = 0;
  const poll = new Poll(async () => { ++asked; }, () => {}, 5);
  poll.begin();
  await later(60);
  const before = asked;
  equal(before > 2, true, "asked again and again");
  hide(true);
  await later(40);
  equal(asked <= before + 1, true, "rests while hidden");
  const hidden = asked;
  hide(false);
  equal(asked, hidden + 1, "asked at once");
  poll.hold(true);
  await later(30);
  equal(asked, hidden + 1, "rests while held");
  poll.stop();
  poll.hold(false);
  await later(30);
  equal(asked, hidden + 1, "stopped");
});

test("a poll that is hidden forgets what was under way, one that may not ask stops", async () => {
  let told = 0, aborted = false;
  const slow = new Poll((signal) => new Promise((_, reject) => signal.addEventListener("abort", () => { aborted = true; reject(new Error("gone")); })), () => { ++told; }, 5);
  slow.begin();
  hide(true);
  await later(10);
  equal([aborted, told], [true, 0]);
  slow.stop();
  hide(false);
  let asked = 0, waits = [];
  const forbidden = new Poll(async () => { ++asked; throw Object.assign(new Error("no"), { status: 403 }); }, () => {}, 1);
  forbidden.begin();
  const failing = new Poll(async () => { throw new Error("no"); }, ({ wait_ms }) => waits.push(wait_ms), 2);
  failing.begin();
  await later(60);
  failing.stop();
  equal(asked, 1, "asked once");
  equal(waits.slice(0, 3), [4, 8, 16], "waits");
});
