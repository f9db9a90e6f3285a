"""EfficientNet-Lite: a PyTorch state dict to ONNX, in fp32 or in static int8 with pinned scales.

After Tan and Le 2019 and the EfficientNet-Lite release (no squeeze and excitation, ReLU6, unscaled stem and head).
Batch normalisation is folded into the convolutions in float64 and rounded once. Padding is TensorFlow's SAME_UPPER,
written out for the fixed input size. Nothing here goes through BLAS, so the bytes do not depend on the machine.
"""
import dataclasses

import numpy as np

import onnx_file

BN_EPSILON = 1e-3
CLASSES = 1000
FEATURES = 1280


@dataclasses.dataclass(frozen=True)
class Variant:
    side: int
    blocks: tuple  # blocks in each of the seven stages


STRIDES = (1, 2, 2, 2, 1, 2, 1)
VARIANTS = {"lite0": Variant(224, (1, 2, 2, 3, 3, 4, 1)), "lite2": Variant(260, (1, 3, 3, 4, 4, 5, 1))}


@dataclasses.dataclass
class Conv:
    """One convolution with its normalisation folded in. `output` names the tensor after ReLU6, where there is one."""
    output: str
    input: str
    weight: np.ndarray
    bias: np.ndarray
    stride: int
    pads: tuple  # top, left, bottom, right
    groups: int
    relu6: bool


@dataclasses.dataclass
class Add:
    output: str
    inputs: tuple


def fold(weight, gamma, beta, mean, variance):
    """Convolution weights and bias that include the batch normalisation after them; float64, rounded once."""
    factor = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + BN_EPSILON)
    folded = weight.astype(np.float64) * factor.reshape(-1, 1, 1, 1)
    bias = beta.astype(np.float64) - mean.astype(np.float64) * factor
    return folded.astype(np.float32), bias.astype(np.float32)


def same_upper(side, kernel, stride):
    """Output side, and padding before and after, of TensorFlow's SAME."""
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    return out, (total // 2, total - total // 2)


def layers(state, variant):
    """The network as a list of Conv and Add, in order; the last one's output is `head`."""
    result = []
    side = variant.side

    def conv(output, source, weight_name, norm_name, stride, relu6):
        nonlocal side
        weight, bias = fold(state[weight_name + ".weight"],
                            *(state[f"{norm_name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")))
        groups = weight.shape[0] if weight.shape[1] == 1 and weight.shape[2] > 1 else 1
        side, (before, after) = same_upper(side, weight.shape[2], stride)
        result.append(Conv(output, source, weight, bias, stride, (before, before, after, after), groups, relu6))
        return output

    tensor = conv("stem", "pixels", "_conv_stem", "_bn0", 2, True)
    number = 0
    for stage, count in enumerate(variant.blocks):
        for position in range(count):
            name, source = f"_blocks.{number}", tensor
            label = f"block{number:02d}"
            if f"{name}._expand_conv.weight" in state:
                tensor = conv(f"{label}.expand", tensor, f"{name}._expand_conv", f"{name}._bn0", 1, True)
            stride = STRIDES[stage] if position == 0 else 1
            tensor = conv(f"{label}.depthwise", tensor, f"{name}._depthwise_conv", f"{name}._bn1", stride, True)
            tensor = conv(f"{label}.project", tensor, f"{name}._project_conv", f"{name}._bn2", 1, False)
            if position > 0:
                result.append(Add(f"{label}.sum", (tensor, source)))
                tensor = f"{label}.sum"
            number += 1
    if f"_blocks.{number}._project_conv.weight" in state:
        raise ValueError(f"the weights have more than the {number} blocks wanted")
    conv("head", tensor, "_conv_head", "_bn1", 1, True)
    return result


def quantise_weight(weight):
    """Per output channel, symmetric int8: numbers and scales. Elementwise, so equal on every machine."""
    flat = np.abs(weight.astype(np.float64)).reshape(weight.shape[0], -1).max(axis=1)
    scale = np.maximum(flat / 127.0, 1e-12).astype(np.float32)
    shape = (-1,) + (1,) * (weight.ndim - 1)
    numbers = np.clip(np.rint(weight.astype(np.float64) / scale.astype(np.float64).reshape(shape)), -127, 127)
    return numbers.astype(np.int8), scale


class _Writer:
    """Writes layers into a graph. A tensor that `scales` names is quantised where it is made; a convolution whose input
    is quantised has int8 weights."""

    def __init__(self, graph, scales):
        self.graph, self.scales = graph, scales

    def pinned(self, tensor):
        """`tensor` through the pinned quantisation, if it has one."""
        pin = self.scales.get(tensor)
        if pin is None:
            return tensor
        dtype = {"u8": np.uint8, "i8": np.int8}[pin["type"]]
        scale = self.graph.weight(tensor + ".scale", np.array(pin["scale"], np.float32))
        zero = self.graph.weight(tensor + ".zero", np.array(pin["zero"], dtype))
        numbers = self.graph.node("QuantizeLinear", [tensor, scale, zero], tensor + ".q")
        return self.graph.node("DequantizeLinear", [numbers, scale, zero], tensor + ".dq")

    def weight(self, name, array, quantised):
        if not quantised:
            return self.graph.weight(name, array)
        numbers, scale = quantise_weight(array)
        inputs = [self.graph.weight(name + ".q", numbers), self.graph.weight(name + ".scale", scale),
                  self.graph.weight(name + ".zero", np.zeros(scale.shape, np.int8))]
        return self.graph.node("DequantizeLinear", inputs, name, axis=0)

    def conv(self, layer, source, low, high):
        weight = self.weight(layer.output + ".weight", layer.weight, layer.input in self.scales)
        bias = self.graph.weight(layer.output + ".bias", layer.bias)
        raw = layer.output + ".raw" if layer.relu6 else layer.output
        kernel = list(layer.weight.shape[2:])
        self.graph.node("Conv", [source, weight, bias], raw, strides=[layer.stride] * 2, kernel_shape=kernel,
                        pads=list(layer.pads), group=layer.groups, dilations=[1, 1])
        if layer.relu6:
            self.graph.node("Clip", [raw, low, high], layer.output)


def image_onnx(state, variant_name, scales=None, taps=()):
    """The bytes of image.onnx. `scales` pins the quantisation: {tensor: {"scale", "zero", "type"}}. `taps` names inner
    tensors that become outputs too, for calibration."""
    variant = VARIANTS[variant_name]
    scales = scales or {}
    network = layers(state, variant)
    unknown = set(scales) - {"pixels", "features"} - {layer.output for layer in network}
    if unknown:
        raise ValueError(f"scales for tensors that the network does not have: {sorted(unknown)}")
    graph = onnx_file.Graph(f"efficientnet-{variant_name}")
    write = _Writer(graph, scales)
    low = graph.weight("relu6.low", np.array(0, np.float32))
    high = graph.weight("relu6.high", np.array(6, np.float32))
    names = {"pixels": write.pinned(graph.input("pixels", np.float32, ["N", 3, variant.side, variant.side]))}
    for layer in network:
        if isinstance(layer, Add):
            graph.node("Add", [names[name] for name in layer.inputs], layer.output)
        else:
            write.conv(layer, names[layer.input], low, high)
        names[layer.output] = write.pinned(layer.output)
    graph.node("GlobalAveragePool", [names["head"]], "pooled")
    graph.node("Flatten", ["pooled"], "features", axis=1)
    weight = write.weight("classifier.weight", state["_fc.weight"], "features" in scales)
    bias = graph.weight("classifier.bias", state["_fc.bias"].astype(np.float32))
    graph.node("Gemm", [write.pinned("features"), weight, bias], "logits", transB=1)
    graph.output("features", ["N", FEATURES])
    graph.output("logits", ["N", CLASSES])
    for tap in taps:
        graph.output(tap, ["N", None, None, None])
    return graph.bytes()
