"""The register of claims and how one is judged: a claim measures afresh and ends in one line, PASS, FAIL or SKIP."""
import dataclasses
import pathlib
import random
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "macro"))
import common  # noqa: E402

PASS, FAIL, SKIP = "PASS", "FAIL", "SKIP"
REGISTER = {}  # WHAT -> list of Claim, in the order they are run


@dataclasses.dataclass
class Claim:
    name: str
    wanted: str
    measure: object  # called with a Context, returns a Finding


@dataclasses.dataclass
class Finding:
    """What a claim's measurement found. `holds`: does the figure keep to the bound?"""
    holds: bool
    figure: str
    numbers: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Verdict:
    claim: str
    verdict: str
    figure: str
    wanted: str
    seconds: float
    numbers: dict

    def line(self):
        """One line, whatever a failure's text holds."""
        figure = " ".join(self.figure.split())
        return f"{self.verdict} {self.claim}: {figure} (wanted {self.wanted})"


class Context:
    """What one run of the proof shares: the seed, the options, and measurements that serve several claims."""

    def __init__(self, seed, options):
        self.seed, self.options = seed, options
        self.kept = {}

    def random(self, purpose):
        """The same numbers for a purpose whichever claims are selected."""
        return random.Random(f"{self.seed}/{purpose}")

    def once(self, key, measure):
        """Measures at most once a run; a failure is kept too, so that each claim which needs it says why."""
        if key not in self.kept:
            try:
                self.kept[key] = (measure(), None)
            except Exception as error:  # kept, and raised again below for every claim that needs it
                self.kept[key] = (None, error)
        value, error = self.kept[key]
        if error is not None:
            raise error
        return value


def claim(name, wanted, what="line"):
    def register(measure):
        REGISTER.setdefault(what, []).append(Claim(name, wanted, measure))
        return measure
    return register


def say(text):
    """Progress, for people: standard output holds the lines of the claims and nothing else."""
    print(text, file=sys.stderr, flush=True)


def judge(one, context):
    started = time.perf_counter()
    numbers = {}
    try:
        found = one.measure(context)
        verdict, figure, numbers = PASS if found.holds else FAIL, found.figure, found.numbers
    except common.Missing as missing:
        verdict, figure = SKIP, str(missing)
    except Exception as error:  # a claim that cannot be measured does not hold, and the others are still judged
        verdict, figure = FAIL, f"{type(error).__name__}: {error}"[:600]
        numbers = {"traceback": traceback.format_exc()}
    return Verdict(one.name, verdict, figure, one.wanted, round(time.perf_counter() - started, 3), numbers)


def exit_status(verdicts, strict=False):
    bad = {FAIL, SKIP} if strict else {FAIL}
    return 1 if not verdicts or any(verdict.verdict in bad for verdict in verdicts) else 0
