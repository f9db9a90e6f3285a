"""Holds a package's folder against what it may be: every file in the list, every library found, no path of this machine."""
import fnmatch
import pathlib
import re

import elf
import libraries
import tree

RPATH = "$ORIGIN/../lib/pictor"


def patterns_of(listing, kind, prefix):
    """(pattern below the package's folder, must it be there) of packaging/contents.txt."""
    found = []
    for line in listing.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        which, pattern = line.split()
        if which in (kind, "both", "either"):
            found.append((pattern[1:] if pattern.startswith("/") else f"{prefix}{pattern}", which != "either"))
    return found


def check_list(files, patterns):
    faults = [f"{file}: in no line of packaging/contents.txt" for file in files
              if not any(fnmatch.fnmatchcase(file, pattern) for pattern, _ in patterns)]
    return faults + [f"{pattern}: packaging/contents.txt wants it, and there is none" for pattern, must in patterns
                     if must and not any(fnmatch.fnmatchcase(file, pattern) for file in files)]


def holds_path(data, path):
    """As a path of its own: /src is not in /home/src."""
    at = data.find(path)
    while at >= 0:
        around = data[max(at - 1, 0):at] + data[at + len(path):at + len(path) + 1]
        if not re.search(rb"[\w.-]", around):
            return True
        at = data.find(path, at + 1)
    return False


def check_paths(root, files, forbidden):
    """No file knows a folder of the machine that made it."""
    for file in files:
        data = (root / file).read_bytes()
        for path in forbidden:
            if holds_path(data, path.encode()):
                yield f"{file}: holds the path {path} of this machine"


def check_modes(root, executable):
    for path in sorted(root.rglob("*")):
        inside, mode = path.relative_to(root), path.lstat().st_mode & 0o7777
        if path.is_symlink():
            yield f"{inside}: a link; copy what it names"
            continue
        wanted = 0o755 if path.is_dir() or any(inside.match(one) for one in executable) else 0o644
        if mode != wanted:
            yield f"{inside}: mode {mode:o}, {wanted:o} is wanted"


def check_program(inside, facts):
    if facts.has_symbols:
        yield f"{inside}: is not stripped"
    if inside.endswith("bin/pictor"):
        if (facts.rpath, facts.runpath) != (RPATH, ""):
            yield f"{inside}: looks for libraries in RPATH '{facts.rpath}', RUNPATH '{facts.runpath}'; RPATH {RPATH} is wanted"
        return
    for where in filter(None, (facts.rpath + ":" + facts.runpath).split(":")):
        if not where.startswith("$ORIGIN"):
            yield f"{inside}: looks for libraries in '{where}', which is not beside it"


def check_libraries(root, files, outside):
    """Every library that is asked for is inside, the C library's, or `outside`; and every one inside is asked for."""
    programs = {file: elf.read(root / file) for file in files if elf.is_elf(root / file)}
    inside = {pathlib.Path(file).name for file in programs}
    asked = {name for facts in programs.values() for name in facts.needed}
    for file, facts in sorted(programs.items()):
        yield from check_program(file, facts)
        for name in facts.needed:
            if name not in inside and name not in elf.GLIBC and name not in outside:
                yield f"{file}: needs {name}, which is neither inside nor promised"
        name = pathlib.Path(file).name
        if "lib/pictor/" in file and name not in asked and not libraries.OPENED.match(name):
            yield f"{file}: nothing asks for it"


def check_tree(root, listing, kind, outside=(), forbidden=()):
    """Every fault of a package's folder, in words; empty when it is as it should be."""
    every = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    files = [file for file in every if not file.startswith("DEBIAN/")]
    faults = check_list(files, patterns_of(listing, kind, "usr/" if kind == "deb" else ""))
    faults += check_modes(root, tree.EXECUTABLE)
    faults += check_libraries(root, files, outside)
    return faults + list(check_paths(root, every, forbidden))
