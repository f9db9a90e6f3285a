#!/usr/bin/env python3
"""ann_filters.py: recall and latency of filtered searches: every share of allowed rows, and how they lie to the query.

A cell is a share (50 % to 0.01 %), a kind and whether half of all rows was deleted before. Kinds: random rows; the rows
nearest to where the query lies (correlated); the rows farthest from there (anti-correlated: the way to them leads through rows that
may not be returned). Queries come in groups that share a filter: an anchor drawn from them, and its nearest. Every answer is
held against the exact one over the allowed rows. A cell's recall has a lower 95 % bound of its mean, by groups.

The median latency stands beside that of masked exact scans, ours and faiss's, taken in turns with it, and beside the same
queries without a filter. Writes bench/results/ann-filters-SET.json, or --out.
"""
import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "faiss", "usearch")
import ann_curve  # noqa: E402
import ann_data  # noqa: E402
import ann_ours  # noqa: E402
import ann_peers  # noqa: E402
import faiss  # noqa: E402
import numpy  # noqa: E402

SHARES = (0.5, 0.1, 0.01, 0.001, 0.0001)
KINDS = ("random", "correlated", "anti-correlated")
SCANNED = 5  # queries of a group that are also scanned for


def similarity(vectors, queries, metric):
    """Larger is nearer; float32. `vectors` and `queries` as ann_peers.prepared() makes them."""
    dots = queries @ vectors.T
    return 2 * dots - (vectors ** 2).sum(axis=1) if metric == "l2" else dots


def grouped(queries, metric, groups, random):
    """Numbers of queries: an anchor each and those nearest to it, no query twice."""
    each = len(queries) // groups
    ready = ann_peers.prepared(queries, metric)
    left = numpy.ones(len(queries), bool)
    found = []
    for _ in range(groups):
        anchor = random.choice(numpy.flatnonzero(left))
        near = similarity(ready, ready[anchor:anchor + 1], metric)[0]
        near[anchor] = numpy.inf
        near[~left] = -numpy.inf
        members = numpy.argsort(-near)[:each]
        left[members] = False
        found.append(members)
    return found


def allowed_rows(kind, share, near_anchor, alive, random):
    """A byte a row. The share is one of the rows alive, at least one row."""
    living = numpy.flatnonzero(alive)
    count = max(1, round(share * len(living)))
    if kind == "random":
        chosen = random.choice(living, size=count, replace=False)
    else:
        order = numpy.argpartition(near_anchor[living] * (-1 if kind == "correlated" else 1), count - 1)[:count]
        chosen = living[order]
    allowed = numpy.zeros(len(alive), numpy.uint8)
    allowed[chosen] = 1
    return allowed


def nearest(scores, allowed, spare):
    """Candidates for the truth: the best allowed rows of each query."""
    rows = numpy.flatnonzero(allowed)
    if len(rows) <= spare:
        return numpy.tile(rows, (len(scores), 1))
    return rows[numpy.argpartition(-scores[:, rows], spare - 1, axis=1)[:, :spare]]


class Scan:
    """faiss's flat index under a bitmap, one query at a time."""

    def __init__(self, vectors, queries, metric, k):
        self.index = faiss.IndexFlat(vectors.shape[1], faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT)
        self.index.add(vectors)
        self.queries, self.k = queries, k

    def time(self, allowed, numbers):
        faiss.omp_set_num_threads(1)
        bits = numpy.packbits(allowed, bitorder="little")
        chosen = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        took = []
        for number in numbers:
            started = time.perf_counter()
            self.index.search(self.queries[number:number + 1], self.k, params=chosen)
            took.append(1e6 * (time.perf_counter() - started))
        return took


class Cell:
    def __init__(self, kind, share, deleted):
        self.kind, self.share, self.deleted = kind, share, deleted
        self.recalls, self.allowed, self.exact, self.asked = [], [], 0, 0
        self.times = {"ours": [], "flat": [], "faiss": [], "unfiltered": []}

    def result(self):
        every = [value for group in self.recalls for value in group]
        return {"kind": self.kind, "share": self.share, "deleted": self.deleted, "allowed": statistics.median(self.allowed),
                "recall": statistics.fmean(every), "lower": ann_curve.lower_bound(self.recalls),
                "worst_group": min(statistics.fmean(group) for group in self.recalls), "exact": self.exact / self.asked,
                **{f"{name}_us": statistics.median(times) for name, times in self.times.items() if times}}


def asked_in_turn(cell, ours, scan, number, members, allowed, recall):
    """One group of a cell: latencies of the graph, of both scans, and without a filter; who begins changes."""
    first, count = number * len(members), len(members)

    def graph():
        ours.open()
        ours.filter(allowed)
        cell.times["ours"] += ours.time(recall, first, count)["each_us"]

    def flat():
        ours.flat()
        ours.filter(allowed)
        cell.times["flat"] += ours.time(1.0, first, min(SCANNED, count))["each_us"]

    def unfiltered():
        ours.open()
        ours.filter(None)
        cell.times["unfiltered"] += ours.time(recall, first, count)["each_us"]

    def peer():
        cell.times["faiss"] += scan.time(allowed, range(first, first + min(SCANNED, count)))
    acts = [graph, flat, unfiltered, peer]
    for act in acts if number % 2 else reversed(acts):
        act()


def measure(one, folder, given):
    random = numpy.random.default_rng(given.seed)
    groups = grouped(one.queries, one.metric, given.groups, random)
    one.queries = numpy.ascontiguousarray(one.queries[numpy.concatenate(groups)])  # a group's queries lie side by side
    vectors, queries = (ann_peers.prepared(part, one.metric) for part in (one.vectors, one.queries))
    scan = Scan(vectors, queries, one.metric, given.k)
    deleted = random.permutation(len(vectors)) < len(vectors) // 2
    cells = [Cell(kind, share, half) for half in (0, 0.5) for kind in KINDS for share in SHARES]
    with ann_ours.Ours(one, folder, given.k) as ours:
        ours.build(2)
        for number, members in enumerate(groups):
            print(f"  group {number + 1} of {len(groups)}", file=sys.stderr, flush=True)
            first, count = number * len(members), len(members)
            scores = similarity(vectors, queries[first:first + count], one.metric)
            for cell in cells:
                alive = ~deleted if cell.deleted else numpy.ones(len(vectors), bool)
                allowed = allowed_rows(cell.kind, cell.share, scores[0], alive, random)
                truth = ann_curve.Truth(one.vectors, one.queries[first:first + count], one.metric,
                                        nearest(scores, allowed, given.k + 20), given.k)
                ours.open()
                ours.filter(allowed)
                answered = ours.request("answer", first, count, given.recall, given.k)
                cell.recalls.append(truth.recalls(answered["rows"], allowed=allowed).tolist())
                cell.allowed.append(int(allowed.sum()))
                cell.exact += answered["exact"]
                cell.asked += count
                asked_in_turn(cell, ours, scan, number, members, allowed, given.recall)
    return {"set": one.name, "count": len(vectors), "dim": one.dim, "k": given.k, "queries": len(queries),
            "groups": len(groups), "asked": given.recall, "cells": [cell.result() for cell in cells]}


def table(found):
    lines = [f"{found['set']} {found['count']:,} x {found['dim']}, recall@{found['k']} {found['asked']} asked, "
             f"{found['queries']:,} queries in {found['groups']} groups; median microseconds"]
    for cell in found["cells"]:
        lines.append(f"  {cell['kind']:16} {cell['share']:8.2%} of rows, {cell['deleted']:4.0%} deleted: recall {cell['recall']:.4f} "
                     f"(lower {cell['lower']:.4f})  ours {cell['ours_us']:8.0f}  scan ours {cell['flat_us']:8.0f}  "
                     f"faiss {cell['faiss_us']:8.0f}  unfiltered {cell['unfiltered_us']:8.0f}  exact {cell['exact']:.0%}")
    return "\n".join(lines)


def parsed(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="clustered", choices=sorted(ann_data.MAKERS))
    parser.add_argument("--scale", default="hour", choices=sorted(ann_data.SCALES))
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--recall", type=float, default=0.98, help="that is asked for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args(words)
    if given.tiny:
        given.scale, given.queries, given.groups = "tiny", 40, 4
    return given


def main():
    given = parsed()
    one = ann_data.at_scale(given.set, given.scale, given.queries, given.seed)
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        found = measure(one, pathlib.Path(folder), given)
    print(table(found))
    content = {"settings": {key: value for key, value in vars(given).items() if key != "out"}, **found}
    if given.out:
        given.out.write_text(json.dumps(content, indent=1, default=str) + "\n")
    elif not given.tiny:
        print(f"written to {common.write_result(f'ann-filters-{given.set}', content)}")
    return 0 if min(cell["recall"] for cell in found["cells"]) >= 0.5 else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Missing as missing:
        print(f"ann_filters.py: {missing}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
