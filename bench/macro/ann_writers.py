#!/usr/bin/env python3
"""ann_writers.py: recall of filtered searches while four writers put and delete: every share of allowed rows, every kind.

The program ann_writers.cpp does the work: see its top. Cells, kinds and groups are those of ann_filters.py. Each answer is
held against the exact one of the same snapshot. Writes bench/results/ann-writers-SET.json, or --out.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "faiss", "usearch")
import ann_curve  # noqa: E402
import ann_data  # noqa: E402
import ann_filters  # noqa: E402
import numpy  # noqa: E402


def measure(one, folder, given):
    random = numpy.random.default_rng(given.seed)
    groups = ann_filters.grouped(one.queries, one.metric, given.groups, random)
    queries = numpy.ascontiguousarray(one.queries[numpy.concatenate(groups)])
    vectors, asked = folder / "vectors.f32", folder / "queries.f32"
    numpy.ascontiguousarray(one.vectors).tofile(vectors)
    queries.tofile(asked)
    program = common.need(common.BUILD / "bench" / "ann_writers", "build the preset `bench`: tools/build bench ann_writers")
    command = [program, folder / "data", vectors, asked, one.dim, given.recall, given.k, len(groups)]
    went = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if went.returncode != 0:
        raise RuntimeError(f"ann_writers ended with status {went.returncode}: {went.stderr[-400:]}")
    found = json.loads(went.stdout)
    cells = []
    for cell in found.pop("cells"):
        every = [value for group in cell["recalls"] for value in group]
        cells.append({"kind": cell["kind"], "share": cell["share"], "recall": statistics.fmean(every),
                      "lower": ann_curve.lower_bound(cell["recalls"]), "exact": cell["exact"] / cell["asked"]})
    return {"set": one.name, "count": len(one.vectors), "dim": one.dim, "k": given.k, "queries": len(queries),
            "groups": len(groups), "asked": given.recall, **found, "cells": cells}


def table(found):
    lines = [f"{found['set']} {found['filled']:,} x {found['dim']}, recall@{found['k']} {found['asked']} asked, {found['queries']:,} "
             f"queries in {found['groups']} groups, {found['writers']} writers: {found['commits']:,} batches meanwhile, "
             f"{found['rows_dead']:,} rows dead and {found['rows_fresh']:,} fresh at the end"]
    for cell in found["cells"]:
        lines.append(f"  {cell['kind']:16} {cell['share']:8.2%} of rows: recall {cell['recall']:.4f} (lower {cell['lower']:.4f})  "
                     f"exact {cell['exact']:.0%}")
    return "\n".join(lines)


def parsed(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="clustered", choices=("clustered", "glove", "embeddings"))
    parser.add_argument("--scale", default="small", choices=sorted(ann_data.SCALES))
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--recall", type=float, default=0.98, help="that is asked for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args(words)
    if given.tiny:
        given.scale, given.queries, given.groups = "tiny", 12, 4
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
        print(f"written to {common.write_result(f'ann-writers-{given.set}', content)}")
    return 0 if found["commits"] > 0 and min(cell["recall"] for cell in found["cells"]) >= 0.5 else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Missing as missing:
        print(f"ann_writers.py: {missing}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
