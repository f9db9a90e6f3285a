#!/usr/bin/env python3
"""What numpy wrote goes in, out and in again: every export has the same bytes. Usage: round_trip.py PICTOR_PROGRAM"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy

program = sys.argv[1]
ROWS, DIM = 5000, 17


def run(*arguments, wanted=0):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == wanted, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def same(first, second):
    assert first.read_bytes() == second.read_bytes(), f"{first} and {second} differ"


def vectors_of(path):
    return {(line := json.loads(text))["id"]: (line["vectors"], line["metadata"], line["text"]) for text in path.open()}


with tempfile.TemporaryDirectory(prefix="pictor-round-") as name:
    folder = pathlib.Path(name)
    os.environ.update(HOME=name, PICTOR_DATA=f"{name}/data")
    random = numpy.random.default_rng(3)
    bits = random.integers(0, 2**32, (ROWS, DIM), dtype="uint32")
    bits[(bits & 0x7F800000) == 0x7F800000] ^= 0x40000000  # neither infinite nor no number
    vectors = bits.view("float32")
    numpy.save(folder / "in.npy", vectors)
    (folder / "ids.txt").write_text("".join(f"Bild {i} ü.png\n" for i in range(ROWS)))

    # npy: there, back and there again.
    run("import", folder / "in.npy", "-c", "a", "--ids", folder / "ids.txt", "--metric", "l2")
    run("export", folder / "a.npy", "-c", "a", "--ids", folder / "a.txt")
    same(folder / "a.txt", folder / "ids.txt")
    assert numpy.load(folder / "a.npy").tobytes() == vectors.tobytes()
    run("export", folder / "b.npy", "-c", "a")
    run("import", folder / "b.npy", "-c", "b", "--metric", "l2")
    run("export", folder / "c.npy", "-c", "b")
    same(folder / "b.npy", folder / "c.npy")
    same(folder / "b.ids.jsonl", folder / "c.ids.jsonl")

    # JSON lines, with metadata and texts, through the store.
    few = random.standard_normal((300, 5)).astype("float32")
    with (folder / "in.jsonl").open("w") as lines:
        for i, row in enumerate(few):
            lines.write(json.dumps({"id": i, "vector": [float(x) for x in row], "text": f"nr {i}",
                                    "metadata": {"n": i, "list": [None, "ä", 1.5]}}) + "\n")
    run("import", folder / "in.jsonl", "-c", "d")
    run("export", folder / "d.jsonl", "-c", "d")
    run("import", folder / "d.jsonl", "-c", "e")
    run("export", folder / "e.jsonl", "-c", "e")
    assert vectors_of(folder / "d.jsonl") == vectors_of(folder / "e.jsonl")
    run("export", folder / "d.npy", "-c", "d")
    run("export", folder / "e.npy", "-c", "e")
    same(folder / "d.npy", folder / "e.npy")
    assert numpy.load(folder / "d.npy").tobytes() == few.tobytes()

    # The same file again changes nothing; a search by a row of a file finds it, one by words says why it cannot.
    again = json.loads(run("--json", "import", folder / "in.npy", "-c", "a", "--ids", folder / "ids.txt").stdout)
    assert (again["known"], again["added"], again["replaced"]) == (ROWS, 0, 0), again
    hits = json.loads(run("--json", "search", "-c", "d", "--vector", folder / "d.npy", "--row", 123, "-k", 3).stdout)
    assert hits["hits"][0]["id"] == "123", hits
    like = json.loads(run("--json", "search", "-c", "d", "--id", "123", "-k", 2).stdout)
    assert [hit["id"] for hit in like["hits"]] == [hit["id"] for hit in hits["hits"][1:]], (like, hits)
    assert "made elsewhere" in run("search", "-c", "d", "--text", "x", wanted=5).stderr
    assert "--row" in run("search", "-c", "d", "--vector", folder / "d.npy", wanted=2).stderr
    assert json.loads(run("--json", "receipt", "123", "-c", "d").stdout)["state"] == "signed"
    assert json.loads(run("--json", "verify", "-c", "d").stdout)["ok"]

    # tune writes down what search then takes.
    tuned = json.loads(run("--json", "tune", "-c", "d", "--recall", "0.9", "--queries", 20).stdout)
    assert tuned["written"] and tuned["chosen"] == 0.9, tuned
    assert json.loads(run("--json", "stats", "-c", "d").stdout)["search"] == {"recall": 0.9, "deadline_ms": None}
    run("tune", "-c", "d", "--latency-ms", "0.000001", "--queries", 20, wanted=13)
print("round_trip: every way back has the same bytes")
