"""Claims: a loss of power and kills lose nothing acknowledged; the sanitizers find nothing."""
import re
import subprocess

import claims
import common

POWER_TESTS, KILL_TESTS = ("db_test", "crash_test"), ("kill_test",)
SLOW = "slow|norun|bench|families"  # families: their set-up is that of the encoders' claims


def parse_ctest(text):
    """(test, how it ended) from ctest's report: "Passed", "***Failed", "***Timeout", "***Skipped", ..."""
    return re.findall(r"^ *\d+/\d+ Test +#\d+: (\S+) \.+ *(Passed|\*\*\*\S+)", text, re.MULTILINE)


def ctest(build, *choice, env=None, timeout=3000):
    """How many tests of a build passed, failed and were skipped, and which failed."""
    common.need(build / "CTestTestfile.cmake", f"run `cmake --preset {build.name}` and build it")
    went = common.run(["ctest", "--test-dir", build, "--output-on-failure", "-j", 2, *choice], env=env, timeout=timeout)
    if went.timed_out:
        raise RuntimeError(f"the tests ran past {timeout} s")
    lines = parse_ctest(went.out)
    found = {"passed": [name for name, how in lines if how == "Passed"],
             "skipped": [name for name, how in lines if how == "***Skipped"], "wall": went.wall}
    found["failed"] = [name for name, _ in lines if name not in found["passed"] + found["skipped"]]
    if not lines:
        raise common.Missing(f"no test of {build.name} matches {' '.join(map(str, choice))}: {went.out[-200:].strip()}")
    found["log"] = went.out[-4000:] if found["failed"] or went.status else ""
    found["good"] = went.status == 0 and not found["failed"] and bool(found["passed"])
    return found


def told(found):
    text = f"{len(found['passed'])} tests passed ({', '.join(found['passed'])})"
    if found["skipped"]:
        text += f", skipped: {', '.join(found['skipped'])}"
    return text + (f", FAILED: {', '.join(found['failed'])}" if found["failed"] else "") + f", {found['wall']:.0f} s"


def count(found):
    text = f"{len(found['passed'])} test programs passed"
    return text + (f", FAILED: {', '.join(found['failed'])}" if found["failed"] else "") + f", {found['wall']:.0f} s"


def named(names, env=None):
    """Those tests of the build, all of them."""
    found = ctest(common.BUILD, "-R", f"^({'|'.join(names)})$", env=env)
    missing = sorted(set(names) - set(found["passed"] + found["failed"] + found["skipped"]))
    found["good"] = found["good"] and not missing and not found["skipped"]
    return claims.Finding(found["good"], told(found) + (f", MISSING: {', '.join(missing)}" if missing else ""), found)


@claims.claim("power-loss", "at every write, sync and rename: nothing acknowledged lost, nothing halved")
def power_loss(context):
    scale = context.options.crash_scale
    finding = named(POWER_TESTS, {"PICTOR_CRASH_SCALE": str(scale), "PICTOR_SEED": str(context.seed)})
    finding.figure = f"simulated at scale {scale}, seed {context.seed}: {finding.figure}"
    return finding


@claims.claim("kills", "300 random kills of a real process: nothing acknowledged lost, nothing halved")
def kills(context):
    count = context.options.kills
    finding = named(KILL_TESTS, {"PICTOR_KILLS": str(count), "PICTOR_SEED": str(context.seed)})
    finding.figure = f"{count} kills, seed {context.seed}: {finding.figure}"
    return finding


def sanitizer(preset):
    """Builds (what is built already stays) and runs the tests under a sanitizer."""
    claims.say(f"{preset}: building")
    log = common.ROOT / "build" / f"{preset}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as out:
        for command in (["cmake", "--preset", preset], ["cmake", "--build", "--preset", preset]):
            if subprocess.run(command, cwd=common.ROOT, stdout=out, stderr=subprocess.STDOUT).returncode != 0:
                raise RuntimeError(f"{' '.join(command)} failed: {log.read_text()[-400:]}")
    found = ctest(common.ROOT / "build" / preset, "-LE", SLOW)
    return claims.Finding(found["good"], count(found), found)


claims.claim("asan", "every fast test clean under AddressSanitizer and UndefinedBehaviorSanitizer")(
    lambda _: sanitizer("asan"))
claims.claim("tsan", "every fast test clean under ThreadSanitizer")(lambda _: sanitizer("tsan"))
