#!/usr/bin/env python3
"""Indexes that faiss wrote, through `pictor import` and `pictor export`: the same numbers, bit for bit, under the same
ids; what is not read is refused by its name. Usage: faiss_files.py PICTOR_PROGRAM PYTHON_WITH_FAISS"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

program, python = sys.argv[1:3]
if os.environ.get("PICTOR_FAISS_FILES") is None:
    # Again, under the Python that has faiss.
    if subprocess.run([python, "-c", "import faiss, numpy"], capture_output=True).returncode != 0:
        print("faiss_files: skipped, run tools/setup bench")
        sys.exit(77)
    sys.exit(subprocess.run([python, __file__, program, python], env={**os.environ, "PICTOR_FAISS_FILES": "1"}).returncode)

import faiss
import numpy

faiss.omp_set_num_threads(1)  # its threads would spin on a busy machine

DIM, ROWS = 24, 3000
vectors = numpy.random.default_rng(5).standard_normal((ROWS, DIM)).astype("float32")
spread = numpy.arange(ROWS, dtype="int64") * 7919 - 1_000_000

kept = []  # faiss does not hold what an index uses


def ivf(lists, metric=faiss.METRIC_L2):
    quantizer = faiss.IndexFlat(DIM, metric)
    index = faiss.IndexIVFFlat(quantizer, DIM, lists, metric)
    kept.append(quantizer)
    index.train(vectors)
    return index


def added(index, ids=None, rows=ROWS):
    index.add(vectors[:rows]) if ids is None else index.add_with_ids(vectors[:rows], ids[:rows])
    return index


def with_map(kind):
    index = added(ivf(32), spread)
    index.set_direct_map_type(kind)
    return index


numbers = numpy.arange(ROWS)
read = {
    "IndexFlatL2": (added(faiss.IndexFlatL2(DIM)), numbers, "l2"),
    "IndexFlatIP": (added(faiss.IndexFlatIP(DIM)), numbers, "inner_product"),
    "IndexIDMap of IndexFlatIP": (added(faiss.IndexIDMap(faiss.IndexFlatIP(DIM)), spread), spread, "inner_product"),
    "IndexIDMap2 of IndexFlatL2": (added(faiss.IndexIDMap2(faiss.IndexFlatL2(DIM)), spread), spread, "l2"),
    "IndexHNSWFlat": (added(faiss.IndexHNSWFlat(DIM, 16)), numbers, "l2"),
    "IndexHNSWFlat, inner product": (added(faiss.IndexHNSWFlat(DIM, 16, faiss.METRIC_INNER_PRODUCT)), numbers, "inner_product"),
    "IndexIDMap of IndexHNSWFlat": (added(faiss.index_factory(DIM, "IDMap,HNSW16,Flat"), spread), spread, "l2"),
    "IndexIVFFlat": (added(ivf(32)), numbers, "l2"),
    "IndexIVFFlat, inner product": (added(ivf(32, faiss.METRIC_INNER_PRODUCT)), numbers, "inner_product"),
    "IndexIVFFlat with ids": (added(ivf(32), spread), spread, "l2"),
    "IndexIVFFlat, most lists empty": (added(ivf(64), spread, 20), spread[:20], "l2"),
    "IndexIVFFlat with an array of places": (None, None, "l2"),
    "IndexIVFFlat with a table of places": (with_map(faiss.DirectMap.Hashtable), spread, "l2"),
    "IndexIDMap of IndexIVFFlat": (None, None, "l2"),
    "IndexIVFFlat over a graph": (None, None, "l2"),
}
plain = added(ivf(32))
plain.set_direct_map_type(faiss.DirectMap.Array)
read["IndexIVFFlat with an array of places"] = (plain, numbers, "l2")
for name, factory in (("IndexIDMap of IndexIVFFlat", "IDMap,IVF32,Flat"), ("IndexIVFFlat over a graph", "IVF32_HNSW8,Flat")):
    index = faiss.index_factory(DIM, factory)
    index.train(vectors)
    read[name] = (added(index, spread), spread, "l2")

refused = {"PQ8": "IndexPQ", "SQ8": "IndexScalarQuantizer", "IVF32,PQ8": "IndexIVFPQ", "IVF32,SQ8": "IndexIVFScalarQuantizer",
           "HNSW16,SQ8": "IndexHNSWSQ", "HNSW16,PQ8": "IndexHNSWPQ", "PCA8,Flat": "IndexPreTransform", "LSH": "IndexLSH",
           "Flat,RFlat": "IndexRefine", "IVF32,PQ8x4fs": "IndexIVFPQFastScan",
           "IDMap,SQ8": "IndexScalarQuantizer"}


def run(folder, *arguments):
    environment = {**os.environ, "HOME": str(folder), "PICTOR_DATA": str(folder / "data")}
    return subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, timeout=120)


def check_read(folder, number, name, index, ids, metric):
    path, out, collection = folder / f"{number}.faiss", folder / f"{number}.npy", f"c{number}"
    faiss.write_index(index, str(path))
    done = run(folder, "import", str(path), "-c", collection, "--json", "--no-graphs")
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    report = json.loads(done.stdout)
    assert (report["added"], report["refused"], report["metric"]) == (len(ids), 0, metric), f"{name}: {report}"
    assert report["format"].startswith("faiss " + name.split(",")[0].split(" with")[0].split(" over")[0]), report["format"]
    done = run(folder, "export", str(out), "-c", collection)
    assert done.returncode == 0, f"{name}: {done.stderr}"
    found = {json.loads(line): row for line, row in zip(out.with_suffix(".ids.jsonl").open(), numpy.load(out))}
    assert sorted(map(int, found)) == sorted(map(int, ids)), name
    for place, one in enumerate(ids):
        assert found[str(one)].tobytes() == vectors[place].tobytes(), f"{name}: id {one} has other numbers"


with tempfile.TemporaryDirectory(prefix="pictor-faiss-") as name:
    folder = pathlib.Path(name)
    for number, (kind, (index, ids, metric)) in enumerate(read.items()):
        check_read(folder, number, kind, index, ids, metric)
    for factory, wanted in refused.items():
        index = faiss.index_factory(DIM, factory)
        index.train(vectors)
        if factory.startswith("IDMap"):
            index.add_with_ids(vectors, spread)
        else:
            index.add(vectors)
        path = folder / "refused.faiss"
        faiss.write_index(index, str(path))
        done = run(folder, "import", str(path), "-c", "refused")
        assert done.returncode == 13 and wanted in done.stderr and "numpy.save" in done.stderr, f"{factory}: {done.stderr}"
    binary = faiss.IndexBinaryFlat(64)
    binary.add(numpy.zeros((3, 8), "uint8"))
    faiss.write_index_binary(binary, str(path))
    assert run(folder, "import", str(path), "-c", "refused").returncode == 13
    assert "refused" not in run(folder, "collections").stdout
print(f"faiss_files: {len(read)} kinds of faiss {faiss.__version__} read, {len(refused) + 1} refused by name")
