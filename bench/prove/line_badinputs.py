"""Claims: hostile and odd files end in a vector or a cause, none takes long, and memory stays under the stated bound."""
import json
import pathlib
import tempfile

import claims
import common
import make_odd_files
import ours

SECONDS_MAX = 2.0
# The bound that bench/README.md states for `pictor index`, whatever is in the folder.
RSS_MIB_MAX = 2048
SIDE = 260


def hostile_files():
    folder = common.need(common.SHARED / "data" / "badinputs",
                         "the set of hostile files is not part of the repository; the generated odd files are judged")
    return folder, sorted(path for path in folder.rglob("*") if path.is_file())


def odd_files(context):
    """Generated once a run, into a folder that the run leaves behind no longer than itself."""
    def make():
        holder = tempfile.TemporaryDirectory(dir=common.scratch(), prefix="odd-")
        folder = pathlib.Path(holder.name) / "files"
        return holder, folder, make_odd_files.make(folder, context.options.odd_files, context.seed)
    holder, folder, files = context.once("odd/files", make)
    return folder, files


def lines(text):
    """Split at line feeds alone: causes and names may hold what else Python takes for an end of line."""
    return [line for line in text.split("\n") if line]


def indexed(context, name, folder, files):
    """`pictor index` over the folder: who got a vector, who a cause, and the largest resident set."""
    def measure():
        claims.say(f"{name}: indexing {len(files)} files")
        with ours.fresh_folder() as work:
            work = pathlib.Path(work)
            report, went = ours.index(work / "data", [folder], statuses=(0, 6), extra=[
                "--all-files", "--hidden", "--quarantine", work / "refused.jsonl"])
            refused = [json.loads(line) for line in lines((work / "refused.jsonl").read_text())]
            ids, vectors = ours.exported(work / "data", "visual") if ours.counts(report)["indexed"] else ([], [])
            verified = ours.call("verify", data=work / "data")
        import numpy
        return {"files": len(files), "report": report, "vectors": len(ids), "refused": len(refused),
                "different_ids": len(set(ids)), "finite": bool(numpy.isfinite(vectors).all()),
                "without_cause": sum(not entry["cause"].strip() for entry in refused),
                "internal": sum(entry["code"] == "internal" for entry in refused),
                "rss_mib": went.rss_bytes / 2**20, "wall": went.wall, "verified": verified.status == 0}
    return context.once(f"{name}/indexed", measure)


def ends_well(context, name, folder, files, extra=0):
    """`extra`: things in the folder that are no files; they may be refused or passed over."""
    found = indexed(context, name, folder, files)
    ended = found["vectors"] + found["refused"]
    holds = (len(files) <= ended <= len(files) + extra and found["different_ids"] == found["vectors"] and found["finite"]
             and not found["without_cause"] and not found["internal"] and found["verified"])
    figure = (f"{found['vectors']} vectors + {found['refused']} causes for {len(files)} files"
              f"{f' (and {extra} things that are no files)' if extra else ''}, exit status as it should be, verify "
              f"{'found no fault' if found['verified'] else 'FOUND FAULTS'}, {found['internal']} causes blame Pictor, "
              f"{found['wall']:.1f} s")
    return claims.Finding(holds, figure, found)


def memory(found):
    return claims.Finding(found["rss_mib"] <= RSS_MIB_MAX, f"{found['rss_mib']:.0f} MiB at most", {"rss_mib": found["rss_mib"]})


def times(files):
    """Milliseconds from bytes to tensor of each file, in one process; who is slow is measured again, alone."""
    with tempfile.TemporaryDirectory(dir=common.scratch()) as work:
        def measure(some):
            listed = pathlib.Path(work) / "list.txt"
            listed.write_text("".join(f"{path}\n" for path in some))
            went = common.run([ours.tool("decode_times"), listed, SIDE], timeout=900)
            rows = [line.split("\t") for line in lines(went.out)]
            if went.status != 0 or len(rows) != len(some):
                last = some[len(rows)] if len(rows) < len(some) else "the end"
                raise RuntimeError(f"status {went.status}{', out of time' if went.timed_out else ''} at {last}")
            return {row[2]: float(row[0]) for row in rows}, went.rss_bytes
        found, rss = measure(files)
        for path in [path for path, ms in found.items() if ms > 500 * SECONDS_MAX]:
            found[path] = min(found[path], measure([path])[0][path])  # the machine may have been busy elsewhere
    return found, rss


def no_file_slow(files):
    found, rss = times(files)
    slowest = max(found, key=found.get)
    return claims.Finding(found[slowest] <= 1000 * SECONDS_MAX,
                          f"slowest of {len(found)} files {found[slowest] / 1000:.2f} s ({pathlib.PurePath(slowest).name}), "
                          f"one at a time in {rss / 2**20:.0f} MiB", {"slowest_ms": found[slowest], "slowest": slowest})


@claims.claim("badinputs-end", "every hostile file ends in a vector or a cause, no crash")
def hostile_end(context):
    return ends_well(context, "badinputs", *hostile_files())


@claims.claim("badinputs-time", f"no hostile file over {SECONDS_MAX:.0f} s")
def hostile_time(_):
    return no_file_slow(hostile_files()[1])


@claims.claim("badinputs-memory", f"<= {RSS_MIB_MAX} MiB resident while indexing the hostile files")
def hostile_memory(context):
    return memory(indexed(context, "badinputs", *hostile_files()))


@claims.claim("oddfiles-end", "every odd file, made afresh, ends in a vector or a cause, no crash")
def odd_end(context):
    folder, files = odd_files(context)
    return ends_well(context, "oddfiles", folder, files, extra=make_odd_files.SPECIALS)


@claims.claim("oddfiles-time", f"no odd file over {SECONDS_MAX:.0f} s")
def odd_time(context):
    return no_file_slow(odd_files(context)[1])


@claims.claim("oddfiles-memory", f"<= {RSS_MIB_MAX} MiB resident while indexing the odd files")
def odd_memory(context):
    return memory(indexed(context, "oddfiles", *odd_files(context)))
