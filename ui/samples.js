// The last few minutes of metrics, and what is made of two of them: rates, means, quantiles.
import { growth, histogram, histogram_growth, quantile, total } from "./metrics.js";

export class Samples {
  constructor(kept = 90) {
    this.kept = kept;
    this.all = []; // {at_s, families}, oldest first
  }

  add(at_s, families) {
    this.all.push({ at_s, families });
    if (this.all.length > this.kept) this.all.shift();
  }

  get last() { return this.all.at(-1); }
  get families() { return this.last?.families || new Map(); }

  // The newest sample, and the oldest one that is at most so old; null until there are two.
  ends(window_s) {
    if (this.all.length < 2) return null;
    const from = this.all.find((one) => one.at_s >= this.last.at_s - window_s);
    return [from === this.last ? this.all.at(-2) : from, this.last];
  }

  now(name, wanted) { return total(this.families, name, wanted); }

  // What a counter grew by in the window; null: not known.
  growth(name, wanted, window_s) {
    const ends = this.ends(window_s);
    return ends && grown(ends[0], ends[1], name, wanted);
  }

  rate(name, wanted, window_s) {
    const ends = this.ends(window_s), more = this.growth(name, wanted, window_s);
    return more === null ? null : more / (ends[1].at_s - ends[0].at_s);
  }

  histogram(name, wanted, window_s) {
    const ends = this.ends(window_s);
    return ends && histogram_between(ends[0], ends[1], name, wanted);
  }

  quantile(name, wanted, q, window_s) {
    const between = this.histogram(name, wanted, window_s);
    return between && quantile(between, q);
  }

  mean(name, wanted, window_s) { return mean_of(this.histogram(name, wanted, window_s)); }

  // --- one number for each two samples that follow one another; null: not known ---

  series(make) { return this.all.slice(1).map((to, place) => make(this.all[place], to)); }
  gauges(name, wanted = {}) { return this.all.map(({ families }) => total(families, name, wanted)); }
  rates(name, wanted) {
    return this.series((from, to) => {
      const more = grown(from, to, name, wanted);
      return more === null ? null : more / (to.at_s - from.at_s);
    });
  }
  means(name, wanted) { return this.series((from, to) => mean_of(histogram_between(from, to, name, wanted))); }
  quantiles(name, wanted, q) {
    return this.series((from, to) => {
      const between = histogram_between(from, to, name, wanted);
      return (between && quantile(between, q))?.value ?? null;
    });
  }
}

// What is not in the earlier one began at zero: labels come up when they are first used.
function grown(from, to, name, wanted) {
  const now = total(to.families, name, wanted);
  return now === null ? null : growth(now, total(from.families, name, wanted) ?? 0);
}

const mean_of = (histogram) => (histogram?.counts.at(-1) ? histogram.sum / histogram.counts.at(-1) : null);

function histogram_between(from, to, name, wanted) {
  const now = histogram(to.families, name, wanted);
  return now && histogram_growth(now, histogram(from.families, name, wanted));
}
