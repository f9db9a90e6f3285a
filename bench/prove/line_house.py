"""Claims: the README's commands work, and so does the whole on a bare Debian 12."""
import os
import re
import shutil

import claims
import common
import line_durability

MINUTES = 15
SECOND_DEMO_SECONDS = 20


@claims.claim("readme", "every command of README.md is run and succeeds")
def readme(_):
    return line_durability.named(("readme_test",))


def bare_run(context):
    """A fresh root, a fresh clone of what is committed: demo twice, then the tests; seconds by step."""
    def measure():
        if not context.options.bare:
            raise common.Missing("takes half an hour and root rights: run with --bare")
        if os.geteuid() != 0 or not shutil.which("debootstrap"):
            raise common.Missing("needs root rights and debootstrap (apt-get install debootstrap zstd)")
        claims.say("bare: make demo, make demo, make test in a fresh Debian root")
        went = common.run([common.ROOT / "tools" / "bare_machine.sh", common.ROOT, "make demo", "make demo", "make test"],
                          timeout=5400)
        steps = [int(seconds) for seconds in re.findall(r"^bare: (\d+) s:", went.out, re.MULTILINE)]
        return {"status": went.status, "steps": steps, "tail": (went.out + went.err)[-2000:], "commit": common.commit()}
    return context.once("bare", measure)


def step(context, number, seconds_max, what):
    found = bare_run(context)
    if len(found["steps"]) <= number:
        return claims.Finding(False, f"{what} did not pass: {found['tail'][-300:]}", found)
    seconds = found["steps"][number]
    return claims.Finding(seconds <= seconds_max, f"{what} passed in {seconds} s on a debootstrap root with git, make and "
                          f"ca-certificates, commit {found['commit']}", found)


for position, (name, seconds, words) in enumerate((("bare-demo", 60 * MINUTES, "make demo from nothing"),
                                                   ("bare-demo-again", SECOND_DEMO_SECONDS, "make demo the second time"),
                                                   ("bare-test", 60 * MINUTES, "make test with its set-up and build"))):
    claims.claim(name, f"passes within {seconds} s on a bare Debian 12")(
        lambda context, number=position, most=seconds, what=words: step(context, number, most, what))
