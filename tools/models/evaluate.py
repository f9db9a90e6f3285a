#!/usr/bin/env python3
"""What an encoder is worth: words to pictures and picture to picture on 327 drawings and photos of tuxpaint's stamps.

For each encoder: text-to-image recall in the joint head, how often the nearest visual neighbour lies in the same folder,
and, when the same encoder exists in fp32, the cosine between the two. Runs the Python reference stack.
"""
import argparse
import csv
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import numpy as np  # noqa: E402

import make  # noqa: E402
import reference  # noqa: E402

STAMPS = make.ROOT / ".deps" / "data" / "stamps" / "usr" / "share" / "tuxpaint" / "stamps"
LIST = make.ROOT / "bench" / "data" / "stamps-327.csv"
LEFT_OUT_FOLDERS = ("symbols", "seasonal")
LEFT_OUT_WORDS = ("cartoon", "roadsigns", "flags", "_mirror", "_flip")
MARGIN = 1.15  # side of the white square a stamp stands in, in longer sides


def select(root):
    """Rows (path, description, folder): the first picture, in path order, of each English description."""
    rows = {}
    for path in sorted(root.rglob("*.png"), key=lambda path: str(path.relative_to(root))):
        relative = path.relative_to(root)
        if relative.parts[0] in LEFT_OUT_FOLDERS or any(word in str(relative) for word in LEFT_OUT_WORDS):
            continue
        description = path.with_suffix(".txt").read_bytes().split(b"\n")[0].decode().strip()
        rows.setdefault(description, (str(relative), description, relative.parts[0]))
    return list(rows.values())


def write_list(rows):
    LIST.parent.mkdir(parents=True, exist_ok=True)
    with open(LIST, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "description", "folder"))
        writer.writerows(rows)


def read_list():
    with open(LIST, newline="") as file:
        return [(row["path"], row["description"], row["folder"]) for row in csv.DictReader(file)]


def ranks(joint, texts):
    """For each text, how many pictures stand before its own."""
    scores = texts @ joint.T
    return (scores > np.diag(scores)[:, None]).sum(axis=1)


def same_folder(visual, folders):
    similar = visual @ visual.T
    np.fill_diagonal(similar, -np.inf)
    nearest = similar.argmax(axis=1)
    return float(np.mean([folders[row] == folders[other] for row, other in enumerate(nearest)])), nearest


def encode(name, weights, rows, root, margin):
    encoder = reference.Encoder(make.card_path(name), weights / name)
    tensors = []
    for path, _, _ in rows:
        picture = reference.open_rgb(root / path, encoder.card["decode"])
        tensors.append(encoder.prepared(reference.pad_square(picture, margin) if margin else picture))
    features, logits = encoder.image_outputs(tensors)
    return encoder.visual(features), encoder.joint(logits), encoder.texts([row[1] for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", action="append", help="may be given several times (default: all that are made)")
    parser.add_argument("--weights", type=pathlib.Path, default=make.ROOT / ".deps" / "models")
    parser.add_argument("--stamps", type=pathlib.Path, default=STAMPS)
    parser.add_argument("--plain", action="store_true", help="the files as they are, not in a white square")
    parser.add_argument("--write-list", action="store_true", help=f"write {LIST.name} from the rule and stop")
    arguments = parser.parse_args()
    if not arguments.stamps.is_dir():
        print(f"evaluate: no folder {arguments.stamps}; run tools/data stamps", file=sys.stderr)
        return 1
    if arguments.write_list:
        write_list(select(arguments.stamps))
        return 0
    rows, done = read_list(), {}
    names = arguments.encoder or [name for name in make.RECIPES if (arguments.weights / name / "image.onnx").exists()
                                  and make.card_path(name).exists()]
    for name in names:
        visual, joint, texts = encode(name, arguments.weights, rows, arguments.stamps, None if arguments.plain else MARGIN)
        rank = ranks(joint, texts)
        share, nearest = same_folder(visual, [row[2] for row in rows])
        done[name] = visual, nearest
        line = f"{name}: text to image " + " ".join(f"R@{k} {np.mean(rank < k):.3f}" for k in (1, 5, 10))
        line += f"; neighbour in the same folder {share:.3f}"
        twin = done.get(name.removesuffix("-int8"))
        if name.endswith("-int8") and twin:
            cosine = (visual * twin[0]).sum(axis=1)
            line += (f"; to fp32: cosine mean {cosine.mean():.4f} min {cosine.min():.4f}, nearest neighbour agrees "
                     f"{np.mean(nearest == twin[1]):.3f}")
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
