"""The Python reference of an encoder card: Pillow reads and prepares, onnxruntime runs the network, numpy makes the heads.

It is written from what the card says, not from our C++ code, so that the two can be compared.
"""
import fractions
import io
import json
import pathlib

import common

common.enter_venv("numpy", "PIL", "onnxruntime")
import numpy  # noqa: E402
import onnxruntime  # noqa: E402
from PIL import Image, ImageCms, ImageOps  # noqa: E402

Image.MAX_IMAGE_PIXELS = 104_000_000
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC,
           "lanczos": Image.Resampling.LANCZOS}
SRGB = ImageCms.createProfile("sRGB")


class Spec:
    """The fields of a card that decide pixels, as plain values."""

    def __init__(self, decode, prepare):
        self.orientation = decode.get("orientation", "apply")
        self.icc = decode.get("icc", "to_srgb")
        self.alpha = decode.get("alpha", "over")
        self.background = tuple(decode.get("background", (255, 255, 255)))
        self.dct_min_side = decode.get("dct_min_side", 0)
        self.width, self.height = int(prepare["width"]), int(prepare["height"])
        self.fit = prepare.get("fit", "shortest_edge_crop")
        self.filter = FILTERS[prepare.get("filter", "bicubic")]
        self.resize = int(prepare.get("resize", self.height))
        self.floor = prepare.get("crop_offset", "half_even") == "floor"
        self.crop_fraction = fractions.Fraction(*prepare.get("crop_fraction", (1, 1)))
        mean, std = (numpy.array(prepare.get(name, default), dtype=numpy.float32)
                     for name, default in (("mean", (0, 0, 0)), ("std", (1, 1, 1))))
        # What each of the 256 levels becomes: computed in double precision, rounded once.
        levels = numpy.arange(256, dtype=numpy.float64)
        self.table = ((levels - mean[:, None].astype(numpy.float64)) / std[:, None]).astype(numpy.float32)
        # Whole numbers and powers of two need no table: float32 arithmetic gives the same bits, and faster.
        self.mean, self.std = mean, std
        self.exact = bool(((levels.astype(numpy.float32) - mean[:, None]) / std[:, None] == self.table).all())


def to_srgb(picture):
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA"):
        return picture
    try:
        return ImageCms.profileToProfile(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB)
    except ImageCms.PyCMSError:
        return picture  # a profile that says nothing usable is no reason to lose the picture


def has_alpha(picture):
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info


def read_rgb(path, spec):
    """A file's pixels as upright RGB, alpha composited over the card's background."""
    with Image.open(path) as picture:
        if picture.format == "JPEG" and spec.dct_min_side:
            picture.draft("RGB", (spec.dct_min_side, spec.dct_min_side))
        picture.load()
        if spec.orientation == "apply":
            picture = ImageOps.exif_transpose(picture)
        if has_alpha(picture):
            picture = picture.convert("RGBA")
            if spec.icc != "ignore":
                picture = to_srgb(picture)
            if spec.alpha == "over":
                under = Image.new("RGBA", picture.size, (*spec.background, 255))
                picture = Image.alpha_composite(under, picture)
            return picture.convert("RGB")
        picture = picture if picture.mode == "RGB" else picture.convert("RGB")
        return picture if spec.icc == "ignore" else to_srgb(picture)


def prepare_u8(picture, spec):
    """Height x width x 3, 8 bits a number: what Pillow's resize gives before the normalisation."""
    width, height = picture.size
    if spec.fit == "crop_then_resize":
        # EfficientNet's evaluation crop: whole pixels, the side truncated, the offset rounded up.
        side = max(1, int(min(width, height) * spec.crop_fraction))
        left, top = (width - side + 1) // 2, (height - side + 1) // 2
        picture = picture.crop((left, top, left + side, top + side)).resize((spec.width, spec.height), spec.filter)
    elif spec.fit == "squash":
        picture = picture.resize((spec.width, spec.height), spec.filter)
    elif spec.fit == "shortest_edge_crop":
        # torchvision's Resize and CenterCrop: the longer edge truncated, the offset rounded half to even; transformers
        # rounds it down.
        short = min(width, height)
        picture = picture.resize((spec.resize * width // short, spec.resize * height // short), spec.filter)
        left, top = ((whole - kept) // 2 if spec.floor else round((whole - kept) / 2)
                     for whole, kept in ((picture.width, spec.width), (picture.height, spec.height)))
        picture = picture.crop((left, top, left + spec.width, top + spec.height))
    else:
        raise ValueError(f"the reference has no rule for fit '{spec.fit}'")
    return numpy.asarray(picture)


def normalise(pixels, spec):
    """(..., height, width, 3) in 8 bits -> (..., 3, height, width) in float32."""
    planes = numpy.moveaxis(pixels, -1, -3)
    if not spec.exact:
        return numpy.stack([spec.table[band][planes[..., band, :, :]] for band in range(3)], axis=-3)
    planes = planes.astype(numpy.float32)
    planes -= spec.mean[:, None, None]
    planes /= spec.std[:, None, None]
    return planes


def l2(rows):
    length = numpy.linalg.norm(rows, axis=1, keepdims=True)
    return rows / numpy.where(length > 0, length, 1)


class Encoder:
    """A card's image tower in onnxruntime: heads by name for a batch of prepared pictures."""

    def __init__(self, name, threads=1, spinning=True):
        self.name = name
        self.card = json.loads(common.need(common.CARDS / f"{name}.json", "an encoder's card").read_text())
        self.spec = Spec(self.card["decode"], self.card["prepare"])
        self.folder = common.need(common.WEIGHTS / name, "run `make setup`, which makes the weights")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
        self.session = onnxruntime.InferenceSession(str(self.folder / self.card["towers"]["image"]["file"]), options,
                                                    providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        classes = self.folder / "classes.f32"
        self.classes = numpy.fromfile(classes, dtype="<f4").reshape(1000, -1) if classes.exists() else None

    def heads(self, tensors):
        """visual: the pooled features; joint: ConSE, softmax over the classes times their text vectors minus the mean
        of those (Norouzi et al. 2013). Both of length 1."""
        by_width = {output.shape[1]: output for output in self.session.run(None, {self.input: tensors})}
        found = {"visual": l2(by_width[1280])}
        if 1000 in by_width and self.classes is not None:
            logits = by_width[1000]
            weights = numpy.exp(logits - logits.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)
            found["joint"] = l2(weights @ (self.classes - self.classes.mean(axis=0)))
        return found

    def encode_files(self, paths, batch=8):
        parts = []
        for start in range(0, len(paths), batch):
            pixels = numpy.stack([prepare_u8(read_rgb(path, self.spec), self.spec) for path in paths[start:start + batch]])
            parts.append(self.heads(normalise(pixels, self.spec)))
        return {head: numpy.concatenate([part[head] for part in parts]) for head in parts[0]}


def cosines(left, right):
    """Row by row, in double precision."""
    left, right = numpy.asarray(left, dtype=numpy.float64), numpy.asarray(right, dtype=numpy.float64)
    lengths = numpy.linalg.norm(left, axis=1) * numpy.linalg.norm(right, axis=1)
    return (left * right).sum(axis=1) / numpy.where(lengths > 0, lengths, 1)


def list_of_paths(path):
    return [pathlib.Path(line) for line in pathlib.Path(path).read_text().splitlines() if line]
