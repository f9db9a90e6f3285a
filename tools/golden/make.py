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
the ONNX files are only compared with them. docs/formats/golden.md says the same with an example.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
# Nothing here may ask a hub for anything; and waiting BLAS threads cost more than they give.
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false",
                  OPENBLAS_NUM_THREADS="2", OMP_NUM_THREADS="2")
import records  # noqa: E402

SEED = 4
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


def numbers(tensor):
    return tensor.detach().numpy()


def one_by_one(run, *columns):
    """The outputs of each row as a batch of one; a list of dictionaries of tensors."""
    import torch
    with torch.no_grad():
        return [run(*(column[row:row + 1] for column in columns)) for row in range(len(columns[0]))]


def stacked(rows):
    import numpy
    return {name: numpy.concatenate([numbers(row[name]) for row in rows]) for name in rows[0]}


def unit(vector):
    import torch
    return torch.nn.functional.normalize(vector, dim=-1)


def add_outputs(writer, items, rows, heads, direct, columns):
    """Records the outputs and the vectors; a head with a direct way must give the very same bits."""
    import torch
    for number, (item, outputs) in enumerate(zip(items, rows)):
        for name, values in outputs.items():
            writer.add(item, name, numbers(values)[0])
        for head in heads:
            vector = head.vectors(outputs)
            if direct and head.pool == "none":
                with torch.no_grad():
                    wanted = direct(*(column[number:number + 1] for column in columns))
                if not torch.equal(vector, wanted):
                    raise records.RecordError(f"{item}: head '{head.name}' is not what the reference's own function gives")
            writer.add(item, "vector", numbers(vector)[0], head=head.name)
            writer.add(item, "vector_unit", numbers(unit(vector))[0], head=head.name)


def sensitivity(family, tensors, rows):
    """Cosine between the vectors of each picture and of the same picture moved by one column: median and largest."""
    import torch
    import numpy
    head = next(head for head in family.heads if head.tower == "image")
    with torch.no_grad():
        moved = [family.image.run(family.image.model, tensor[None].roll(1, dims=-1)) for tensor in tensors]
    pairs = [torch.nn.functional.cosine_similarity(head.vectors(a), head.vectors(b)).item() for a, b in zip(rows, moved)]
    spread = [torch.nn.functional.cosine_similarity(head.vectors(a), head.vectors(b)).item()
              for a, b in zip(rows, rows[1:])]
    return {"moved_by_a_column_median": float(numpy.median(pairs)), "moved_by_a_column_first": pairs[0],
            "other_picture_median": float(numpy.median(spread))}


def images(family, writer, pictures):
    import numpy
    import torch
    tensors = torch.from_numpy(numpy.stack([family.prepare(picture) for _, _, picture in pictures]))
    items = [f"picture-{name[:2]}" for name, _, _ in pictures]
    for item, tensor in zip(items, tensors):
        writer.add(item, "tensor", numbers(tensor))
    rows = one_by_one(lambda pixels: family.image.run(family.image.model, pixels), tensors)
    heads = [head for head in family.heads if head.tower == "image"]
    add_outputs(writer, items, rows, heads, (family.direct or {}).get("image"), [tensors])
    return tensors, rows


def texts(family, writer, lines):
    import numpy
    import torch
    ids, mask, other = family.tokenize(lines)
    columns = [torch.from_numpy(ids), torch.from_numpy(mask)]
    items = [f"text-{number:02}" for number in range(len(lines))]
    departs = []
    for item, own, marks, foreign in zip(items, ids, mask, other):
        writer.add(item, "token_ids", own)
        writer.add(item, "attention_mask", marks)
        if not numpy.array_equal(own, foreign):
            writer.add(item, "token_ids_json", foreign)
            departs.append(item)
    fed = columns[:len(family.text.inputs)]
    rows = one_by_one(lambda *inputs: family.text.run(family.text.model, *inputs), *fed)
    heads = [head for head in family.heads if head.tower == "text"]
    add_outputs(writer, items, rows, heads, (family.direct or {}).get("text"), columns)
    return fed, rows, departs


def export_family(family, hub, tensors, image_rows, fed, text_rows):
    """Writes the ONNX files and compares them with what torch gave; the lowest cosine a file."""
    import torch
    from export import check, export
    feeds = {"pixel_values": numbers(tensors)}
    if family.combined:
        from hf import clip_both
        ids, mask = fed
        export(hub / family.combined, family.image.model, clip_both,
               {"input_ids": ids[:2], "pixel_values": tensors[:2], "attention_mask": mask[:2]})
        count = min(len(ids), len(tensors))
        wanted = {"image_embeds": stacked(image_rows)["image_embeds"][:count],
                  "text_embeds": stacked(text_rows)["text_embeds"][:count]}
        feeds = {"input_ids": numbers(ids)[:count], "pixel_values": numbers(tensors)[:count], "attention_mask": numbers(mask)[:count]}
        return {family.combined: check(hub / family.combined, feeds, wanted)}
    export(hub / family.image.file, family.image.model, family.image.run, {"pixel_values": tensors[:2]})
    found = {family.image.file: check(hub / family.image.file, feeds, stacked(image_rows))}
    if family.text:
        inputs = dict(zip(family.text.inputs, fed))
        export(hub / family.text.file, family.text.model, family.text.run, {name: torch.clone(rows[:2]) for name, rows in inputs.items()})
        found[family.text.file] = check(hub / family.text.file, {name: numbers(rows) for name, rows in inputs.items()}, stacked(text_rows))
    return found


def head_rows(family):
    def dim(rows, head):
        return int(head.vectors(rows[0]).shape[-1])
    return lambda rows_of: [{"name": head.name, "tower": head.tower, "pool": head.pool, "skip": head.skip,
                             "output": head.output, "file": (family.image if head.tower == "image" else family.text).file,
                             "dim": dim(rows_of[head.tower], head)} for head in family.heads]


def make_family(name, build, out, pictures, decoded, lines, seed):
    began = time.monotonic()
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    hub = folder / "hub"
    hub.mkdir(parents=True)
    family = build(hub, seed, [picture for _, _, picture in pictures])
    writer = records.Writer(folder / "stages")
    tensors, image_rows = images(family, writer, pictures)
    fed, text_rows, departs = texts(family, writer, lines) if family.text else ([], [], [])
    seen = sensitivity(family, tensors, image_rows)
    if not seen["moved_by_a_column_first"] < BLIND:
        raise records.RecordError(f"{name}: a picture moved by a column keeps cosine {seen['moved_by_a_column_first']:.6f}; "
                                  f"below {BLIND} wanted: the weights are too tame to show a wrong crop")
    onnx = export_family(family, hub, tensors, image_rows, fed, text_rows)
    items = [{"item": f"picture-{file[:2]}", "kind": "picture", "file": f"../../pictures/{file}", "what": what}
             for file, what, _ in pictures]
    items += [{"item": f"text-{number:02}", "kind": "text", "text": line} for number, line in enumerate(lines if family.text else [])]
    from inputs import LOADER
    records.write_manifest(folder / "stages", {
        "version": records.VERSION, "family": name, "seed": seed, "reference": family.reference, "loader": LOADER,
        "versions": versions(), "checks": {"onnx_cosine_min": onnx, "sensitivity": seen, "tokenizer_json_departs": departs},
        "heads": head_rows(family)({"image": image_rows, "text": text_rows}), "items": items,
        "records": decoded + writer.close(), "hub_files": records.hashes(hub)})
    say(f"{name}: {time.monotonic() - began:.1f} s, onnx {min(onnx.values()):.8f}, moved {seen['moved_by_a_column_first']:.5f}, "
        f"apart {seen['other_picture_median']:.3f}, {len(departs)} texts where tokenizer.json departs")


def shared_pictures(out, seed):
    """The pictures, and the records of their decoded pixels as every family's manifest names them."""
    import inputs
    import numpy
    shutil.rmtree(out / "pictures", ignore_errors=True)
    pictures = inputs.write_pictures(out / "pictures", seed)
    writer = records.Writer(out / "pictures")
    for name, _, picture in pictures:
        writer.add(f"picture-{name[:2]}", "decoded", numpy.asarray(picture))
    return pictures, [{**record, "file": f"../../pictures/{record['file']}"} for record in writer.close()]


def all_families():
    import foreign
    import hf
    return {**hf.FAMILIES, **foreign.FAMILIES}


def make(out, chosen, seed):
    import inputs
    families = all_families()
    unknown = [name for name in chosen if name not in families]
    if unknown:
        raise records.RecordError(f"no family '{unknown[0]}'; known: {', '.join(families)}")
    pictures, decoded = shared_pictures(out, seed)
    lines = inputs.texts(seed)
    for name in chosen or families:
        make_family(name, families[name], out, pictures, decoded, lines, seed)


def check(out, chosen):
    found = sorted(path.parent.parent for path in out.glob("*/stages/manifest.json"))
    found = [path for path in found if not chosen or path.name in chosen]
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
            bench.make(options.out / "bench", options.seed, say)
        else:
            make(options.out, chosen, options.seed)
    except (records.RecordError, json.JSONDecodeError, OSError, KeyError) as error:
        say(f"failed: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
