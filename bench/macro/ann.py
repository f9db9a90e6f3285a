#!/usr/bin/env python3
"""ann.py --set NAME: recall against queries per second of our graphs and of other libraries, on one thread, in one run.

All sides hold the same vectors and answer the same queries, drawn from --seed and held out of the set; recall@k is
counted against the exact neighbours (ann_curve.py). First each side is asked with all its settings, from quick to thorough,
until it misses next to nothing. Then come the rounds: in each, every side answers all queries at each of its settings, the
sides one after the other, in the other direction every second round. A rate is the median of the rounds; that at a given
recall lies between two settings. CPU seconds of a query stand beside wall seconds. Building is timed too, on two threads,
in turns. Writes bench/results/ann-SET.json, or --out, and a plot in docs/images.
"""
import argparse
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "faiss", "usearch")
import ann_curve  # noqa: E402
import ann_data  # noqa: E402
import ann_ours  # noqa: E402
import ann_peers  # noqa: E402
import ann_plot  # noqa: E402

RECALLS = (0.95, 0.98, 0.99, 0.999)
ENOUGH = 0.9997  # of recall: more thorough settings are not tried
LEAST = 0.8  # points below it are of no use to anyone
LEAST_AT_MOST = 0.95  # of ours when the most is asked: less is a fault, whatever the speed


def ladder(side, truth):
    """[(setting, recall)] from the quickest to the first that misses next to nothing."""
    steps = []
    for setting in side.settings:
        recall = float(truth.recalls(side.answer(setting)).mean())
        if side.one_knob and steps and recall <= steps[-1][1]:
            continue  # dearer or the same, and no better
        steps.append((setting, recall))
        if recall >= ENOUGH:
            break
    useful = [step for step in steps if step[1] >= LEAST]
    return useful or steps[-1:]


def in_turns(sides, rounds, act):
    """Calls act(side) for every side in every round, each second round backwards; the first round warms and is dropped."""
    kept = {side.name: [] for side in sides}
    for number in range(rounds + 1):
        for side in sides if number % 2 else reversed(sides):
            found = act(side)
            if number > 0:
                kept[side.name].append(found)
    return kept


def built(sides, threads, builds):
    """Seconds of building, the sides in turn."""
    times = {side.name: [] for side in sides}
    for number in range(builds):
        for side in sides if number % 2 == 0 else reversed(sides):
            print(f"  building {side.name}", file=sys.stderr, flush=True)
            times[side.name].append(side.build(threads))
    return times


def rates(side_steps, measured, queries):
    """One point a setting: its recall, and the rates of all rounds."""
    points = []
    for at, (setting, recall) in enumerate(side_steps):
        took = [sweep[at] for sweep in measured]
        point = {"setting": setting, "recall": recall,
                 "qps": common.spread(queries / one["seconds"] for one in took),
                 "cpu_us": common.spread(1e6 * one["cpu_seconds"] / queries for one in took),
                 "qps_rounds": [queries / one["seconds"] for one in took]}
        if "distances" in took[0]:
            point["distances"] = took[0]["distances"]
            point["exact"] = took[0]["exact"]
        points.append(point)
    return points


def at_recalls(points, rounds):
    """The rate at each wanted recall: of the medians, of each round, and per CPU-second."""
    found = {}
    for recall in RECALLS:
        qps = ann_curve.rate_at([(one["recall"], one["qps"]["median"]) for one in points], recall)
        if qps is None:
            found[str(recall)] = None
            continue
        found[str(recall)] = {
            "qps": qps,
            "qps_rounds": [ann_curve.rate_at([(one["recall"], one["qps_rounds"][n]) for one in points], recall)
                           for n in range(rounds)],
            "per_cpu_second": ann_curve.rate_at([(one["recall"], 1e6 / one["cpu_us"]["median"]) for one in points], recall)}
    return found


def peers_here(one, k, only, threads):
    """The peers that this machine can run, tried on a few vectors; and why not the others."""
    few = one.vectors[:2000]
    left_out = {"hnswlib": "only a source package that pip compiles"}
    usable = []
    for trial, whole in zip(ann_peers.every(few, one.queries[:5], one.metric, k, only),
                            ann_peers.every(one.vectors, one.queries, one.metric, k, only)):
        try:
            trial.build(threads)
            trial.answer(trial.settings[0])
            usable.append(whole)
        except Exception as error:  # whatever a wheel throws for what it has not
            left_out[whole.name] = " ".join(str(error).split())[:200]
    return usable, left_out


def measure(one, folder, given):
    """Everything about one set, as it is written down."""
    truth = ann_curve.Truth(one.vectors, one.queries, one.metric,
                            ann_peers.candidates(one.vectors, one.queries, one.metric, given.k), given.k)
    peers, left_out = peers_here(one, given.k, given.only, 2)
    with ann_ours.Ours(one, folder, given.k) as ours:
        sides = [ours, *peers]
        builds = built(sides, 2, given.builds)
        opened = ours.open()
        ours.request("check", ours.graph)
        steps = {side.name: ladder(side, truth) for side in sides}
        timed = in_turns(sides, given.rounds, lambda side: [side.time(setting) for setting, _ in steps[side.name]])
        result = {}
        for side in sides:
            points = rates(steps[side.name], timed[side.name], len(one.queries))
            result[side.name] = {"points": points, "at": at_recalls(points, given.rounds),
                                 "build_seconds": common.spread(found["seconds"] for found in builds[side.name]),
                                 "build_cpu_seconds": common.spread(found["cpu_seconds"] for found in builds[side.name])}
        result[ours.name].update(bytes=opened["bytes"] + one.vectors.nbytes, graph_bytes=opened["bytes"],
                                 opened=opened, ready=ours.ready, built=builds[ours.name][-1])
        for peer in peers:
            result[peer.name].update(bytes=peer.index_bytes(), rss_bytes=peer.build_bytes)
    return {"set": one.name, "count": len(one.vectors), "dim": one.dim, "metric": one.metric, "queries": len(one.queries),
            "k": given.k, "sides": result, "left_out": left_out}


def summary(found):
    """Ours beside the faster of faiss's graphs at each recall, for documents to quote: {"99": {"ours", "faiss", "ratio"}}."""
    quoted = {}
    for recall in RECALLS:
        rates = {name: side["at"][str(recall)] for name, side in found["sides"].items()}
        ours = rates.get(ann_ours.Ours.name)
        theirs = max((rate["qps"] for name, rate in rates.items() if rate and name.startswith("faiss HNSW")), default=None)
        if ours and theirs:
            quoted[str(recall).partition(".")[2]] = {"ours": ours["qps"], "faiss": theirs, "ratio": ours["qps"] / theirs}
    return quoted


def table(found):
    lines = [f"{found['set']} {found['count']:,} x {found['dim']}, {found['metric']}, recall@{found['k']} of {found['queries']:,} "
             "queries, one thread; queries per second (per CPU-second)"]
    for name, side in found["sides"].items():
        cells = []
        for recall in RECALLS:
            rate = side["at"][str(recall)]
            cells.append(f"{recall}: " + (f"{rate['qps']:,.0f} ({rate['per_cpu_second']:,.0f})" if rate else "not reached"))
        lines.append(f"  {name:24} {'  '.join(cells)}   build {side['build_seconds']['median']:.1f} s   "
                     f"{side['bytes'] / found['count']:,.0f} B a vector")
    return "\n".join(lines + [f"  left out: {name}: {why}" for name, why in found["left_out"].items()])


def parsed(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="fashion-mnist", choices=sorted(ann_data.MAKERS))
    parser.add_argument("--scale", default="hour", choices=sorted(ann_data.SCALES), help="how many rows; see ann_data.py")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--builds", type=int, default=1, help="times that each side builds")
    parser.add_argument("--seed", type=int, default=1, help="of the queries")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="peers whose name holds WORD")
    parser.add_argument("--out", type=pathlib.Path, help="the results file (default: bench/results/ann-SET.json)")
    parser.add_argument("--tiny", action="store_true", help="as a test: times mean nothing")
    given = parser.parse_args(words)
    if given.tiny:
        given.set, given.scale, given.queries, given.rounds, given.only = "clustered", "tiny", 50, 2, ["HNSW", "IVF-flat", "usearch"]
    return given


def main():
    given = parsed()
    one = ann_data.at_scale(given.set, given.scale, given.queries, given.seed)
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        found = measure(one, pathlib.Path(folder), given)
    print(table(found))
    content = {"settings": {key: value for key, value in vars(given).items() if key != "out"},
               "versions": common.package_versions("faiss-cpu", "usearch", "numpy"),
               "summary": summary(found), **found}
    if given.out:
        given.out.write_text(json.dumps(content, indent=1, default=str) + "\n")
    elif not given.tiny:
        path = common.write_result(f"ann-{given.set}", content)
        ann_plot.curves(found, common.ROOT / "docs" / "images" / f"ann-{given.set}.svg")
        print(f"written to {path}")
    ours = found["sides"][ann_ours.Ours.name]["points"]
    return 0 if ours[-1]["recall"] >= LEAST_AT_MOST else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Missing as missing:
        print(f"ann.py: {missing}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
