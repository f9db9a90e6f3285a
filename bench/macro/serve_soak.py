"""The soak of the server: saturated with queries, puts and deletes for a while, then killed under that load and started again.

Memory is judged before the kill, since a fresh process would hide what grew: the resident set in the last twentieth of the time
against that from a quarter of the time on. The kill (-9) comes in the middle of the load that goes on behind it. What serve_load was
told of puts and deletes is held against what the server has afterwards; what was under way when it died may be either way.
"""
import http.client
import json
import statistics
import subprocess
import threading
import time

from serve_requests import COLLECTION
from serve_sides import load_command, logged, on_two_cores, wait_for

SECONDS = {"tiny": 10, "small": 90, "hour": 300, "full": 1200}
MIX = {"text": 3, "image": 3, "id": 3, "put": 2, "delete": 2}
CONNECTIONS = 16
TAIL, TAIL_SECONDS_MIN = 0.1, 10  # of the load behind, in whose middle the kill is
GROWTH_MAX, DAY = 0.05, 86_400
MILLION_A_DAY = 1_000_000 / DAY


class Memory(threading.Thread):
    """Resident bytes of a service, about every second."""

    def __init__(self, service, every):
        super().__init__(daemon=True)
        self.service, self.every, self.samples, self.over = service, every, [], threading.Event()

    def run(self):
        while not self.over.wait(self.every):
            try:
                self.samples.append((time.monotonic(), self.service.resident()))
            except (OSError, KeyError):
                return  # it ended


def growth(samples, begin, seconds, key):
    """(bytes from a quarter of the time on, bytes at its end, the largest between): medians over a twentieth of the time."""
    def within(first, last):
        return [one[key] for at, one in samples if begin + first * seconds <= at <= begin + last * seconds]
    early, late = within(0.25, 0.3), within(0.95, 1.0)
    if not early or not late:
        raise RuntimeError(f"{len(samples)} samples of memory in {seconds:.0f} s are too few")
    return statistics.median(early), statistics.median(late), max(within(0.25, 1.0))


def expected(lines):
    """Ids by what must be true of them after all: there, gone, and those that may be either."""
    put, gone, open_ends = set(), set(), set()
    for name, serial, status, _, _ in lines:
        good = 200 <= status < 300
        if name == "put":
            (put if good else open_ends).add(serial)
        elif name == "delete":
            (gone if good else open_ends).add(serial)
    return put - gone - open_ends, gone, open_ends - gone


def wrong_answers(lines, killed_us, ready_us):
    """Neither 2xx nor 429; a connection may only break while the server was dead."""
    found = {}
    for name, _, status, _, end in lines:
        dead = status == 0 and killed_us <= end <= ready_us + 1_000_000
        if not (200 <= status < 300 or status == 429 or dead):
            found[f"{name} {status}"] = found.get(f"{name} {status}", 0) + 1
    return found


def look(service, there, gone):
    """(ids that are lost, ids that came back): every one is asked for."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
    found = {}
    for serial in sorted(there | gone):
        connection.request("GET", f"/v1/collections/{COLLECTION}/items/put-{serial:012d}?vectors=true")
        answer = connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 404):
            raise RuntimeError(f"put-{serial:012d}: {answer.status} {text[:200]!r}")
        found[serial] = answer.status == 200 and all(json.loads(text)["vectors"].values())
    connection.close()
    return sorted(serial for serial in there if not found[serial]), sorted(serial for serial in gone if found[serial])


def soak(bench, seconds=None):
    seconds = seconds or SECONDS[bench.scale]
    tail = max(TAIL * seconds, TAIL_SECONDS_MIN)
    with bench.ours() as service:
        log = service.folder / "log.txt"
        options = {**bench.fresh(), "closed": MIX, "connections": CONNECTIONS, "seconds": seconds + tail, "log": log}
        memory = Memory(service, min(1.0, seconds / 100))
        begin = time.monotonic()
        child = subprocess.Popen(load_command(service.port, bench.requests, **options), stdout=subprocess.PIPE, text=True, preexec_fn=on_two_cores)
        memory.start()
        time.sleep(max(begin + seconds - time.monotonic(), 0))
        memory.over.set()
        memory.join()
        cpu = service.cpu_seconds()
        time.sleep(max(begin + seconds + tail / 2 - time.monotonic(), 0))
        killed = time.monotonic()
        service.kill()
        service.start()
        wait_for(service)
        ready = time.monotonic()
        said = json.loads(child.communicate(timeout=seconds + tail + 300)[0])
        lines = list(logged(log))
        there, gone, either = expected(lines)
        lost, returned = look(service, there, gone)
        count = service.ask("GET", f"/v1/collections/{COLLECTION}/count")[1]["count"]
    before = bench.data.rows + len(bench.data.pictures())
    measured = [line for line in lines if (begin + 0.25 * seconds) * 1e6 <= line[4] <= (begin + seconds) * 1e6 and 200 <= line[2] < 300]
    rates = {name: sum(line[0] == name for line in measured) / (0.75 * seconds) for name in MIX}
    found = {"seconds": seconds, "full_seconds": SECONDS["full"], "mix": MIX, "connections": CONNECTIONS, "per_second": rates,
             "all_per_second": sum(rates.values()), "a_day": DAY * sum(rates.values()), "service_cpu_seconds": cpu, "restart_seconds": ready - killed, "puts": len(there) + len(gone),
             "wrong": wrong_answers(lines, killed * 1e6, ready * 1e6), "refused_429": sum(line[2] == 429 for line in lines),
             "under_way_at_the_kill": len(either), "lost": lost, "returned": returned, "deleted": len(gone), "there": len(there),
             "count": count, "count_wanted": [before + len(there), before + len(there) + len(either)], "told": said}
    for key in ("rss", "anon"):
        early, late, most = growth(memory.samples, begin, seconds, key)
        found[key] = {"at_a_quarter": early, "at_the_end": late, "largest": most, "growth": late / early - 1,
                      "samples": [[round(at - begin, 1), one[key]] for at, one in memory.samples]}
    return found


def holds(found):
    low, high = found["count_wanted"]
    return (found["rss"]["growth"] <= GROWTH_MAX and not found["wrong"] and not found["lost"] and not found["returned"] and
            low <= found["count"] <= high and found["deleted"] > 0 and found["there"] > 0)


def text_of(found):
    rss, anon = found["rss"], found["anon"]
    return (f"{found['seconds'] / 60:.1f} minutes at {found['all_per_second']:.0f} requests a second: RSS {100 * rss['growth']:+.1f} % "
            f"({rss['at_a_quarter'] / 2**20:,.0f} to {rss['at_the_end'] / 2**20:,.0f} MiB; its own {100 * anon['growth']:+.1f} %, to "
            f"{anon['at_the_end'] / 2**20:,.0f} MiB), wrong answers {found['wrong'] or 'none'}, {found['refused_429']:,} times 429; after kill -9 "
            f"{len(found['lost'])} of {found['there']:,} puts lost, {len(found['returned'])} of {found['deleted']:,} deleted ones back, "
            f"answering again after {found['restart_seconds']:.1f} s")
