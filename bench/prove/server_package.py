"""The claim that a package runs where nothing is: no compiler, no Python, no build tree, no network."""
import json
import os
import shutil
import tempfile

import claims
import common
from server_house import claim

SECONDS_MAX = 3
PICTURES = 6
TOOLS = ("debootstrap", "zstd", "unshare")


def need_bare_roots():
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise common.Missing(f"{', '.join(missing)} missing, with which a bare Debian is made: `tools/setup bare` installs it")
    if os.geteuid() != 0:
        raise common.Missing("needs root rights, to make and enter another root")


def packages():
    """[(kind, file, user)] of what `make package` made last."""
    dist = common.need(common.ROOT / "build" / "dist" / "SHA256SUMS", "`make package` makes it").parent
    return [("tarball", *dist.glob("pictor-*-linux-x86_64.tar.gz"), "root"), ("deb", *dist.glob("pictor_*_amd64.deb"), "pictor")]


def drawn_pictures(context, folder):
    for number, path in enumerate(context.random("package").sample(common.pictures(common.stamps_folder()), PICTURES)):
        shutil.copy(path, f"{folder}/{number}{path.suffix}")


def in_bare_root(pictures, package, user):
    driver = common.ROOT / "bench" / "prove" / "server_package_run.py"
    went = common.run([common.ROOT / "tools" / "bare_package.sh", package, common.VENV_PYTHON, driver, pictures, user], timeout=1800)
    return json.loads(went.must(0).out.splitlines()[-1])


def text_of(kind, found):
    return f"{kind} {found['first']['answer_s']:.2f} s ({found['again']['answer_s']:.2f} s the time after)"


@claim("package", f"in a bare debootstrap folder, without a network, from the start of the process to the answer of its first search < {SECONDS_MAX} s")
def package(context):
    need_bare_roots()
    found = {}
    with tempfile.TemporaryDirectory(dir=common.scratch(), prefix="package-") as pictures:
        drawn_pictures(context, pictures)
        for kind, path, user in packages():
            claims.say(f"package: {path.name} in a fresh Debian root")
            found[kind] = {"bytes": path.stat().st_size, **in_bare_root(pictures, path, user)}
    odd = "".join(f"; the root of the {kind} has {', '.join(one['not_bare'])}" for kind, one in found.items() if one["not_bare"])
    holds = not odd and all(one["first"]["answer_s"] < SECONDS_MAX and one["first"]["hits"] == 3 for one in found.values())
    return claims.Finding(holds, ", ".join(text_of(*one) for one in found.items()) + odd, found)
