"""What a card means, in Python: Pillow, numpy and OpenVINO, for calibration and evaluation. Colour profiles are left alone
and JPEGs are decoded in full, whatever the card says; bench/macro/reference.py honours both."""
import json
import pathlib

import numpy as np
from PIL import Image, ImageOps

Image.MAX_IMAGE_PIXELS = None


def rgb(picture, decode):
    """An opened picture -> 8-bit RGB, upright, alpha settled as the card says."""
    if decode["orientation"] == "apply":
        picture = ImageOps.exif_transpose(picture)
    if picture.mode == "P" or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode in ("RGBA", "LA", "PA"):
        picture = picture.convert("RGBA")
        if decode["alpha"] == "over":
            behind = Image.new("RGBA", picture.size, (*decode["background"], 255))
            picture = Image.alpha_composite(behind, picture)
    return picture.convert("RGB")


def open_rgb(path, decode):
    with Image.open(path) as picture:
        return rgb(picture, decode)


def pad_square(picture, factor, background=(255, 255, 255)):
    """The picture in the middle of a square `factor` times its longer side."""
    side = int(round(max(picture.size) * factor))
    square = Image.new("RGB", (side, side), tuple(background))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def prepare(picture, spec):
    """RGB -> [3, height, width] float32, as the card's `prepare` says. Only `crop_then_resize` is in use here."""
    if spec["fit"] != "crop_then_resize":
        raise ValueError(f"fit {spec['fit']!r} is not known to the reference")
    over, under = spec["crop_fraction"]
    side = max(min(picture.size) * over // under, 1)
    left, top = (picture.width - side + 1) // 2, (picture.height - side + 1) // 2
    picture = picture.crop((left, top, left + side, top + side))
    picture = picture.resize((spec["width"], spec["height"]), getattr(Image.Resampling, spec["filter"].upper()))
    planes = np.asarray(picture, np.float32).transpose(2, 0, 1)
    mean, std = (np.array(spec[key], np.float32).reshape(3, 1, 1) for key in ("mean", "std"))
    return (planes - mean) / std


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-30)


def softmax(logits):
    shares = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


class Encoder:
    """A card and its weights, run by OpenVINO with one thread."""

    def __init__(self, card_path, folder):
        import openvino
        import tokenizers

        self.card = json.loads(pathlib.Path(card_path).read_text())
        self.folder = pathlib.Path(folder)
        options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        core, towers = openvino.Core(), self.card["towers"]
        self._image = core.compile_model(self.folder / towers["image"]["file"], "CPU", options)
        self._text = core.compile_model(self.folder / towers["text"]["file"], "CPU", options)
        self._tokenizer = tokenizers.Tokenizer.from_file(str(self.folder / towers["text"]["tokenizer"]))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(towers["text"]["max_tokens"])
        self.classes = np.fromfile(self.folder / "classes.f32", "<f4").reshape(1000, -1)

    def prepared(self, picture):
        return prepare(picture, self.card["prepare"])

    def image_outputs(self, tensors, batch=8):
        """Prepared pictures -> features [n, 1280] and logits [n, 1000]."""
        features, logits = [], []
        for first in range(0, len(tensors), batch):
            result = self._image(np.stack(tensors[first:first + batch]))
            features.append(result["features"].copy())
            logits.append(result["logits"].copy())
        return np.concatenate(features), np.concatenate(logits)

    def visual(self, features):
        return unit(features)

    def joint(self, logits):
        return unit(softmax(logits) @ self.classes.astype(np.float64))

    def texts(self, texts):
        rows = []
        for text in texts:
            ids = np.array([self._tokenizer.encode(text).ids], np.int64)
            hidden = self._text({"input_ids": ids, "attention_mask": np.ones_like(ids),
                                 "token_type_ids": np.zeros_like(ids)})[0]
            rows.append(hidden[0].mean(axis=0))
        return unit(np.array(rows, np.float64))
