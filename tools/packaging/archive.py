"""Archives whose bytes follow from what is in them: sorted, of one owner, one time, without a name or time of gzip's own."""
import hashlib
import os
import subprocess


def make_tarball(folder, target, epoch):
    """`folder` becomes the one folder at the top of the archive."""
    part = target.with_name(target.name + ".part")
    with open(part, "wb") as out:
        tar = subprocess.Popen(["tar", "--sort=name", "--format=gnu", "--owner=0", "--group=0", "--numeric-owner", f"--mtime=@{epoch}",
                                "-C", str(folder.parent), "-cf", "-", folder.name], stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"})
        gzip = subprocess.run(["gzip", "-n"], stdin=tar.stdout, stdout=out, check=False)
        tar.stdout.close()
        if tar.wait() != 0 or gzip.returncode != 0:
            raise RuntimeError(f"tar ended with {tar.returncode}, gzip with {gzip.returncode}: is the disk full?")
    part.replace(target)


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(paths, target):
    target.write_text("".join(f"{sha256_of(path)}  {path.name}\n" for path in sorted(paths)))
