#!/usr/bin/env python3
"""make_photos.py WALLPAPERS OUT [N] [--small]: camera-size JPEGs made from the pictures of Debian's wallpaper package.

Deterministic: the same package and the same Pillow give the same bytes. Each picture is another 4:3 part of a wallpaper,
brought to 4000x3000 or 3264x2448 (12 and 8 megapixels, the two common camera sizes), with a little grain as a sensor
adds (wallpapers are smoother than photos, and a smooth JPEG decodes too fast), and saved with quality 90.
"""
import argparse
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "PIL")
import numpy  # noqa: E402
from PIL import Image  # noqa: E402

SIZES = ((4000, 3000), (3264, 2448))
GRAIN = 5.0  # standard deviation in 8-bit levels, of ISO 400 on a telephone


def wallpapers(folder):
    """The largest landscape version of every wallpaper."""
    best = {}
    for path in common.pictures(folder):
        size = re.fullmatch(r"(\d+)x(\d+)", path.stem)
        if not size or int(size[1]) < int(size[2]):
            continue
        pixels = int(size[1]) * int(size[2])
        if pixels > best.get(path.parent, (0, None))[0]:
            best[path.parent] = (pixels, path)
    found = [path for _, path in sorted(best.values(), key=lambda entry: str(entry[1]))]
    if not found:
        raise common.Missing(f"{folder} holds no WIDTHxHEIGHT pictures: `tools/data wallpapers {folder}`")
    return found


def photo(path, number, size, grain=GRAIN):
    random = numpy.random.Generator(numpy.random.PCG64(number))
    with Image.open(path) as opened:
        source = opened.convert("RGB")
    width, height = source.size
    part = 0.55 + 0.45 * random.random()
    tall = int(min(height, width * 3 / 4) * part)
    wide = tall * 4 // 3
    left = int(random.integers(0, width - wide + 1))
    top = int(random.integers(0, height - tall + 1))
    picture = source.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + wide, top + tall))
    if random.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = numpy.asarray(picture, dtype=numpy.float32)
    noise = random.standard_normal(pixels.shape[:2], dtype=numpy.float32)[:, :, None] * numpy.float32(grain)
    return Image.fromarray(numpy.clip(pixels + noise, 0, 255).astype(numpy.uint8))


def make(source, out, count, small=False):
    """Writes what is not there yet; returns the paths in order."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"photo-{number:03d}.jpg" for number in range(count)]
    if all(path.exists() for path in paths):
        return paths
    from_files = wallpapers(source)
    for number, path in enumerate(paths):
        if path.exists():
            continue
        size = (640, 480) if small else SIZES[number % len(SIZES)]
        aside = path.with_suffix(".part")
        photo(from_files[number % len(from_files)], number, size).save(aside, "JPEG", quality=90)
        aside.rename(path)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wallpapers")
    parser.add_argument("out")
    parser.add_argument("count", nargs="?", type=int, default=48)
    parser.add_argument("--small", action="store_true", help="640x480, for trying things out")
    given = parser.parse_args()
    try:
        paths = make(given.wallpapers, given.out, given.count, given.small)
    except common.Missing as error:
        sys.exit(f"make_photos: {error}")
    total = sum(path.stat().st_size for path in paths)
    print(f"{len(paths)} pictures, {total / 1e6:.1f} MB, in {given.out}")


if __name__ == "__main__":
    main()
