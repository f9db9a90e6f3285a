#!/usr/bin/env python3
"""Writes what a straightforward Python stack (onnxruntime, numpy, tokenizers) makes of seeded tensors and texts.

usage: reference_vectors.py CARD_JSON WEIGHTS_FOLDER OUT_FOLDER SEED PICTURES
ends with 77 when onnxruntime is not installed (tools/requirements.txt)

pixels.f32: the tensors.  texts.txt: one text a line.
HEAD.images.f32, HEAD.texts.f32: their vectors, one after the other.
"""
import json
import pathlib
import sys

import numpy
from tokenizers import Tokenizer

try:
    import onnxruntime
except ImportError:
    sys.exit(77)

TEXTS = ["a photo of a cat", "cat", "", "a red bicycle leaning against a brick wall in the rain", "Ein Zug fährt über die Brücke",
         "two dogs", "猫が好き", "a " * 400, "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG and then walks home along the long, winding river path"]


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def unit(rows):
    return (rows / numpy.linalg.norm(rows, axis=1, keepdims=True)).astype(numpy.float32)


def image_vectors(card, weights, pixels, out):
    tower = card["towers"]["image"]
    network = session(weights / tower["file"])
    names = list(tower["outputs"])
    rows = [network.run(names, {tower["input"]: pixels[i:i + 1]}) for i in range(len(pixels))]
    outputs = {name: numpy.concatenate([row[i] for row in rows]).astype(numpy.float64) for i, name in enumerate(names)}
    for head in card["heads"]:
        if "images" not in head:
            continue
        numbers = outputs[head["images"]["from"]]
        if head["images"].get("through") == "conse":
            numbers = numpy.exp(numbers - numbers.max(axis=1, keepdims=True))
            numbers /= numbers.sum(axis=1, keepdims=True)
            numbers = numbers @ numpy.fromfile(weights / head["images"]["matrix"], dtype="<f4").reshape(-1, head["dim"])
        unit(numbers).tofile(out / f"{head['name']}.images.f32")


def text_vectors(card, weights, out):
    tower = card["towers"]["text"]
    network = session(weights / tower["file"])
    tokenizer = Tokenizer.from_file(str(weights / tower["tokenizer"]))
    tokenizer.no_padding()
    tokenizer.enable_truncation(tower["max_tokens"])
    rows = []
    for text in TEXTS:
        ids = numpy.array([tokenizer.encode(text).ids], dtype=numpy.int64)
        names = tower["inputs"]
        feed = {names["ids"]: ids, names["mask"]: numpy.ones_like(ids)}
        if "types" in names:
            feed[names["types"]] = numpy.zeros_like(ids)
        rows.append(network.run([tower["output"]], feed)[0][0].astype(numpy.float64).mean(axis=0))
    for head in card["heads"]:
        if "texts" in head:
            unit(numpy.array(rows)).tofile(out / f"{head['name']}.texts.f32")
    (out / "texts.txt").write_text("".join(text + "\n" for text in TEXTS))


def main():
    card_json, weights_folder, out_folder, seed, count = sys.argv[1:]
    card, weights, out = json.loads(pathlib.Path(card_json).read_text()), pathlib.Path(weights_folder), pathlib.Path(out_folder)
    out.mkdir(parents=True, exist_ok=True)
    shape = (int(count), 3, card["prepare"]["height"], card["prepare"]["width"])
    draw = numpy.random.default_rng(int(seed))
    # Smooth fields with a little noise, as pictures are, rather than noise alone.
    coarse = draw.uniform(-1, 1, shape[:2] + (9, 9))
    rows, columns = (numpy.linspace(0, 8, size).astype(int) for size in shape[2:])
    pixels = (coarse[:, :, rows][:, :, :, columns] * 0.9 + draw.uniform(-0.1, 0.1, shape)).astype(numpy.float32)
    pixels.tofile(out / "pixels.f32")
    image_vectors(card, weights, pixels, out)
    text_vectors(card, weights, out)


if __name__ == "__main__":
    main()
