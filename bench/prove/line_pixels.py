"""Claim: decode + resize + normalise is bit-equal to Pillow for PNG and BMP, at 200 random size pairs a filter."""
import math
import pathlib
import tempfile

import claims
import common
import numpy
import ours
import reference
from PIL import Image

PAIRS = 200
NORMS = (((0, 0, 0), (1, 1, 1)), ((127, 127, 127), (128, 128, 128)),
         ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)))
MODES = {"PNG": ("RGB", "RGB", "RGBA", "L", "LA", "P", "1"), "BMP": ("RGB", "RGB", "L", "P", "1")}


def random_size(random, most, pixels_max):
    while True:
        width, height = (max(1, round(math.exp(random.uniform(0, math.log(most))))) for _ in range(2))
        if width * height <= pixels_max and max(width, height) <= 500 * min(width, height):
            return width, height


def random_picture(random, size, mode):
    """Slopes and edges under noise of random strength: every coefficient of a filter matters in it."""
    numbers = numpy.random.Generator(numpy.random.PCG64(random.getrandbits(64)))
    width, height = size
    bands = {"RGB": 3, "RGBA": 4, "LA": 2}.get(mode, 1)
    across = numpy.linspace(0, random.uniform(0, 400), width)[None, :, None]
    down = numpy.linspace(0, random.uniform(0, 400), height)[:, None, None]
    smooth = (across + down + numbers.integers(0, 256, bands)) % 256
    noise = numbers.integers(-255, 256, (height, width, bands)) * random.choice((0, 0.1, 1))
    pixels = numpy.clip(smooth + noise, 0, 255).astype(numpy.uint8)
    if bands == 1:
        grey = Image.fromarray(pixels[:, :, 0])
        return grey if mode == "L" else grey.convert(mode)
    return Image.fromarray(pixels, mode={2: "LA", 3: "RGB", 4: "RGBA"}[bands])


def draw(random, filter_name, folder, number):
    """One picture on disk, the line that `pixels` reads for it, and Pillow's tensor."""
    ending = random.choice(("PNG", "BMP"))
    picture = random_picture(random, random_size(random, 2000, 2_000_000), random.choice(MODES[ending]))
    path = pathlib.Path(folder) / f"{filter_name}-{number}.{ending.lower()}"
    picture.save(path)
    width, height = random_size(random, 800, 200_000)
    mean, std = random.choice(NORMS)
    spec = reference.Spec({}, {"width": width, "height": height, "fit": "squash", "filter": filter_name, "mean": mean,
                               "std": std})
    three = [",".join(repr(float(value)) for value in values) for values in (mean, std)]
    line = f"squash {filter_name} {width} {height} {height} 1 {three[0]} {three[1]} {path}"
    what = f"{ending} {picture.mode} {picture.width}x{picture.height} -> {width}x{height}"
    return line, reference.normalise(reference.prepare_u8(reference.read_rgb(path, spec), spec), spec), what


def compare(context, filter_name):
    random = context.random(f"pixels/{filter_name}")
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        drawn = [draw(random, filter_name, folder, number) for number in range(PAIRS)]
        listed, out = pathlib.Path(folder) / "list.txt", pathlib.Path(folder) / "out.f32"
        listed.write_text("".join(f"{line}\n" for line, _, _ in drawn))
        went = common.run([ours.tool("pixels"), listed, out]).must(0)
        answers, numbers = went.out.splitlines(), numpy.fromfile(out, dtype="<f4")
    equal, at, differing = 0, 0, []
    for answer, (_, wanted, what) in zip(answers, drawn, strict=True):
        if not answer.startswith("ok"):
            differing.append(f"{what}: {answer}")
            continue
        seen = numbers[at:at + wanted.size]
        at += wanted.size
        if seen.tobytes() == numpy.ascontiguousarray(wanted).tobytes():
            equal += 1
        else:
            off = int((seen != wanted.ravel()).sum())
            differing.append(f"{what}: {off} of {wanted.size} numbers differ, by {abs(seen - wanted.ravel()).max():.4g}")
    figure = f"{equal} of {PAIRS} size pairs bit-equal" + (f"; first that is not: {differing[0]}" if differing else "")
    return claims.Finding(equal == PAIRS, figure, {"equal": equal, "pairs": PAIRS, "differing": differing[:20]})


for name in ("bilinear", "bicubic", "lanczos"):
    claims.claim(f"pixels-{name}", f"{PAIRS} of {PAIRS} bit-equal to Pillow, PNG and BMP")(
        lambda context, name=name: compare(context, name))
