"""A control group of the kernel that limits the memory of a process, page cache included: cgroup version 1 or 2."""
import os
import pathlib
import time

ROOT = pathlib.Path("/sys/fs/cgroup")
MEMBERS = pathlib.Path("/proc/self/cgroup")


class NoGroup(Exception):
    """No group can be made here; the text says why."""


def places():
    """(version, folder) of this process's own groups that could hold another."""
    for line in MEMBERS.read_text().splitlines():
        _, names, path = line.split(":", 2)
        if "memory" in names.split(","):
            yield 1, ROOT / "memory" / path.lstrip("/")
        elif names == "":
            yield from ((2, root / path.lstrip("/")) for root in (ROOT, ROOT / "unified"))


def answers(folder, version):
    """Does the memory controller take a limit in this group?"""
    return (folder / ("memory.limit_in_bytes" if version == 1 else "memory.max")).exists()


class Group:
    """`enter`: the words before a command that runs it inside. Ends with the block; the processes in it must have ended."""

    def __init__(self, limit_bytes):
        self.limit_bytes = int(limit_bytes)
        self.version, self.folder = self.made()
        self.enter = ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', self.folder / "cgroup.procs"]
        if self.version == 1:
            (self.folder / "memory.limit_in_bytes").write_text(str(self.limit_bytes))
            self.write("memory.swappiness", "0")
        else:
            (self.folder / "memory.max").write_text(str(self.limit_bytes))
            self.write("memory.swap.max", "0")

    @staticmethod
    def made():
        reasons = []
        for version, parent in places():
            folder = parent / f"pictor-{os.getpid()}-{time.monotonic_ns()}"
            try:
                if version == 2 and "memory" not in (parent / "cgroup.subtree_control").read_text().split():
                    (parent / "cgroup.subtree_control").write_text("+memory")
                folder.mkdir()
                if answers(folder, version):
                    return version, folder
                folder.rmdir()
                reasons.append(f"{parent} limits no memory")
            except OSError as error:
                reasons.append(f"{parent}: {error.strerror}")
        raise NoGroup("; ".join(reasons) or "this process is in no group that limits memory")

    def write(self, name, content):
        try:
            (self.folder / name).write_text(content)
        except OSError:
            pass  # a kernel without swap has no such file

    def read(self, name):
        return (self.folder / name).read_text()

    def use(self):
        """What the group holds and held at most, in bytes; how much of it is page cache; how often it met its limit."""
        stat = dict(line.split() for line in self.read("memory.stat").splitlines())
        if self.version == 1:
            return {"now": int(self.read("memory.usage_in_bytes")), "peak": int(self.read("memory.max_usage_in_bytes")),
                    "cache": int(stat["cache"]), "met_limit": int(self.read("memory.failcnt"))}
        events = dict(line.split() for line in self.read("memory.events").splitlines())
        peak = int(self.read("memory.peak")) if (self.folder / "memory.peak").exists() else None
        return {"now": int(self.read("memory.current")), "peak": peak, "cache": int(stat["file"]), "met_limit": int(events["max"])}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _ in range(50):
            try:
                return self.folder.rmdir()
            except OSError:
                time.sleep(0.1)  # its last process has not been waited for yet
        raise RuntimeError(f"{self.folder} cannot be removed: a process is still in it")


def forget(path):
    """Takes a file out of the page cache, so that whoever reads it next is charged with it. Nobody may have it mapped."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
