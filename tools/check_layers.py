#!/usr/bin/env python3
"""Checks every include against one table of rooms and floors: down only, by the door, one stranger one file.

And that no two files name a type alike: what both hold would be one to the linker."""
import pathlib
import re
import sys

FLOORS = {
    "base": 0,
    "db": 1, "vector": 1, "infer": 1, "image": 1, "observe": 1, "net": 1,
    "store": 2, "index": 2, "encode": 2, "exchange": 2, "rank": 2, "learn": 2, "match": 2, "measure": 2, "govern": 2,
    "backend": 3,
    "engine": 4, "remote": 4,
    "serve": 5, "cli": 5, "mcp": 5,
}
# A third-party header, and the files (room/file) that may include it. A new row is a change to review.
STRANGERS = {
    r"sqlite3\.h": ["db/"],
    r"openvino/": ["infer/openvino"],
    r"onnxruntime": ["infer/onnxruntime"],
    r"(turbojpeg|jpeglib|jerror)\.h": ["image/codec_jpeg", "image/jpeg_thin", "image/jpeg_testing"],
    r"png\.h": ["image/codec_png"],
    r"webp/": ["image/codec_webp"],
    r"gif_lib\.h": ["image/codec_gif"],
    r"tiffio\.h|tiff\.h": ["image/codec_tiff"],
    r"libheif/": ["image/codec_heif"],
    r"avif/": ["image/codec_avif"],
    r"lcms2\.h": ["image/icc"],
    r"libexif/": ["image/exif"],
    r"openssl/": ["base/hash", "base/sign"],
    r"archive(_entry)?\.h": ["cli/archive", "engine/archive"],
    r"CLI/|CLI\.hpp": ["cli/"],
    r"utf8proc\.h": ["encode/unicode"],
    r"oniguruma\.h": ["encode/pattern"],
    r"hdf5\.h": ["exchange/hdf5"],
    r"spdlog/": ["observe/log.cpp"],
    r"zstd\.h|zlib\.h": ["serve/coding"],
    r"curl/": ["net/http_client"],
    r"Eigen/": ["encode/pca"],
    r"boost/": ["serve/http.cpp", "serve/http_connection"],
}
# A type of namespace pictor.
TYPE = re.compile(r"^(?:struct|class|enum(?: class)?) (?:\[\[\w+\]\] )?(\w+)\b(?!::)[^;()]*\{", re.MULTILINE)
LIMITS = "base/limits.h"  # the only file that opens the namespace of limits: whoever reads it has seen them all
# nlohmann/json.hpp may be included by any .cpp, never by a header but those for tests alone.


def includes(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(1), found.group(2)


def check_room_include(room, target, where):
    other, _, header = target.partition("/")
    if other not in FLOORS:
        return f"{where}: '{target}' is in no room of the table"
    if other == room:
        return None
    if FLOORS[other] >= FLOORS[room]:
        return f"{where}: {room} (floor {FLOORS[room]}) includes {other} (floor {FLOORS[other]}): only lower floors"
    if header not in (f"{other}.h", f"{other}_testing.h"):
        return f"{where}: enter {other} by its door, {other}/{other}.h, not {header}"
    return None


def check_stranger(file, target, where):
    if target == "nlohmann/json.hpp" and file.endswith(".h") and not file.endswith("_testing.h"):
        return f"{where}: JSON's header stays out of headers (json_fwd.hpp names it)"
    for pattern, allowed in STRANGERS.items():
        if re.match(pattern, target) and not any(file.startswith(prefix) for prefix in allowed):
            return f"{where}: '{target}' belongs to {allowed or 'no file yet'}"
    return None


def check_limits(file, text):
    found = re.search(r"^\s*namespace (pictor::)?limits\b", text, re.MULTILINE)
    if found and file != LIMITS:
        return f"src/{file}:{text[:found.end()].count(chr(10)) + 1}: limits belong into src/{LIMITS}"
    return None


def types_of(text):
    """(name, line) of each type of namespace pictor, or of none."""
    inside, found = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("namespace "):
            inside.append(line.removeprefix("namespace ").rstrip("{ "))
        elif line.startswith("}  // namespace"):
            inside.pop()
        elif inside in ([], ["pictor"]) and (match := TYPE.match(line)):
            found.append((match.group(1), number))
    return found


def check_types(texts):
    """Of {file: text}: types that are declared in two files."""
    seen, faults = {}, []
    for file, text in texts.items():
        for name, line in types_of(text):
            if name in seen:
                faults.append(f"{file}:{line}: a type '{name}' is in {seen[name]} already: name one of them otherwise")
            seen.setdefault(name, f"{file}:{line}")
    return faults


def check_tree(root):
    files = [path for top in ("src", "include") for path in sorted((root / top).rglob("*")) if path.suffix in (".h", ".cpp")]
    faults = check_types({path.relative_to(root).as_posix(): path.read_text(errors="replace") for path in files})
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in (".h", ".cpp"):
            continue
        file = path.relative_to(root / "src").as_posix()
        room = file.split("/")[0] if "/" in file else None
        if room is not None and room not in FLOORS:
            faults.append(f"src/{file}: room '{room}' is not in the table of floors")
            continue
        fault = check_limits(file, path.read_text(errors="replace"))
        if fault:
            faults.append(fault)
        for line, kind, target in includes(path):
            where = f"src/{file}:{line}"
            if kind == '"' and not target.startswith("pictor/"):
                fault = check_room_include(room, target, where) if room else None
            else:
                fault = check_stranger(file, target, where) if not file.endswith(("_test.cpp", "_bench.cpp")) else None
            if fault:
                faults.append(fault)
    for path in sorted((root / "include").rglob("*.h")):
        for line, kind, target in includes(path):
            if kind == '"' and not target.startswith("pictor/"):
                faults.append(f"{path.relative_to(root)}:{line}: a public header includes '{target}'")
    return faults


def self_test(root):
    """The check is worth something only if it can fail."""
    bad = [check_room_include("vector", "store/store.h", "x"), check_room_include("store", "db/connection.h", "x"),
           check_room_include("store", "index/index.h", "x"), check_stranger("store/a.cpp", "sqlite3.h", "x"),
           check_stranger("store/a.h", "nlohmann/json.hpp", "x"), check_limits("store/a.h", "x\nnamespace limits {"),
           check_limits("store/a.h", "namespace pictor::limits {"),
           check_types({"a.h": "struct Same {", "b.h": "enum class Same : int { kA };"})]
    good = [check_limits("base/limits.h", "namespace pictor::limits {"), check_limits("a.cpp", "limits::kRows"),
            check_room_include("store", "db/db.h", "x"), check_stranger("db/a.cpp", "sqlite3.h", "x"),
            check_types({"a.h": "struct Same;\nstruct Other {", "b.h": "struct Same {",
                         "c.cpp": "namespace pictor {\nnamespace {\nstruct Same {\n};\n}  // namespace\n}  // namespace pictor"})]
    return all(bad) and not any(good)


if __name__ == "__main__":
    top = pathlib.Path(__file__).resolve().parent.parent
    if not self_test(top):
        sys.exit("check_layers: its own self test failed")
    problems = check_tree(top)
    print("\n".join(problems) if problems else "layers: every include goes down, by the door")
    sys.exit(1 if problems else 0)
