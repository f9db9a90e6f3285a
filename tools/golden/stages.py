"""Runs the reference over pictures and texts, records every stage, and holds the ONNX files against it."""
import numpy
import torch

from export import check, export
from inputs import WITHOUT_TENSOR
from records import RecordError

# Outputs before pooling are large; they are kept of the first items only.
OUTPUTS_KEPT = 4


def numbers(tensor):
    return tensor.detach().numpy()


def picture_item(name):
    return f"picture-{name[:2]}"


def text_item(number):
    return f"text-{number:02}"


def one_by_one(run, columns):
    """The outputs of each row as a batch of one; a list of dictionaries of tensors."""
    with torch.no_grad():
        return [run(*(column[row:row + 1] for column in columns)) for row in range(len(columns[0]))]


def stacked(rows):
    return {name: numpy.concatenate([numbers(row[name]) for row in rows]) for name in rows[0]}


def add_vectors(writer, item, outputs, head, wanted):
    vector = head.vectors(outputs)
    # The reference's own function for the vector must give the very same bits as the outputs that the export has.
    if wanted is not None and head.pool == "none" and not torch.equal(vector, wanted):
        raise RecordError(f"{item}: head '{head.name}' is not what the reference's own function gives")
    unit = torch.nn.functional.normalize(vector, dim=-1)
    writer.add(item, "vector", numbers(vector)[0], head=head.name)
    writer.add(item, "vector_unit", numbers(unit)[0], head=head.name)


def add_outputs(family, tower, writer, items, rows, columns):
    direct = (family.direct or {}).get(tower)
    for number, (item, outputs) in enumerate(zip(items, rows)):
        if number < OUTPUTS_KEPT:
            for name, values in outputs.items():
                writer.add(item, name, numbers(values)[0])
        with torch.no_grad():
            wanted = direct(*(column[number:number + 1] for column in columns)) if direct else None
        for head in family.heads:
            if head.tower == tower:
                add_vectors(writer, item, outputs, head, wanted)


def add_tensors(writer, pictures, tensors):
    for (name, _, _), tensor in zip(pictures, tensors):
        if name[:2] not in WITHOUT_TENSOR:
            writer.add(picture_item(name), "tensor", tensor)


def images(family, writer, pictures):
    tensors = numpy.stack([family.prepare(picture) for _, _, picture in pictures])
    add_tensors(writer, pictures, tensors)
    tensors = torch.from_numpy(tensors)
    rows = one_by_one(lambda pixels: family.image.run(family.image.model, pixels), [tensors])
    add_outputs(family, "image", writer, [picture_item(name) for name, _, _ in pictures], rows, [tensors])
    return tensors, rows


def texts(family, writer, lines):
    """The inputs of the text tower, its outputs, and the items whose tokenizer.json says something else."""
    ids, mask, other = family.tokenize(lines)
    items, departs = [text_item(number) for number in range(len(lines))], []
    for item, own, marks, foreign in zip(items, ids, mask, other):
        writer.add(item, "token_ids", own)
        writer.add(item, "attention_mask", marks)
        if not numpy.array_equal(own, foreign):
            writer.add(item, "token_ids_json", foreign)
            departs.append(item)
    columns = [torch.from_numpy(ids), torch.from_numpy(mask)]
    fed = dict(zip(family.text.inputs, columns))
    rows = one_by_one(lambda *inputs: family.text.run(family.text.model, *inputs), list(fed.values()))
    add_outputs(family, "text", writer, items, rows, columns)
    return fed, rows, departs


def sensitivity(family, tensors, rows):
    """Cosine between the vectors of a picture and of the same moved by one column, and of two different pictures."""
    head = next(head for head in family.heads if head.tower == "image")
    moved = one_by_one(lambda pixels: family.image.run(family.image.model, pixels.roll(1, dims=-1)), [tensors])

    def likeness(left, right):
        return torch.nn.functional.cosine_similarity(head.vectors(left), head.vectors(right)).item()

    by_a_column = [likeness(*pair) for pair in zip(rows, moved)]
    return {"moved_by_a_column_first": by_a_column[0], "moved_by_a_column_median": float(numpy.median(by_a_column)),
            "other_picture_median": float(numpy.median([likeness(*pair) for pair in zip(rows, rows[1:])]))}


def export_combined(family, hub, tensors, image_rows, fed, text_rows):
    from hf import clip_both
    count = len(tensors)
    inputs = {"input_ids": fed["input_ids"][:count], "pixel_values": tensors, "attention_mask": fed["attention_mask"][:count]}
    export(hub / family.combined, family.image.model, clip_both, {name: rows[:2] for name, rows in inputs.items()})
    wanted = {**{"image_embeds": stacked(image_rows)["image_embeds"]},
              **{"text_embeds": stacked(text_rows)["text_embeds"][:count]}}
    # The model normalises its embeddings before it hands them out.
    wanted = {name: rows / numpy.linalg.norm(rows, axis=1, keepdims=True) for name, rows in wanted.items()}
    return {family.combined: check(hub / family.combined, {name: numbers(rows) for name, rows in inputs.items()}, wanted)}


def export_family(family, hub, tensors, image_rows, fed, text_rows):
    """Writes the ONNX files and compares them with what torch gave; the lowest cosine a file."""
    if family.combined:
        return export_combined(family, hub, tensors, image_rows, fed, text_rows)
    found = {}
    for tower, inputs, rows in ((family.image, {"pixel_values": tensors}, image_rows), (family.text, fed, text_rows)):
        if tower:
            export(hub / tower.file, tower.model, tower.run, {name: values[:2] for name, values in inputs.items()})
            found[tower.file] = check(hub / tower.file, {name: numbers(values) for name, values in inputs.items()},
                                      stacked(rows))
    return found
