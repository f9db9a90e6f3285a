"""Reads the tensors of an old-format PyTorch `.pth` file with numpy alone.

The file is five pickles (magic, protocol, sizes, the state dict, the storage keys) and then the raw storages. A pickle
can call anything it names, so only the four names that a state dict needs are known here; any other is refused before
it is looked up.
"""
import collections
import io
import pickle
import struct

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class TorchFileError(Exception):
    """The file is not what an old-format state dict looks like."""


class _Storage:
    """A run of numbers that tensors look into; its bytes come after the pickles."""

    def __init__(self, dtype, numbers):
        self.dtype = dtype
        self.numbers = numbers
        self.values = None


class _View:
    def __init__(self, storage, offset, shape, stride):
        self.storage, self.offset, self.shape, self.stride = storage, offset, tuple(shape), tuple(stride)

    def array(self):
        reach = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.stride)) + 1
        if 0 in self.shape or min((self.offset, *self.shape, *self.stride)) < 0 or reach > self.storage.numbers:
            raise TorchFileError(f"a tensor of shape {self.shape} reaches number {reach} of a storage that has "
                                 f"{self.storage.numbers}")
        item = self.storage.dtype.itemsize
        view = np.lib.stride_tricks.as_strided(self.storage.values[self.offset:], self.shape,
                                               [s * item for s in self.stride], writeable=False)
        return np.array(view)


def _rebuild_tensor(storage, offset, shape, stride, *_):
    if not isinstance(storage, _Storage):
        raise TorchFileError("a tensor does not name its storage")
    return _View(storage, offset, shape, stride)


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream, storages):
        super().__init__(stream)
        self._storages = storages

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise TorchFileError(f"the file names {module}.{name}, which a state dict does not need; it was not loaded")

    def persistent_load(self, saved):
        if not isinstance(saved, tuple) or len(saved) < 5 or saved[0] != "storage":
            raise TorchFileError("a storage is not described as expected")
        _, dtype, key, _, numbers = saved[:5]
        if not isinstance(dtype, np.dtype) or not isinstance(numbers, int) or numbers < 0:
            raise TorchFileError(f"storage {key!r} has no known type or size")
        return self._storages.setdefault(key, _Storage(dtype, numbers))


def read(data):
    """The bytes of a `.pth` file -> {name: array}."""
    stream = io.BytesIO(data)
    storages = {}

    def load():
        try:
            return _Unpickler(stream, storages).load()
        except TorchFileError:
            raise
        except Exception as error:  # whatever a damaged pickle makes of itself
            raise TorchFileError(f"a damaged pickle: {error}") from error

    magic, protocol = load(), load()
    if magic != MAGIC or protocol != PROTOCOL:
        raise TorchFileError("not an old-format PyTorch file: its first numbers are others")
    if not load().get("little_endian", False):
        raise TorchFileError("a big-endian file, little-endian wanted")
    state, keys = load(), load()
    for key in keys:
        storage = storages.get(key)
        header = stream.read(8)
        if storage is None or len(header) != 8 or struct.unpack("<q", header)[0] != storage.numbers:
            raise TorchFileError(f"storage {key!r} is not the one the state dict describes")
        raw = stream.read(storage.numbers * storage.dtype.itemsize)
        if len(raw) != storage.numbers * storage.dtype.itemsize:
            raise TorchFileError(f"storage {key!r} ends early: {len(raw)} bytes")
        storage.values = np.frombuffer(raw, storage.dtype)
    missing = [key for key, storage in storages.items() if storage.values is None]
    if missing:
        raise TorchFileError(f"storages without bytes: {missing[:3]}")
    return {name: view.array() for name, view in state.items()}
