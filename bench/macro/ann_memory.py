#!/usr/bin/env python3
"""ann_memory.py --set NAME: our graphs with half and a quarter of the memory that faiss's HNSW needs, page cache included.

What faiss needs is the size of its index alone; its Python process around it is given to it. Ours runs in a control group
whose limit is a share of that, program, heap and the page cache of the mapped files together: the files are taken out of the
page cache first, so that all of it is charged to the group. faiss has all memory of the machine. Rounds are taken in turn
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

SHARES = (0.5, 0.25)


def judged(steps, timed, rounds, queries):
    points = ann.rates(steps, timed, queries)
    return {"points": points, "at": ann.at_recalls(points, rounds)}


def raced(ours, peers, truth, group, given):
    """Ours inside its group, the peers beside it."""
    opened = ours.open()
    sides = [ours, *peers]
    steps = {side.name: ann.ladder(side, truth) for side in sides}
    timed = ann.in_turns(sides, given.rounds, lambda side: [side.time(setting) for setting, _ in steps[side.name]])
    return {"opened": opened, "use": group.use(),
            "sides": {side.name: judged(steps[side.name], timed[side.name], given.rounds, ours.count) for side in sides}}


def in_group(one, folder, peers, needs, truth, share, given):
    """One share of the memory. A program that the kernel ended there has no rates."""
    for file in (one.path, folder / "graph"):
        ann_group.forget(file)
    with ann_group.Group(share * needs) as group:
        facts = {"share": share, "limit_bytes": group.limit_bytes, "cgroup": group.version}
        try:
            with ann_ours.Ours(one, folder, given.k, before=group.enter) as ours:
                return {**facts, **raced(ours, peers, truth, group, given)}
        except ann_ours.Ended:
            return {**facts, "ended": True, "use": group.use(), "sides": {}}


def measure(one, folder, given):
    truth = ann_curve.Truth(one.vectors, one.queries, one.metric,
                            ann_peers.candidates(one.vectors, one.queries, one.metric, given.k), given.k)
    # A file of our own: what another process has mapped stays in the page cache, charged to that process.
    own = dataclasses.replace(one, path=None)
    with ann_ours.Ours(own, folder, given.k) as ours:
        build = ours.build(2)
    own = dataclasses.replace(own, path=folder / "vectors.f32")
    peers = ann_peers.every(one.vectors, one.queries, one.metric, given.k, only=("faiss HNSW",))
    for peer in peers:
        peer.build(2)
    needs = peers[0].index_bytes()
    return {"set": one.name, "count": len(one.vectors), "dim": one.dim, "k": given.k, "queries": len(one.queries),
            "faiss_bytes": needs, "build": build,
            "groups": [in_group(own, folder, peers, needs, truth, share, given) for share in SHARES]}


def table(found):
    lines = [f"{found['set']} {found['count']:,} x {found['dim']}: faiss needs {found['faiss_bytes'] / 2**20:,.0f} MiB"]
    for group in found["groups"]:
        use = group["use"]
        lines.append(f"  limit {group['limit_bytes'] / 2**20:,.0f} MiB, held at most {(use['peak'] or 0) / 2**20:,.0f} MiB, "
                     f"{use['cache'] / 2**20:,.0f} MiB of it page cache")
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
