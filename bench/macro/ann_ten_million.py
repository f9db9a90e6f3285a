#!/usr/bin/env python3
"""ann_ten_million.py --rows 10000000 --budget 4GiB: a collection of N x 512 that is built, opened cold and asked within a budget.

The vectors are drawn from a seed (ann_data.py: clusters) straight into a collection, which is kept under .deps/data/ann
and used again; 1,000 queries are drawn beside them and their exact neighbours found on the way. Then:

  build   `pictor rebuild --memory-budget BUDGET` in a control group that has BUDGET bytes in all, page cache included: segments
          merged and indexes made; seconds of wall and CPU
  open    the files are taken out of the page cache; a new process in such a group opens the collection
  first   its first query; then all the others, one after the other
  recall  recall@10 of all queries against the exact neighbours

Writes bench/results/ann-ten-million.json, or --out. --remove takes the collection away at the end.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy")
import ann_data  # noqa: E402
import ann_group  # noqa: E402

import numpy  # noqa: E402

GIB = 2**30
K, WANTED = 10, 0.95
VERSION = 1  # of how a folder is filled
ROWS = {"tiny": 20_000, "small": 200_000, "hour": 1_000_000, "full": 10_000_000}
BUDGETS = {"tiny": GIB // 2, "small": GIB // 2, "hour": 4 * GIB // 10, "full": 4 * GIB}  # less than graphs would take, from "hour" on


class Truth:
    """The K nearest by cosine of every query, found while the vectors pass by."""

    def __init__(self, queries):
        self.queries = queries / numpy.linalg.norm(queries, axis=1, keepdims=True)
        self.likeness = numpy.full((len(queries), 0), 0, numpy.float32)
        self.rows = numpy.zeros((len(queries), 0), numpy.int64)
        self.seen = 0

    def add(self, vectors):
        likeness = self.queries @ (vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)).T
        if self.seen > 0:
            self.merge_few(likeness)
        else:
            best = numpy.argpartition(-likeness, K, axis=1)[:, :K]
            self.likeness, self.rows = numpy.take_along_axis(likeness, best, axis=1), best.astype(numpy.int64)
        self.seen += len(vectors)

    def merge_few(self, likeness):
        """After the first rows only few are nearer than what is held."""
        found, at = numpy.nonzero(likeness > self.likeness.min(axis=1)[:, None])
        for query in numpy.unique(found):
            new = at[found == query]
            all_of = numpy.concatenate([self.likeness[query], likeness[query, new]])
            rows = numpy.concatenate([self.rows[query], self.seen + new])
            best = numpy.argsort(-all_of, kind="stable")[:K]
            self.likeness[query], self.rows[query] = all_of[best], rows[best]


def program(name):
    path = common.BUILD / name if name == "pictor" else common.BUILD / "bench" / name
    return common.need(path, f"build the preset `bench`: tools/build bench {name}")


def fill(folder, rows, queries, seed):
    """The collection, its queries and their neighbours; nothing to do when they are there."""
    wanted = {"rows": rows, "queries": queries, "seed": seed, "version": VERSION}
    marker = folder / "filled.json"
    if marker.exists() and wanted.items() <= json.loads(marker.read_text()).items():
        return json.loads(marker.read_text())
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = ann_data.clusters()
    pool = ann_data.drawn(model, ann_data.POOL, ann_data.CLUSTERED_SEED, 0)
    chosen = numpy.random.default_rng(seed).choice(len(pool), size=queries, replace=False)
    asked = numpy.ascontiguousarray(pool[numpy.sort(chosen)])
    asked.tofile(folder / "queries.f32")
    truth, began = Truth(asked), time.perf_counter()
    child = subprocess.Popen([program("ann_fill"), folder / "data", str(ann_data.CLUSTERED_DIM)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for number in range(-(-rows // ann_data.CHUNK)):
        left = rows - number * ann_data.CHUNK
        vectors = ann_data.drawn(model, ann_data.CHUNK, ann_data.CLUSTERED_SEED, number + 1)[:left]
        child.stdin.write(vectors.tobytes())
        truth.add(vectors)
        if number % 50 == 0:
            print(f"  filled {truth.seen:,} of {rows:,} in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    child.stdin.close()
    said = child.stdout.read()
    if child.wait() != 0:
        raise RuntimeError(f"ann_fill ended with status {child.returncode}")
    numpy.save(folder / "truth.npy", truth.rows)
    facts = {**wanted, "seconds": time.perf_counter() - began, "filled": json.loads(said)}
    marker.write_text(json.dumps(facts))
    return facts


def forget(folder):
    """Every file of the data folder out of the page cache. Nobody may have it open."""
    for file in folder.rglob("*"):
        if file.is_file():
            ann_group.forget(file)


def bytes_below(folder, *endings):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.name.endswith(endings))


def budget_text(budget):
    return f"{budget // 2**20}MiB"


def build(folder, budget, index_type):
    """The indexes anew, within the budget, page cache included."""
    forget(folder / "data")
    with ann_group.Group(budget) as group:
        ran = common.run([*group.enter, program("pictor"), "--data", folder / "data", "--json", "rebuild", "-c", "vectors",
                          "--memory-budget", budget_text(budget), "--index-type", index_type], timeout=4 * 3600).must()
        use = group.use()
    return {**json.loads(ran.out), "wall_seconds": ran.wall, "cpu_seconds": ran.cpu, "rss_peak_bytes": ran.rss_bytes, "use": use,
            "rows_per_second": folder_rows(folder) / ran.wall}


def folder_rows(folder):
    return json.loads((folder / "filled.json").read_text())["rows"]


class Server:
    """ann_collection, in a group."""

    def __init__(self, folder, before=()):
        self.began = time.perf_counter()
        words = [*before, program("ann_collection"), folder / "data", folder / "queries.f32", ann_data.CLUSTERED_DIM]
        self.child = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.opened = self.line()
        self.opened["process_seconds"] = time.perf_counter() - self.began

    def line(self):
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"ann_collection ended with status {self.child.wait()}: -9 is the kernel, for want of memory")
        return json.loads(line)

    def request(self, *words):
        print(*words, file=self.child.stdin, flush=True)
        return self.line()

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def recall_of(answers, truth):
    return statistics.fmean(len(set(rows) & set(true)) / K for rows, true in zip(answers, truth.tolist()))


def asked_cold(folder, budget, queries):
    """Opened with nothing in the page cache, and asked, within the budget."""
    forget(folder / "data")
    with ann_group.Group(budget) as group:
        server = Server(folder, group.enter)
        first = server.request("time", 0, 1, WANTED, K)
        cold = server.request("time", 1, queries - 1, WANTED, K)
        again = server.request("time", 0, queries, WANTED, K)
        answers = server.request("answer", 0, queries, WANTED, K)["rows"]
        use = group.use()
        server.close()
    return {"opened": server.opened, "first_ms": first["ms"][0], "first_round_ms": common.spread(cold["ms"]),
            "second_round_ms": common.spread(again["ms"]), "p99_ms": sorted(again["ms"])[int(0.99 * queries)],
            "distances": again["distances"] / queries, "assured": again["recall"], "use": use, "limit_bytes": group.limit_bytes,
            "rss_anon_bytes": again["rss_anon_bytes"], "recall": recall_of(answers, numpy.load(folder / "truth.npy"))}


def measure(folder, given):
    filled = fill(folder, given.rows, given.queries, given.seed)
    found = {"rows": given.rows, "dim": ann_data.CLUSTERED_DIM, "k": K, "wanted_recall": WANTED, "budget_bytes": given.budget,
             "filled": filled}
    if not given.keep_index:
        found["build"] = build(folder, given.budget, given.index_type)
    found["asked"] = asked_cold(folder, given.budget, given.queries)
    found["bytes"] = {"segments": bytes_below(folder / "data", ".seg"), "indexes": bytes_below(folder / "data", ".graph", ".lists"),
                      "database": bytes_below(folder / "data", ".db", ".db-wal")}
    return found


def table(found):
    asked, lines = found["asked"], [f"{found['rows']:,} x {found['dim']}, budget {found['budget_bytes'] / GIB:.1f} GiB"]
    if "build" in found:
        made = found["build"]
        lines.append(f"  build {made['wall_seconds']:,.0f} s ({made['cpu_seconds']:,.0f} s of CPU): {made.get('why', '')}")
    lines.append(f"  {found['bytes']['indexes'] / found['rows']:.0f} B a vector of indexes, {found['bytes']['segments'] / found['rows']:.0f} "
                 f"of vectors, {found['bytes']['database'] / found['rows']:.0f} of items")
    lines.append(f"  cold: open {asked['opened']['open_seconds']:.3f} s, first query {asked['first_ms']:.1f} ms, the others "
                 f"{common.text_of(asked['first_round_ms'])} ms; again {common.text_of(asked['second_round_ms'])} ms")
    lines.append(f"  recall@{found['k']} {asked['recall']:.4f}; held at most {(asked['use']['peak'] or 0) / GIB:.2f} GiB of "
                 f"{asked['limit_bytes'] / GIB:.2f}, its own {asked['rss_anon_bytes'] / GIB:.2f}")
    return "\n".join(lines)


def size(text):
    for ending, times in (("GiB", GIB), ("MiB", 2**20)):
        if text.endswith(ending):
            return int(float(text[:-3]) * times)
    raise argparse.ArgumentTypeError(f"'{text}': wanted a number and GiB or MiB")


def parsed(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="full", choices=sorted(ROWS))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--budget", type=size, help="4GiB, 512MiB")
    parser.add_argument("--index-type", choices=("auto", "graph", "lists"), help="auto, but lists for the small scales")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the queries")
    parser.add_argument("--folder", type=pathlib.Path, help="of the collection (default: .deps/data/ann/collection-ROWS)")
    parser.add_argument("--only-fill", action="store_true")
    parser.add_argument("--keep-index", action="store_true", help="ask the indexes that are there")
    parser.add_argument("--remove", action="store_true")
    parser.add_argument("--out", type=pathlib.Path)
    given = parser.parse_args(words)
    given.rows = given.rows or ROWS[given.scale]
    given.budget = given.budget or BUDGETS[given.scale]
    given.index_type = given.index_type or ("auto" if given.rows > ROWS["small"] else "lists")
    given.folder = given.folder or common.DEPS / "data" / "ann" / f"collection-{given.rows}"
    return given


def main():
    given = parsed()
    if given.only_fill:
        print(json.dumps(fill(given.folder, given.rows, given.queries, given.seed)))
        return 0
    found = measure(given.folder, given)
    print(table(found))
    content = {"settings": {key: str(value) for key, value in vars(given).items() if key not in ("out", "folder")}, **found}
    if given.out:
        given.out.write_text(json.dumps(content, indent=1, default=str) + "\n")
    else:
        print(f"written to {common.write_result('ann-ten-million', content)}")
    if given.remove:
        shutil.rmtree(given.folder)
    return 0 if found["asked"]["recall"] >= WANTED else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Missing as missing:
        print(f"ann_ten_million.py: {missing}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
    except ann_group.NoGroup as none:
        print(f"ann_ten_million.py: no control group could be made: {none}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
