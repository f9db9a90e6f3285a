#!/usr/bin/env python3
"""What Pillow does, as records for the image tests: pillow_golden.py KIND SEED OUT.

A record is a u32 count of fields, then for each a u64 length and its bytes. Fresh random pictures on every run; the same
seed gives the same records.
"""
import io
import random
import struct
import sys

import numpy
from PIL import Image, ImageFile, ImageOps

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC,
           "lanczos": Image.Resampling.LANCZOS, "nearest": Image.Resampling.NEAREST, "box": Image.Resampling.BOX,
           "hamming": Image.Resampling.HAMMING}
MODES = ["L", "LA", "RGB", "RGBA"]
PAIRS = 220
# Pillow sizes the buffer of an optimised JPEG by a guess that noise at quality 100 exceeds.
ImageFile.MAXBLOCK = 1 << 24


def number(*values):
    return struct.pack(f"<{len(values)}I", *values)


class Records:
    def __init__(self, path):
        self.file = open(path, "wb")

    def add(self, *fields):
        self.file.write(number(len(fields)))
        for field in fields:
            data = field.encode() if isinstance(field, str) else field
            self.file.write(struct.pack("<Q", len(data)) + data)


def picture(noise, mode, width, height):
    """Noise, or noise over a smooth ramp: the first makes sums clip, the second is what pictures look like."""
    bands = len(mode) if mode != "P" else 1
    values = noise.integers(0, 256, (height, width, bands), dtype=numpy.uint8)
    if noise.integers(0, 2):
        ramp = numpy.linspace(0, 200, width)[None, :, None] + numpy.linspace(0, 40, height)[:, None, None]
        values = (ramp + values % 16).astype(numpy.uint8)
    return Image.frombytes(mode, (width, height), values.tobytes())


def side(chance):
    return round(600 ** chance.random())


def size_pair(chance, index):
    extremes = [(1, 1, 600, 600), (600, 600, 1, 1), (1, 600, 600, 1), (600, 1, 1, 600), (600, 1, 600, 600),
                (2, 599, 599, 2), (224, 224, 224, 224), (224, 300, 224, 100), (300, 224, 100, 224), (1, 1, 1, 1)]
    return extremes[index] if index < len(extremes) else tuple(side(chance) for _ in range(4))


def random_box(chance, width, height):
    if chance.random() < 0.5:  # whole pixels
        left, right = sorted(chance.sample(range(width + 1), 2))
        top, bottom = sorted(chance.sample(range(height + 1), 2))
        return float(left), float(top), float(right), float(bottom)
    left, top = chance.random() * width * 0.9, chance.random() * height * 0.9
    return left, top, left + (width - left) * (0.1 + 0.9 * chance.random()), top + (height - top) * 0.7


def resize(records, chance, noise, name):
    for index in range(PAIRS):
        width, height, to_width, to_height = size_pair(chance, index)
        for mode in MODES:
            source = picture(noise, mode, width, height)
            box = (0.0, 0.0, float(width), float(height))
            if chance.random() < 0.25:
                box = random_box(chance, width, height)
                if chance.random() < 0.3 and box[0].is_integer() and box[1].is_integer():
                    to_width, to_height = int(box[2] - box[0]), int(box[3] - box[1])
            result = source.resize((to_width, to_height), FILTERS[name], box)
            records.add(number(width, height, len(mode), to_width, to_height), struct.pack("<4d", *box),
                        source.tobytes(), result.tobytes())


def saved(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def add_decoded(records, name, data, image=None):
    """The file, and what Pillow makes of it: turned upright, its first three bands."""
    if image is None:
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    records.add(name, data, number(image.width, image.height), image.convert("RGB").tobytes())


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def jpegs(records, chance, noise):
    for index in range(24):
        size = (side(chance), side(chance))
        quality = chance.choice([1, 20, 50, 75, 90, 95, 100])
        for mode in ("L", "RGB", "CMYK"):
            options = {"quality": quality, "progressive": index % 3 == 0, "optimize": index % 4 == 0}
            if mode == "RGB":
                options["subsampling"] = index % 3
            data = saved(picture(noise, mode, *size), "JPEG", **options)
            add_decoded(records, f"jpeg {mode} {size} {options}", data)


def lossless(records, chance, noise):
    for index in range(12):
        size = (side(chance), side(chance))
        rgb, rgba = picture(noise, "RGB", *size), picture(noise, "RGBA", *size)
        grey, grey_alpha = picture(noise, "L", *size), picture(noise, "LA", *size)
        palette = rgb.quantize(chance.choice([2, 3, 4, 16, 100, 256]))
        black_white = grey.convert("1")
        for image in (rgb, rgba, grey, grey_alpha, palette, black_white):
            add_decoded(records, f"png {image.mode} {size}", saved(image, "PNG"))
        add_decoded(records, f"png P with transparency {size}", saved(palette, "PNG", transparency=0))
        for image in (rgb, grey, palette, black_white):
            add_decoded(records, f"bmp {image.mode} {size}", saved(image, "BMP"))
        add_decoded(records, f"bmp RGBA {size}", saved(rgba, "BMP"))
        for image in (rgb, rgba):
            data = saved(image, "WEBP", lossless=True, exact=True)
            add_decoded(records, f"webp lossless {image.mode} {size}", data)
            add_decoded(records, f"webp lossy {image.mode} {size}", saved(image, "WEBP", quality=60))
        for image in (grey, palette, black_white):
            add_decoded(records, f"gif {image.mode} {size}", saved(image, "GIF", interlace=index % 2))
        tiffs(records, index, size, (rgb, rgba, grey, palette, black_white, picture(noise, "CMYK", *size)))


def tiffs(records, index, size, images):
    for image in images:
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            data = saved(image, "TIFF", compression=compression)
            add_decoded(records, f"tiff {image.mode} {compression} {size}", data)
    add_decoded(records, f"tiff fax {size}", saved(images[4], "TIFF", compression="group4"))
    if index % 4 == 0:
        add_decoded(records, f"tiff jpeg {size}", saved(images[0], "TIFF", compression="jpeg"))


def orientations(records, chance, noise):
    for orientation in range(1, 9):
        size = (2 + side(chance) // 4, 2 + side(chance) // 4)
        image = picture(noise, "RGB", *size)
        for form in ("JPEG", "PNG", "WEBP", "TIFF"):
            options = {"lossless": True} if form == "WEBP" else {}
            add_decoded(records, f"orientation {orientation} {form}",
                        saved(image, form, exif=exif_of(orientation), **options))


def sixteen_bits(records, chance, noise):
    """16-bit grey: Pillow cuts such values to 8 bits, so the reference is the rounding itself."""
    for index in range(8):
        width, height = side(chance), side(chance)
        values = noise.integers(0, 65536, (height, width), dtype=numpy.uint16)
        image = Image.frombytes("I;16", (width, height), values.tobytes())
        grey = numpy.rint(values / 257.0).astype(numpy.uint8)
        expected = Image.frombytes("L", (width, height), grey.tobytes())
        for form in ("PNG", "TIFF"):
            add_decoded(records, f"16 bits {form} {width}x{height}", saved(image, form), expected)


def decode(records, chance, noise, _):
    jpegs(records, chance, noise)
    lossless(records, chance, noise)
    orientations(records, chance, noise)
    sixteen_bits(records, chance, noise)


def alpha(records, chance, noise, _):
    for _ in range(16):
        size = (side(chance), side(chance))
        background = tuple(chance.randrange(256) for _ in range(3))
        for mode in ("RGBA", "LA"):
            image = picture(noise, mode, *size)
            below = Image.new("RGBA", size, background + (255,))
            expected = Image.alpha_composite(below, image.convert("RGBA")).convert("RGB")
            records.add(number(*size, len(mode), *background), image.tobytes(), expected.tobytes())


def planes(image, mean, std):
    values = numpy.asarray(image, dtype=numpy.float64)
    mean, std = numpy.float32(mean).astype(numpy.float64), numpy.float32(std).astype(numpy.float64)
    return ((values - mean) / std).astype(numpy.float32).transpose(2, 0, 1).tobytes()


def efficientnet_crop(image, fraction):
    square = max(1, int(min(image.size) * fraction + 1e-6))
    left, top = (image.width - square + 1) // 2, (image.height - square + 1) // 2
    return image.crop((left, top, left + square, top + square))


def shortest_edge(image, size, method):
    """torchvision's Resize(size) and CenterCrop(size) on a Pillow picture."""
    short, long = sorted(image.size)
    longer = int(size * long / short)
    image = image.resize((size, longer) if image.width <= image.height else (longer, size), method)
    left, top = int(round((image.width - size) / 2.0)), int(round((image.height - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


def prepare(records, chance, noise, _):
    imagenet = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    cases = [(292, 292), (292, 500), (1, 1), (1, 600), (600, 1), (260, 260)]
    cases += [(side(chance), side(chance)) for _ in range(40)]
    bicubic = Image.Resampling.BICUBIC
    for size in cases:
        image = picture(noise, chance.choice(["RGB", "L"]), *size)
        data = saved(image, "PNG")
        image = image.convert("RGB")
        lite = efficientnet_crop(image, 260 / 292).resize((260, 260), bicubic)
        records.add("lite2", data, planes(lite, [127.0] * 3, [128.0] * 3))
        if max(size) / min(size) <= 60:
            records.add("shortest", data, planes(shortest_edge(image, 224, bicubic), *imagenet))
        records.add("squash", data, planes(image.resize((200, 100), Image.Resampling.BILINEAR), *imagenet))
        if max(size) / min(size) < 200:  # below that Pillow's pad makes a side of 0
            records.add("pad", data, planes(ImageOps.pad(image, (200, 120), bicubic, (1, 2, 3)), *imagenet))


if __name__ == "__main__":
    kind, seed, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    makers = {"decode": decode, "alpha": alpha, "prepare": prepare}
    makers.get(kind, resize)(Records(path), random.Random(seed), numpy.random.default_rng(seed), kind)
