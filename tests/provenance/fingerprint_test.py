#!/usr/bin/env python3
"""pictor encoder fingerprint: the same whatever the threads and the process, kept, compared, and never overwritten.
Usage: fingerprint_test.py PICTOR_PROGRAM DEPS_DIR"""
import json

from house import House, check


def prints(house, *arguments, isa=""):
    report = house.json("encoder", "fingerprint", "clip", "--count", 24, *arguments, isa=isa)
    return {(one["head"], one["of"]): one for one in report["fingerprints"]}


def main():
    house = House()
    house.add_clip()
    done = house.run("encoder", "fingerprint", "clip", "--count", 24, "--check")
    check(done.returncode == 3 and "nothing to be compared with" in done.stderr, f"{done.returncode}: {done.stderr}")
    kept = house.data / "encoders/clip/fingerprints.json"
    check(not kept.exists(), "--check has kept something")
    new = prints(house, "--threads", 2)
    check({one["state"] for one in new.values()} == {"new"} and kept.exists(), f"{new}")
    check(any(of == "images" for _, of in new) and any(of == "texts" for _, of in new), f"{list(new)}")
    again = prints(house, "--threads", 1, "--check")
    check({one["state"] for one in again.values()} == {"equal"}, f"with one thread: {again}")
    house.must("encoder", "verify", "clip", "--fingerprint", "--count", 24)
    check(not prints(house, "--check").keys() - new.keys(), "other heads")
    count = house.json("encoder", "fingerprint", "clip", "--count", 25)
    check({one["state"] for one in count["fingerprints"]} == {"new"}, "25 inputs were compared with 24")
    spaces = [head["space"] for head in house.json("encoder", "show", "clip")["encoders"][0]["heads"]]
    check(all(entry["space"] in spaces for entry in json.loads(kept.read_text())["fingerprints"]), "a space is wrong")

    text = kept.read_text()
    digits = next(iter(new.values()))["sha256"]
    kept.write_text(text.replace(digits, ("0" if digits[0] != "0" else "1") + digits[1:]))
    damaged = kept.read_text()
    for arguments in (("fingerprint", "clip", "--count", 24), ("verify", "clip", "--fingerprint", "--count", 24)):
        done = house.run("encoder", *arguments)
        check(done.returncode == 12 and digits in done.stderr, f"{arguments}: {done.returncode} {done.stderr}")
    check(kept.read_text() == damaged, "what did not fit was written over")
    kept.write_text("{")
    check(house.run("encoder", "fingerprint", "clip", "--count", 24).returncode == 6, "half a file was read")
    print(f"fingerprint_test: {len(new)} fingerprints of 24 inputs held")


main()
