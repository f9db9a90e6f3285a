#!/usr/bin/env python3
"""make_odd_files.py OUT [N] [--seed S]: a folder of odd files, as a careless or hostile world would leave them.

Small valid pictures of six formats are the stock; most files are one of them after a mutation: cut short, bits flipped,
bytes removed, repeated or zeroed, a header that claims a huge picture, another format's ending, two files joined.
The rest are texts, archives, random bytes and nothing at all; two are as large as the limits allow. About one in eight is left whole. The same seed gives the
same files. Some names are odd too, and a few things that are no files at all lie between them (a pipe, a dead link, a
loop of links, a folder named like a picture): reading must not stop at them.
"""
import argparse
import io
import os
import pathlib
import random
import struct
import sys
import zipfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "PIL")
import numpy  # noqa: E402
from PIL import Image  # noqa: E402

FILES_A_FOLDER = 500
SPECIALS = 5
LARGEST = (8, 24)  # which files are the largest that is allowed: near, so that two threads meet them at once
HUGE = (0, 1, 65_500, 65_535, 0x7FFFFFFF, 0xFFFFFFFF)
SAVES = {
    "png": (("RGB", {}), ("RGBA", {}), ("L", {}), ("LA", {}), ("P", {}), ("1", {}), ("I;16", {})),
    "jpg": (("RGB", {"quality": 80}), ("RGB", {"progressive": True}), ("L", {}), ("CMYK", {}), ("RGB", {"subsampling": 0})),
    "webp": (("RGB", {}), ("RGBA", {"lossless": True})),
    "gif": (("P", {}), ("L", {})),
    "bmp": (("RGB", {}), ("P", {}), ("1", {})),
    "tif": (("RGB", {}), ("RGB", {"compression": "tiff_lzw"}), ("CMYK", {}), ("L", {"compression": "tiff_deflate"}),
            ("1", {"compression": "group4"}), ("RGB", {"compression": "jpeg"})),
}


def stock(draw):
    """A valid picture: (ending, bytes)."""
    numbers = numpy.random.Generator(numpy.random.PCG64(draw.getrandbits(64)))
    height, width = (int(side) for side in numbers.integers(1, 160, 2))
    slope = numpy.add.outer(numpy.arange(height) * 2, numpy.arange(width) * 3)[:, :, None] % 256
    pixels = (slope + numbers.integers(0, draw.choice((1, 60)), (height, width, 3))).clip(0, 255).astype(numpy.uint8)
    ending = draw.choice(list(SAVES))
    mode, options = draw.choice(SAVES[ending])
    picture = Image.fromarray(pixels)
    picture = picture.convert("I").convert("I;16") if mode == "I;16" else picture.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = draw.randrange(0, 11)  # orientation; 0, 9 and 10 do not exist
    if ending in ("jpg", "webp", "png") and draw.random() < 0.3:
        options = {**options, "exif": exif}
    out = io.BytesIO()
    picture.save(out, {"jpg": "JPEG", "tif": "TIFF"}.get(ending, ending.upper()), **options)
    return ending, out.getvalue()


def cut(draw, data, _):
    return data[:draw.randrange(len(data))]


def flip(draw, data, _):
    data = bytearray(data)
    for _ in range(draw.choice((1, 2, 8, 64))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def flip_header(draw, data, _):
    data = bytearray(data)
    for _ in range(draw.choice((1, 4))):
        data[draw.randrange(min(64, len(data)))] = draw.randrange(256)
    return bytes(data)


def zero_run(draw, data, _):
    start = draw.randrange(len(data))
    length = draw.randrange(1, 200)
    return data[:start] + bytes(min(length, len(data) - start)) + data[start + length:]


def remove_or_repeat(draw, data, _):
    start = draw.randrange(len(data))
    end = min(len(data), start + draw.randrange(1, 400))
    return data[:start] + data[end:] if draw.random() < 0.5 else data[:end] + data[start:end] * 3 + data[end:]


def join(draw, data, _):
    return data + stock(draw)[1]


def append_noise(draw, data, _):
    return data + draw.randbytes(draw.randrange(1, 5000))


def claim_huge(draw, data, ending):
    """A header that says the picture is huge, empty or negative, with right checksums, so that it is believed."""
    try:
        return with_sides(draw, data, ending)
    except struct.error:  # an earlier mutation took the place where the sides stand
        return flip_header(draw, data, ending)


def with_sides(draw, data, ending):
    data = bytearray(data)
    sides = draw.choice(HUGE), draw.choice(HUGE)
    if ending == "png":
        struct.pack_into(">II", data, 16, *sides)
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    elif ending == "bmp":
        struct.pack_into("<II", data, 18, *sides)
    elif ending == "gif":
        struct.pack_into("<HH", data, 6, *(side & 0xFFFF for side in sides))
    elif ending == "jpg":
        for marker in (b"\xff\xc0", b"\xff\xc2"):
            at = data.find(marker)
            if at >= 0:
                struct.pack_into(">HH", data, at + 5, *(side & 0xFFFF for side in sides))
    elif ending == "tif":
        first = struct.unpack_from("<I", data, 4)[0]
        for entry in range(struct.unpack_from("<H", data, first)[0]):
            at = first + 2 + 12 * entry
            if struct.unpack_from("<H", data, at)[0] in (256, 257):
                struct.pack_into("<HII", data, at + 2, 4, 1, draw.choice(sides))
    else:
        return flip_header(draw, bytes(data), ending)
    return bytes(data)


def plain_png(width, height, colour, bits, line_bytes, comment):
    """A whole and valid PNG of one colour: few bytes that are many pixels. `height` is a multiple of 100."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes((1 + line_bytes) * 100)) for _ in range(height // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    text = chunk(b"tEXt", b"Comment\0" + comment.encode())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bomb_png(draw):
    return plain_png(20_000, 5_000, 0, 1, 2500, draw.randbytes(8).hex())


def largest_png(number):
    """As many pixels and bytes as the limits of src/base/limits.h let pass: 104 million, four bands."""
    return plain_png(10_180, 10_180, 6, 8, 4 * 10_180, f"number {number}")


def no_picture(draw):
    kind = draw.randrange(6)
    if kind == 0:
        return b""
    if kind == 1:
        return " ".join(draw.choices(("not", "a", "picture", "<html>", "{}", "\u00fc"), k=200)).encode()
    if kind == 2:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("inside.txt"), "x" * draw.randrange(10_000))
        return out.getvalue()
    if kind == 3:
        return draw.randbytes(draw.randrange(1, 20_000))
    if kind == 4:
        return bytes(draw.randrange(1, 20_000))
    starts = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\xff\xff\xff\xffWEBP", b"GIF89a", b"BM", b"II*\0", b"MM\0*",
              b"\0\0\0\x20ftypavif", b"\0\0\0\x20ftypheic")
    return draw.choice(starts) + draw.randbytes(draw.randrange(0, 2000))


MUTATIONS = (cut, cut, flip, flip, flip_header, zero_run, remove_or_repeat, join, append_noise, claim_huge, claim_huge)
ODD_NAMES = ("with space", "ümläut", "日本", "quote'\"", "-dash", "per%cent", "star*[a]", "very" * 40, "back\\slash")


def content(draw):
    """(ending, bytes) of one odd file."""
    chance = draw.random()
    if chance < 0.12:
        return draw.choice(list(SAVES)), no_picture(draw)
    if chance < 0.122:
        return "png", bomb_png(draw)
    ending, data = stock(draw)
    if chance < 0.25:
        return ending, data
    if chance < 0.32:
        return draw.choice([other for other in SAVES if other != ending]), data
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        data = draw.choice(MUTATIONS)(draw, data, ending) or b"\0"
    return ending, data


def leave_specials(folder):
    """Things that are no files: SPECIALS of them."""
    os.mkfifo(folder / "pipe.png")
    (folder / "dead.jpg").symlink_to("nothing-here.jpg")
    (folder / "loop.gif").symlink_to("loop.gif")
    (folder / "folder.png").mkdir()
    (folder / "folder.png" / "up").symlink_to("..")


def make(out, count, seed):
    """Fills `out`, which must not exist. Returns the files' paths."""
    out = pathlib.Path(out)
    out.mkdir(parents=True)
    draw = random.Random(f"odd/{seed}")
    paths = []
    for number in range(count):
        folder = out / f"part-{number // FILES_A_FOLDER:03d}"
        folder.mkdir(exist_ok=True)
        ending, data = ("png", largest_png(number)) if number in LARGEST and count >= 1000 else content(draw)
        odd = f"-{draw.choice(ODD_NAMES)}" if draw.random() < 0.05 else ""
        path = folder / f"{number:05d}{odd}.{ending if draw.random() < 0.9 else ending.upper()}"
        path.write_bytes(data)
        paths.append(path)
    leave_specials(out)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if pathlib.Path(given.out).exists():
        sys.exit(f"make_odd_files: {given.out} exists; name a folder that does not")
    paths = make(given.out, given.count, given.seed)
    print(f"{len(paths)} files, {sum(path.stat().st_size for path in paths) / 1e6:.1f} MB, in {given.out}")


if __name__ == "__main__":
    main()
