#!/usr/bin/env python3
"""Measures calibrated scores afresh: a collection of stamps is calibrated with a fresh seed, then asked for copies of pictures
that calibration never saw, of which half came into the collection later and half never did.

    calibration.py [--pictor build/release/pictor] [--learnt 400] [--seed N]

The copies are made by Pillow, not by the program that is measured. Prints one JSON object."""
import argparse
import io
import json
import pathlib
import random
import subprocess
import tempfile

import common
from PIL import Image, ImageEnhance, ImageFilter


def altered(path, draw):
    picture = Image.open(path).convert("RGBA")
    ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    ground.alpha_composite(picture)
    picture = ground.convert("RGB")
    width, height = picture.size
    share = draw.uniform(0.85, 1)
    wide, high = max(8, int(width * share)), max(8, int(height * share))
    left, top = draw.randint(0, max(0, width - wide)), draw.randint(0, max(0, height - high))
    picture = picture.crop((left, top, left + wide, top + high))
    size = draw.uniform(0.6, 1)
    picture = picture.resize((max(8, int(wide * size)), max(8, int(high * size))), Image.BILINEAR)
    if draw.random() < 0.5:
        picture = picture.filter(ImageFilter.GaussianBlur(draw.uniform(0.3, 1.0)))
    picture = ImageEnhance.Brightness(picture).enhance(draw.uniform(0.85, 1.15))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=draw.randint(40, 90))
    return out.getvalue()


class Pictor:
    def __init__(self, program, data):
        self.command = [str(program), "--data", str(data), "--json"]

    def __call__(self, *arguments):
        done = subprocess.run([*self.command, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{arguments[0]}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)


def manifest(folder, name, paths):
    file = folder / f"{name}.jsonl"
    lines = []
    for path in paths:
        text = path.with_suffix(".txt").read_text(errors="replace").split("\n")[0]
        lines.append(json.dumps({"path": str(path), "id": str(path), "text": text}))
    file.write_text("\n".join(lines) + "\n")
    return file


def best(pictor, folder, path, draw):
    copy = folder / "query.jpg"
    copy.write_bytes(altered(path, draw))
    hits = pictor("search", "-c", "stamps", "--image", copy, "-k", 1)["hits"]
    return hits[0]["probability"], hits[0]["id"] == str(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictor", default="build/release/pictor")
    parser.add_argument("--learnt", type=int, default=400)
    parser.add_argument("--asked", type=int, default=100, help="of each half")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 2**31))
    given = parser.parse_args()
    draw = random.Random(given.seed)
    paths = [path for path in common.pictures(common.stamps_folder()) if path.with_suffix(".txt").exists()]
    draw.shuffle(paths)
    learnt, later = paths[:given.learnt], paths[given.learnt:given.learnt + given.asked]
    never = paths[given.learnt + given.asked:given.learnt + 2 * given.asked]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pictor = Pictor(given.pictor, folder / "data")
        pictor("index", manifest(folder, "learnt", learnt), "-c", "stamps")
        made = pictor("calibrate", "stamps", "--seed", given.seed)["calibrations"]
        pictor("index", manifest(folder, "later", later), "-c", "stamps")
        threshold = next(one["threshold"] for one in made if one["kind"] == "picture" and one["head"] == "visual")
        present = [best(pictor, folder, path, draw) for path in later]
        absent = [best(pictor, folder, path, draw) for path in never]
    right = [probability for probability, is_right in present if is_right]
    print(json.dumps({
        "seed": given.seed, "threshold": threshold, "asked": len(later), "right": len(right),
        "lost": sum(probability < threshold for probability in right) / max(1, len(right)),
        "refused": sum(probability < threshold for probability, _ in absent) / max(1, len(absent)),
        "calibrations": made}, indent=2))


if __name__ == "__main__":
    main()
