#!/usr/bin/env python3
"""Writes small networks with seeded weights for the tests of infer.

usage: make_tiny_onnx.py OUT_FOLDER

picture.onnx: "pixels" f32 [N, 3, 32, 32] -> "features" [N, 96], "logits" [N, 40]: convolutions, pooling, a product of
              depth 96
text.onnx:    "ids", "mask" i64 [N, L] -> "states" f32 [N, L, 64]: attention over the words
clip.onnx:    both towers in one: "ids" i64 [T, L], "pixels" f32 [I, 3, H, W] -> "scores" [I, T], "text_vectors" [T, 24],
              "image_vectors" [I, 24]; open height and width
halves.onnx:  the towers of clip.onnx in half precision, f16 in and out
small.onnx:   "ids" i32 [N, L] -> "sums" [N, 8]
whole8.onnx:  picture.onnx with static int8 scales (QuantizeLinear, DequantizeLinear)
dynamic8.onnx: "x" f32 [N, 64] -> "y" [N, 32]: int8 with one scale over the whole batch
outer.onnx:   picture.onnx with its weights in weights/outer.bin; what is wrong with others that have theirs outside, or
              claim too much, is in their name: away, above, absolute, memory, longer, huge, claims, twice
nan.onnx, inf.onnx, nan_half.onnx, nan_list.onnx, nan_outer.onnx: one weight is no number; mask.onnx has minus infinity
              beside zeros, as attention masks have
step_longest.onnx, step_longer.onnx, step_wraps.onnx: two convolutions of "pixels"; one has strides at the limit, past it,
              and of a product that is 0 in 64 bits
pool_of_nothing.onnx: a pooling without an input
turned.onnx:  "x" f32 [N, 4] -> "y" [4, N]
strange.onnx: an operation that nobody knows
doubles.onnx: an f64 input
"""
import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

DRAW = numpy.random.default_rng(7)


def weights(name, *shape):
    scale = (2.0 / numpy.prod(shape[1:])) ** 0.5
    return numpy_helper.from_array((DRAW.standard_normal(shape) * scale).astype(numpy.float32), name)


def save(path, nodes, inputs, outputs, initializers, opsets=(("", 17),)):
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*o) for o in opsets], ir_version=9)
    path.write_bytes(model.SerializeToString(deterministic=True))


def floats(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def whole(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.INT64, shape)


def picture(path):
    node = helper.make_node
    nodes = [node("Conv", ["pixels", "c1"], ["a1"], strides=[2, 2], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
             node("Relu", ["a1"], ["r1"]),
             node("Conv", ["r1", "c2"], ["a2"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
             node("Sigmoid", ["a2"], ["g2"]), node("Mul", ["a2", "g2"], ["r2"]),
             node("Conv", ["r2", "c3"], ["a3"], kernel_shape=[1, 1]), node("Relu", ["a3"], ["r3"]),
             node("GlobalAveragePool", ["r3"], ["p"]), node("Flatten", ["p"], ["features"]),
             node("MatMul", ["features", "w"], ["logits"])]
    save(path, nodes, [floats("pixels", ["N", 3, 32, 32])], [floats("features", ["N", 96]), floats("logits", ["N", 40])],
         [weights("c1", 16, 3, 3, 3), weights("c2", 48, 16, 3, 3), weights("c3", 96, 48, 1, 1), weights("w", 96, 40)])


def text(path):
    node = helper.make_node
    constants = [weights("table", 100, 64), weights("q", 64, 64), weights("k", 64, 64), weights("v", 64, 64),
                 weights("up", 64, 256), weights("down", 256, 64),
                 numpy_helper.from_array(numpy.array([1], dtype=numpy.int64), "axis"),
                 numpy_helper.from_array(numpy.array(-1e9, dtype=numpy.float32), "far"),
                 numpy_helper.from_array(numpy.array(1, dtype=numpy.float32), "one")]
    nodes = [node("Gather", ["table", "ids"], ["x"]), node("MatMul", ["x", "q"], ["xq"]), node("MatMul", ["x", "k"], ["xk"]),
             node("MatMul", ["x", "v"], ["xv"]), node("Transpose", ["xk"], ["xkt"], perm=[0, 2, 1]),
             node("MatMul", ["xq", "xkt"], ["scores"]), node("Cast", ["mask"], ["maskf"], to=TensorProto.FLOAT),
             node("Sub", ["one", "maskf"], ["hidden"]), node("Mul", ["hidden", "far"], ["low"]),
             node("Unsqueeze", ["low", "axis"], ["lowu"]), node("Add", ["scores", "lowu"], ["masked"]),
             node("Softmax", ["masked"], ["weights"], axis=-1), node("MatMul", ["weights", "xv"], ["mixed"]),
             node("Add", ["x", "mixed"], ["y"]), node("MatMul", ["y", "up"], ["u"]), node("Relu", ["u"], ["ur"]),
             node("MatMul", ["ur", "down"], ["d"]), node("Add", ["y", "d"], ["a_name_to_lose"]), node("Identity", ["a_name_to_lose"], ["states"])]
    save(path, nodes, [whole("ids", ["N", "L"]), whole("mask", ["N", "L"])], [floats("states", ["N", "L", 64])], constants)


def clip_parts(kind):
    """Nodes and constants of both towers; `kind` is their number type."""
    node, one = helper.make_node, (numpy.float16 if kind == TensorProto.FLOAT16 else numpy.float32)
    numbers = lambda name, *shape: numpy_helper.from_array((DRAW.standard_normal(shape) / 4).astype(one), name)
    whole_numbers = lambda name, *values: numpy_helper.from_array(numpy.array(values, numpy.int64), name)
    nodes = [node("Gather", ["table", "ids"], ["words"]), node("ReduceMean", ["words"], ["sentence"], axes=[1], keepdims=0),
             node("MatMul", ["sentence", "text_head"], ["text_vectors"]),
             node("Conv", ["pixels", "c1"], ["a1"], strides=[2, 2], kernel_shape=[3, 3]), node("Relu", ["a1"], ["r1"]),
             node("GlobalAveragePool", ["r1"], ["p1"]), node("Reshape", ["p1", "flat"], ["f1"]),
             node("MatMul", ["f1", "image_head"], ["image_vectors"])]
    constants = [numbers("table", 50, 16), numbers("text_head", 16, 24), numbers("c1", 20, 3, 3, 3), whole_numbers("flat", 0, -1),
                 numbers("image_head", 20, 24)]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["T", "L"]),
              helper.make_tensor_value_info("pixels", kind, ["I", 3, "H", "W"])]
    outputs = [helper.make_tensor_value_info("text_vectors", kind, ["T", 24]),
               helper.make_tensor_value_info("image_vectors", kind, ["I", 24])]
    return nodes, inputs, outputs, constants


def clip(path):
    nodes, inputs, outputs, constants = clip_parts(TensorProto.FLOAT)
    nodes += [helper.make_node("Transpose", ["text_vectors"], ["turned"], perm=[1, 0]),
              helper.make_node("MatMul", ["image_vectors", "turned"], ["scores"])]
    save(path, nodes, inputs, [floats("scores", ["I", "T"])] + outputs, constants)


def small(path):
    node = helper.make_node
    save(path, [node("Gather", ["table", "ids"], ["rows"]), node("ReduceSum", ["rows", "axis"], ["sums"], keepdims=0)],
         [helper.make_tensor_value_info("ids", TensorProto.INT32, ["N", "L"])], [floats("sums", ["N", 8])],
         [weights("table", 30, 8), numpy_helper.from_array(numpy.array([1], numpy.int64), "axis")])


def whole8(path):
    """As static quantisation writes it: scales that are fixed, a scale a channel for weights."""
    node = helper.make_node
    constants, nodes = [], []

    def constant(name, array):
        constants.append(numpy_helper.from_array(array, name))
        return name

    def activations(x, scale):
        scale = constant(x + ".scale", numpy.array(scale, numpy.float32))
        zero = constant(x + ".zero", numpy.array(128, numpy.uint8))
        nodes.append(node("QuantizeLinear", [x, scale, zero], [x + ".q"]))
        nodes.append(node("DequantizeLinear", [x + ".q", scale, zero], [x + ".d"]))
        return x + ".d"

    def fixed(name, axis, *shape):
        float_weights = DRAW.standard_normal(shape) * (2.0 / numpy.prod(shape[1:])) ** 0.5
        others = tuple(i for i in range(len(shape)) if i != axis)
        scale = (numpy.abs(float_weights).max(axis=others) / 127).astype(numpy.float32)
        shaped = scale.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        constant(name + ".q", numpy.round(float_weights / shaped).astype(numpy.int8))
        constant(name + ".zero", numpy.zeros(shape[axis], numpy.int8))
        nodes.append(node("DequantizeLinear", [name + ".q", constant(name + ".scale", scale), name + ".zero"], [name],
                          axis=axis))
        return name

    nodes.append(node("Conv", [activations("pixels", 0.01), fixed("c1", 0, 16, 3, 3, 3)], ["a1"], strides=[2, 2],
                      pads=[1, 1, 1, 1], kernel_shape=[3, 3]))
    nodes.append(node("Relu", ["a1"], ["r1"]))
    nodes.append(node("Conv", [activations("r1", 0.03), fixed("c2", 0, 96, 16, 1, 1)], ["a2"], kernel_shape=[1, 1]))
    nodes.append(node("Relu", ["a2"], ["r2"]))
    nodes.append(node("GlobalAveragePool", ["r2"], ["p"]))
    nodes.append(node("Flatten", ["p"], ["features"]))
    nodes.append(node("MatMul", [activations("features", 0.03), fixed("w", 1, 96, 40)], ["logits"]))
    save(path, nodes, [floats("pixels", ["N", 3, 32, 32])], [floats("features", ["N", 96]), floats("logits", ["N", 40])],
         constants)


def dynamic8(path):
    node = helper.make_node
    scale = numpy_helper.from_array(numpy.array(0.01, numpy.float32), "w_scale")
    weight = numpy_helper.from_array(DRAW.integers(-127, 128, (64, 32)).astype(numpy.int8), "w")
    nodes = [node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]), node("MatMulInteger", ["q", "w", "zero"], ["sums"]),
             node("Cast", ["sums"], ["floats"], to=TensorProto.FLOAT), node("Mul", ["scale", "w_scale"], ["both"]),
             node("Mul", ["floats", "both"], ["y"])]
    save(path, nodes, [floats("x", ["N", 64])], [floats("y", ["N", 32])], [weight, scale])


def with_weights_outside(folder):
    """picture.onnx with its constants elsewhere, rightly and wrongly."""
    whole_file = onnx.load(str(folder / "picture.onnx"))
    data = b"".join(numpy_helper.to_array(t).tobytes() for t in whole_file.graph.initializer)
    (folder / "weights").mkdir(exist_ok=True)
    (folder / "weights" / "outer.bin").write_bytes(data)
    (folder / "deeper").mkdir(exist_ok=True)

    def write(name, location, length=0, claim=None, to=folder):
        model, at = onnx.ModelProto(), 0
        model.CopyFrom(whole_file)
        for tensor in model.graph.initializer:
            size = len(tensor.raw_data)
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", location), ("offset", str(at)), ("length", str(size + length))):
                entry = tensor.external_data.add()
                entry.key, entry.value = key, value
            at += size
        if claim:
            del model.graph.initializer[-1].dims[:]
            model.graph.initializer[-1].dims.extend(claim)
        (to / name).write_bytes(model.SerializeToString(deterministic=True))

    write("outer.onnx", "weights/outer.bin")
    write("away.onnx", "weights/none.bin")
    write("above.onnx", "../weights/outer.bin", to=folder / "deeper")
    write("absolute.onnx", str(folder / "weights" / "outer.bin"))
    write("memory.onnx", "*/_ORT_MEM_ADDR_/*")
    write("longer.onnx", "weights/outer.bin", length=4)
    write("huge.onnx", "weights/outer.bin", claim=[2500, 1000000])
    broken = bytearray(data)
    broken[4000:4004] = numpy.float32("nan").tobytes()
    (folder / "weights" / "nan.bin").write_bytes(broken)
    write("nan_outer.onnx", "weights/nan.bin")


def with_false_claims(folder):
    model = onnx.load(str(folder / "picture.onnx"))
    del model.graph.initializer[-1].dims[:]
    model.graph.initializer[-1].dims.extend([2500, 1000000])
    (folder / "claims.onnx").write_bytes(model.SerializeToString(deterministic=True))
    (folder / "twice.onnx").write_bytes((folder / "picture.onnx").read_bytes() * 2)


def with_odd_weights(folder):
    def write(name, array, as_list=False):
        kind = {"float16": TensorProto.FLOAT16, "float32": TensorProto.FLOAT}[array.dtype.name]
        info = lambda tensor: helper.make_tensor_value_info(tensor, kind, ["N", array.shape[0]])
        tensor = numpy_helper.from_array(array, "added")
        if as_list:
            tensor = helper.make_tensor("added", kind, array.shape, array.tolist())
        save(folder / name, [helper.make_node("Add", ["x", "added"], ["y"])], [info("x")], [info("y")], [tensor])

    numbers = numpy.linspace(-1, 1, 10000, dtype=numpy.float32)
    for name, value in (("nan", "nan"), ("inf", "inf")):
        odd = numbers.copy()
        odd[7777] = value
        write(name + ".onnx", odd)
    odd = numbers.copy()
    odd[9999] = "nan"
    write("nan_half.onnx", odd.astype(numpy.float16))
    write("nan_list.onnx", odd, as_list=True)
    write("mask.onnx", numpy.where(numbers > 0, numpy.float32("-inf"), numpy.float32(0)))


def strides(path, step):
    node = helper.make_node
    nodes = [node("Conv", ["pixels", "c1"], ["features"], strides=[step, step], kernel_shape=[3, 3]),
             node("Conv", ["pixels", "c2"], ["logits"], strides=[2, 2], kernel_shape=[1, 1])]
    save(path, nodes, [floats("pixels", ["N", 3, 32, 32])],
         [floats("features", ["N", 16, "H", "W"]), floats("logits", ["N", 8, 16, 16])],
         [weights("c1", 16, 3, 3, 3), weights("c2", 8, 3, 1, 1)])


def pool_of_nothing(path):
    node = helper.make_node
    nodes = [node("MaxPool", [], ["p"], kernel_shape=[2, 2]), node("Conv", ["p", "c1"], ["features"], kernel_shape=[1, 1]),
             node("Relu", ["features"], ["logits"])]
    save(path, nodes, [floats("pixels", ["N", 3, 32, 32])],
         [floats("features", ["N", 16, "H", "W"]), floats("logits", ["N", 16, "H", "W"])], [weights("c1", 16, 3, 1, 1)])


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    picture(folder / "picture.onnx")
    text(folder / "text.onnx")
    save(folder / "strange.onnx", [helper.make_node("NoSuchThing", ["x"], ["y"], domain="nobody")],
         [floats("x", ["N", 4])], [floats("y", ["N", 4])], [], opsets=(("", 17), ("nobody", 1)))
    double = lambda name: helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N", 4])
    save(folder / "doubles.onnx", [helper.make_node("Relu", ["x"], ["y"])], [double("x")], [double("y")], [])
    save(folder / "turned.onnx", [helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0])], [floats("x", ["N", 4])],
         [floats("y", [4, "N"])], [])
    clip(folder / "clip.onnx")
    save(folder / "halves.onnx", *clip_parts(TensorProto.FLOAT16))
    small(folder / "small.onnx")
    whole8(folder / "whole8.onnx")
    dynamic8(folder / "dynamic8.onnx")
    with_weights_outside(folder)
    with_false_claims(folder)
    with_odd_weights(folder)
    pool_of_nothing(folder / "pool_of_nothing.onnx")
    strides(folder / "step_longest.onnx", 4096)
    strides(folder / "step_longer.onnx", 4097)
    strides(folder / "step_wraps.onnx", 2**32)
    for name in ("picture", "text", "clip", "halves", "small", "whole8", "dynamic8", "outer"):
        onnx.checker.check_model(str(folder / (name + ".onnx")), full_check=True)


if __name__ == "__main__":
    main()
