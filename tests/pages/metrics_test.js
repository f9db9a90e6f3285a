import { growth, histogram, histogram_growth, label_sets, parse_metrics, quantile, total } from "/ui/metrics.js";
import { Samples } from "/ui/samples.js";
import { equal, near, test } from "./check.js";

const kText = `# HELP pictor_http_requests_total Requests: "so", with a \\\\ and\\na line.
# TYPE pictor_http_requests_total counter
pictor_http_requests_total{result="answered"} 10
pictor_http_requests_total{result="failed"} 2
# TYPE t_seconds histogram
t_seconds_bucket{kind="text",le="0.1"} 1
t_seconds_bucket{kind="text",le="0.2"} 3
t_seconds_bucket{kind="text",le="+Inf"} 4
t_seconds_sum{kind="text"} 1.5
t_seconds_count{kind="text"} 4
t_seconds_bucket{kind="id",le="0.1"} 5
t_seconds_bucket{kind="id",le="0.2"} 5
t_seconds_bucket{kind="id",le="+Inf"} 5
t_seconds_sum{kind="id"} 0.1
t_seconds_count{kind="id"} 5
`;

test("samples are read with their labels, help and type", () => {
  const families = parse_metrics(kText);
  const requests = families.get("pictor_http_requests_total");
  equal([requests.type, requests.help], ["counter", 'Requests: "so", with a \\ and\na line.']);
  equal(requests.samples[1], { name: "pictor_http_requests_total", labels: { result: "failed" }, value: 2 });
  equal([...families.keys()], ["pictor_http_requests_total", "t_seconds"], "families");
  equal(label_sets(families.get("t_seconds")), [{ kind: "text" }, { kind: "id" }]);
});

test("odd values, escapes and times of samples are read, and what is no sample is passed over", () => {
  const families = parse_metrics('a{x="1, \\"2\\"} 3",y="\\\\"} NaN 1700000000000\nb +Inf\nc -Inf\nd 1e-3\n# a remark\n<html>\ne\nf{ 1\ng x\n\n  h 1  \r\n');
  equal(families.get("a").samples[0].labels, { x: '1, "2"} 3', y: "\\" });
  equal(["a", "b", "c", "d", "h"].map((name) => families.get(name).samples[0].value), [NaN, Infinity, -Infinity, 0.001, 1]);
  equal(families.size, 5, "families");
  equal(parse_metrics("").size, 0);
});

test("a metric that is named like a part of a histogram is one of its own", () => {
  const families = parse_metrics("# TYPE n counter\nn 1\nn_count 7\nm_sum 2\n");
  equal([total(families, "n"), total(families, "n_count"), total(families, "m_sum")], [1, 7, 2]);
});

test("sums are of the labels that are asked for, and unknown is no zero", () => {
  const families = parse_metrics(kText);
  equal(total(families, "pictor_http_requests_total"), 12);
  equal(total(families, "pictor_http_requests_total", { result: "failed" }), 2);
  equal(total(families, "pictor_http_requests_total", { result: "none" }), null);
  equal(total(families, "nothing"), null);
});

test("histograms are summed over labels, quantiles lie within their bucket", () => {
  const families = parse_metrics(kText);
  equal(histogram(families, "t_seconds").counts, [6, 8, 9]);
  equal(histogram(families, "nothing"), null);
  const text = histogram(families, "t_seconds", { kind: "text" });
  equal(text, { bounds: [0.1, 0.2, Infinity], counts: [1, 3, 4], sum: 1.5 });
  near(quantile(text, 0.5).value, 0.15, "p50");
  equal(quantile(text, 0.99), { value: 0.2, beyond: true }, "p99");
  near(quantile(histogram(families, "t_seconds", { kind: "id" }), 0.5).value, 0.05, "from zero");
  equal(quantile({ bounds: [0.1, Infinity], counts: [0, 0], sum: 0 }, 0.5), null, "of nothing");
});

test("differences forget what was before, and a server that began anew counts from zero", () => {
  const now = { bounds: [1, Infinity], counts: [5, 9], sum: 20 };
  equal(histogram_growth(now, { bounds: [1, Infinity], counts: [4, 6], sum: 12 }), { bounds: [1, Infinity], counts: [1, 3], sum: 8 });
  equal(histogram_growth(now, { bounds: [1, Infinity], counts: [4, 10], sum: 12 }), now, "began anew");
  equal(histogram_growth(now, { bounds: [2, Infinity], counts: [4, 6], sum: 12 }), now, "other bounds");
  equal(histogram_growth(now, null), now, "not there before");
  equal([growth(7, 5), growth(3, 5)], [2, 3]);
});

const sampled = (...texts) => {
  const samples = new Samples(3);
  texts.forEach((text, place) => samples.add(10 * place, parse_metrics(text)));
  return samples;
};

test("rates are of the window, and unknown until there are two samples", () => {
  equal(sampled("n 5").rate("n", {}, 60), null, "one sample");
  equal(sampled("n 5", "n 25").rate("n", {}, 60), 2);
  equal(sampled("n 5", "n 25", "n 125").rate("n", {}, 10), 10, "of ten seconds");
  equal(sampled("n 5", "n 25", "n 125").rate("n", {}, 1), 10, "never less than one step");
  equal(sampled("n 5", "n 25", "n 125").rate("n", {}, 60), 6);
  equal(sampled("n 5", "n 25").rate("m", {}, 60), null, "no such metric");
  equal(sampled("m 5", "m 5\nn 30").rate("n", {}, 60), 3, "new since");
  equal(sampled("n 9", "n 9", "n 9", "n 29").all.length, 3, "kept");
  equal(sampled("n 5", "n 25", "n 15").rates("n", {}), [2, 1.5], "began anew");
});

test("quantiles and means are of what came in between", () => {
  const step = (low, all, sum) => `# TYPE h histogram\nh_bucket{le="1"} ${low}\nh_bucket{le="2"} ${all}\nh_bucket{le="+Inf"} ${all}\nh_sum ${sum}\nh_count ${all}`;
  const samples = sampled(step(100, 100, 50), step(100, 110, 65), step(100, 110, 65));
  near(samples.quantile("h", {}, 0.5, 60).value, 1.5, "p50");
  near(samples.mean("h", {}, 60), 1.5, "mean");
  equal(samples.quantiles("h", {}, 0.5), [1.5, null], "series");
  equal(samples.means("h", {}), [1.5, null], "means");
  equal(samples.quantile("none", {}, 0.5, 60), null);
});
