"""libgrus: its structs and functions as grus.h has them. A struct that begins with its size may be shorter here than in the
library; a field that is added there is added at the end here."""

import ctypes
import os
from ctypes import POINTER, c_bool, c_char, c_char_p, c_double, c_float, c_int, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p

from ._errors import Error

SONAME = "libgrus.so.0"


class error_t(ctypes.Structure):
    _fields_ = [("status", c_int), ("file", c_char * 1024), ("place", c_char * 256), ("cause", c_char * 768)]


class text_t(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("size", c_size_t)]


WARNING = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)


class load_options_t(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("on_warning", WARNING),
        ("context", c_void_p),
        ("strict", c_bool),
        ("allow_nonfinite", c_bool),
        ("compute_type", c_uint8),
        ("reserved", c_bool * 5),
    ]


class search_t(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("beam_size", c_size_t),
        ("n_best", c_size_t),
        ("length_penalty", c_double),
        ("max_length_factor", c_double),
        ("max_length", c_size_t),
        ("min_length", c_size_t),
        ("length_norm", c_int),
        ("unique_nbest", c_bool),
        ("disable_unk", c_bool),
        ("replace_unk", c_bool),
        ("reserved", c_bool),
        ("no_repeat_ngram_size", c_size_t),
        ("repetition_penalty", c_double),
        ("sampling_topk", c_size_t),
        ("sampling_temperature", c_double),
    ]


class array_place_t(ctypes.Structure):
    _fields_ = [(name, c_size_t) for name in ("id", "first", "step", "task", "tasks")]


class run_options_t(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("inputs", POINTER(c_char_p)),
        ("n_inputs", c_size_t),
        ("outdir", c_char_p),
        ("search", POINTER(search_t)),
        ("stop", c_void_p),
        ("task", c_int),
        ("attention", c_int),
        ("format", c_int),
        ("level", c_int),
        ("text_key", c_char_p),
        ("id_key", c_char_p),
        ("target_key", c_char_p),
        ("text_column", c_size_t),
        ("target_column", c_size_t),
        ("threads", c_size_t),
        ("batch_tokens", c_size_t),
        ("max_memory", c_size_t),
        ("max_record", c_size_t),
        ("checkpoint_records", c_size_t),
        ("report", c_char_p),
        ("rank", c_size_t),
        ("world_size", c_size_t),
        ("array", array_place_t),
        ("launched", c_bool),
        ("fail_on_error", c_bool),
        ("token_scores", c_bool),
        ("strict", c_bool),
        ("dry_run", c_bool),
        ("on_changed", c_uint8),
        ("input_type", c_uint8),
        ("mark_truncated", c_bool),
        ("seed", c_uint64),
        ("window_log", c_uint32),
        ("grow", c_bool),
        ("more_reserved", c_bool * 3),
        ("max_errors", c_uint64),
        ("max_errors_percent", c_double),
        ("output_key", c_char_p),
        ("field_prefix", c_char_p),
        ("head_output", c_uint8),
        ("attention_heads", c_bool),
        ("last_reserved", c_bool * 6),
        ("prefix_key", c_char_p),
        ("compress", c_uint8),
        ("recursive", c_bool),
        ("compress_reserved", c_bool * 6),
        ("ensemble", POINTER(c_void_p)),
        ("n_ensemble", c_size_t),
        ("filelist", c_char_p),
    ]


class progress_t(ctypes.Structure):
    _fields_ = (
        [(name, c_size_t) for name in ("size", "shards", "shards_done", "shards_skipped", "shards_failed")]
        + [(name, c_uint64) for name in ("records", "records_failed", "tokens_in", "tokens_out", "bytes_in", "bytes_total")]
        + [("seconds", c_double)]
        + [(name, c_uint64) for name in ("memory", "positions", "positions_computed", "rows", "rows_computed", "flops")]
        + [(name, c_size_t) for name in ("threads", "slots", "batch_tokens")]
        + [(name, c_uint64) for name in ("records_resumed", "tokens_unknown", "records_truncated")]
        + [(name, c_size_t) for name in ("rank", "world_size")]
        + [(name, c_uint64) for name in ("tokens_in_resumed", "tokens_out_resumed", "bytes_resumed")]
    )


ON_PLAN = ctypes.CFUNCTYPE(None, c_void_p, POINTER(progress_t))
ON_PROGRESS = ctypes.CFUNCTYPE(None, c_void_p, POINTER(progress_t), c_bool)
ON_SHARD_ERROR = ctypes.CFUNCTYPE(None, c_void_p, POINTER(error_t))


class run_events_t(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("context", c_void_p),
        ("on_plan", ON_PLAN),
        ("on_progress", ON_PROGRESS),
        ("on_shard_error", ON_SHARD_ERROR),
        ("on_warning", WARNING),
        ("on_shard", c_void_p),
    ]


class sequences_t(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("n", c_size_t),
        ("lengths", c_void_p),
        ("text", c_void_p),
        ("ids", c_void_p),
        ("features", c_void_p),
        ("first", c_uint64),
        ("shard", c_char_p),
    ]


class hypotheses_t(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("n", c_size_t)] + [
        (name, c_void_p)
        for name in ("offsets", "scores", "logprobs", "ended", "token_offsets", "tokens", "token_logprobs", "text_offsets", "text")
    ]


class head_results_t(ctypes.Structure):
    _fields_ = (
        [(name, c_size_t) for name in ("size", "head", "columns")]
        + [(name, c_void_p) for name in ("offsets", "labels", "probs", "numbers")]
        + [("threshold", c_float)]
        + [(name, c_void_p) for name in ("text_offsets", "text", "scores")]
    )


class results_t(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("n", c_size_t),
        ("errors", POINTER(c_char_p)),
        ("causes", POINTER(c_char_p)),
        ("positions", c_void_p),
        ("dim", c_size_t),
        ("embeddings", c_void_p),
        ("state_offsets", c_void_p),
        ("states", c_void_p),
        ("attention_offsets", c_void_p),
        ("attention", c_void_p),
        ("hypotheses", POINTER(hypotheses_t)),
        ("n_heads", c_size_t),
        ("heads", POINTER(POINTER(head_results_t))),
    ]


_P_ERROR = POINTER(error_t)
# Name: result, arguments.
_FUNCTIONS = {
    "grus_version": (c_char_p, []),
    "grus_error_text": (c_char_p, [_P_ERROR, c_char_p, c_size_t]),
    "grus_text_free": (None, [POINTER(text_t)]),
    "grus_names": (POINTER(c_char_p), [c_int]),
    "grus_cpu_count": (c_size_t, []),
    "grus_load_options_init": (None, [POINTER(load_options_t), c_size_t]),
    "grus_model_load": (c_int, [c_char_p, POINTER(load_options_t), POINTER(c_void_p), _P_ERROR]),
    "grus_model_free": (None, [c_void_p]),
    "grus_model_describe": (c_int, [c_void_p, c_bool, POINTER(text_t), _P_ERROR]),
    "grus_model_kernel_name": (c_char_p, [c_void_p]),
    "grus_model_compute_type": (c_int, [c_void_p]),
    "grus_model_task": (c_int, [c_void_p]),
    "grus_model_heads": (c_size_t, [c_void_p]),
    "grus_model_head_name": (c_char_p, [c_void_p, c_size_t]),
    "grus_model_head_is_on_token": (c_bool, [c_void_p, c_size_t]),
    "grus_model_labels": (c_size_t, [c_void_p, c_size_t]),
    "grus_model_label": (c_void_p, [c_void_p, c_size_t, c_size_t, POINTER(c_size_t)]),
    "grus_model_tokens": (c_size_t, [c_void_p, c_int]),
    "grus_model_token": (c_int, [c_void_p, c_int, c_size_t, POINTER(text_t), _P_ERROR]),
    "grus_model_feature_dim": (c_size_t, [c_void_p]),
    "grus_search_init": (None, [POINTER(search_t), c_size_t, c_void_p]),
    "grus_run_options_init": (None, [POINTER(run_options_t), c_size_t]),
    "grus_run_events_init": (None, [POINTER(run_events_t), c_size_t]),
    "grus_progress_init": (None, [POINTER(progress_t), c_size_t]),
    "grus_stop_new": (c_void_p, []),
    "grus_stop_free": (None, [c_void_p]),
    "grus_stop_ask": (None, [c_void_p]),
    "grus_run": (c_int, [c_void_p, POINTER(run_options_t), POINTER(run_events_t), POINTER(progress_t), _P_ERROR]),
    "grus_annotate": (c_int, [c_void_p, POINTER(run_options_t), c_char_p, c_size_t, POINTER(text_t), _P_ERROR]),
    "grus_sequences_init": (None, [POINTER(sequences_t), c_size_t]),
    "grus_runner_new": (c_int, [c_void_p, POINTER(run_options_t), POINTER(c_void_p), _P_ERROR]),
    "grus_runner_free": (None, [c_void_p]),
    "grus_runner_run": (
        c_int,
        [c_void_p, POINTER(sequences_t), POINTER(sequences_t), POINTER(POINTER(results_t)), _P_ERROR],
    ),
    "grus_results_free": (None, [POINTER(results_t)]),
}


def _open() -> ctypes.CDLL:
    path = os.environ.get("GRUS_LIBRARY") or SONAME
    try:
        loaded = ctypes.CDLL(path)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(loaded, name)
            function.restype = result
            function.argtypes = arguments
    except OSError as error:
        raise ImportError(f"{path} cannot be loaded ({error}); install libgrus, or let GRUS_LIBRARY name it") from None
    except AttributeError as error:
        raise ImportError(f"{path} is older than this package: {error}") from None
    return loaded


library = _open()


def raise_error(error: error_t) -> None:
    parts = (getattr(error, name).decode("utf-8", "replace") for name in ("file", "place", "cause"))
    raise Error(error.status, *parts)


def call(name: str, *arguments) -> None:
    """Calls a function that returns a status and takes an error last; raises Error."""
    error = error_t()
    if getattr(library, name)(*arguments, ctypes.byref(error)):
        raise_error(error)


def take_text(text: text_t) -> str:
    """The text, which is freed."""
    try:
        return ctypes.string_at(text.data, text.size).decode("utf-8", "surrogateescape")
    finally:
        library.grus_text_free(ctypes.byref(text))


# In the order of grus_name_list.
_LISTS = ("task", "length_norm", "attention", "format", "shard_state", "compute_type", "head_output", "compress")


def _words(number: int) -> "tuple[str, ...]":
    words, found = library.grus_names(number), []
    while words and words[len(found)] is not None:  # NULL: the library has no such list
        found.append(words[len(found)].decode())
    return tuple(found)


# The words of each enumeration, in its order.
words = {name: _words(number) for number, name in enumerate(_LISTS)}
words["on_changed"] = ("fail", "redo", "keep")


def number_of(name: str, word: str) -> int:
    """The value of an enumeration by its word; ValueError names them all."""
    try:
        return words[name].index(word)
    except ValueError:
        raise ValueError(f"{name} is {word!r}; it is one of {', '.join(words[name])}") from None
