"""all-MiniLM-L6-v2 (BERT, 6 layers, 384 numbers): safetensors to ONNX, and the same network in numpy float64.

The numpy forward pass makes the class matrix and checks the ONNX file; it is the meaning, the ONNX file the speed.
"""
import json
import math
import re
import struct

import numpy as np

import onnx_file

DIM, HEADS, LAYERS, EPSILON = 384, 12, 6, 1e-12
HEAD_DIM = DIM // HEADS
CLS, SEP, UNK = 101, 102, 100
ERF_RUN = 8192  # numbers: the intermediate arrays stay in the second-level cache
# Cody's rational approximations, numerator and denominator, highest power first.
NEAR = ((1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
         3.20937758913846947e3),
        (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3))
MIDDLE = ((2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
           2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
           1.23033935479799725e3),
          (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
           3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3))
SAFETENSORS_TYPES = {"F32": "<f4", "I64": "<i8"}


def read_safetensors(data):
    """The bytes of a .safetensors file -> {name: array}."""
    (length,) = struct.unpack("<Q", data[:8])
    if length > len(data) - 8:
        raise ValueError(f"the header says {length} bytes, the file has {len(data) - 8} after it")
    header = json.loads(data[8:8 + length])
    body, arrays = memoryview(data)[8 + length:], {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        array = np.frombuffer(body[first:last], SAFETENSORS_TYPES[entry["dtype"]])
        arrays[name] = array.reshape(entry["shape"])
    return arrays


class Tokenizer:
    """WordPiece for plain ASCII English: what class names need. The product's own tokenizer reads every script."""

    def __init__(self, tokenizer_json):
        self._vocabulary = json.loads(tokenizer_json)["model"]["vocab"]

    def ids(self, text):
        if not text.isascii():
            raise ValueError(f"{text!r} is not plain ASCII")
        pieces = [CLS]
        for word in re.findall(r"[a-z0-9]+|[^\sa-z0-9]", text.lower()):
            pieces += self._word(word)
        return pieces + [SEP]

    def _word(self, word):
        pieces, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self._vocabulary:
                    pieces.append(self._vocabulary[piece])
                    start = end
                    break
            else:
                return [UNK]
        return pieces


# --- float64 -----------------------------------------------------------------------------------------------------

def erf(x):
    """The error function to about 1e-15. In runs that stay in the cache, which is several times as fast."""
    flat = np.ascontiguousarray(x).reshape(-1)
    result = np.empty_like(flat)
    for first in range(0, flat.size, ERF_RUN):
        result[first:first + ERF_RUN] = _erf(flat[first:first + ERF_RUN])
    return result.reshape(x.shape)


def _erf(x):
    """W. J. Cody, Math. Comp. 23 (1969), by two of his three ranges; beyond 4 the C library's."""
    y = np.abs(x)
    z = np.minimum(y, 0.46875)
    near = x * _ratio(z * z, *NEAR)
    w = np.clip(y, 0.46875, 4.0)
    tail = 1.0 - np.exp(-w * w) * _ratio(w, *MIDDLE)
    for place in np.flatnonzero(y > 4.0):
        tail[place] = math.erf(y[place])
    return np.where(y <= 0.46875, near, np.copysign(tail, x))


def _ratio(z, over, under):
    def polynomial(coefficients):
        value = np.full_like(z, coefficients[0])
        for coefficient in coefficients[1:]:
            value *= z
            value += coefficient
        return value

    return polynomial(over) / polynomial(under)


def _norm(x, weight, bias):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON) * weight + bias


class Network:
    """The network in float64; `hidden` takes texts of one length, so that nothing is padded."""

    def __init__(self, weights):
        self._w = {name: array.astype(np.float64) for name, array in weights.items() if array.dtype == np.float32}

    def _dense(self, x, name):
        return x @ self._w[name + ".weight"].T + self._w[name + ".bias"]

    def _normed(self, x, name):
        return _norm(x, self._w[name + ".weight"], self._w[name + ".bias"])

    def _layer(self, x, name):
        def heads(part):
            projected = self._dense(x, f"{name}.attention.self.{part}")
            return projected.reshape(*x.shape[:2], HEADS, HEAD_DIM).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.sqrt(HEAD_DIM)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        context = (scores / scores.sum(axis=-1, keepdims=True)) @ heads("value")
        context = context.transpose(0, 2, 1, 3).reshape(x.shape)
        x = self._normed(x + self._dense(context, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        middle = self._dense(x, f"{name}.intermediate.dense")
        middle = middle * 0.5 * (1.0 + erf(middle / np.sqrt(2.0)))
        return self._normed(x + self._dense(middle, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def hidden(self, ids):
        """[n, length] ids -> [n, length, 384]."""
        ids = np.asarray(ids)
        x = (self._w["embeddings.word_embeddings.weight"][ids]
             + self._w["embeddings.position_embeddings.weight"][:ids.shape[1]]
             + self._w["embeddings.token_type_embeddings.weight"][0])
        x = self._normed(x, "embeddings.LayerNorm")
        for number in range(LAYERS):
            x = self._layer(x, f"encoder.layer.{number}")
        return x

    def vectors(self, texts):
        """Lists of ids -> [n, 384]: the mean over the tokens, of length 1."""
        result, by_length = np.empty((len(texts), DIM)), {}
        for row, ids in enumerate(texts):
            by_length.setdefault(len(ids), []).append(row)
        for rows in by_length.values():
            for first in range(0, len(rows), 32):
                some = rows[first:first + 32]
                pooled = self.hidden([texts[row] for row in some]).mean(axis=1)
                result[some] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return result


# --- ONNX --------------------------------------------------------------------------------------------------------

class _Writer:
    def __init__(self, weights):
        self.weights = weights
        self.graph = onnx_file.Graph("all-minilm-l6-v2")

    def take(self, name):
        return self.graph.weight(name, self.weights[name].astype(np.float32))

    def constant(self, name, value, dtype=np.int64):
        return self.graph.weight(name, np.array(value, dtype))

    def dense(self, x, name):
        weight = self.graph.weight(name + ".weight", np.ascontiguousarray(self.weights[name + ".weight"].T))
        product = self.graph.node("MatMul", [x, weight], name + ".product")
        return self.graph.node("Add", [product, self.take(name + ".bias")], name)

    def norm(self, x, name):
        return self.graph.node("LayerNormalization", [x, self.take(name + ".weight"), self.take(name + ".bias")], name,
                               axis=-1, epsilon=EPSILON)

    def embeddings(self):
        g = self.graph
        words = g.node("Gather", [self.take("embeddings.word_embeddings.weight"), "input_ids"], "embeddings.words")
        types = g.node("Gather", [self.take("embeddings.token_type_embeddings.weight"), "token_type_ids"],
                       "embeddings.types")
        length = g.node("Slice", [g.node("Shape", ["input_ids"], "ids.shape"), self.constant("one", [1]),
                                  self.constant("two", [2])], "length")
        places = g.node("Slice", [self.take("embeddings.position_embeddings.weight"), self.constant("zero", [0]), length,
                                  "zero"], "embeddings.positions")
        total = g.node("Add", [g.node("Add", [words, types], "embeddings.pair"), places], "embeddings.sum")
        return self.norm(total, "embeddings.LayerNorm")

    def mask(self):
        """0 where the mask is 1, else -10000, which softmax makes an exact 0."""
        g = self.graph
        wide = g.node("Unsqueeze", ["attention_mask", self.constant("mask.axes", [1, 2])], "mask.wide")
        number = g.node("Cast", [wide], "mask.number", to=onnx_file.TensorProto.FLOAT)
        absent = g.node("Sub", [self.constant("unit", 1, np.float32), number], "mask.absent")
        return g.node("Mul", [absent, self.constant("mask.low", -10000, np.float32)], "mask")

    def attention(self, x, name):
        g = self.graph

        def heads(part, order):
            parts = g.node("Reshape", [self.dense(x, f"{name}.self.{part}"), "split"], f"{name}.{part}.split")
            return g.node("Transpose", [parts], f"{name}.{part}.heads", perm=order)

        query, key, value = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
        scores = g.node("Mul", [g.node("MatMul", [query, key], f"{name}.scores"), "temper"], f"{name}.tempered")
        masked = g.node("Add", [scores, "mask"], f"{name}.masked")
        shares = g.node("Softmax", [masked], f"{name}.shares", axis=-1)
        context = g.node("Transpose", [g.node("MatMul", [shares, value], f"{name}.context")], f"{name}.together",
                         perm=[0, 2, 1, 3])
        flat = g.node("Reshape", [context, "join"], f"{name}.flat")
        total = g.node("Add", [x, self.dense(flat, f"{name}.output.dense")], f"{name}.sum")
        return self.norm(total, f"{name}.output.LayerNorm")

    def feed_forward(self, x, name):
        g = self.graph
        middle = self.dense(x, f"{name}.intermediate.dense")
        bell = g.node("Erf", [g.node("Div", [middle, "root2"], f"{name}.gelu.scaled")], f"{name}.gelu.erf")
        gate = g.node("Add", [bell, "unit"], f"{name}.gelu.gate")
        gelu = g.node("Mul", [g.node("Mul", [middle, gate], f"{name}.gelu.twice"), "half"], f"{name}.gelu")
        total = g.node("Add", [x, self.dense(gelu, f"{name}.output.dense")], f"{name}.sum")
        return self.norm(total, f"{name}.output.LayerNorm")


def text_onnx(weights):
    """The bytes of text.onnx: token ids in, the last hidden state out. Pooling is the caller's, in an order of its own,
    so that a text's vector does not depend on its neighbours' lengths."""
    write = _Writer(weights)
    graph = write.graph
    for name in ("input_ids", "attention_mask", "token_type_ids"):
        graph.input(name, np.int64, ["N", "L"])
    write.constant("split", [0, 0, HEADS, HEAD_DIM])
    write.constant("join", [0, 0, DIM])
    write.constant("temper", 1 / np.sqrt(HEAD_DIM), np.float32)
    write.constant("root2", np.sqrt(2), np.float32)
    write.constant("half", 0.5, np.float32)
    x = write.embeddings()
    write.mask()
    for number in range(LAYERS):
        x = write.attention(x, f"encoder.layer.{number}.attention")
        x = write.feed_forward(x, f"encoder.layer.{number}")
    graph.node("Identity", [x], "last_hidden_state")
    graph.output("last_hidden_state", ["N", "L", DIM])
    return graph.bytes()
