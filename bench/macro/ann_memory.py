#!/usr/bin/env python3
"""ann_memory.py --set NAME: our graphs with half and a quarter of the memory that faiss's HNSW needs, page cache included.

What faiss needs is the size of its index alone; its Python process around it is given to it. Ours runs in a control group
whose limit is a share of that, program, heap and the page cache of the mapped files together: the files are taken out of the
page cache first, so that all of it is charged to the group. Our graphs have the codes that are made for such a share, and
distances come from those codes: no vector is read. faiss has all memory of the machine. Rounds are taken in turn
as in ann.py. Writes bench/results/ann-memory-SET.json, or --out.
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
import ann_group  # noqa: E402
import ann_ours  # noqa: E402
import ann_peers  # noqa: E402

CODES = {0.5: "half", 0.25: "quarter"}  # share of the memory: which codes the graph has
BUDGET, SLICE = 2.0, 5  # seconds of one setting in one round, and queries before the first look at the clock
QUICK = 0.1  # seconds of a slice that is followed by one of twice the queries: faiss is asked for all of them at once
CHECKED = 20  # queries whose answers are compared with those without a limit
LEAST = 0.93  # of recall: what lies below has no part in the claims


class Limited:
    """Ours in its group. Where it reads from the disk a query may take a hundred times as long, so that a setting has a budget
    of seconds; it goes on with the next queries the next time, since those just asked are in the page cache by then."""
    one_knob = True

    def __init__(self, ours):
        self.ours, self.name, self.next = ours, ours.name, 0

    def time(self, setting):
        total = {"seconds": 0.0, "cpu_seconds": 0.0, "distances": 0.0, "exact": 0}
        asked, slice_now = 0, SLICE
        while asked < self.ours.count and total["seconds"] < BUDGET:
            count = min(slice_now, self.ours.count - asked, self.ours.count - self.next)
            found = self.ours.time(setting, self.next, count)
            self.next = (self.next + count) % self.ours.count
            for name in total:
                total[name] += found[name] * (count if name == "distances" else 1)
            asked += count
            slice_now *= 2 if found["seconds"] < QUICK else 1
        whole = self.ours.count / asked
        return {**{name: total[name] * whole for name in ("seconds", "cpu_seconds", "exact")}, "distances": total["distances"] / asked}


def judged(steps, timed, rounds, queries):
    points = ann.rates(steps, timed, queries)
    return {"points": points, "at": ann.at_recalls(points, rounds)}


def raced(ours, peers, steps, group, given):
    """Ours inside its group, the peers beside it. Memory changes no answer: that is looked at, and recalls hold."""
    opened = ours.open()
    ours.distances("codes")
    recall, answers = steps["checked"]
    if ours.answer(recall, 0, len(answers)) != answers:
        raise RuntimeError("with less memory other rows were answered")
    sides = [Limited(ours), *peers]
    timed = ann.in_turns(sides, given.rounds, lambda side: [side.time(setting) for setting, _ in steps[side.name]])
    return {"opened": opened, "use": group.use(),
            "sides": {side.name: judged(steps[side.name], timed[side.name], given.rounds, ours.count) for side in sides}}


def in_group(one, folder, peers, needs, steps, share, given):
    """One share of the memory. A program that the kernel ended there has no rates."""
    for file in (one.path, folder / "graph"):
        ann_group.forget(file)
    with ann_group.Group(share * needs) as group:
        facts = {"share": share, "limit_bytes": group.limit_bytes, "cgroup": group.version}
        try:
            with ann_ours.Ours(one, folder, given.k, before=group.enter) as ours:
                return {**facts, **raced(ours, peers, steps, group, given)}
        except ann_ours.Ended:
            return {**facts, "ended": True, "use": group.use(), "sides": {}}


def ladders(ours, peers, truth):
    """The settings of every side and what they find, without a limit; of ours also some answers to compare later."""
    steps = {side.name: [step for step in ann.ladder(side, truth) if step[1] >= LEAST] for side in (ours, *peers)}
    steps["checked"] = (0.98, ours.answer(0.98, 0, min(CHECKED, ours.count)))
    return steps


def measure(one, folder, given):
    truth = ann_curve.Truth(one.vectors, one.queries, one.metric,
                            ann_peers.candidates(one.vectors, one.queries, one.metric, given.k), given.k)
    # Files of our own: what another process has mapped stays in the page cache, charged to that process.
    own = dataclasses.replace(one, path=None)
    peers = ann_peers.every(one.vectors, one.queries, one.metric, given.k, only=("faiss HNSW",))
    for peer in peers:
        peer.build(2)
    needs = peers[0].index_bytes()
    groups = []
    for share, codes in CODES.items():
        own = dataclasses.replace(one, path=None)
        with ann_ours.Ours(own, folder, given.k) as ours:
            build = ours.build(2, codes=codes)
            ours.open()
            ours.distances("codes")
            steps = ladders(ours, peers, truth)
        own = dataclasses.replace(own, path=folder / "vectors.f32")
        groups.append({"codes": codes, "build": build, **in_group(own, folder, peers, needs, steps, share, given)})
    return {"set": one.name, "count": len(one.vectors), "dim": one.dim, "k": given.k, "queries": len(one.queries),
            "faiss_bytes": needs, "groups": groups}


def table(found):
    lines = [f"{found['set']} {found['count']:,} x {found['dim']}: faiss needs {found['faiss_bytes'] / 2**20:,.0f} MiB"]
    for group in found["groups"]:
        use = group["use"]
        lines.append(f"  limit {group['limit_bytes'] / 2**20:,.0f} MiB, held at most {(use['peak'] or 0) / 2**20:,.0f} MiB, "
                     f"{use['cache'] / 2**20:,.0f} MiB of it page cache; {group['codes']} codes, {group['build']['bytes'] / found['count']:,.0f} "
                     "bytes a vector")
        if group.get("ended"):
            lines.append("    Pictor was ended by the kernel: it does not run in so little")
        for name, side in group["sides"].items():
            cells = [f"{recall}: {side['at'][str(recall)]['qps']:,.0f}" if side["at"][str(recall)] else f"{recall}: not reached"
                     for recall in ann.RECALLS]
            lines.append(f"    {name:24} {'  '.join(cells)}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="fashion-mnist", choices=sorted(ann_data.MAKERS))
    parser.add_argument("--scale", default="hour", choices=sorted(ann_data.SCALES))
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    given = parser.parse_args()
    one = ann_data.at_scale(given.set, given.scale, given.queries, given.seed)
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        found = measure(one, pathlib.Path(folder), given)
    print(table(found))
    content = {"settings": {key: value for key, value in vars(given).items() if key != "out"}, **found}
    if given.out:
        given.out.write_text(json.dumps(content, indent=1, default=str) + "\n")
    else:
        print(f"written to {common.write_result(f'ann-memory-{given.set}', content)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Missing as missing:
        print(f"ann_memory.py: {missing}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
    except ann_group.NoGroup as none:
        sys.exit(f"ann_memory.py: no control group could be made: {none}")
