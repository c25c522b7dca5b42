"""Records to a grus_sequences: texts, ids or rows of features end to end, in numpy's memory."""

import ctypes
import itertools
import struct
from typing import Any, Optional, Sequence

import numpy as np

from ._library import library, sequences_t


class Sequences:
    """A grus_sequences, and the arrays that it points to."""

    def __init__(self, kind: str, data: Any, lengths: np.ndarray, first: int = 1, shard: Optional[str] = None):
        self.struct = sequences_t()
        library.grus_sequences_init(ctypes.byref(self.struct), ctypes.sizeof(self.struct))
        self._data, self._lengths = data, lengths
        self.struct.n = len(lengths)
        self.struct.lengths = lengths.ctypes.data
        self.struct.first = first
        self.struct.shard = shard.encode() if shard is not None else None
        if isinstance(data, bytes):
            self.struct.text = ctypes.cast(data, ctypes.c_void_p)
        elif data.size:
            setattr(self.struct, kind, data.ctypes.data)

    def __len__(self) -> int:
        return len(self._lengths)


def sizes_of(items: Sequence[Any]) -> np.ndarray:
    return np.fromiter(map(len, items), dtype=np.uintp, count=len(items))


def of_texts(texts: Sequence[bytes], **more: Any) -> Sequences:
    return Sequences("text", b"".join(texts), sizes_of(texts), **more)


def of_ids(lists: Sequence[Any], **more: Any) -> Sequences:
    lengths = sizes_of(lists)
    flat = [np.asarray(ids, dtype=np.uint64) for ids in lists if len(ids)]
    return Sequences("ids", np.concatenate(flat) if flat else np.empty(0, np.uint64), lengths, **more)


def of_features(matrices: Sequence[np.ndarray], dim: int, **more: Any) -> Sequences:
    """matrices: each (rows, dim) float32, or empty."""
    lengths = sizes_of(matrices)
    flat = [matrix for matrix in matrices if len(matrix)]
    data = np.ascontiguousarray(np.concatenate(flat) if len(flat) != 1 else flat[0]) if flat else np.empty((0, dim), np.float32)
    return Sequences("features", data, lengths, **more)


def of_array(data: np.ndarray, lengths: Any, dim: int) -> Sequences:
    """Sequences end to end in one array, which is not copied where it is what the library takes already: (rows, dim) float32
    of features, (n) uint64 of ids."""
    lengths = np.ascontiguousarray(lengths, dtype=np.uintp)
    if dim:
        data = np.ascontiguousarray(data, dtype=np.float32)
        if data.ndim != 2 or data.shape[1] != dim:
            raise ValueError(f"features have the shape {data.shape}; the model takes (rows, {dim})")
    else:
        data = np.ascontiguousarray(_ids_of(data))
        if data.ndim != 1:
            raise ValueError(f"ids have the shape {data.shape}; with lengths they are (n)")
    if lengths.ndim != 1 or int(lengths.sum()) != len(data):
        raise ValueError(f"the lengths sum to {int(lengths.sum())}, and there are {len(data)} rows")
    return Sequences("features" if dim else "ids", data, lengths)


def _ids_of(data: Any) -> np.ndarray:
    data = np.asarray(data)
    if data.dtype.kind not in "iu" and data.size:
        raise TypeError(f"ids are {data.dtype}, and not integers")
    return data.view(np.uint64) if data.dtype == np.int64 else data.astype(np.uint64, copy=False)


def of_any(items: Sequence[Any], dim: int) -> Sequences:
    """Texts, lists of ids, or matrices of features, as the model takes them."""
    if isinstance(items, (str, bytes)):
        raise TypeError("one text is given; a list of them is wanted")
    items = list(items)
    if dim:
        return of_features([_matrix_of(item, dim) for item in items], dim)
    if all(isinstance(item, str) for item in items):
        return of_texts([item.encode() for item in items])
    if any(isinstance(item, (str, bytes)) for item in items):
        raise TypeError("the sequences are neither all str, nor all lists of ids")
    return of_ids([_ids_of(item) for item in items])


def _matrix_of(item: Any, dim: int) -> np.ndarray:
    matrix = np.asarray(item, dtype=np.float32)
    if matrix.size == 0:
        return np.empty((0, dim), np.float32)
    if matrix.ndim != 2 or matrix.shape[1] != dim:
        raise ValueError(f"features have the shape {matrix.shape}; the model takes (rows, {dim})")
    return matrix


def _packed(rows: Any, dim: int) -> np.ndarray:
    """What np.asarray makes of a list of lists of numbers, in a third of its time."""
    if set(map(len, rows)) - {dim}:
        raise ValueError
    data = struct.pack(f"{len(rows) * dim}f", *itertools.chain.from_iterable(rows))
    return np.frombuffer(data, np.float32).reshape(-1, dim)


def feature_rows(value: Any, dim: int) -> Optional[np.ndarray]:
    """A record's features as (rows, dim) float32; None: they are none, or not finite."""
    try:
        if isinstance(value, list):
            matrix = _packed(value, dim)
        else:
            with np.errstate(over="ignore"):
                matrix = _matrix_of(value, dim)
    except (TypeError, ValueError, OverflowError, struct.error):
        return None
    return matrix if np.isfinite(matrix).all() else None


def is_ids(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype.kind in "iu"
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**64 for item in value)
