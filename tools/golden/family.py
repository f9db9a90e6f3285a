"""What a golden family is: a folder as the hub has it, and the reference's own functions for every stage."""
import dataclasses
import json
from typing import Callable, Optional

import torch

RESCALE = 0.00392156862745098
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
HALF = [0.5, 0.5, 0.5]


@dataclasses.dataclass
class Head:
    """A vector that users keep: which output it is made from, and how."""
    name: str
    tower: str  # image, text
    output: str  # of the tower's ONNX file
    pool: str  # none | cls: token 0 | mean: of the tokens after `skip` | cls_mean: both, joined | space: mean over H and W
    skip: int = 0

    def vectors(self, outputs):
        rows = outputs[self.output]
        if self.pool == "cls":
            return rows[:, 0]
        if self.pool == "mean":
            return rows[:, self.skip:].mean(dim=1)
        if self.pool == "cls_mean":
            return torch.cat([rows[:, 0], rows[:, self.skip:].mean(dim=1)], dim=1)
        if self.pool == "space":
            return rows.mean(dim=(2, 3))
        return rows.flatten(1)


@dataclasses.dataclass
class Tower:
    """One network: `run(model, *inputs)` gives its named outputs, `file` is where its ONNX export lies."""
    file: str
    model: torch.nn.Module
    run: Callable
    inputs: list


@dataclasses.dataclass
class Family:
    reference: str  # which classes of which library gave the stages
    prepare: Callable  # upright RGB picture -> f32 [3, H, W]
    image: Tower
    heads: list
    text: Optional[Tower] = None
    tokenize: Optional[Callable] = None  # texts -> ids [N, L], mask [N, L], ids of tokenizer.json [N, L]
    direct: Optional[dict] = None  # head -> the reference's own way to the vector, which must agree bit for bit
    combined: Optional[str] = None  # one file with both towers, in place of two


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def only(outputs, *names):
    """The named outputs of a transformers model, in this order."""
    return {name: getattr(outputs, name) for name in names}
