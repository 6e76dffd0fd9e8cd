"""Pickles as torch.save writes them, with whatever a stranger puts into them."""

import io
import pickle
from collections import OrderedDict
from zipfile import ZIP_STORED, ZipFile

import torch
from torch._utils import _rebuild_tensor_v2


class Call:
    """Pickled, it asks whoever reads it to call ``function`` with ``arguments``."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class Stored:
    """A storage that is said to hold ``count`` numbers."""

    def __init__(self, count, key="0", kind=torch.FloatStorage):
        self.reference = ("storage", kind, key, "cpu", count)


class _Pickler(pickle._Pickler):
    def persistent_id(self, held):
        return held.reference if isinstance(held, Stored) else None


def pickled(held, protocol=2):
    stream = io.BytesIO()
    _Pickler(stream, protocol).dump(held)
    return stream.getvalue()


def tensor(count=1, shape=(1,), strides=(1,), offset=0, **storage):
    """A tensor by what is claimed of it: numbers in its storage, shape, strides, offset."""
    return Call(_rebuild_tensor_v2, Stored(count, **storage), offset, shape, strides, False, OrderedDict())


def write_archive(path, held, storages=(bytes(4),), compression=ZIP_STORED):
    """An archive as torch.save writes it: ``held``, an object or the bytes of a pickle, and the storages' bytes."""
    with ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", held if isinstance(held, bytes) else pickled(held))
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
        for number, values in enumerate(storages):
            archive.writestr(f"archive/data/{number}", values)
    return path
