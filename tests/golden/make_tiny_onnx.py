#!/usr/bin/env python3
"""Writes small networks with seeded weights for the tests of infer.

usage: make_tiny_onnx.py OUT_FOLDER

picture.onnx: "pixels" f32 [N, 3, 32, 32] -> "features" [N, 96], "logits" [N, 40]: convolutions, pooling, a product of
              depth 96
text.onnx:    "ids", "mask" i64 [N, L] -> "states" f32 [N, L, 64]: attention over the words
strange.onnx: an operation that nobody knows
halves.onnx:  an f16 input
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


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    picture(folder / "picture.onnx")
    text(folder / "text.onnx")
    save(folder / "strange.onnx", [helper.make_node("NoSuchThing", ["x"], ["y"], domain="nobody")],
         [floats("x", ["N", 4])], [floats("y", ["N", 4])], [], opsets=(("", 17), ("nobody", 1)))
    half = helper.make_tensor_value_info
    save(folder / "halves.onnx", [helper.make_node("Relu", ["x"], ["y"])], [half("x", TensorProto.FLOAT16, ["N", 4])],
         [half("y", TensorProto.FLOAT16, ["N", 4])], [])
    onnx.checker.check_model(str(folder / "picture.onnx"), full_check=True)
    onnx.checker.check_model(str(folder / "text.onnx"), full_check=True)


if __name__ == "__main__":
    main()
