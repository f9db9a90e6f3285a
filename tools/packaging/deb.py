"""A Debian package of a folder that holds usr/ and etc/."""
import hashlib
import os
import pathlib
import re
import subprocess
import tempfile

import libraries

SCRIPTS = ("postinst", "prerm", "postrm")


def depends_of(root, files, twins):
    """What dpkg-shlibdeps finds that these files need of Debian's libraries, at least in which versions. `twins` are packages
    of libraries that the package has inside, which it takes to be Debian's by their names."""
    (root / "DEBIAN").mkdir(exist_ok=True)  # by which it knows where the package's root is, and so what $ORIGIN means
    with tempfile.TemporaryDirectory(prefix="pictor-deb-") as name:
        control = pathlib.Path(name) / "debian" / "control"
        control.parent.mkdir()
        control.write_text("Source: pictor\n\nPackage: pictor\nArchitecture: amd64\n")
        # -I: what lies in the package itself is nobody else's.
        command = ["dpkg-shlibdeps", "-O", "--warnings=0", f"-I{root}", f"-l{root}/usr/lib/pictor", *(f"-x{name}" for name in sorted(twins)),
                   *(f"-e{path}" for path in files)]
        said = subprocess.run(command, cwd=name, capture_output=True, text=True, check=False)
    found = re.search(r"^shlibs:Depends=(.*)$", said.stdout, re.M)
    if said.returncode != 0 or not found:
        raise libraries.PackageError(f"dpkg-shlibdeps: {said.stderr.strip()[-600:]}")
    return found[1]


def names_in(depends):
    """The packages that a Depends line names, without versions and alternatives."""
    return {re.match(r"[a-z0-9.+-]+", word.strip())[0] for word in depends.split(",") if word.strip()}


def sums_of(root):
    lines = []
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and inside.parts[0] != "DEBIAN":
            with open(path, "rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'md5').hexdigest()}  {inside}\n")
    return "".join(lines)


def kib_of(root):
    """As Debian counts it: each file in whole KiB, one for a folder, a file with two names once."""
    seen, total = set(), 0
    for path in root.rglob("*"):
        status = path.stat()
        if path.is_file() and status.st_ino in seen:
            continue
        seen.add(status.st_ino)
        total += -(-status.st_size // 1024) if path.is_file() else 1
    return total


def put_control(root, packaging, version, depends):
    debian = root / "DEBIAN"
    debian.mkdir(exist_ok=True)
    kib = kib_of(root)
    text = (packaging / "deb" / "control").read_text()
    for word, value in (("@VERSION@", version), ("@KIB@", str(kib)), ("@DEPENDS@", depends)):
        text = text.replace(word, value)
    (debian / "control").write_text(text)
    (debian / "conffiles").write_text("/etc/pictor/pictor.toml\n")
    (debian / "md5sums").write_text(sums_of(root))
    for name in SCRIPTS:
        (debian / name).write_text((packaging / "deb" / name).read_text())


def make_deb(root, target, epoch):
    part = target.with_name(target.name + ".part")
    # xz would take minutes: most of it are weights, which hardly shrink. One thread, so that the bytes do not follow from their number.
    command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z9", "--threads-max=1", "--build", str(root), str(part)]
    went = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)})
    if went.returncode != 0:
        raise libraries.PackageError(f"dpkg-deb: {went.stderr.strip()[-400:]}")
    part.replace(target)
