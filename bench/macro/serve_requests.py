"""The requests of the loads on the server: texts, pictures and ids, as the file that serve_load reads.

No request is sent twice: both sides may remember what they embedded. Texts are 50,000 different ones, more than are remembered,
and pictures get a serial number in a comment of their file.
"""
import itertools
import json
import random

import common

COLLECTION, K = "shop", 10
MARK = b"@" * 12  # serve_load puts a serial number there
TEXTS, IDS = 50_000, 20_000
KINDS = ("a", "a red", "a small", "a large", "a wooden", "an old", "a painted", "a bright", "two", "a single")
PLACES = ("", "on a table", "in the grass", "by the sea", "at night", "in the snow", "on white", "in a garden", "indoors", "from above")


def marked(jpeg):
    """The same picture, with room for a serial number in a comment."""
    if jpeg[:2] != b"\xff\xd8":
        raise ValueError("this is no JPEG")
    return jpeg[:2] + b"\xff\xfe" + (2 + len(MARK)).to_bytes(2, "big") + MARK + jpeg[2:]


def texts(count, seed):
    """Different ones, each of a class of ImageNet, a kind and a place."""
    lines = (common.CARDS / "imagenet-classes.txt").read_text().splitlines()
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    every = [" ".join(words).strip() for words in itertools.product(KINDS, names, PLACES)]
    return random.Random(seed).sample(sorted(set(every)), count)


def one(name, method, path, kind="-", body=b""):
    return f"{name} {method} {path} {kind} {len(body)}\n".encode() + body


def search(name, part):
    return one(name, "POST", f"/v1/collections/{COLLECTION}/search", "application/json", json.dumps({**part, "k": K}).encode())


def write(path, asked, added, rows, seed):
    """`asked`: pictures that queries are; `added`: those that are put. Returns the texts, pictures and ids in the order of their classes."""
    random_ids = random.Random(f"{seed}/ids")
    said = {"text": texts(TEXTS, f"{seed}/texts"), "image": list(asked), "id": [f"v{random_ids.randrange(rows)}" for _ in range(IDS)]}
    item = f"/v1/collections/{COLLECTION}/items/put-{MARK.decode()}"
    with open(path, "wb") as out:
        for text in said["text"]:
            out.write(search("text", {"text": text}))
        for picture in said["image"]:
            out.write(one("image", "POST", f"/v1/collections/{COLLECTION}/search?k={K}", "image/jpeg", marked(picture.read_bytes())))
        for name in said["id"]:
            out.write(search("id", {"id": name}))
        for picture in added:
            out.write(one("put", "PUT", item, "image/jpeg", marked(picture.read_bytes())))
        out.write(one("delete", "DELETE", item))
    return said
