#!/usr/bin/env python3
"""Makes the golden families: small random models in the hub's layout, and what the reference does with them, by stage.

usage: make.py --out FOLDER [--only NAME,NAME] [--seed N]   the families (tools/setup golden calls this)
       make.py --out FOLDER --check                         reads every record again: sizes, hashes, units, all stages
       make.py --out FOLDER --bench                         ViT-B/32, ViT-S/16, ResNet-50 with random weights, as fp32 ONNX

Runs in .deps/venv-golden (tools/requirements-golden.txt). What it writes, all numbers little-endian, shapes row-major:

FOLDER/pictures/            the picture files and decoded.u8, shared by all families
FOLDER/NAME/hub/            the folder as a hub repository has it: config.json, preprocessor_config.json, tokenizer.json, onnx/
FOLDER/NAME/stages/         manifest.json and one file a stage, its records one after the other
  manifest.json             version, family, seed, reference, loader, versions, heads, items, records, hub_files, checks
  a record                  item, stage, file, offset, bytes, shape, dtype (u8 | f32 | i64), sha256, for vectors also head

Stages of a picture: decoded (u8 H x W x 3), tensor (f32 3 x H x W), each named output of the network, vector, vector_unit.
Stages of a text: token_ids and attention_mask (i64), token_ids_json where tokenizer.json says otherwise than the
reference's own tokenizer, each named output, vector, vector_unit. Outputs and vectors come from torch, one item at a time;
the ONNX files are only compared with them. docs/formats/golden.md is the format in full.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
# Nothing here may ask a hub for anything or leave something in the home folder; one thread, so that bits repeat.
HOME = tempfile.TemporaryDirectory()
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false",
                  HF_HOME=HOME.name, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
import records  # noqa: E402

SEED = 4
VARIANTS = "prepare"  # folder of the configurations without a network
# A tensor moved by one column must move the vector further than this, else the family could not show a wrong crop.
BLIND = 0.9999


def say(text):
    print(f"golden: {text}", file=sys.stderr, flush=True)


def versions():
    import numpy
    import onnxruntime
    import open_clip
    import PIL
    import timm
    import tokenizers
    import torch
    import torchvision
    import transformers
    modules = (numpy, onnxruntime, open_clip, PIL, timm, tokenizers, torch, torchvision, transformers)
    return {"python": platform.python_version(), **{module.__name__: module.__version__ for module in modules}}


def head_rows(family, rows):
    """What the manifest says of each head: where its vector comes from."""
    towers = {"image": family.image, "text": family.text}
    return [{"name": head.name, "tower": head.tower, "file": towers[head.tower].file, "output": head.output,
             "pool": head.pool, "skip": head.skip, "dim": int(head.vectors(rows[head.tower][0]).shape[-1])}
            for head in family.heads]


def item_rows(stages, pictures_folder, pictures, lines):
    import inputs
    rows = [{"item": f"picture-{name[:2]}", "kind": "picture", "what": what,
             "file": os.path.relpath(pictures_folder / name, stages),
             "tensor": name[:2] not in inputs.WITHOUT_TENSOR} for name, what, _ in pictures]
    return rows + [{"item": f"text-{number:02}", "kind": "text", "text": line} for number, line in enumerate(lines)]


def write_manifest(folder, seed, reference, **more):
    """The parts that families and variants have alike; `folder` is out/NAME."""
    import inputs
    records.write_manifest(folder / "stages", {
        "version": records.VERSION, "family": folder.name, "seed": seed, "reference": reference, "loader": inputs.LOADER,
        "versions": versions(), **more, "hub_files": records.hashes(folder / "hub")})


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "hub").mkdir(parents=True)
    return folder, folder / "hub", records.Writer(folder / "stages")


def make_family(name, build, out, shared, seed):
    import stages
    began = time.monotonic()
    folder, hub, writer = fresh(out / name)
    family = build(hub, seed, [picture for _, _, picture in shared.pictures])
    tensors, image_rows = stages.images(family, writer, shared.pictures)
    lines = shared.lines if family.text else []
    fed, text_rows, departs = stages.texts(family, writer, lines) if family.text else ({}, [], [])
    seen = stages.sensitivity(family, tensors, image_rows)
    if not seen["moved_by_a_column_first"] < BLIND:
        raise records.RecordError(f"{name}: a picture moved by a column keeps cosine {seen['moved_by_a_column_first']:.6f}; "
                                  f"below {BLIND} wanted: the weights are too tame to show a wrong crop")
    onnx = stages.export_family(family, hub, tensors, image_rows, fed, text_rows)
    write_manifest(folder, seed, family.reference,
                   checks={"onnx_cosine_min": onnx, "sensitivity": seen, "tokenizer_json_departs": departs},
                   heads=head_rows(family, {"image": image_rows, "text": text_rows}),
                   items=item_rows(folder / "stages", shared.folder, shared.pictures, lines),
                   records=shared.decoded(folder) + writer.close())
    say(f"{name}: {time.monotonic() - began:.1f} s, onnx {min(onnx.values()):.8f}, moved {seen['moved_by_a_column_first']:.5f}, "
        f"apart {seen['other_picture_median']:.3f}, {len(departs)} texts where tokenizer.json departs")


def make_variant(name, out, shared, seed):
    import stages
    import variants
    folder, hub, writer = fresh(out / name)
    prepare, reference = variants.write(hub, name)
    pictures = shared.pictures[:2] if name in variants.LARGE else shared.pictures
    items = item_rows(folder / "stages", shared.folder, pictures, [])
    for item, (file, _, picture) in zip(items, pictures):
        try:
            stages.add_tensors(writer, [(file, "", picture)], [prepare(picture)])
        except ValueError as error:
            # Part of what the reference does: a picture whose side it rounds to nothing.
            item.update(tensor=False, refused=str(error))
    known = {row["item"] for row in items}
    write_manifest(folder, seed, reference, checks={}, heads=[], items=items,
                   records=[row for row in shared.decoded(folder) if row["item"] in known] + writer.close())


class Shared:
    """What every family sees: the pictures with their decoded pixels, and the texts."""

    def __init__(self, out, seed):
        import inputs
        import numpy
        self.folder = out / "pictures"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.pictures = inputs.write_pictures(self.folder, seed)
        self.lines = inputs.texts(seed)
        writer = records.Writer(self.folder)
        for name, _, picture in self.pictures:
            writer.add(f"picture-{name[:2]}", "decoded", numpy.asarray(picture))
        self._decoded = writer.close()

    def decoded(self, folder):
        """The records of the decoded pixels, as a manifest in folder/stages names them."""
        where = os.path.relpath(self.folder, folder / "stages")
        return [{**record, "file": f"{where}/{record['file']}"} for record in self._decoded]


def all_families():
    import foreign
    import hf
    return {**hf.FAMILIES, **foreign.FAMILIES}


def make(out, chosen, seed):
    import variants
    families = all_families()
    unknown = [name for name in chosen if name not in (*families, VARIANTS)]
    if unknown:
        raise records.RecordError(f"no family '{unknown[0]}'; known: {', '.join((*families, VARIANTS))}")
    shared = Shared(out, seed)
    for name in chosen or [*families, VARIANTS]:
        if name != VARIANTS:
            make_family(name, families[name], out, shared, seed)
            continue
        began = time.monotonic()
        for variant in variants.NAMES:
            make_variant(variant, out / VARIANTS, shared, seed)
        say(f"{VARIANTS}: {len(variants.NAMES)} configurations, {time.monotonic() - began:.1f} s")


def check(out, chosen):
    found = sorted(path.parent.parent for path in out.rglob("stages/manifest.json"))
    found = [path for path in found if not chosen or path.name in chosen or path.parent.name in chosen]
    if not found:
        raise records.RecordError(f"{out} holds no golden family; make them with: tools/setup golden")
    for family in found:
        say(f"{family.name}: {records.check_family(family)} records are as written")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--only", default="", help="names of families, by commas")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--bench", action="store_true")
    options = parser.parse_args()
    chosen = [name for name in options.only.split(",") if name]
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        if options.check:
            check(options.out, chosen)
        elif options.bench:
            import bench
            with tempfile.TemporaryDirectory() as folder:
                pictures = [picture for _, _, picture in Shared(pathlib.Path(folder), options.seed).pictures]
            bench.make(options.out / "bench", chosen, options.seed, pictures, say)
        else:
            make(options.out, chosen, options.seed)
    except (records.RecordError, json.JSONDecodeError, OSError, KeyError) as error:
        say(f"failed: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
