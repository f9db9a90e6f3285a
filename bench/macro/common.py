"""What the benches and proofs share: paths, machine facts, statistics, CPU time and memory of a child.

Needs only the standard library, so that it can be used before the Python environment of bench/ exists.
"""
import datetime
import json
import os
import pathlib
import platform
import re
import resource
import statistics
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("PICTOR_DEPS", ROOT / ".deps"))
CARDS = pathlib.Path(os.environ.get("PICTOR_MODELS", ROOT / "models"))
SHARED = pathlib.Path(os.environ.get("PICTOR_SHARED", ROOT.parent / "shared"))
WEIGHTS = pathlib.Path(os.environ.get("PICTOR_WEIGHTS", DEPS / "models"))
RESULTS = pathlib.Path(os.environ.get("PICTOR_RESULTS", ROOT / "bench" / "results"))
VENV_PYTHON = DEPS / "venv" / "bin" / "python"
EXIT_SKIPPED = 77  # what ctest takes for a skipped test
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def newest_build():
    """The release build that was made last: `make prove` builds with the bench preset, `make build` with release."""
    if "PICTOR_BUILD" in os.environ:
        return pathlib.Path(os.environ["PICTOR_BUILD"])
    built = [folder for folder in (ROOT / "build" / "bench", ROOT / "build" / "release") if (folder / "pictor").exists()]
    return max(built, key=lambda folder: (folder / "pictor").stat().st_mtime, default=ROOT / "build" / "release")


BUILD = newest_build()


class Missing(Exception):
    """Something that a measurement needs is not here; the text says what and which command makes it."""


def need(path, advice):
    path = pathlib.Path(path)
    if not path.exists():
        raise Missing(f"{path} is missing: {advice}")
    return path


def enter_venv(*modules):
    """Runs this script again under the Python environment of bench/ when a module is not here; else does nothing."""
    try:
        for module in modules:
            __import__(module)
        return
    except ImportError as error:
        seen = error
    # Compared unresolved: the environment's python is a link to the system's own.
    if VENV_PYTHON.exists() and sys.executable != str(VENV_PYTHON):
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])
    print(f"SKIP: {seen}; `make bench` sets up the Python packages of tools/requirements-bench.txt", file=sys.stderr)
    sys.exit(EXIT_SKIPPED)


def pictures(folder):
    """Every picture below a folder, by name's ending, in path order."""
    folder = need(folder, "see bench/README.md for what makes it")
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURE_ENDINGS and p.is_file())


def data_folder(name):
    """`.deps/data/NAME`: stamps or wallpapers, fetched by tools/data when it is not there as a whole."""
    folder = DEPS / "data" / name
    if not any(folder.glob(".complete-*")):
        fetcher = need(ROOT / "tools" / "data", f"it fetches {folder}")
        done = subprocess.run([str(fetcher), name, str(folder)], stdout=sys.stderr)
        if done.returncode != 0:
            raise Missing(f"`{fetcher} {name} {folder}` failed with status {done.returncode}")
    return folder


def stamps_folder():
    folder = data_folder("stamps")
    inner = folder / "usr" / "share" / "tuxpaint" / "stamps"
    return inner if inner.is_dir() else folder


def scratch():
    """Where rounds keep their data folders: a real disk under build/, since /tmp may be memory where a sync is free."""
    folder = pathlib.Path(os.environ.get("PICTOR_SCRATCH", ROOT / "build" / "scratch"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def spread(values):
    """min, median and max of what was measured."""
    values = list(values)
    return {"min": min(values), "median": statistics.median(values), "max": max(values), "n": len(values)}


def text_of(numbers, form="{:.2f}"):
    return " / ".join(form.format(numbers[key]) for key in ("min", "median", "max"))


def descendants(process):
    """Every living process below this one."""
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield child
            yield from descendants(child)


def own_cpu_seconds():
    """user + system of this process and of all below it, those that still run included (Linux)."""
    ticks = os.sysconf("SC_CLK_TCK")
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
    for process in descendants("self"):
        try:
            fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended between the two reads: its parent has its time now
        total += sum(int(field) for field in fields[11:15]) / ticks  # its own, and its ended children's
    return total


class Ran:
    """How a child process went: exit status, what it wrote, wall and CPU seconds, largest resident set in bytes."""

    def __init__(self, command, status, out, err, wall, cpu, rss_bytes, timed_out):
        self.command, self.status, self.out, self.err = command, status, out, err
        self.wall, self.cpu, self.rss_bytes, self.timed_out = wall, cpu, rss_bytes, timed_out

    def must(self, *statuses):
        if self.timed_out or self.status not in (statuses or (0,)):
            how = "ran past its time" if self.timed_out else f"ended with status {self.status}"
            raise RuntimeError(f"`{' '.join(self.command)[:300]}` {how}: {(self.err or self.out)[-600:].strip()}")
        return self


class PeakWatcher(threading.Thread):
    """The largest resident set of a process, from the kernel's own high-water mark, read until the process ends.

    ru_maxrss alone will not do: a child's begins at its parent's size, since it is forked from it."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.path, self.peak, self.ended = pathlib.Path(f"/proc/{process}/status"), 0, threading.Event()
        self.parent = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path("/proc/self/status").read_text())[1]) * 1024

    def run(self):
        while not self.ended.wait(0.01):
            try:
                mark = re.search(r"VmHWM:\s+(\d+)", self.path.read_text())
            except OSError:
                return
            self.peak = int(mark[1]) * 1024 if mark else self.peak

    def settle(self, maxrss):
        """What the kernel accounted, where it can be of the child alone; else what was watched."""
        self.ended.set()
        self.join()
        return maxrss if maxrss > self.parent or not self.peak else self.peak


def run(command, timeout=1800, env=None, cwd=None, stdin_text=None):
    """Runs a child and measures it with wait4, so that the figures are of this child alone and not of earlier ones."""
    command = [str(part) for part in command]
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                             stdin=subprocess.PIPE if stdin_text is not None else subprocess.DEVNULL, cwd=cwd,
                             env={**os.environ, **(env or {})}, start_new_session=True)
    parts = {"out": "", "err": ""}

    def read(name, stream):
        parts[name] = stream.read()

    def write():
        try:
            child.stdin.write(stdin_text)
            child.stdin.close()
        except BrokenPipeError:
            pass  # the child ended early; its status says why

    helpers = [threading.Thread(target=read, args=("out", child.stdout)),
               threading.Thread(target=read, args=("err", child.stderr))]
    if stdin_text is not None:
        helpers.append(threading.Thread(target=write))
    for helper in helpers:
        helper.start()
    watcher = PeakWatcher(child.pid)
    watcher.start()
    expired = threading.Event()

    def stop():
        expired.set()
        os.killpg(child.pid, 9)

    timer = threading.Timer(timeout, stop)
    timer.start()
    _, code, usage = os.wait4(child.pid, 0)
    timer.cancel()
    wall = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(code)
    for helper in helpers:
        helper.join()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            stream.close()
    return Ran(command, child.returncode, parts["out"], parts["err"], wall, usage.ru_utime + usage.ru_stime,
               watcher.settle(usage.ru_maxrss * 1024), expired.is_set())


def machine():
    """What a figure was measured on, for the results file. No host name: figures are published."""
    model, flags = "unknown", ""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            model = value.strip()
        if name.strip() == "flags":
            flags = value
    simd = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if f" {flag} " in f"{flags} "]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"processor": model, "simd": simd, "processors": len(os.sched_getaffinity(0)),
            "memory_gib": round(memory / 2**30, 1), "system": platform.platform(), "python": platform.python_version()}


def package_versions(*names):
    from importlib import metadata
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def commit():
    done = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or None


def write_result(name, content):
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    stamp = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    body = {"measured": stamp, "commit": commit(), "machine": machine(), **content}
    aside = path.with_suffix(".json.part")
    aside.write_text(json.dumps(body, indent=1, default=str) + "\n")
    aside.rename(path)
    return path
