"""The `pictor` program as benches and proofs call it: the one file that knows its command line and its JSON."""
import json
import pathlib
import shutil
import tempfile

import common

FP32, INT8 = "lite2-minilm", "lite2-minilm-int8"


def program():
    return common.need(common.BUILD / "pictor", "run `make build`, or set PICTOR_BUILD to the build folder")


def tool(name):
    """One of bench/'s own C++ programs."""
    return common.need(common.BUILD / "bench" / name, f"run `cmake --build --preset release --target {name}`")


def need_encoder(name):
    common.need(common.CARDS / f"{name}.json", "an encoder's card")
    common.need(common.WEIGHTS / name, "run `make setup`, which makes the weights")


def call(*arguments, data=None, timeout=1800, env=None):
    """Cards and weights of this checkout, and nothing of the user's own folders."""
    settings = {"PICTOR_MODELS": str(common.CARDS), "PICTOR_WEIGHTS": str(common.WEIGHTS),
                "XDG_CACHE_HOME": str(common.scratch() / "cache")}
    if data is not None:
        settings["PICTOR_DATA"] = str(data)
    return common.run([program(), *arguments], timeout=timeout, env={**settings, **(env or {})})


def index(data, inputs, encoder=FP32, collection="bench", timeout=1800, extra=(), statuses=(0,)):
    """Indexes into a data folder; returns (the program's JSON report, how the process went)."""
    went = call("--json", "index", "--collection", collection, "--encoder", encoder, "--keep", "reference",
                "--no-progress", *extra, *inputs, data=data, timeout=timeout).must(*statuses)
    return json.loads(went.out), went


def counts(report):
    """What became of the files: `indexed` have a vector, `quarantined` have a cause."""
    found = {name: report.get(name, 0) for name in ("seen", "added", "replaced", "unchanged", "reused", "quarantined")}
    found["indexed"] = found["seen"] - found["quarantined"]
    return found


def stages(report):
    return report["stage_seconds"]


def fresh_folder():
    """A data folder on the scratch disk, gone afterwards."""
    return tempfile.TemporaryDirectory(dir=common.scratch(), prefix="data-")


def index_fresh(inputs, encoder, keep=None, extra=(), timeout=1800):
    """Indexes into a new data folder. `keep`, if given, is a folder that takes the place of the data afterwards."""
    with fresh_folder() as folder:
        data = pathlib.Path(folder) / "data"
        report, went = index(data, inputs, encoder, extra=extra, timeout=timeout)
        if keep is not None:
            shutil.rmtree(keep, ignore_errors=True)
            shutil.move(data, keep)
    return report, went


def exported(data, head, collection="bench"):
    """Ids and vectors of a collection, one row an item."""
    import numpy
    with fresh_folder() as folder:
        out = pathlib.Path(folder) / "vectors.npy"
        call("export", out, "--collection", collection, "--head", head, "--format", "npy", data=data).must(0)
        ids = [json.loads(line) for line in (out.parent / "vectors.ids.jsonl").read_text().split("\n") if line]
        return ids, numpy.load(out)
