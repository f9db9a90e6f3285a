#!/usr/bin/env python3
"""pictor verify --rederive finds a flipped bit wherever it is, and nothing where there is none; receipts are checked
with and without the data folder, by us and by openssl.
Usage: rederive_test.py PICTOR_PROGRAM DEPS_DIR"""
import base64
import json
import os
import random
import pathlib
import shutil
import sqlite3
import subprocess
import sys

from house import House, check

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "formats"))
import page_sums


def flip(content, generator, begin=0, end=None):
    changed = bytearray(content)
    at = generator.randrange(begin, len(changed) if end is None else end)
    changed[at] ^= 1 << generator.randrange(8)
    return bytes(changed)


def flip_file(path, generator):
    path.chmod(0o600)
    path.write_bytes(flip(path.read_bytes(), generator))


def flip_column(house, table, column, kind, generator, within=None):
    with sqlite3.connect(house.data / "collections/default/collection.db") as database:
        rows = database.execute(f"SELECT rowid, CAST({column} AS BLOB) FROM {table} "
                                + ("WHERE died = 9223372036854775807" if table == "rows" else "")).fetchall()
        row, content = generator.choice(rows)
        begin, end = within(content) if within else (0, None)
        database.execute(f"UPDATE {table} SET {column} = CAST(? AS {kind}) WHERE rowid = ?",
                         (flip(content, generator, begin, end), row))
    database.close()
    page_sums.resum(house.data / "collections/default/collection.db")


def signature_of(receipt):
    begin = receipt.index(b'"signature":"') + len(b'"signature":"')
    return begin, begin + 88


def files_under(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def weights_of(house):
    return [path for path in files_under(house.data / "encoders/clip") if path.name != "card.json"
            and path.name in (house.data / "encoders/clip/card.json").read_text() and not path.name.startswith(".")]


PLACES = {
    "a kept picture": lambda house, g: flip_file(g.choice(files_under(house.data / "collections/default/blobs")), g),
    "a stored vector": lambda house, g: flip_column(house, "fresh_vectors", "vector", "BLOB", g),
    "a receipt": lambda house, g: flip_column(house, "rows", "receipt", "TEXT", g),
    "a signature": lambda house, g: flip_column(house, "rows", "receipt", "TEXT", g, signature_of),
    "a content hash": lambda house, g: flip_column(house, "rows", "content", "BLOB", g),
    "the private key": lambda house, g: flip_file(house.data / "keys/receipts.key", g),
    "the public key": lambda house, g: flip_file(house.data / "keys/receipts.pub", g),
    "the weights": lambda house, g: flip_file(g.choice(weights_of(house)), g),
    "the card": lambda house, g: flip_file(house.data / "encoders/clip/card.json", g),
}


def indexed():
    house = House()
    house.add_clip()
    folder = house.pictures(6)
    house.must("index", folder, "--encoder", "clip", "--keep", "original")
    twin = house.home / "twin"
    twin.mkdir()
    first = sorted(folder.iterdir())[0]
    shutil.copy(first, twin / f"twin{first.suffix}")
    house.must("index", twin)
    return house


def what_is_whole_has_no_fault(house):
    report = house.json("verify", "--rederive")
    (again,) = report["rederived"]
    check(report["ok"] and report["faults"] == [], f"faults in what is whole: {report['faults']}")
    check(again["items"] == again["equal"] == again["signed"] == 7, f"not all are equal and signed: {again}")
    check(again["differ"] == again["other"] == again["no_picture"] == again["unsigned"] == 0, f"{again}")
    sample = house.json("verify", "--rederive", "--sample", 3)["rederived"][0]
    check(sample["items"] == sample["equal"] == 3, f"a sample of 3: {sample}")


def receipts_are_checked_without_the_folder(house):
    key = house.data / "keys/receipts.pub"
    check((house.data / "keys/receipts.key").stat().st_mode & 0o777 == 0o600, "others may read the private key")
    name = sorted(path.name for path in (house.home / "photos").iterdir())[0]
    shown = house.json("receipt", name)
    check(shown["state"] == "signed", f"{shown}")
    printed = json.dumps(shown)
    house.must("receipt", "-", "--public-key", key, text=printed)
    forged = json.loads(printed)
    forged["receipt"]["time_us"] += 1
    done = house.run("receipt", "-", "--public-key", key, text=json.dumps(forged))
    check(done.returncode == 12, f"a forged receipt ended with {done.returncode}: {done.stdout}{done.stderr}")
    signature = base64.b64decode(shown["receipt"].pop("signature"))
    (house.home / "signature").write_bytes(signature)
    (house.home / "signed").write_text(json.dumps(shown["receipt"], sort_keys=True, separators=(",", ":"),
                                                  ensure_ascii=False))
    if shutil.which("openssl"):
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", house.home / "signed",
                        "-sigfile", house.home / "signature"], check=True, capture_output=True)
    twin = house.json("receipt", "twin.png" if name.endswith("png") else "twin.jpg")["receipt"]
    check(len(twin["parents"]) == 1 and twin["parents"][0]["signed"], f"a reused vector names no parent: {twin}")
    check(twin["vectors"] == house.json("receipt", name)["receipt"]["vectors"], "a reused vector has another hash")


def what_was_never_signed_is_no_fault(house):
    old = house.copy()
    with sqlite3.connect(old.data / "collections/default/collection.db") as database:
        for row, text in database.execute("SELECT row, receipt FROM rows").fetchall():
            receipt = json.loads(text)
            for name in ("signature", "key", "vectors", "card", "parents"):
                receipt.pop(name, None)
            database.execute("UPDATE rows SET receipt = ? WHERE row = ?",
                             (json.dumps(receipt, sort_keys=True, separators=(",", ":")), row))
    database.close()
    page_sums.resum(old.data / "collections/default/collection.db")
    shutil.rmtree(old.data / "keys")
    again = old.json("verify", "--rederive")["rederived"][0]
    check(again["unsigned"] == again["equal"] == 7, f"{again}")


def every_flip_is_found(house):
    seeds, first = int(os.environ.get("PICTOR_FLIP_SEEDS", "3")), int(os.environ.get("PICTOR_SEED", "1"))
    missed = []
    for seed in range(first, first + seeds):
        for place, change in PLACES.items():
            other = house.copy()
            change(other, random.Random(f"{place} {seed}"))
            done = other.run("verify", "--rederive")
            if done.returncode == 0:
                missed.append(f"{place}, seed {seed}: not found\n{done.stdout}")
            elif done.returncode < 0 or len(done.stdout + done.stderr) < 40:
                missed.append(f"{place}, seed {seed}: ended with {done.returncode} and without a word of what it is")
            elif os.environ.get("PICTOR_SHOW"):
                print(f"{place}, seed {seed}: {(done.stdout + done.stderr).splitlines()[0]}")
    check(not missed, "\n".join(missed))
    return seeds * len(PLACES)


def main():
    house = indexed()
    what_is_whole_has_no_fault(house)
    receipts_are_checked_without_the_folder(house)
    what_was_never_signed_is_no_fault(house)
    print(f"rederive_test: {every_flip_is_found(house)} flipped bits were found, none where there is none")


main()
