#!/usr/bin/env python3
"""The rules of docs/reference/preprocessing-rules.md in numpy and Pillow alone, held against the golden tensors.

usage: preprocessing_rules.py GOLDEN_FOLDER

Prints a line a folder: how many tensors, how many are equal bit for bit, the largest difference. Ends with 1 when one differs.
"""
import json
import math
import pathlib
import sys

import numpy
from PIL import Image

CODES = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
F32 = numpy.float32


def resized(pixels, height, width, code):
    return numpy.asarray(Image.fromarray(pixels).resize((width, height), code))


def shortest_edge(pixels, side, code):
    height, width = pixels.shape[:2]
    if width <= height:
        return resized(pixels, int(side * height / width), side, code)
    return resized(pixels, side, int(side * width / height), code)


def crop_down(pixels, height, width):
    """transformers: offsets rounded down, the larger half of the padding above."""
    tops = [(have - want) // 2 for have, want in zip(pixels.shape, (height, width))]
    pads = [math.ceil((max(want, have) - have) / 2) for have, want in zip(pixels.shape, (height, width))]
    wide = numpy.zeros((max(height, pixels.shape[0]), max(width, pixels.shape[1]), 3), numpy.uint8)
    wide[pads[0]:pads[0] + pixels.shape[0], pads[1]:pads[1] + pixels.shape[1]] = pixels
    top, left = (offset + pad for offset, pad in zip(tops, pads))
    return wide[max(0, top):top + height, max(0, left):left + width]


def crop_even(pixels, height, width, fill=(0, 0, 0)):
    """torchvision: offsets rounded half to even, the smaller half of the padding above."""
    more = [max(0, want - have) for have, want in zip(pixels.shape, (height, width))]
    wide = numpy.empty((pixels.shape[0] + more[0], pixels.shape[1] + more[1], 3), numpy.uint8)
    wide[:] = fill
    wide[more[0] // 2:more[0] // 2 + pixels.shape[0], more[1] // 2:more[1] // 2 + pixels.shape[1]] = pixels
    top, left = (int(round((have - want) / 2.0)) for have, want in zip(wide.shape, (height, width)))
    return wide[top:top + height, left:left + width]


def planes(values):
    return numpy.ascontiguousarray(values.transpose(2, 0, 1))


def sides(size, square):
    if isinstance(size, dict):
        return size
    return {"height": size, "width": size} if square else {"shortest_edge": size}


def normalised(values, mean, std):
    return (values - numpy.array(mean, F32)) / numpy.array(std, F32)


def sized(pixels, config, kind):
    code = config.get("resample", {"CLIP": 3, "Bit": 3, "Siglip": 3, "ViT": 2, "ConvNext": 2, "EfficientNet": 0}[kind])
    size = sides(config["size"], kind in ("ViT", "EfficientNet", "Siglip"))
    if "height" in size:
        return resized(pixels, size["height"], size["width"], code)
    side = size["shortest_edge"]
    if kind != "ConvNext":
        return shortest_edge(pixels, side, code)
    if side >= 384:
        return resized(pixels, side, side, code)
    return crop_down(shortest_edge(pixels, int(side / config.get("crop_pct", 224 / 256)), code), side, side)


def transformers_tensor(pixels, config):
    kind = (config.get("image_processor_type") or config["feature_extractor_type"])
    kind = kind.removesuffix("FeatureExtractor").removesuffix("ImageProcessor")
    if config.get("do_resize", True):
        pixels = sized(pixels, config, kind)
    if config.get("do_center_crop", kind in ("CLIP", "Bit")):
        crop = sides(config["crop_size"], True)
        pixels = crop_down(pixels, crop["height"], crop["width"])
    values = pixels.astype(F32)
    if config.get("do_rescale", True):
        values = (pixels.astype(numpy.float64) * config.get("rescale_factor", 1 / 255)).astype(F32)
        if kind == "EfficientNet" and config.get("rescale_offset", False):
            values = values - F32(1)
    if config.get("do_normalize", True):
        values = normalised(values, config["image_mean"], config["image_std"])
    if kind == "EfficientNet" and config.get("include_top", True):
        values = normalised(values, [0, 0, 0], config["image_std"])
    return planes(values)


def keep_ratio(pixels, height, width, longest, code):
    ratios = [have / want for have, want in zip(pixels.shape, (height, width))]
    ratio = max(ratios) if longest else min(ratios)
    return resized(pixels, *(round(have / ratio) for have in pixels.shape[:2]), code)


def divided(pixels, mean, std):
    return planes(normalised(pixels.astype(F32) / F32(255), mean, std))


def timm_tensor(pixels, config):
    _, height, width = config["input_size"]
    share, code, mode = config.get("crop_pct", 0.875), CODES[config.get("interpolation", "bicubic")], config.get("crop_mode")
    tall, wide = math.floor(height / share), math.floor(width / share)
    if mode == "squash":
        pixels = crop_even(resized(pixels, tall, wide, code), height, width)
    elif mode == "border":
        pixels = crop_even(keep_ratio(pixels, tall, wide, True, code), height, width, [round(255 * v) for v in config["mean"]])
    elif tall == wide:
        pixels = crop_even(shortest_edge(pixels, tall, code), height, width)
    else:
        pixels = crop_even(keep_ratio(pixels, tall, wide, False, CODES["bilinear"]), height, width)
    return divided(pixels, config["mean"], config["std"])


def open_clip_tensor(pixels, config):
    side, settings = config["model_cfg"]["vision_cfg"]["image_size"], config["preprocess_cfg"]
    code, mode = CODES[settings["interpolation"]], settings["resize_mode"]
    if mode == "squash":
        pixels = resized(pixels, side, side, code)
    elif mode == "longest":
        pixels = crop_even(keep_ratio(pixels, side, side, True, code), side, side)
    else:
        pixels = crop_even(shortest_edge(pixels, side, code), side, side)
    return divided(pixels, settings["mean"], settings["std"])


def reader(hub):
    """The function from pixels to a tensor that this folder's files ask for."""
    for name, function in (("preprocessor_config.json", transformers_tensor), ("open_clip_config.json", open_clip_tensor)):
        if (hub / name).exists():
            config = json.loads((hub / name).read_text())
            return lambda pixels: function(pixels, config)
    config = json.loads((hub / "config.json").read_text())["pretrained_cfg"]
    return lambda pixels: timm_tensor(pixels, config)


def numbers(stages, record):
    code = {"u8": "u1", "f32": "<f4"}[record["dtype"]]
    count = record["bytes"] // numpy.dtype(code).itemsize
    return numpy.fromfile(stages / record["file"], code, count, offset=record["offset"]).reshape(record["shape"])


def compare(stages):
    """Family, tensors, how many of them are equal, largest difference."""
    manifest = json.loads((stages / "manifest.json").read_text(encoding="utf-8"))
    make = reader(stages.parent / "hub")
    decoded = {row["item"]: row for row in manifest["records"] if row["stage"] == "decoded"}
    differences = []
    for row in manifest["records"]:
        if row["stage"] == "tensor":
            wanted, made = numbers(stages, row), make(numbers(stages, decoded[row["item"]]))
            alike = made.shape == wanted.shape and made.dtype == wanted.dtype
            differences.append(float(numpy.abs(made - wanted).max()) if alike else math.inf)
    return manifest["family"], len(differences), differences.count(0), max(differences, default=math.inf)


def main():
    folders = sorted(path.parent for path in pathlib.Path(sys.argv[1]).rglob("stages/manifest.json"))
    if not folders:
        print(f"no golden family in {sys.argv[1]}; make them with: tools/setup golden")
        return 1
    failed = False
    for stages in folders:
        family, count, equal, worst = compare(stages)
        failed |= equal < max(count, 1)
        print(f"{'ok  ' if 0 < count == equal else 'FAIL'} {family}: {equal} of {count} equal, largest difference {worst:.3g}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
