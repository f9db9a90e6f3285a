#!/usr/bin/env python3
"""serve_data.py --scale hour: what the loads on the server work on: a collection of N items, and the Python service's indexes.

Real pictures (Debian's stamps and 640-pixel JPEGs made by make_photos.py) are indexed by an encoder of ours. The other items are
vectors alone, drawn around those of the real ones: a point between two pictures, the same point in every head, and noise whose
axes are those of the real pictures' own spread, shortened as a power, so that few directions hold most of it. They are added
through the store as an ingest does (serve_fill), and `pictor rebuild` makes the indexes. All stays in .deps/data/serve; each run
works on a copy, of which what never changes is linked.
"""
import argparse
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "PIL", "onnxruntime", "faiss")
import make_photos  # noqa: E402
import numpy  # noqa: E402
import ours  # noqa: E402
from serve_requests import COLLECTION  # noqa: E402

VERSION = 1  # of how data is made: that of another one is made again
HEADS = ("visual", "joint")
SCALES = {"tiny": 2_000, "small": 20_000, "hour": 200_000, "full": 1_000_000}  # "full" is what the claims were written for
PHOTOS = {"tiny": 12, "small": 40, "hour": 160, "full": 320}  # half of them are items, the others are asked with
STAMPS = {"tiny": 40, "small": 400, "hour": 400, "full": 400}
CHUNK = 10_000
SPREAD, FALLS = 0.6, -0.4  # of the noise: its length, and the power by which its axes fall besides their own
UNCHANGING = (".seg", ".graph", ".lists", ".columns")


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def unit(rows):
    return (rows / numpy.maximum(numpy.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(numpy.float32)


class Around:
    """Draws vectors around real ones: row i of every head is of the same two pictures."""

    def __init__(self, real):
        self.real = real
        self.axes = {}
        for head, rows in real.items():
            _, lengths, axes = numpy.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
            lengths = lengths * (1.0 + numpy.arange(len(lengths))) ** FALLS
            self.axes[head] = (axes * (SPREAD * lengths / numpy.linalg.norm(lengths))[:, None]).astype(numpy.float32)

    def drawn(self, count, number):
        random = numpy.random.default_rng((20_261, number))
        pictures = len(next(iter(self.real.values())))
        first, second = random.integers(0, pictures, size=(2, count))
        between = (0.5 * random.beta(1, 2, size=count)).astype(numpy.float32)[:, None]
        found = {}
        for head, rows in self.real.items():
            axes = self.axes[head]
            noise = random.standard_normal((count, len(axes)), dtype=numpy.float32) @ axes
            found[head] = unit((1 - between) * rows[first] + between * rows[second] + noise)
        return found


def marked(folder, wanted):
    """Is the folder as a whole what is wanted? What was written down when it was made, or None."""
    path = folder / "made.json"
    found = json.loads(path.read_text()) if path.exists() else None
    return found if found is not None and wanted.items() <= found.items() else None


def begun(folder):
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    return part


def ended(part, folder, facts):
    (part / "made.json").write_text(json.dumps(facts))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return facts


class Data:
    """Everything of one scale, made when it is asked for and not there."""

    def __init__(self, scale):
        self.scale, self.rows = scale, SCALES[scale]
        self.root = common.DEPS / "data" / "serve"
        self.folder = self.root / str(self.rows)
        self.wanted = {"version": VERSION, "rows": self.rows, "photos": PHOTOS[scale], "stamps": STAMPS[scale]}

    def photos(self):
        """(those that are items, those that queries are)."""
        every = make_photos.make(common.data_folder("wallpapers"), self.root / "photos", PHOTOS[self.scale], small=True)
        return every[0::2], every[1::2]

    def pictures(self):
        return common.pictures(common.stamps_folder())[:STAMPS[self.scale]] + self.photos()[0]

    def real(self, encoder):
        """Folder of a collection of the real pictures alone, and their ids and vectors."""
        folder = self.folder / f"real-{encoder}"
        if marked(folder, self.wanted) is None:
            say(f"indexing {len(self.pictures())} pictures by {encoder}")
            part = begun(folder)
            listed = part / "pictures"
            listed.mkdir()
            for number, path in enumerate(self.pictures()):
                shutil.copy(path, listed / f"real-{number:04d}{path.suffix}")
            ours.call("--json", "index", "--collection", COLLECTION, "--encoder", encoder, "--keep", "thumbnail", "--no-progress", "--no-graphs",
                      listed, data=part / "data").must(0)
            vectors = {}
            for head in HEADS:
                ids, vectors[head] = ours.exported(part / "data", head, COLLECTION)
            numpy.savez(part / "vectors.npz", **vectors)
            (part / "ids.json").write_text(json.dumps(ids))
            ended(part, folder, self.wanted)
        with numpy.load(folder / "vectors.npz") as kept:
            return folder / "data", json.loads((folder / "ids.json").read_text()), {head: kept[head] for head in HEADS}

    def drawn(self):
        """Maps of the vectors that were drawn, by head: the same whatever the encoder's precision."""
        folder = self.folder / "drawn"
        if marked(folder, self.wanted) is None:
            say(f"drawing {self.rows:,} vectors")
            around, part = Around(self.real(ours.FP32)[2]), begun(folder)
            files = {head: open(part / f"{head}.f32", "wb") for head in HEADS}
            for number in range(-(-self.rows // CHUNK)):
                for head, rows in around.drawn(CHUNK, number).items():
                    rows[:self.rows - number * CHUNK].tofile(files[head])
            for file in files.values():
                file.close()
            ended(part, folder, self.wanted)
        return {head: numpy.memmap(folder / f"{head}.f32", numpy.float32, "r").reshape(self.rows, -1) for head in HEADS}

    def collection(self, encoder):
        """The data folder of ours, indexes made; it is not to be written to."""
        folder = self.folder / encoder
        if marked(folder, self.wanted) is None:
            real, _, _ = self.real(encoder)
            drawn, part = self.drawn(), begun(folder)
            shutil.copytree(real, part / "data")
            say(f"filling a collection of {encoder} with {self.rows:,} items")
            filled = fill(part / "data", drawn)
            say(f"filled in {filled['seconds']:.0f} s; making the indexes")
            began = time.perf_counter()
            built = json.loads(ours.call("--json", "rebuild", "-c", COLLECTION, data=part / "data", timeout=4 * 3600).must(0).out)
            ended(part, folder, {**self.wanted, "filled": filled, "index_seconds": time.perf_counter() - began, "index": built})
        return folder / "data"

    def copied(self, encoder, to):
        """A copy that a server may write to: segments and their indexes are never changed in place, and are linked."""
        def copy(source, target):
            if source.endswith(UNCHANGING):
                try:
                    return os.link(source, target)
                except OSError:
                    pass  # another disk
            return shutil.copy2(source, target)
        shutil.copytree(self.collection(encoder), to, copy_function=copy)
        return to

    def peer(self):
        """Folder with the Python service's indexes (faiss HNSW of f32) and its table of items."""
        folder = self.folder / "peer"
        if marked(folder, self.wanted) is None:
            import faiss
            _, ids, real = self.real(ours.FP32)
            drawn, part, seconds = self.drawn(), begun(folder), {}
            for head in HEADS:
                say(f"faiss HNSW of {self.rows:,} x {drawn[head].shape[1]}")
                began = time.perf_counter()
                index = faiss.IndexHNSWFlat(drawn[head].shape[1], 16, faiss.METRIC_INNER_PRODUCT)
                for first in range(0, self.rows, 50_000):
                    index.add(numpy.ascontiguousarray(drawn[head][first:first + 50_000]))
                index.add(unit(real[head]))
                faiss.write_index(index, str(part / f"{head}.faiss"))
                seconds[head] = time.perf_counter() - began
            names = [f"v{number}" for number in range(self.rows)] + list(ids)
            (part / "ids.json").write_text(json.dumps(names))
            with sqlite3.connect(part / "items.db") as items:
                items.execute("CREATE TABLE items(id TEXT PRIMARY KEY, metadata TEXT)")
                items.executemany("INSERT INTO items VALUES (?, '{}')", ((name,) for name in names))
            ended(part, folder, {**self.wanted, "seconds": seconds})
        return folder


def fill(folder, drawn):
    """The drawn vectors into the collection of that data folder: all heads of a row side by side."""
    child = subprocess.Popen([str(ours.tool("serve_fill")), str(folder), COLLECTION], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    rows = len(drawn[HEADS[0]])
    for first in range(0, rows, CHUNK):
        child.stdin.write(numpy.concatenate([drawn[head][first:first + CHUNK] for head in HEADS], axis=1).tobytes())
    child.stdin.close()
    said = child.stdout.read()
    if child.wait() != 0:
        raise RuntimeError(f"serve_fill ended with status {child.returncode}")
    found = json.loads(said)
    if found["rows"] != rows or found["dim"] != sum(vectors.shape[1] for vectors in drawn.values()):
        raise RuntimeError(f"serve_fill took {found['rows']} rows of {found['dim']} numbers")
    return found


class Truth:
    """Exact neighbours by cosine among what was drawn and the real pictures of one encoder."""

    def __init__(self, data, real_of, k):
        self.drawn, self.k, self.rows = data.drawn(), k, data.rows
        _, ids, self.real = data.real(real_of)
        self.row_of_real = {name: self.rows + number for number, name in enumerate(ids)}

    def row(self, name):
        """Of an item's id; None: it is neither (one that was put)."""
        return int(name[1:]) if name[:1] == "v" and name[1:].isdigit() else self.row_of_real.get(name)

    def vectors(self, head, rows):
        drawn, real = self.drawn[head], unit(self.real[head])
        return numpy.stack([drawn[row] if row < self.rows else real[row - self.rows] for row in rows]).astype(numpy.float64)

    def nearest(self, head, queries, without=None):
        """The likeness of the k-th true neighbour of every query; without[i] is a row that is none of query i's."""
        queries = unit(queries)
        best = queries @ unit(self.real[head]).T
        best = -numpy.sort(-best, axis=1)[:, :self.k]
        for first in range(0, self.rows, CHUNK):
            likeness = queries @ self.drawn[head][first:first + CHUNK].T
            for at, row in enumerate(without or ()):
                if first <= row < first + CHUNK:
                    likeness[at, row - first] = -2
            best = -numpy.sort(-numpy.concatenate([best, numpy.partition(likeness, -self.k, axis=1)[:, -self.k:]], axis=1), axis=1)[:, :self.k]
        return best[:, -1]

    def recalls(self, head, queries, answers, without=None, slack=2e-5):
        """The share of each query's k nearest that its answer has, by distances computed here: a tie is no fault, an id twice is one."""
        bounds = self.nearest(head, queries, without)
        queries = unit(queries).astype(numpy.float64)
        found = []
        for number, names in enumerate(answers):
            rows = {self.row(name) for name in names[:self.k]} - {None, without[number] if without else None}
            likeness = self.vectors(head, sorted(rows)) @ queries[number] if rows else numpy.zeros(0)
            found.append(float((likeness >= bounds[number] - slack).sum()) / self.k)
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=sorted(SCALES), default="hour")
    given = parser.parse_args()
    data = Data(given.scale)
    for encoder in (ours.FP32, ours.INT8):
        ours.need_encoder(encoder)
        print(f"{data.collection(encoder)}")
    print(f"{data.peer()}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Missing as missing:
        print(f"SKIP: {missing}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
