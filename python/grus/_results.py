"""A grus_results as numpy arrays over its own memory, which lives as long as one of them."""

import ctypes
from typing import Any, List, Optional

import numpy as np

from ._library import POINTER, head_results_t, library, results_t

_SIZE = np.dtype(np.uintp).str


class _Memory:
    """An array over memory of the results, for numpy; holds on to their owner."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, address: int, shape: "tuple[int, ...]", typestr: str, owner: "Results"):
        self.__array_interface__ = {"data": (address, False), "shape": shape, "typestr": typestr, "version": 3}
        self.owner = owner


class Head:
    """What a head says; its columns as in grus_head_results, None where there are none."""

    def __init__(self, struct: head_results_t, n: int, results: "Results"):
        self.number = struct.head
        self.threshold = struct.threshold
        self.offsets = results._array(struct.offsets, (n + 1,), _SIZE)
        rows = int(self.offsets[-1])
        self.labels = results._array(struct.labels, (rows,), "<u4")
        self.probs = results._array(struct.probs, (rows,), "<f4")
        self.numbers = results._array(struct.numbers, (rows, struct.columns), "<f4")
        self.scores = results._array(struct.scores, (n,), "<f8")
        self.texts = results._texts(struct.text, struct.text_offsets, n)
        self.is_label = struct.labels is not None and self.texts is None
        self.columns = struct.columns


class Hypotheses:
    """The columns of a grus_hypotheses, as arrays; texts are a list of str, or None of forced targets."""

    def __init__(self, struct: Any, records: int, results: "Results"):
        n = struct.n
        self.offsets = results._array(struct.offsets, (records + 1,), _SIZE)
        self.scores = results._array(struct.scores, (n,), "<f8")
        self.logprobs = results._array(struct.logprobs, (n,), "<f8")
        self.ended = results._array(struct.ended, (n,), "|b1")
        self.token_offsets = results._array(struct.token_offsets, (n + 1,), _SIZE)
        tokens = int(self.token_offsets[-1])
        self.tokens = results._array(struct.tokens, (tokens,), "<u4")
        self.token_logprobs = results._array(struct.token_logprobs, (tokens,), "<f4")
        self.texts = results._texts(struct.text, struct.text_offsets, n)


class Results:
    """Owns a grus_results."""

    def __init__(self, pointer: "POINTER(results_t)"):
        self._pointer = pointer
        struct = pointer.contents
        self.n = n = struct.n
        self.dim = struct.dim
        # Errors are rare, and lists of strings dear.
        self.errors = self._strings(struct.errors, n)
        self.positions = self._array(struct.positions, (n,), _SIZE)
        self.embeddings = self._array(struct.embeddings, (n, struct.dim), "<f4")
        self.state_offsets = self._array(struct.state_offsets, (n + 1,), _SIZE)
        self.states = self._ragged(struct.states, self.state_offsets, struct.dim)
        self.attention_offsets = self._array(struct.attention_offsets, (n + 1,), _SIZE)
        self.attention = self._ragged(struct.attention, self.attention_offsets, None)
        self.hypotheses = Hypotheses(struct.hypotheses.contents, n, self) if struct.hypotheses else None
        self.heads = [Head(struct.heads[i].contents, n, self) for i in range(struct.n_heads)]

    def __del__(self):
        if self._pointer:
            library.grus_results_free(self._pointer)

    def _array(self, address: Optional[int], shape: "tuple[int, ...]", typestr: str) -> np.ndarray:
        """Also where the address is None: an empty list, or one that was not asked for."""
        if not address:
            return np.empty(shape if 0 in shape else (0,) * len(shape), typestr)
        return np.asarray(_Memory(address, shape, typestr, self))

    def _ragged(self, address: Optional[int], offsets: np.ndarray, columns: Optional[int]) -> np.ndarray:
        rows = int(offsets[-1]) if len(offsets) else 0
        return self._array(address, (rows,) if columns is None else (rows, columns), "<f4")

    def _strings(self, pointer: Any, n: int) -> "dict[int, str]":
        if not n or not pointer:
            return {}
        address = ctypes.cast(pointer, ctypes.c_void_p).value
        filled = np.flatnonzero(np.asarray(_Memory(address, (n,), _SIZE, self)))
        return {int(i): pointer[int(i)].decode("utf-8", "replace") for i in filled}

    def _texts(self, address: Optional[int], offsets: Optional[int], n: int) -> Optional[List[str]]:
        if not offsets:
            return None
        ends = np.asarray(_Memory(offsets, (n + 1,), _SIZE, self)).tolist()
        data = ctypes.string_at(address, ends[-1]) if ends[-1] else b""
        if data.isascii():
            text = data.decode()
            return [text[ends[i] : ends[i + 1]] for i in range(n)]
        return [data[ends[i] : ends[i + 1]].decode() for i in range(n)]

    def attention_of(self, i: int, heads: int = 0) -> np.ndarray:
        """(steps, positions) of the best hypothesis, or (1, positions) of a pooling; where heads tell of their own (steps,
        heads, positions), or (heads, positions)."""
        columns = int(self.positions[i])
        if self.hypotheses is not None:
            best = int(self.hypotheses.offsets[i])
            ends = self.hypotheses.token_offsets
            rows = int(ends[best + 1]) - int(ends[best])
            shape = (rows, heads, columns) if heads else (rows, columns)
        else:
            shape = (heads or 1, columns)
        return self.attention[int(self.attention_offsets[i]) : int(self.attention_offsets[i + 1])].reshape(shape)
