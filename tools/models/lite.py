"""EfficientNet-Lite: a PyTorch state dict to ONNX, in fp32 or in static int8 with pinned scales.

After Tan and Le 2019 and the EfficientNet-Lite release (no squeeze and excitation, ReLU6, unscaled stem and head).
Batch normalisation is folded into the convolutions in float64 and rounded once. Padding is TensorFlow's SAME_UPPER,
written out for the fixed input size. What is written is elementwise arithmetic or rounded to a grid, and never BLAS's,
so the bytes do not depend on the machine.

int8: weights per output channel and symmetric, activations per tensor with the scales of models/scales/NAME.json. The
shift that rounded weights give each channel's mean is taken off its bias, with the means that the normalisation itself
promises (Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction"; we do not
equalise weights). The classifier stays in float: it costs nothing.
"""

import dataclasses

import numpy as np

import onnx_file
from erf import erf

BN_EPSILON = 1e-3
BIAS_GRID = 2.0 ** -14  # bias corrections are multiples of it
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
    mean: np.ndarray  # of each output channel, after ReLU6, over many pictures: what the normalisation promises


@dataclasses.dataclass
class Add:
    output: str
    inputs: tuple
    mean: np.ndarray


def fold(weight, gamma, beta, mean, variance):
    """Convolution weights and bias that include the batch normalisation after them; float64, rounded once."""
    factor = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + BN_EPSILON)
    folded = weight.astype(np.float64) * factor.reshape(-1, 1, 1, 1)
    bias = beta.astype(np.float64) - mean.astype(np.float64) * factor
    return folded.astype(np.float32), bias.astype(np.float32)


def relu6_mean(mean, deviation):
    """The mean of a normal distribution after its values were clipped to 0..6."""
    deviation = np.maximum(np.abs(deviation), 1e-6)
    low, high = -mean / deviation, (6.0 - mean) / deviation

    def below(x):
        return 0.5 * (1.0 + erf(x / np.sqrt(2.0)))

    def density(x):
        return np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)

    return (mean * (below(high) - below(low)) + deviation * (density(low) - density(high)) + 6.0 * (1.0 - below(high)))


def same_upper(side, kernel, stride):
    """Output side, and padding before and after, of TensorFlow's SAME."""
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    return out, (total // 2, total - total // 2)


class _Reader:
    """Turns the state dict's convolutions into layers, one after the other."""

    def __init__(self, state, side):
        self._state, self._side = state, side
        self.layers, self.means = [], {"pixels": np.zeros(3)}

    def conv(self, output, source, weight_name, norm_name, stride=1, relu6=True):
        raw = self._state[weight_name + ".weight"]
        gamma, beta, mean, variance = (self._state[f"{norm_name}.{part}"]
                                       for part in ("weight", "bias", "running_mean", "running_var"))
        weight, bias = fold(raw, gamma, beta, mean, variance)
        groups = weight.shape[0] if weight.shape[1] == 1 and weight.shape[2] > 1 else 1
        self._side, (before, after) = same_upper(self._side, weight.shape[2], stride)
        expected, deviation = beta.astype(np.float64), gamma.astype(np.float64)
        self.means[output] = relu6_mean(expected, deviation) if relu6 else expected
        self.layers.append(Conv(output, source, weight, bias, stride, (before, before, after, after), groups, relu6,
                                self.means[output]))
        return output

    def add(self, output, left, right):
        self.means[output] = self.means[left] + self.means[right]
        self.layers.append(Add(output, (left, right), self.means[output]))
        return output


def layers(state, variant):
    """The network as a list of Conv and Add, in order; the last one's output is `head`."""
    read = _Reader(state, variant.side)
    tensor = read.conv("stem", "pixels", "_conv_stem", "_bn0", stride=2)
    number = 0
    for stage, count in enumerate(variant.blocks):
        for position in range(count):
            old, new, source = f"_blocks.{number}", f"block{number:02d}", tensor
            if f"{old}._expand_conv.weight" in state:
                tensor = read.conv(f"{new}.expand", tensor, f"{old}._expand_conv", f"{old}._bn0")
            stride = STRIDES[stage] if position == 0 else 1
            tensor = read.conv(f"{new}.depthwise", tensor, f"{old}._depthwise_conv", f"{old}._bn1", stride)
            tensor = read.conv(f"{new}.project", tensor, f"{old}._project_conv", f"{old}._bn2", relu6=False)
            if position > 0:
                tensor = read.add(f"{new}.sum", tensor, source)
            number += 1
    if f"_blocks.{number}._project_conv.weight" in state:
        raise ValueError(f"the weights have more than the {number} blocks wanted")
    read.conv("head", tensor, "_conv_head", "_bn1")
    return read.layers


def quantise_weight(weight):
    """Per output channel, symmetric int8: numbers and scales. Elementwise, so equal on every machine."""
    flat = np.abs(weight.astype(np.float64)).reshape(weight.shape[0], -1).max(axis=1)
    scale = np.maximum(flat / 127.0, 1e-12).astype(np.float32)
    shape = (-1,) + (1,) * (weight.ndim - 1)
    numbers = np.clip(np.rint(weight.astype(np.float64) / scale.astype(np.float64).reshape(shape)), -127, 127)
    return numbers.astype(np.int8), scale


def bias_shift(numbers, scale, weight, mean):
    """What rounding the weights adds to each output channel on the average, given its input channels' means."""
    exact = numbers.astype(np.float64) * scale.astype(np.float64).reshape(-1, 1, 1, 1)
    error = (exact - weight.astype(np.float64)).sum(axis=(2, 3))
    shift = (error * (mean[:, None] if error.shape[1] == 1 and len(mean) > 1 else mean[None, :])).sum(axis=1)
    return np.rint(shift / BIAS_GRID) * BIAS_GRID


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

    def quantised(self, layer, mean):
        """int8 weights and the bias that goes with them."""
        name, (numbers, scale) = layer.output + ".weight", quantise_weight(layer.weight)
        inputs = [self.graph.weight(name + ".q", numbers), self.graph.weight(name + ".scale", scale),
                  self.graph.weight(name + ".zero", np.zeros(scale.shape, np.int8))]
        bias = layer.bias.astype(np.float64) - bias_shift(numbers, scale, layer.weight, mean)
        return self.graph.node("DequantizeLinear", inputs, name, axis=0), bias.astype(np.float32)

    def conv(self, layer, source, mean, low, high):
        if layer.input in self.scales:
            weight, bias = self.quantised(layer, mean)
        else:
            weight, bias = self.graph.weight(layer.output + ".weight", layer.weight), layer.bias
        bias = self.graph.weight(layer.output + ".bias", bias)
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
    unknown = set(scales) - {"pixels"} - {layer.output for layer in network}
    if unknown:
        raise ValueError(f"scales for tensors that the network does not have: {sorted(unknown)}")
    graph = onnx_file.Graph(f"efficientnet-{variant_name}")
    write = _Writer(graph, scales)
    low = graph.weight("relu6.low", np.array(0, np.float32))
    high = graph.weight("relu6.high", np.array(6, np.float32))
    names = {"pixels": write.pinned(graph.input("pixels", np.float32, ["N", 3, variant.side, variant.side]))}
    means = {"pixels": np.zeros(3), **{layer.output: layer.mean for layer in network}}
    for layer in network:
        if isinstance(layer, Add):
            graph.node("Add", [names[name] for name in layer.inputs], layer.output)
        else:
            write.conv(layer, names[layer.input], means[layer.input], low, high)
        names[layer.output] = write.pinned(layer.output)
    graph.node("GlobalAveragePool", [names["head"]], "pooled")
    graph.node("Flatten", ["pooled"], "features", axis=1)
    weight = graph.weight("classifier.weight", state["_fc.weight"])
    bias = graph.weight("classifier.bias", state["_fc.bias"].astype(np.float32))
    graph.node("Gemm", ["features", weight, bias], "logits", transB=1)
    graph.output("features", ["N", FEATURES])
    graph.output("logits", ["N", CLASSES])
    for tap in taps:
        graph.output(tap, ["N", None, None, None])
    return graph.bytes()
