"""Facts of ELF files, by readelf: what a file needs, where it looks for it, whether symbols are left in it."""
import dataclasses
import functools
import re
import subprocess

# Of the C library, which a program must take from the machine that it runs on.
GLIBC = frozenset(("libc.so.6", "libm.so.6", "libmvec.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2",
                   "libutil.so.1", "libanl.so.1", "ld-linux-x86-64.so.2"))


@dataclasses.dataclass(frozen=True)
class Elf:
    needed: tuple
    rpath: str  # of the old kind, which holds for libraries below too
    runpath: str
    soname: str
    has_symbols: bool


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


@functools.lru_cache(maxsize=None)
def read(path):
    said = subprocess.run(["readelf", "-W", "-d", "-S", str(path)], capture_output=True, text=True, check=True,
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}).stdout

    def entries(tag):
        return tuple(re.findall(rf"\({tag}\).*?\[(.*?)\]", said))

    def entry(tag):
        return "".join(entries(tag)[:1])
    return Elf(entries("NEEDED"), entry("RPATH"), entry("RUNPATH"), entry("SONAME"), bool(re.search(r"\s\.(symtab|debug_info)\s", said)))
