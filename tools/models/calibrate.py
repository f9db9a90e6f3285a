#!/usr/bin/env python3
"""Chooses the activation scales of an int8 encoder, once, for models/NAME.scales.json. Not needed to set up.

Give it folders of pictures as different as can be had: what the scales are judged on later is not among them. Each
inner tensor's values are counted in a histogram; its range is the one that costs the least squared error when values
outside are clipped and those inside are rounded to 256 levels (`--method mse`), or what was seen (`--method minmax`).
"""
import argparse
import json
import os
import pathlib
import random
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import numpy as np  # noqa: E402

import fetch  # noqa: E402
import lite  # noqa: E402
import make  # noqa: E402
import reference  # noqa: E402
import torch_file  # noqa: E402

BINS = 4096
STRIDE = 3  # of an inner tensor's values every third is counted; odd, so that rows and channels are all met
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
PIXELS = {"scale": 0.0078125, "zero": 127, "type": "u8"}  # (x - 127) / 128 is exact: nothing is lost at the input


def quantised_tensors(state, variant):
    """What is quantised: the input of every convolution. What goes only into a residual sum stays float: it is fused
    into the convolution before it and costs nothing."""
    network = lite.layers(state, lite.VARIANTS[variant])
    return sorted({layer.input for layer in network if isinstance(layer, lite.Conv)} - {"pixels"}) + ["head"]


class Histogram:
    """Counts of one tensor's values in even bins over the range seen in the first pass."""

    def __init__(self):
        self.low, self.high = 0.0, 0.0
        self.counts = np.zeros(BINS, np.int64)

    def widen(self, values):
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    def add(self, values):
        width = max(self.high - self.low, 1e-9)
        places = ((values.reshape(-1)[::STRIDE] - self.low) * (BINS / width)).astype(np.int64)
        self.counts += np.bincount(np.clip(places, 0, BINS - 1), minlength=BINS)

    def centres(self):
        return self.low + (np.arange(BINS) + 0.5) * (self.high - self.low) / BINS


def pin(low, high):
    """Scale and zero point whose 256 levels cover low..high, with an exact 0."""
    scale = np.float32(max((high - low) / 255.0, 1e-8))
    return {"scale": float(scale), "zero": int(np.clip(np.rint(-low / float(scale)), 0, 255)), "type": "u8"}


def squared_error(histogram, entry):
    x = histogram.centres()
    levels = np.clip(np.rint(x / entry["scale"]) + entry["zero"], 0, 255)
    return float((histogram.counts * ((levels - entry["zero"]) * entry["scale"] - x) ** 2).sum())


def choose(histogram, method):
    if method == "minmax":
        return pin(histogram.low, histogram.high)
    shrinks = np.linspace(1.0, 0.3, 71)
    lows = shrinks if histogram.low < 0 else (1.0,)
    entries = [pin(histogram.low * a, histogram.high * b) for a in lows for b in shrinks]
    return min(entries, key=lambda entry: squared_error(histogram, entry))


def run_network(data, tensors, batch=4):
    import openvino

    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    model = core.compile_model(core.read_model(data), "CPU", options)
    for first in range(0, len(tensors), batch):
        yield model(np.stack(tensors[first:first + batch]))


def histograms(state, variant, tensors):
    names = quantised_tensors(state, variant)
    data = lite.image_onnx(state, variant, taps=names)
    found = {name: Histogram() for name in [*names, "features"]}
    for step in ("widen", "add"):
        for result in run_network(data, tensors):
            for name, histogram in found.items():
                getattr(histogram, step)(result[name])
    return found


def scales(found, method):
    return {"pixels": PIXELS, **{name: choose(histogram, method) for name, histogram in found.items()}}


def draw(folders, count, seed):
    """`count` pictures, evenly from all folders."""
    chance, chosen = random.Random(seed), []
    for folder in folders:
        paths = sorted(path for path in pathlib.Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
        chosen += chance.sample(paths, min(len(paths), -(-count // len(folders))))
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", required=True, choices=[name for name in make.RECIPES if name.endswith("int8")])
    parser.add_argument("--method", choices=["mse", "minmax"], default="mse")
    parser.add_argument("--count", type=int, default=160, help="pictures in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("folders", nargs="+", help="folders of pictures")
    arguments = parser.parse_args()
    card = make.read_card(arguments.encoder)
    (source,) = [entry for entry in card["sources"] if entry["contains"][0]["path"].endswith(".pth")]
    state = torch_file.read(fetch.contained(source, make.ROOT / ".deps" / "downloads", ".pth", make.say))
    paths = draw(arguments.folders, arguments.count, arguments.seed)
    tensors = [reference.prepare(reference.open_rgb(path, card["decode"]), card["prepare"]) for path in paths]
    found = scales(histograms(state, make.RECIPES[arguments.encoder], tensors), arguments.method)
    path = make.ROOT / "models" / f"{arguments.encoder}.scales.json"
    write_scales(path, found, arguments.method, len(tensors))
    make.say(f"{path}: {len(found)} tensors from {len(tensors)} pictures; now run make.py --update-cards")


def write_scales(path, found, method, count):
    rows = ",\n".join(f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in found.items())
    path.write_text(f'{{\n  "what": "activation scales: real = (number - zero) * scale; chosen by tools/models/calibrate.py, '
                    f'{method}, {count} pictures",\n  "tensors": {{\n{rows}\n  }}\n}}\n')


if __name__ == "__main__":
    sys.exit(main())
