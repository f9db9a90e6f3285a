#!/usr/bin/env python3
"""ann_growth.py: what a query costs as the set grows: distances and CPU time at one recall, and their exponents.

The sets are beginnings of one clustered set, so that they are of one kind. For each, a graph is built and asked with all
settings; the cost at the wanted recall lies between two of them. The exponent is the slope of log cost against log count.
Writes bench/results/ann-growth.json and a plot, or --out.
"""
import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "faiss", "usearch")
import ann  # noqa: E402
import ann_curve  # noqa: E402
import ann_data  # noqa: E402
import ann_ours  # noqa: E402
import ann_peers  # noqa: E402
import ann_plot  # noqa: E402

COUNTS = {"tiny": (500, 1000, 2000), "small": (3_000, 10_000, 30_000), "hour": (10_000, 20_000, 50_000, 100_000, 200_000),
          "full": (10_000, 30_000, 100_000, 300_000, 1_000_000)}


def cost_at(points, recall, key):
    """The cost at a recall: a cost is a rate turned over."""
    rate = ann_curve.rate_at([(one["recall"], 1 / one[key]) for one in points], recall)
    return None if rate is None else 1 / rate


def measured(one, folder, given):
    """One size: a point a setting, and the cost at the wanted recall."""
    truth = ann_curve.Truth(one.vectors, one.queries, one.metric,
                            ann_peers.candidates(one.vectors, one.queries, one.metric, given.k), given.k)
    with ann_ours.Ours(one, folder, given.k) as ours:
        build = ours.build(2)
        ours.open()
        steps = ann.ladder(ours, truth)
        sweeps = ann.in_turns([ours], given.rounds, lambda side: [side.time(setting) for setting, _ in steps])[ours.name]
    points = [{"setting": setting, "recall": recall, "distances": sweeps[0][at]["distances"],
               "cpu_us": common.spread(1e6 * sweep[at]["cpu_seconds"] / len(one.queries) for sweep in sweeps)["median"]}
              for at, (setting, recall) in enumerate(steps)]
    row = {"count": len(one.vectors), "build": build, "points": points,
           **{key: cost_at(points, given.recall, key) for key in ("distances", "cpu_us")}}
    if None in (row["distances"], row["cpu_us"]):
        raise RuntimeError(f"recall {given.recall} is not reached at {row['count']:,} vectors: {points[-1]['recall']:.4f}")
    return row


def measure(whole, folder, given):
    rows = []
    for count in COUNTS[given.scale]:
        if count > len(whole.vectors):
            raise RuntimeError(f"the set has {len(whole.vectors):,} vectors, wanted {count:,}")
        one = dataclasses.replace(whole, vectors=whole.vectors[:count], path=None)
        rows.append(measured(one, folder, given))
        print(f"  {count:,}: {rows[-1]['distances']:,.0f} distances, {rows[-1]['cpu_us']:,.0f} us", file=sys.stderr, flush=True)
    counts = [row["count"] for row in rows]
    exponents = {key: ann_curve.exponent(counts, [row[key] for row in rows]) for key in ("distances", "cpu_us")}
    return {"recall": given.recall, "queries": len(whole.queries), "k": given.k, "rows": rows, "exponents": exponents}


def parsed(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="hour", choices=sorted(COUNTS))
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--recall", type=float, default=0.98)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args(words)
    if given.tiny:
        given.scale, given.queries, given.rounds = "tiny", 40, 2
    return given


def main():
    given = parsed()
    whole = ann_data.at_scale("clustered", given.scale, given.queries, given.seed)
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        found = measure(whole, pathlib.Path(folder), given)
    print(f"growth from {found['rows'][0]['count']:,} to {found['rows'][-1]['count']:,} at recall {found['recall']}: exponent of "
          f"distances {found['exponents']['distances']:.2f}, of CPU time {found['exponents']['cpu_us']:.2f}")
    content = {"settings": {key: value for key, value in vars(given).items() if key != "out"}, **found}
    if given.out:
        given.out.write_text(json.dumps(content, indent=1, default=str) + "\n")
    elif not given.tiny:
        path = common.write_result("ann-growth", content)
        ann_plot.growth(found["rows"], path.with_suffix(".svg"), f"Cost of a query at recall {found['recall']}")
        print(f"written to {path}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Missing as missing:
        print(f"ann_growth.py: {missing}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
