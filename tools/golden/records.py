"""The record files of a golden family: written, read again, and checked (docs/formats/golden.md is the format)."""
import hashlib
import json
import pathlib

import numpy

VERSION = 1
DTYPES = {"u8": "u1", "f32": "<f4", "i64": "<i8"}


class RecordError(Exception):
    """What is wrong with which file, seen and wanted."""


def sha256_file(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def dtype_name(array):
    for name, code in DTYPES.items():
        if array.dtype == numpy.dtype(code):
            return name
    raise RecordError(f"no record holds numbers of type {array.dtype}; known: {', '.join(DTYPES)}")


class Writer:
    """Appends each array to one file a stage and remembers where it lies."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.records = []
        self.files = {}

    def add(self, item, stage, array, **more):
        array = numpy.ascontiguousarray(array)
        dtype = dtype_name(array)
        if dtype == "f32" and not numpy.isfinite(array).all():
            raise RecordError(f"{self.folder}: {stage} of {item} has a number that is not finite")
        data = array.tobytes()
        name = f"{stage}.{dtype}"
        if name not in self.files:
            self.files[name] = open(self.folder / name, "wb")
        file = self.files[name]
        self.records.append({"item": item, "stage": stage, "file": name, "offset": file.tell(), "bytes": len(data),
                             "shape": list(array.shape), "dtype": dtype, "sha256": hashlib.sha256(data).hexdigest(),
                             **more})
        file.write(data)

    def close(self):
        for file in self.files.values():
            file.close()
        self.files = {}
        return self.records


def hashes(folder):
    """Path, size and hash of every file below `folder`."""
    folder = pathlib.Path(folder)
    return [{"file": str(path.relative_to(folder)), "bytes": path.stat().st_size, "sha256": sha256_file(path)}
            for path in sorted(folder.rglob("*")) if path.is_file()]


def write_manifest(folder, manifest):
    """One record a line, so that a person can read it and a diff shows which one changed."""
    lists = {key: value for key, value in manifest.items() if isinstance(value, list)}
    plain = {key: value for key, value in manifest.items() if key not in lists}
    parts = [json.dumps(key) + ": " + json.dumps(value, ensure_ascii=False) for key, value in plain.items()]
    for key, rows in lists.items():
        inner = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in rows)
        parts.append(f"{json.dumps(key)}: [\n  {inner}\n ]")
    text = "{" + ",\n ".join(parts) + "}\n"
    json.loads(text)
    (pathlib.Path(folder) / "manifest.json").write_text(text, encoding="utf-8")


def read_record(folder, record):
    """The numbers of one record, after its size and hash were compared."""
    path = pathlib.Path(folder) / record["file"]
    with open(path, "rb") as file:
        file.seek(record["offset"])
        data = file.read(record["bytes"])
    seen = hashlib.sha256(data).hexdigest()
    if seen != record["sha256"]:
        raise RecordError(f"{path}: bytes {record['offset']} to {record['offset'] + record['bytes']} ({record['stage']} of "
                          f"{record['item']}) hash to {seen[:12]}, the manifest says {record['sha256'][:12]}")
    code = numpy.dtype(DTYPES[record["dtype"]])
    wanted = int(numpy.prod(record["shape"], dtype=numpy.int64)) * code.itemsize
    if wanted != record["bytes"]:
        raise RecordError(f"{path}: {record['stage']} of {record['item']} has {record['bytes']} bytes, its shape "
                          f"{record['shape']} wants {wanted}")
    return numpy.frombuffer(data, code).reshape(record["shape"])


def check_hub(family, manifest):
    for entry in manifest["hub_files"]:
        path = family / "hub" / entry["file"]
        if not path.is_file() or path.stat().st_size != entry["bytes"] or sha256_file(path) != entry["sha256"]:
            raise RecordError(f"{path}: is not the file that {family / 'stages' / 'manifest.json'} names")


def check_units(arrays):
    """Every unit vector is its vector divided by its length."""
    for (item, stage, head), vector in arrays.items():
        if stage != "vector":
            continue
        unit = arrays.get((item, "vector_unit", head))
        if unit is None:
            raise RecordError(f"{item}: head '{head}' has a vector but no unit vector")
        wide = vector.astype(numpy.float64)
        if numpy.abs(unit - wide / numpy.linalg.norm(wide)).max() > 1e-6:
            raise RecordError(f"{item}: the unit vector of head '{head}' is not its vector over its length")


def check_whole(manifest, arrays):
    """Each item has the stages of its kind."""
    stages = {}
    for item, stage, _ in arrays:
        stages.setdefault(item, set()).add(stage)
    vectors = {"vector", "vector_unit"} if manifest["heads"] else set()
    towers = {head["tower"] for head in manifest["heads"]}
    for item in manifest["items"]:
        if item["kind"] == "text":
            wanted = {"token_ids", "attention_mask"} | (vectors if "text" in towers else set())
        else:
            wanted = {"decoded"} | ({"tensor"} if item["tensor"] else set()) | (vectors if "image" in towers else set())
        missing = wanted - stages.get(item["item"], set())
        if missing:
            raise RecordError(f"{manifest['family']}: {item['item']} lacks {', '.join(sorted(missing))}")


def check_family(family):
    """Number of records of one family, all of them read again; RecordError when one is not what the manifest says."""
    family = pathlib.Path(family)
    stages = family / "stages"
    manifest = json.loads((stages / "manifest.json").read_text(encoding="utf-8"))
    if manifest["version"] != VERSION:
        raise RecordError(f"{stages / 'manifest.json'}: version {manifest['version']}, this script writes {VERSION}")
    check_hub(family, manifest)
    arrays = {}
    for record in manifest["records"]:
        arrays[record["item"], record["stage"], record.get("head", "")] = read_record(stages, record)
    check_whole(manifest, arrays)
    check_units(arrays)
    return len(arrays)
