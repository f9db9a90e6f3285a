#!/usr/bin/env python3
"""Makes the packages of the program in build/package: a tarball and a .deb, in build/dist. tools/package calls it."""
import argparse
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import archive  # noqa: E402
import check  # noqa: E402
import deb  # noqa: E402
import libraries  # noqa: E402
import licences  # noqa: E402
import tree  # noqa: E402

ROOT = tree.ROOT
PACKAGING = ROOT / "packaging"


@dataclasses.dataclass(frozen=True)
class Facts:
    version: str
    commit: str
    epoch: int
    deps: pathlib.Path
    encoders: tuple


def say(text):
    print(f"package: {text}", flush=True)


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def facts_of(given):
    version = re.search(r"project\(pictor VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    changed = git("status", "--porcelain", "--untracked-files=no") != ""
    if changed:
        say("what is not committed is in it")
    commit = git("rev-parse", "HEAD")[:12] + (" with changes" if changed else "")
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct"))
    return Facts(version, commit, epoch, pathlib.Path(given.deps), tuple(name for name in given.encoders.split() if name != "none"))


def put_common(program, facts, prefix):
    """What both packages have. Gives the rows of the page that says what is inside."""
    tree.put_program(program, prefix)
    tree.put_libraries(libraries.run_time_libraries(facts.deps), prefix)
    tree.put_cards(prefix)
    tree.put_weights(facts.encoders, facts.deps / "models", prefix)
    tree.put_documents(prefix)
    rows = licences.put_run_times(facts.deps, prefix)
    rows += licences.put_encoders(facts.encoders, facts.deps / "downloads", prefix)
    return rows + licences.put_debian(libraries.debian_packages(licences.COMPILED_IN).values(), prefix)


def finished(root, kind, facts, outside=()):
    """Raises where the folder is not as packaging/contents.txt and tools/packaging/check.py want it."""
    tree.settle(root, facts.epoch)
    forbidden = sorted({str(path) for path in (ROOT, facts.deps, facts.deps.resolve())})
    faults = check.check_tree(root, (PACKAGING / "contents.txt").read_text(), kind, outside, forbidden)
    if faults:
        raise libraries.PackageError("\n".join([f"{len(faults)} faults of the {kind}:", *faults[:40]]))


def below(prefix):
    return [prefix / "bin" / "pictor", *sorted((prefix / "lib" / "pictor").iterdir())]


def make_tarball(program, facts, stage, out):
    folder = stage / f"pictor-{facts.version}-linux-x86_64"
    rows = put_common(program, facts, folder)
    inside = {path.name for path in below(folder)}
    debian = libraries.libraries_below(below(folder), inside, libraries.libraries_of_system())
    tree.put_libraries(debian, folder)
    rows += licences.put_debian(set(libraries.owners(set(debian.values())).values()), folder)
    tree.put(PACKAGING / "pictor.toml", folder / "share/pictor/pictor.toml")
    tree.put_service(folder / "share/pictor/pictor.service", "/opt/pictor/bin/pictor")
    licences.put_page(rows, facts, folder, "libx265.so.199" in debian)
    tree.put_completions(folder, facts.version)
    finished(folder, "tar", facts)
    target = out / f"{folder.name}.tar.gz"
    archive.make_tarball(folder, target, facts.epoch)
    return target


def make_deb(program, facts, stage, out):
    root = stage / "deb"
    prefix = root / "usr"
    rows = put_common(program, facts, prefix)
    files = below(prefix)
    inside, system = {path.name for path in files}, libraries.libraries_of_system()
    twins = libraries.owners({path.resolve() for name, path in system.items() if name in inside})
    depends = deb.depends_of(root, files, {twin.name for twin in twins.values()})
    debian = libraries.libraries_below(files, inside, system)
    owners, named = libraries.owners(set(debian.values())), deb.names_in(depends)
    promised = {name for name, path in debian.items() if deb.names_in(f"{owners[path].name}, {owners[path].provides}") & named}
    tree.put(PACKAGING / "pictor.toml", root / "etc/pictor/pictor.toml")
    tree.put_service(prefix / "lib/systemd/system/pictor.service")
    licences.put_page(rows, facts, prefix, False)
    tree.put_completions(prefix, facts.version)
    deb.put_control(root, PACKAGING, facts.version, depends)
    finished(root, "deb", facts, promised)
    target = out / f"pictor_{facts.version}_amd64.deb"
    deb.make_deb(root, target, facts.epoch)
    return target


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/package/pictor")
    parser.add_argument("--deps", default=str(ROOT / ".deps"), help="what tools/setup made")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/dist")
    parser.add_argument("--encoders", default="lite2-minilm", help="whose weights are inside, in quotes; none: none (default: %(default)s)")
    return parser.parse_args()


def main():
    given = arguments()
    given.out = given.out.resolve()  # tools are started in other folders
    if not given.program.is_file():
        raise libraries.PackageError(f"{given.program} is missing: run tools/build package pictor")
    facts = facts_of(given)
    given.out.mkdir(parents=True, exist_ok=True)
    for pattern in ("pictor-*-linux-x86_64.tar.gz*", "pictor_*_amd64.deb*", "SHA256SUMS"):
        for path in given.out.glob(pattern):
            path.unlink()
    made = []
    for make in (make_tarball, make_deb):
        with tempfile.TemporaryDirectory(prefix=".stage-", dir=given.out) as stage:
            made.append(make(given.program, facts, pathlib.Path(stage), given.out))
        say(f"{made[-1].relative_to(ROOT) if made[-1].is_relative_to(ROOT) else made[-1]}: {made[-1].stat().st_size / 1e6:.0f} MB")
    archive.write_sums(made, given.out / "SHA256SUMS")


if __name__ == "__main__":
    try:
        main()
    except (libraries.PackageError, licences.fetch.FetchError) as error:
        sys.exit(f"package: {error}")
