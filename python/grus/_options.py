"""Keyword arguments to the structs of a run and of its search. The names are those of `grus run`, with underscores."""

import ctypes
import os
from typing import Any, Dict

from ._library import library, number_of, run_options_t, search_t

_SEARCH = {name for name, _ in search_t._fields_} - {"size", "reserved"}
# What may be given of a run; the rest is set by who runs it.
_RUN = {
    "task", "attention", "format", "level", "text_key", "id_key", "target_key", "text_column", "target_column", "threads",
    "batch_tokens", "max_memory", "max_record", "checkpoint_records", "report", "rank", "world_size", "fail_on_error",
    "token_scores", "strict", "dry_run", "on_changed", "mark_truncated", "seed", "window_log", "grow", "max_errors",
    "max_errors_percent", "output_key", "field_prefix", "head_output", "prefix_key", "attention_heads", "compress",
    "recursive", "filelist",
}  # fmt: skip
_WORDS = {"task", "attention", "format", "length_norm", "head_output", "on_changed", "compress"}
_PATHS = {"report", "filelist"}

# What records in memory have no use for.
SHARDS_ALONE = {
    "format", "level", "text_column", "target_column", "checkpoint_records", "report", "rank", "world_size", "strict",
    "dry_run", "on_changed", "window_log", "grow", "max_errors", "max_errors_percent", "output_key", "field_prefix", "compress",
    "recursive", "filelist",
}  # fmt: skip


class Stop:
    """A grus_stop."""

    def __init__(self):
        self.pointer = ctypes.c_void_p(library.grus_stop_new())
        if not self.pointer:
            raise MemoryError

    def __del__(self):
        library.grus_stop_free(self.pointer)

    def ask(self) -> None:
        library.grus_stop_ask(self.pointer)


class Options:
    """The structs, and what they point to: they live as long as this object."""

    def __init__(self, model: ctypes.c_void_p, given: Dict[str, Any], without: "set[str]" = frozenset()):
        self.stop = Stop()
        self.run = run_options_t()
        self.search = search_t()
        library.grus_run_options_init(ctypes.byref(self.run), ctypes.sizeof(self.run))
        library.grus_search_init(ctypes.byref(self.search), ctypes.sizeof(self.search), model)
        self.run.search = ctypes.pointer(self.search)
        self.run.stop = self.stop.pointer
        for name, value in given.items():
            if value is None:
                continue
            if name == "ensemble":
                self._set_ensemble(value)
            elif name in _SEARCH:
                self._set(self.search, name, value)
            elif name in _RUN and name not in without:
                self._set(self.run, name, value)
            else:
                raise TypeError(f"{name!r} is no option here")

    def _set(self, struct: ctypes.Structure, name: str, value: Any) -> None:
        if name in _WORDS:
            value = number_of(name, value)
        elif name in _PATHS:
            value = os.fsencode(value)
        elif isinstance(value, str):
            value = value.encode()
        elif isinstance(value, int) and not isinstance(value, bool) and value < 0:
            raise ValueError(f"{name} is {value}; it cannot be negative")
        try:
            setattr(struct, name, value)
        except TypeError:
            raise TypeError(f"{name} cannot be {value!r}") from None

    def _set_ensemble(self, models: Any) -> None:
        self.models = list(models)
        pointers = [getattr(model, "_pointer", None) for model in self.models]
        if not all(pointers):
            raise TypeError("ensemble is a list of grus.Model")
        self.run.ensemble = (ctypes.c_void_p * len(pointers))(*pointers)
        self.run.n_ensemble = len(pointers)

    def set_inputs(self, inputs: "list[bytes]", outdir: bytes) -> None:
        self.run.inputs = (ctypes.c_char_p * len(inputs))(*inputs)
        self.run.n_inputs = len(inputs)
        self.run.outdir = outdir

    def text(self, name: str) -> str:
        """One of the keys of a record."""
        value = getattr(self.run, name)
        return value.decode() if value is not None else ""
