#!/usr/bin/env python3
"""Makes the weight files that a card in models/ describes: the same bytes on every machine, checked against the card.

Says nothing when they are there already. Needs numpy and onnx; no torch, no BLAS in anything that is written except the
class matrix, which is rounded to a grid far coarser than the differences between machines.
"""
import argparse
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
import fetch  # noqa: E402

# Set before numpy is imported: on a busy machine OpenBLAS's waiting threads cost ten times what they give.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

RECIPES = {"lite2-minilm": "lite2", "lite2-minilm-int8": "lite2", "lite0-minilm": "lite0", "lite0-minilm-int8": "lite0"}
GRID = 2.0 ** -14  # spacing of the numbers in classes.f32
PROMPT = "a photo of a {}"
MADE = ".made.json"  # per encoder: what was hashed, so that the next run need not hash again


class MakeError(Exception):
    """What went wrong and what to do, ready to be printed."""


def say(text):
    print(f"models: {text}", file=sys.stderr, flush=True)


def card_path(name):
    return ROOT / "models" / f"{name}.json"


def read_card(name):
    return json.loads(card_path(name).read_text())


def identity(path):
    """What changes when a file is replaced or written to."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def is_current(folder, entry, made):
    """True when the file is the card's. Hashes only what changed since it was last hashed."""
    path = folder / entry["path"]
    if not path.is_file() or path.stat().st_size != entry["bytes"]:
        return False
    known = made.get(entry["path"])
    if known == [entry["sha256"], *identity(path)]:
        return True
    if fetch.sha256_file(path) != entry["sha256"]:
        return False
    made[entry["path"]] = [entry["sha256"], *identity(path)]
    return True


def read_made(folder):
    try:
        made = json.loads((folder / MADE).read_text())
        return made if isinstance(made, dict) else {}
    except (OSError, ValueError):
        return {}


def write_file(path, data):
    """All of the file or nothing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(partial, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def link_twin(out, name, entry):
    """The same file of another encoder under a second name, so that 90 MB of text weights lie on the disk once."""
    for other in RECIPES:
        path = out / other / entry["path"]
        if other != name and path.is_file() and path.stat().st_size == entry["bytes"] \
                and fetch.sha256_file(path) == entry["sha256"]:
            target = out / name / entry["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            try:
                os.link(path, target)
            except OSError:
                write_file(target, path.read_bytes())
            return True
    return False


class Maker:
    """Makes the files of one encoder; sources are read once."""

    def __init__(self, card, downloads):
        self._card, self._downloads, self._read = card, downloads, {}

    def _source(self, suffix):
        if suffix not in self._read:
            (source,) = [source for source in self._card["sources"]
                         if any(entry["path"].endswith(suffix) for entry in source["contains"])]
            self._read[suffix] = fetch.contained(source, self._downloads, suffix, say)
        return self._read[suffix]

    def make(self, path):
        return {"image.onnx": self._image, "text.onnx": self._text, "classes.f32": self._classes,
                "tokenizer.json": lambda: self._source("tokenizer.json")}[path]()

    def _image(self):
        import lite
        import torch_file

        scales = None
        if self._card["precision"] == "int8":
            path = ROOT / "models" / f"{self._card['name']}.scales.json"
            scales = json.loads(path.read_text())["tensors"]
        return lite.image_onnx(torch_file.read(self._source(".pth")), RECIPES[self._card["name"]], scales)

    def _text(self):
        import minilm

        return minilm.text_onnx(minilm.read_safetensors(self._source(".safetensors")))

    def _classes(self):
        import minilm

        names = class_names()
        say(f"embedding {len(names)} class names in float64")
        tokenizer = minilm.Tokenizer(self._source("tokenizer.json"))
        network = minilm.Network(minilm.read_safetensors(self._source(".safetensors")))
        vectors = network.vectors([tokenizer.ids(PROMPT.format(name)) for name in names])
        return class_matrix(vectors)[0].tobytes()


def class_names():
    lines = (ROOT / "models" / "imagenet-classes.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def class_matrix(vectors):
    """Unit vectors minus their mean, on the grid, as little-endian float32; and how far, in grid steps, the number that
    is nearest to being rounded the other way is from that."""
    import numpy as np

    steps = (vectors - vectors.mean(axis=0)) / GRID
    margin = np.abs(steps - np.floor(steps) - 0.5).min()
    return (np.rint(steps) * GRID).astype("<f4"), margin


def check(name, entry, data, made_with):
    seen = fetch.sha256(data)
    if seen != entry["sha256"]:
        raise MakeError(f"{name}/{entry['path']} was made, but its sha256 is {seen} and models/{name}.json wants "
                        f"{entry['sha256']}. The weights are pinned, so the tools differ: this is {made_with}; run "
                        f"tools/setup, which installs the pinned ones, and try again.")


def made_with():
    import numpy
    import onnx

    return f"Python {sys.version.split()[0]}, numpy {numpy.__version__}, onnx {onnx.__version__}"


def update_card(name, entry, data):
    """For a change of the recipe: the card takes the new hash."""
    text = card_path(name).read_text()
    old = json.dumps({key: entry[key] for key in ("path", "sha256", "bytes")})
    new = json.dumps({"path": entry["path"], "sha256": fetch.sha256(data), "bytes": len(data)})
    if old not in text:
        raise MakeError(f"models/{name}.json has no line {old}")
    write_file(card_path(name), text.replace(old, new).encode())
    entry["sha256"], entry["bytes"] = fetch.sha256(data), len(data)


def make_encoder(name, out, downloads, update=False):
    """Returns the files that had to be made."""
    card, folder = read_card(name), out / name
    made = read_made(folder)
    before = json.dumps(made)
    maker, fresh = Maker(card, downloads), []
    for entry in card["files"]:
        if not update and is_current(folder, entry, made):
            continue
        fresh.append(entry["path"])
        if not update and link_twin(out, name, entry):
            say(f"{name}/{entry['path']} is shared with another encoder")
        else:
            say(f"making {name}/{entry['path']}")
            data = maker.make(entry["path"])
            if update:
                update_card(name, entry, data)
            check(name, entry, data, made_with())
            write_file(folder / entry["path"], data)
        is_current(folder, entry, made)
    if json.dumps(made) != before:
        write_file(folder / MADE, json.dumps(made, indent=1).encode())
    return fresh


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="all", choices=["all", *RECIPES], help="which one (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / ".deps" / "models", help="a folder each in here")
    parser.add_argument("--downloads", type=pathlib.Path, default=ROOT / ".deps" / "downloads", help="packages are kept here")
    parser.add_argument("--update-cards", action="store_true", help="make everything and write the hashes into the cards")
    arguments = parser.parse_args()
    names = [name for name in RECIPES if arguments.encoder in ("all", name) and card_path(name).exists()]
    try:
        for name in names:
            if make_encoder(name, arguments.out, arguments.downloads, arguments.update_cards):
                say(f"{name} is ready in {arguments.out / name}")
    except (MakeError, fetch.FetchError) as error:
        print(f"models: error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"models: error: {error}. The folder must be writable and the disk have 400 MB free.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
