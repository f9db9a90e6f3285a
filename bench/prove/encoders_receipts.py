"""Claims: every row has a signed receipt and can be made again from it; a flipped bit is found wherever it is."""
import base64
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import claims
import common
import ingest
import ours
from encoders_house import CLIP, claim, drawn_pictures, house, kept_house

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tests/formats"))
import page_sums  # noqa: E402

ROWS, SAMPLE = 80, 30  # of each encoder
FLIPS, FLIPPED_ROWS = 20, 6  # of each place
COST_WANTED = 0.01
COST_ROWS, COST_RECEIPTS, COST_ROUNDS = 160, 2000, 5
FASTEST = "lite0-minilm-int8"  # of the encoders that come with Pictor, so the one beside which a receipt costs most


def signed_text(receipt):
    return json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def openssl_verifies(receipt, key, folder):
    """By another program than ours: the signature of the receipt without its signature."""
    signature = base64.b64decode(receipt.pop("signature"))
    (folder / "signature").write_bytes(signature)
    (folder / "signed").write_bytes(signed_text(receipt))
    return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", folder / "signed",
                           "-sigfile", folder / "signature"], capture_output=True).returncode == 0


def receipts_of(home, collection):
    out = home.folder / "items.jsonl"
    home.must("export", out, "--collection", collection, "--no-vectors", "--force")
    return [json.loads(line)["receipt"] for line in out.read_text().split("\n") if line]


@claim("receipts-rows", "every row's signature verifies by openssl, and every row drawn is made again bit for bit")
def rows(context):
    if not shutil.which("openssl"):
        raise common.Missing("openssl is not here (apt-get install openssl)")
    seed, found = context.random("rederive").randrange(2**31), {}
    with house() as home:
        files = ingest.lay_out(drawn_pictures(context, "receipts", ROWS), home.folder / "files")
        for encoder in (home.add(), ours.FP32, ours.INT8):
            home.index(files[0].parent, encoder, encoder)
            receipts = receipts_of(home, encoder)
            good = sum(openssl_verifies(dict(one), home.data / "keys/receipts.pub", home.folder) for one in receipts)
            again = home.json("verify", "--rederive", "-c", encoder, "--sample", SAMPLE, "--seed", seed)
            (made,) = again["rederived"]
            found[encoder] = {"rows": len(receipts), "verified": good, "ok": again["ok"], **made}
    holds = all(one["ok"] and one["rows"] == one["verified"] == len(files) and
                one["items"] == one["equal"] == one["signed"] == SAMPLE for one in found.values())
    total = {key: sum(one[key] for one in found.values()) for key in ("rows", "verified", "items", "equal")}
    return claims.Finding(holds, f"{total['verified']} of {total['rows']} signatures, {total['equal']} of {total['items']} drawn rows "
                          f"({', '.join(found)}; seed {seed})", found)


def flip(content, random, begin=0, end=None):
    changed = bytearray(content)
    at = random.randrange(begin, len(changed) if end is None else end)
    changed[at] ^= 1 << random.randrange(8)
    return bytes(changed)


def flip_file(path, random):
    """As a disk does it: time and size of the file tell nothing."""
    before = path.stat()
    path.chmod(0o600)
    path.write_bytes(flip(path.read_bytes(), random))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip_column(home, table, column, kind, random):
    with sqlite3.connect(home.data / "collections/kept/collection.db") as database:
        row, content = random.choice(database.execute(f"SELECT rowid, CAST({column} AS BLOB) FROM {table}").fetchall())
        database.execute(f"UPDATE {table} SET {column} = CAST(? AS {kind}) WHERE rowid = ?", (flip(content, random), row))
    database.close()
    page_sums.resum(home.data / "collections/kept/collection.db")


def files_under(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def weights_of(home):
    card = home.encoders / CLIP / "card.json"
    return [path for path in files_under(card.parent) if path.suffix in (".onnx", ".json") and path != card
            and f'"{path.relative_to(card.parent)}"' in card.read_text()]


def flip_vector_or_receipt(home, random):
    table, column, kind = random.choice((("fresh_vectors", "vector", "BLOB"), ("rows", "receipt", "TEXT")))
    flip_column(home, table, column, kind, random)


PLACES = {"image": lambda home, random: flip_file(random.choice(files_under(home.data / "collections/kept/blobs")), random),
          "weights": lambda home, random: flip_file(random.choice(weights_of(home)), random),
          "card": lambda home, random: flip_file(home.encoders / CLIP / "card.json", random),
          "vector-or-receipt": flip_vector_or_receipt}


def whole_house(context):
    """A small collection that keeps its pictures, found without a fault."""
    def fill(home):
        files = ingest.lay_out(drawn_pictures(context, "flips", FLIPPED_ROWS), home.folder / "files")
        home.index(files[0].parent, home.add(), "kept", keep="original")
        report = home.json("verify", "--rederive")
        if not report["ok"] or report["rederived"][0]["equal"] != len(files):
            raise RuntimeError(f"what is whole is not all made again: {report}")
    return kept_house(context, "flips", fill)


def flipped(context, place):
    home, random, missed = whole_house(context), context.random(f"flip {place}"), []
    for number in range(FLIPS):
        with tempfile.TemporaryDirectory(dir=common.scratch(), prefix="house-") as folder:
            other = home.copy(folder)
            PLACES[place](other, random)
            went = other.call("verify", "--rederive")
        if went.status not in range(1, 64) or len(went.out + went.err) < 40:
            missed.append({"number": number, "status": went.status, "said": (went.out + went.err)[-300:]})
    return claims.Finding(not missed, f"{FLIPS - len(missed)} of {FLIPS} random flips found"
                          + (f"; first that was not: {missed[0]}" if missed else ""), {"missed": missed})


for where in PLACES:
    claim(f"flips-{where}", f"`verify --rederive` finds each of {FLIPS} random flipped bits, file times unchanged")(
        lambda context, place=where: flipped(context, place))


@claim("flips-referenced-image", f"`verify --rederive` finds each of {FLIPS} flipped bits of pictures that are only referenced")
def referenced(context):
    random, wrong = context.random("flip referenced"), []
    with house() as home:
        files = ingest.lay_out(drawn_pictures(context, "flips", FLIPPED_ROWS), home.folder / "files")
        home.index(files[0].parent, home.add(), "referenced")
        for _ in range(FLIPS):
            path = random.choice(files)
            content = path.read_bytes()
            flip_file(path, random)
            (made,) = home.json("verify", "--rederive", statuses=(12,))["rederived"]
            path.write_bytes(content)
            if made["equal"] != len(files) - 1 or made["unread"] != 1:
                wrong.append({"file": path.name, **made})
    return claims.Finding(not wrong, f"{FLIPS - len(wrong)} of {FLIPS} found", {"wrong": wrong})


def cost_of(context, encoder):
    """Microseconds of a receipt, of a row that is indexed with it (medians of rounds in turn), and their share."""
    ours.need_encoder(encoder)
    receipt, one, all_ = [], [], []
    with house() as home:
        files = ingest.lay_out(drawn_pictures(context, "cost", COST_ROWS), home.folder / "files")
        for _ in range(COST_ROUNDS):
            receipt.append(float(home.tool("receipt_times", encoder, COST_RECEIPTS)[0][0]))
            for inputs, kept in ((files[0], one), (files[0].parent, all_)):
                kept.append(ours.index_fresh([inputs], encoder, extra=("--threads", 1))[1].cpu)
    signing = common.spread(receipt)["median"]
    row = 1e6 * (common.spread(all_)["median"] - common.spread(one)["median"]) / (len(files) - 1)
    return {"receipt_us": signing, "row_us": row, "share": signing / row}


@claim("receipts-cost", f"signing takes <= {COST_WANTED:.0%} of indexing's CPU time with the default encoder; the fastest is told")
def cost(context):
    found = {encoder: cost_of(context, encoder) for encoder in (ours.FP32, FASTEST)}
    figure = ", ".join(f"{encoder} {one['share']:.2%} ({one['receipt_us']:.0f} us of {one['row_us'] / 1000:.1f} ms a row)"
                       for encoder, one in found.items())
    return claims.Finding(found[ours.FP32]["share"] <= COST_WANTED, f"{figure}; CPU time, receipts made by themselves against rows "
                          "of `pictor index`, one thread", found)
