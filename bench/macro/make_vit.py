#!/usr/bin/env python3
"""Writes a vision transformer with random weights as ONNX: speed does not depend on what the weights are.

usage: make_vit.py OUT.onnx [--width 768] [--depth 12] [--heads 12] [--patch 32] [--side 224] [--projection 512]

The defaults are the image tower of CLIP ViT-B/32 (88 million weights, 350 MB): "pixel_values" f32 [N, 3, 224, 224] ->
"image_embeds" [N, 512]."""
import argparse

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


class Network:
    def __init__(self):
        self.nodes, self.weights, self.draw = [], [], numpy.random.default_rng(5)

    def constant(self, name, array):
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def random(self, name, *shape):
        return self.constant(name, self.draw.standard_normal(shape, dtype=numpy.float32) * numpy.float32(0.02))

    def add(self, operation, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def linear(self, x, name, rows, columns):
        product = self.add("MatMul", [x, self.random(name + ".weight", rows, columns)], name + ".product")
        return self.add("Add", [product, self.random(name + ".bias", columns)], name)

    def norm(self, x, name, width):
        scale = self.constant(name + ".scale", numpy.ones(width, numpy.float32))
        return self.add("LayerNormalization", [x, scale, self.random(name + ".bias", width)], name, axis=-1, epsilon=1e-5)

    def heads(self, x, name, count, order):
        shape = self.constant(name + ".shape", numpy.array([0, 0, count, -1], numpy.int64))
        return self.add("Transpose", [self.add("Reshape", [x, shape], name + ".apart"), ], name, perm=order)

    def block(self, x, name, width, heads):
        y = self.norm(x, name + ".norm1", width)
        q, k, v = (self.linear(y, f"{name}.{part}", width, width) for part in "qkv")
        q = self.heads(q, name + ".qh", heads, [0, 2, 1, 3])
        k = self.heads(k, name + ".kh", heads, [0, 2, 3, 1])
        v = self.heads(v, name + ".vh", heads, [0, 2, 1, 3])
        scale = self.constant(name + ".by", numpy.array((width // heads) ** -0.5, numpy.float32))
        scores = self.add("Mul", [self.add("MatMul", [q, k], name + ".qk"), scale], name + ".scores")
        mixed = self.add("MatMul", [self.add("Softmax", [scores], name + ".soft", axis=-1), v], name + ".mixed")
        back = self.constant(name + ".back", numpy.array([0, 0, width], numpy.int64))
        joined = self.add("Reshape", [self.add("Transpose", [mixed], name + ".t", perm=[0, 2, 1, 3]), back], name + ".joined")
        x = self.add("Add", [x, self.linear(joined, name + ".out", width, width)], name + ".x1")
        up = self.linear(self.norm(x, name + ".norm2", width), name + ".up", width, 4 * width)
        # CLIP's quick form of GELU: x * sigmoid(1.702 x).
        slope = self.constant(name + ".slope", numpy.array(1.702, numpy.float32))
        gate = self.add("Sigmoid", [self.add("Mul", [up, slope], name + ".sloped")], name + ".gate")
        return self.add("Add", [x, self.linear(self.add("Mul", [up, gate], name + ".gelu"), name + ".down", 4 * width, width)],
                        name + ".x2")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    for name, value in (("width", 768), ("depth", 12), ("heads", 12), ("patch", 32), ("side", 224), ("projection", 512)):
        parser.add_argument("--" + name, type=int, default=value)
    args = parser.parse_args()
    net, width, tokens = Network(), args.width, (args.side // args.patch) ** 2 + 1
    x = net.add("Conv", ["pixel_values", net.random("patches", width, 3, args.patch, args.patch)], "grid",
                kernel_shape=[args.patch] * 2, strides=[args.patch] * 2)
    rows = net.add("Reshape", [x, net.constant("rows.shape", numpy.array([0, width, -1], numpy.int64))], "rows")
    rows = net.add("Transpose", [rows], "rows.t", perm=[0, 2, 1])
    # One class token a picture: as many as there are rows in the batch.
    shape = net.add("Shape", ["pixel_values"], "batch", start=0, end=1)
    wide = net.constant("class.wide", numpy.array([1, width], numpy.int64))
    token = net.add("Expand", [net.random("class", 1, 1, width), net.add("Concat", [shape, wide], "class.shape", axis=0)], "class.n")
    x = net.add("Concat", [token, rows], "tokens", axis=1)
    x = net.norm(net.add("Add", [x, net.random("positions", 1, tokens, width)], "placed"), "norm0", width)
    for layer in range(args.depth):
        x = net.block(x, f"layer{layer}", width, args.heads)
    x = net.add("Gather", [x, net.constant("first", numpy.array(0, numpy.int64))], "pooled", axis=1)
    net.add("MatMul", [net.norm(x, "norm9", width), net.random("project", width, args.projection)], "image_embeds")
    graph = helper.make_graph(
        net.nodes, "vit",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["batch", 3, args.side, args.side])],
        [helper.make_tensor_value_info("image_embeds", TensorProto.FLOAT, ["batch", args.projection])], net.weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), args.out)


if __name__ == "__main__":
    main()
