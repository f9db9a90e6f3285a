"""Claims: nothing acknowledged is lost, nothing deleted returns, the recall that is
published is the recall measured, and the bytes on disk are what the documents say."""
import claims
import common
from gtests import gtest
from index_house import claim
from line_durability import ctest, told

NEEDLES, KILLS, SOAK_STEPS = 1000, 10_000, 20_000


def known_tests():
    """Names of the tests of this build."""
    went = common.run(["ctest", "--test-dir", common.BUILD, "-N"]).must(0)
    return {line.split(":", 1)[1].strip() for line in went.out.splitlines() if line.strip().startswith("Test ") and ":" in line}


def shown_by(tests, what, env=None, extra=""):
    """Those tests pass. One that the build has not is a part of the product that is not there."""
    missing = sorted(set(tests) - known_tests())
    if missing:
        return claims.Finding(False, f"not built: {what}: no test {', '.join(missing)}", {"missing": missing})
    found = ctest(common.BUILD, "-R", f"^({'|'.join(tests)})$", env=env, timeout=4 * 3600)
    good = found["good"] and not found["skipped"] and len(found["passed"]) == len(set(tests))
    return claims.Finding(good, told(found) + extra, found)


@claim("power-loss-store", "simulated power loss at every write, sync and rename of commit and seal; removing any one sync fails the test")
def power_loss(context):
    scale = context.options.crash_scale
    return shown_by(("db_test", "crash_test"), "simulated power loss", extra=f", scale {scale}",
                    env=crash_env(context))


def shown_by_gtests(program, filters, what, env=None):
    """Those tests of one program pass; a program without any of them is a part of the product that is not there."""
    if not (common.BUILD / program).exists():
        return claims.Finding(False, f"not built: {what}: no program {program}", {"missing": program})
    ran = gtest(common.BUILD / program, filters, {**(env or {}), "CI": "1"})
    if not ran:
        return claims.Finding(False, f"not built: {what}: no test {filters} in {program}", {"missing": filters})
    return claims.Finding(True, f"{len(ran)} tests of {program} passed: {', '.join(ran)}", {"tests": list(ran)})


def crash_env(context):
    return {"PICTOR_CRASH_SCALE": str(context.options.crash_scale), "PICTOR_SEED": str(context.seed)}


for name, program, filters, what in (
        ("merge", "compact_crash_test", "CompactPowerLoss.*:*WithoutCompactionSync*", "merging segments"),
        ("purge", "compact_crash_test", "PurgePowerLoss.*:*Purge*", "erasing items"),
        ("backup", "backup_crash_test", "*", "a backup")):
    claim(f"power-loss-{name}", f"simulated power loss at every write, sync and rename of {what}; removing any one sync fails the test")(
        lambda context, program=program, filters=filters, what=what:
            shown_by_gtests(f"tests/crash/{program}", filters, what, crash_env(context)))


@claim("kills-store", f"{KILLS:,} random kills of a real process: nothing acknowledged lost, nothing deleted returns")
def kills(context):
    count = context.options.kills
    found = shown_by(("kill_test",), "kills", env={"PICTOR_KILLS": str(count), "PICTOR_SEED": str(context.seed)})
    found.figure = f"{count:,} kills: {found.figure}" + ("" if count >= KILLS else f"; a shorter run than {KILLS:,}: --kills {KILLS}")
    return found


@claim("soak", f"{SOAK_STEPS:,} commits, deletions, seals, merges, erasures, backups, reopenings and searches in any order: a plain map agrees")
def soak(context):
    env = {"PICTOR_SOAK_STEPS": str(SOAK_STEPS), "PICTOR_SEED": str(context.seed)}
    return shown_by_gtests("tests/crash/soak_test", "Soak.*", "a soak", env)


@claim("damage", "a flipped bit in any byte of a segment, columns or a graph: no other vector, row or hit; what is lost is told, the rest answers")
def damage(_):
    found = [shown_by_gtests(program, filters, "damage", {}) for program, filters in (
        ("src/store/store_test", "DamagedTest.*:ColumnsTest.bytes_that_flip*:StoreErrors.*amage*:BackupTest.*amage*"),
        ("src/index/index_test", "*Damage*"))]
    return claims.Finding(all(one.holds for one in found), "; ".join(one.figure for one in found),
                          {"programs": [one.numbers for one in found]})


claim("recall-live", "the recall that a collection publishes of its live queries agrees with that measured offline, within its interval")(
    lambda _: shown_by_gtests("src/engine/engine_test", "EngineIndexes.recall_of_live_queries*:LiveRecall*", "recall of live queries"))
claim("erasure", f"0 of {NEEDLES:,} planted needles are found in any file after items were deleted for good")(
    lambda context: shown_by_gtests("src/store/store_test", "PurgeTest.*", "erasure with a scanner of every file"))
claim("formats-graph", "a reader of at most 100 lines of Python opens a graph from docs/formats/graph.md alone")(
    lambda _: shown_by(("read_graph_test",), "the reader of graphs"))
claim("formats-segment", "a reader of at most 100 lines of Python opens a segment from docs/formats/segment.md alone")(
    lambda _: shown_by(("read_segment_test",), "the reader of segments"))
