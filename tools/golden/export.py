"""ONNX files from torch, as optimum and transformers.js write them, and their comparison with torch."""
import warnings

import numpy
import onnxruntime
import torch

from records import RecordError

OPSET = 14
WANTED_COSINE = 0.999999


class Outputs(torch.nn.Module):
    """Calls `function` on its inputs and hands out what it returns, in the order of the names."""

    def __init__(self, model, function):
        super().__init__()
        self.model = model
        self.function = function

    def forward(self, *inputs):
        return tuple(self.function(self.model, *inputs).values())


def first_axes(name):
    if name in ("input_ids", "attention_mask"):
        return {0: "batch_size", 1: "sequence_length"}
    return {0: "batch_size"}


def spell_out_padding(model):
    """'valid' and 'same' as numbers: this exporter does not know the words. The numbers mean the same."""
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d) and isinstance(module.padding, str):
            whole = [d * (k - 1) if module.padding == "same" else 0 for d, k in zip(module.dilation, module.kernel_size)]
            if any(size % 2 for size in whole):
                raise RecordError(f"a convolution pads {whole} in all, which is not the same on both sides")
            module.padding = tuple(size // 2 for size in whole)


def export(path, model, function, inputs):
    """`function(model, *inputs)` gives the named outputs; the file has a free batch axis (and sequence axis for text)."""
    spell_out_padding(model)
    with torch.no_grad():
        outputs = function(model, *inputs.values())
    axes = {name: first_axes(name) for name in (*inputs, *outputs)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The tracer warns of every Python branch that depends on a shape; check() below is the proof.
        warnings.simplefilter("ignore")
        # eval(): the exporter gives a module the mode back that it had, and a new one is in training.
        torch.onnx.export(Outputs(model, function).eval(), tuple(inputs.values()), str(path), input_names=list(inputs),
                          output_names=list(outputs), dynamic_axes=axes, opset_version=OPSET, do_constant_folding=True)


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def cosine(left, right):
    left, right = left.astype(numpy.float64).ravel(), right.astype(numpy.float64).ravel()
    return float(left @ right / (numpy.linalg.norm(left) * numpy.linalg.norm(right)))


def check(path, inputs, outputs):
    """Runs the file on `inputs`, once together and once one by one; the lowest cosine to torch's `outputs` a row."""
    network = session(path)
    names = list(outputs)
    count = len(next(iter(inputs.values())))
    together = network.run(names, inputs)
    worst = 1.0
    for row in range(count):
        alone = network.run(names, {name: values[row:row + 1] for name, values in inputs.items()})
        for name, many, one in zip(names, together, alone):
            wanted = outputs[name][row]
            worst = min(worst, cosine(many[row], wanted), cosine(one[0], wanted))
            if many[row].shape != wanted.shape:
                raise RecordError(f"{path}: '{name}' is {many[row].shape} a row, torch gives {wanted.shape}")
    if worst < WANTED_COSINE:
        raise RecordError(f"{path}: cosine {worst:.7f} to torch, {WANTED_COSINE} wanted")
    return worst
