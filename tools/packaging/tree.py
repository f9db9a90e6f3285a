"""Lays a package's files out below its prefix, with the modes and the one time that they all get."""
import json
import os
import pathlib
import shutil
import subprocess

import libraries

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPLETIONS = {"bash": "share/bash-completion/completions/pictor", "zsh": "share/zsh/vendor-completions/_pictor",
               "fish": "share/fish/vendor_completions.d/pictor.fish"}
DOC = "share/doc/pictor"
EXECUTABLE = ("bin/pictor", "DEBIAN/postinst", "DEBIAN/prerm", "DEBIAN/postrm")


def put(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def put_text(text, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def put_program(program, prefix):
    target = prefix / "bin" / "pictor"
    put(program, target)
    subprocess.run(["strip", "--strip-all", str(target)], check=True)
    target.chmod(0o755)


def put_libraries(found, prefix):
    for name, path in sorted(found.items()):
        put(path, prefix / "lib" / "pictor" / name)


def put_cards(prefix):
    for path in sorted((ROOT / "models").glob("*.json")):
        put(path, prefix / "share/pictor/models" / path.name)


def put_weights(names, weights, prefix):
    """A file that two encoders share lies there once, under two names."""
    placed = {}
    for name in names:
        card = ROOT / "models" / f"{name}.json"
        if not card.is_file():
            raise libraries.PackageError(f"there is no encoder '{name}': models/ has no card of that name")
        for entry in json.loads(card.read_text())["files"]:
            source, target = weights / name / entry["path"], prefix / "share/pictor/weights" / name / entry["path"]
            if not source.is_file() or source.stat().st_size != entry["bytes"]:
                raise libraries.PackageError(f"{source} is missing or not of {entry['bytes']} bytes: run tools/setup models")
            target.parent.mkdir(parents=True, exist_ok=True)
            if entry["sha256"] in placed:
                os.link(placed[entry["sha256"]], target)
            else:
                shutil.copyfile(source, target)
                placed[entry["sha256"]] = target


def put_documents(prefix):
    put(ROOT / "CHANGELOG.md", prefix / DOC / "CHANGELOG.md")
    for folder in ("docs/how", "docs/reference"):
        for path in sorted((ROOT / folder).glob("*.md")):
            put(path, prefix / DOC / folder / path.name)


def run_packaged(prefix, *words):
    """The program as it lies there, in an environment that knows nothing of this machine."""
    went = subprocess.run([str(prefix / "bin" / "pictor"), *words], env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                          capture_output=True, text=True, check=False)
    if went.returncode != 0:
        raise libraries.PackageError(f"the packaged program cannot do `pictor {' '.join(words)}`: {went.stderr.strip()[-500:]}")
    return went.stdout


def put_completions(prefix, version):
    """Written by the program as it was packaged, which shows that it starts and is of that version."""
    seen = run_packaged(prefix, "--version").split()[-1:]
    if seen != [version]:
        raise libraries.PackageError(f"the program is of version {seen}, the package of {version}: run tools/build package pictor")
    for shell, target in COMPLETIONS.items():
        put_text(run_packaged(prefix, "completion", shell), prefix / target)


def put_service(target, program="/usr/bin/pictor", config="/etc/pictor/pictor.toml"):
    text = (ROOT / "packaging/pictor.service").read_text()
    put_text(text.replace("/usr/bin/pictor", program).replace("/etc/pictor/pictor.toml", config), target)


def settle(root, epoch):
    """One owner's modes and one time for all, whatever the umask and the hour."""
    for path in sorted(root.rglob("*"), reverse=True):
        is_program = any(path.relative_to(root).match(pattern) for pattern in EXECUTABLE)
        path.chmod(0o755 if path.is_dir() or is_program else 0o644)
        os.utime(path, (epoch, epoch))
    root.chmod(0o755)
    os.utime(root, (epoch, epoch))
