"""Which shared libraries a package carries: those of the run times, and in the tarball Debian's beside them."""
import collections
import dataclasses
import pathlib
import re
import subprocess

import elf

# Of OpenVINO what runs on a processor what the program gives it: networks in ONNX, and its own format in which compiled
# ones are kept. oneTBB opens the last three itself.
OPENVINO = ("libopenvino.so.*", "libopenvino_intel_cpu_plugin.so", "libopenvino_onnx_frontend.so.*", "libopenvino_ir_frontend.so.*",
            "libtbb.so.12", "libtbbmalloc.so.2", "libtbbbind_2_5.so.3", "libhwloc.so.15")
ONNXRUNTIME = ("libonnxruntime.so.*",)
# Opened by name while the program runs, so that no other file asks for them.
OPENED = re.compile(r"libopenvino_\w+_(plugin|frontend)\.so|libtbb(malloc|bind)|libonnxruntime\.so")


class PackageError(Exception):
    """What is wrong and what to do, ready to be printed."""


@dataclasses.dataclass(frozen=True)
class DebianPackage:
    name: str
    version: str
    source: str
    source_version: str
    provides: str  # other names that it goes by, as in Depends


def file_name(path):
    """The name by which others ask for a library."""
    return elf.read(path).soname or path.name


def one(folder, pattern):
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise PackageError(f"{folder} has {len(found)} files {pattern}, one is wanted: run tools/setup build")
    return found[0]


def packages_folder(deps):
    return one(pathlib.Path(deps) / "venv" / "lib", "python3*") / "site-packages"


def run_time_libraries(deps):
    """{name: file} of OpenVINO and ONNX Runtime."""
    site = packages_folder(deps)
    found = [one(site / "openvino" / "libs", pattern) for pattern in OPENVINO]
    found += [one(site / "onnxruntime" / "capi", pattern) for pattern in ONNXRUNTIME]
    return {file_name(path): path for path in found}


def libraries_of_system():
    """{name: file} of what the loader of this machine would find."""
    said = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    found = {}
    for name, path in re.findall(r"^\s*(\S+) \(libc6,x86-64[^)]*\) => (\S+)$", said, re.M):
        found.setdefault(name, pathlib.Path(path))
    return found


def libraries_below(starts, inside, system):
    """{name: file} of all that `starts` need, and what those need, but for the C library's and what is `inside`."""
    found, waiting = {}, collections.deque(starts)
    while waiting:
        path = waiting.popleft()
        for name in elf.read(path).needed:
            if name in elf.GLIBC or name in inside or name in found:
                continue
            if name not in system:
                raise PackageError(f"{path} needs {name}, which is not on this machine: run tools/setup build")
            found[name] = system[name].resolve()
            waiting.append(found[name])
    return found


def owners(paths):
    """{file: Debian package}. dpkg knows a file under /lib or under /usr/lib, whichever its package said."""
    if not paths:
        return {}
    asked = {}
    for path in paths:
        below = str(path).removeprefix("/usr")
        asked[below] = asked["/usr" + below] = path
    said = subprocess.run(["dpkg-query", "-S", *asked], capture_output=True, text=True, check=False).stdout
    names = {asked[path]: owner.split(",")[0].split(":")[0] for owner, path in re.findall(r"^(\S+)(?:, \S+)*: (/\S+)$", said, re.M)}
    missing = sorted(str(path) for path in paths if path not in names)
    if missing:
        raise PackageError(f"of no Debian package, so their licences are not known: {', '.join(missing)}")
    about = debian_packages(set(names.values()))
    return {path: about[name] for path, name in names.items()}


def debian_packages(names):
    form = "${Package}\t${Version}\t${source:Package}\t${source:Version}\t${Provides}\n"
    said = subprocess.run(["dpkg-query", "-W", "-f", form, *sorted(names)], capture_output=True, text=True, check=True).stdout
    return {row.split("\t")[0]: DebianPackage(*row.split("\t")) for row in said.splitlines()}
