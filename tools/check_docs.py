#!/usr/bin/env python3
"""Checks what the documents say: every link and path exists, every make target exists, every dependency has its row,
and every number between markers is the one in bench/results (tools/check_docs.py --fill writes them)."""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MARK = re.compile(r"<!--=(?P<key>[^>]+?)-->(?P<value>.*?)<!--/-->", re.S)


def documents():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split() if (ROOT / name).exists()]


def check_links(path, text):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        if not (path.parent / target).exists():
            yield f"{path.relative_to(ROOT)}: link to '{target}', which does not exist"


def check_paths(path, text):
    """Paths in backquotes that begin with a folder of ours must exist (patterns and placeholders excepted)."""
    for target in re.findall(r"`((?:src|tools|models|docs|bench|tests|include|cmake|examples|ui|api)/[\w./-]+)`", text):
        if not (ROOT / target).exists() and not re.search(r"[A-Z]{4,}|results/", target):
            yield f"{path.relative_to(ROOT)}: path '{target}' does not exist"


def check_make(path, text):
    targets = set(re.findall(r"^([a-z]+)(?: [a-z]+)*:", (ROOT / "Makefile").read_text(), re.M)) | {"tsan"}
    blocks = "".join(re.findall(r"```.*?```", text, re.S))
    for target in re.findall(r"`make ([a-z]+)", text) + re.findall(r"^\s*make ([a-z]+)", blocks, re.M):
        if target not in targets:
            yield f"{path.relative_to(ROOT)}: 'make {target}' is not in the Makefile"


def lookup(key):
    """'line:ingest.stamps.ratio:.2f' -> the number in bench/results/line.json, formatted."""
    name, _, rest = key.partition(":")
    where, _, form = rest.partition(":")
    value = json.loads((ROOT / "bench/results" / f"{name}.json").read_text())
    for part in where.split("."):
        if isinstance(value, list) and not part.isdigit():
            value = next((one for one in value if one.get("name") == part), None) or {}[part]
        else:
            value = value[int(part)] if isinstance(value, list) else value[part]
    return format(value, form) if form else str(value)


def check_numbers(path, text, fill):
    faults = []

    def replace(found):
        try:
            wanted = lookup(found["key"])
        except (KeyError, OSError, ValueError, IndexError) as error:
            faults.append(f"{path.relative_to(ROOT)}: number '{found['key']}' is not in bench/results: {error!r}")
            return found[0]
        if found["value"] != wanted and not fill:
            faults.append(f"{path.relative_to(ROOT)}: '{found['key']}' says {found['value']}, the result is {wanted} "
                          "(mend with: tools/check_docs.py --fill)")
        return f"<!--={found['key']}-->{wanted}<!--/-->"

    filled = MARK.sub(replace, text)
    if fill and filled != text:
        path.write_text(filled)
    return faults


def check_dependencies():
    table = (ROOT / "docs/reference/dependencies.md").read_text()
    names = [line.split()[1] for line in (ROOT / "tools/packages.txt").read_text().splitlines()
             if line and not line.startswith("#")]
    for requirements in ("requirements.txt", "requirements-bench.txt", "requirements-cuda.txt", "requirements-golden.txt",
                         "requirements-server.txt"):
        names += [re.split(r"==|\[", line)[0] for line in (ROOT / "tools" / requirements).read_text().splitlines()
                  if line and not line.startswith("#")]
    for name in names:
        if f"`{name}`" not in table:
            yield f"docs/reference/dependencies.md: no row for '{name}'"


def main():
    fill = "--fill" in sys.argv
    faults = list(check_dependencies())
    for path in documents():
        text = path.read_text()
        faults += [*check_links(path, text), *check_paths(path, text), *check_make(path, text)]
        faults += check_numbers(path, text, fill)
    print("\n".join(faults) if faults else "docs: links, paths, targets, dependencies and numbers hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
