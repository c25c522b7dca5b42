"""A model, and what it does with records in memory."""

import ctypes
import json
import os
import queue
import warnings
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from . import _sequences, _shards, _stream
from ._library import WARNING, call, library, load_options_t, number_of, results_t, take_text, text_t, words
from ._options import SHARDS_ALONE, Options
from ._records import Form
from ._results import Results

Texts = Union[Sequence[str], Sequence[Sequence[int]], Sequence[np.ndarray], np.ndarray]


class Hypothesis(NamedTuple):
    """One output of a model that generates."""

    text: str  # "" of a model of ids
    ids: np.ndarray  # (steps) uint32, the end token's included where it ended with one
    score: float
    logprob: float
    ended: bool  # with the end token, and not at a limit
    attention: Optional[np.ndarray]  # (steps, positions) float32 of the best hypothesis, where it was asked for


class Scores(NamedTuple):
    """What a model thinks of given targets."""

    score: np.ndarray  # (n) float64: the log-probability, normalised by length as the options say
    logprob: np.ndarray  # (n) float64
    token_logprobs: Optional[List[np.ndarray]]  # of each target (tokens + 1) float32, the end token's last; None: not asked for


class States(NamedTuple):
    """The encoder's outputs for all positions of all records, end to end."""

    states: np.ndarray  # (positions, dim) float32
    offsets: np.ndarray  # (n + 1): those of record i are states[offsets[i] : offsets[i + 1]]


class Head(NamedTuple):
    """A head of an encoder model."""

    name: str
    on_token: bool
    labels: List[str]  # empty: it gives numbers alone


class _Runner:
    """A grus_runner, and what must outlive it. For one thread at a time."""

    def __init__(self, model: "Model", options: Options):
        self._model, self._options = model, options
        self._pointer = ctypes.c_void_p()
        call("grus_runner_new", model._pointer, ctypes.byref(options.run), ctypes.byref(self._pointer))

    def __del__(self):
        library.grus_runner_free(self._pointer)

    def run(self, sources: Any, targets: Any = None) -> Results:
        results = ctypes.POINTER(results_t)()
        of_targets = ctypes.byref(targets.struct) if targets is not None else None
        call("grus_runner_run", self._pointer, ctypes.byref(sources.struct), of_targets, ctypes.byref(results))
        return Results(results)


class Model:
    """A model directory, loaded. Immutable; any number of threads may use it at once.

    path: the directory. compute_type: "float32" or "int8". strict: a tensor that the configuration does not use is an error.
    allow_nonfinite: a NaN among the weights is a warning. Warnings are Python's.

    Options of a search, in every method that takes **options: beam_size, n_best, length_norm, length_penalty, max_length,
    max_length_factor, min_length, unique_nbest, disable_unk, no_repeat_ngram_size, repetition_penalty, sampling_topk,
    sampling_temperature, seed; and batch_tokens, max_record, max_memory. They are those of `grus run`; the defaults are the
    model's own. So is ensemble: a list of other models that decode together with this one.
    """

    def __init__(
        self,
        path: "str | os.PathLike[str]",
        compute_type: str = "float32",
        *,
        strict: bool = False,
        allow_nonfinite: bool = False,
    ):
        self._pointer = ctypes.c_void_p()
        options = load_options_t()
        library.grus_load_options_init(ctypes.byref(options), ctypes.sizeof(options))
        told: List[str] = []
        hear = WARNING(lambda _, text: told.append(text.decode("utf-8", "replace")))
        options.on_warning = hear
        options.strict, options.allow_nonfinite = strict, allow_nonfinite
        options.compute_type = number_of("compute_type", compute_type)
        call("grus_model_load", os.fsencode(path), ctypes.byref(options), ctypes.byref(self._pointer))
        for text in told:
            warnings.warn(text, stacklevel=2)
        self.path = os.fspath(path)
        self._about = self.describe()
        self.heads = self._read_heads()

    def __del__(self):
        if getattr(self, "_pointer", None):
            library.grus_model_free(self._pointer)

    def __repr__(self) -> str:
        return f"grus.Model({self.path!r}, compute_type={self.compute_type!r})"

    # ---- what it is ----

    def describe(self) -> Dict[str, Any]:
        """What `grus inspect --json` tells: architecture, sizes, tensors."""
        text = text_t()
        call("grus_model_describe", self._pointer, True, ctypes.byref(text))
        return json.loads(take_text(text))

    def _read_heads(self) -> List[Head]:
        heads = []
        for i in range(library.grus_model_heads(self._pointer)):
            labels, length = [], ctypes.c_size_t()
            for j in range(library.grus_model_labels(self._pointer, i)):
                label = library.grus_model_label(self._pointer, i, j, ctypes.byref(length))
                if label is not None:
                    labels.append(ctypes.string_at(label, length.value).decode("utf-8", "replace"))
            name = library.grus_model_head_name(self._pointer, i).decode()
            heads.append(Head(name, library.grus_model_head_is_on_token(self._pointer, i), labels))
        return heads

    @property
    def task(self) -> str:
        """The model's own task: "embed", "classify", "tag", "translate", or "own" for classify and tag in one."""
        return words["task"][library.grus_model_task(self._pointer)]

    @property
    def compute_type(self) -> str:
        return words["compute_type"][library.grus_model_compute_type(self._pointer)]

    @property
    def kernel(self) -> str:
        """The micro-kernel of its products, such as "haswell"."""
        return library.grus_model_kernel_name(self._pointer).decode()

    @property
    def feature_dim(self) -> int:
        """Values of a source position; 0: the source is tokens."""
        return library.grus_model_feature_dim(self._pointer)

    @property
    def is_seq2seq(self) -> bool:
        return self._about["type"] == "seq2seq"

    @property
    def takes_ids(self) -> bool:
        """Whether its source is lists of integers."""
        return self._about["source"].get("tokenizer") == "ids"

    @property
    def gives_ids(self) -> bool:
        """Whether its outputs and targets are lists of integers."""
        return self.is_seq2seq and self._about["decoder"].get("tokenizer") == "ids"

    def tokens(self, side: str = "source") -> List[str]:
        """The vocabulary of "source" or "target", by id; of ids decimal numbers."""
        number, text, found = ("source", "target").index(side), text_t(), []
        for i in range(library.grus_model_tokens(self._pointer, number)):
            call("grus_model_token", self._pointer, number, i, ctypes.byref(text))
            found.append(take_text(text))
        return found

    # ---- what the options select ----

    def _is_forced(self, options: Options) -> bool:
        return options.run.task == number_of("task", "score")

    def _is_states(self, options: Options) -> bool:
        return options.run.task == number_of("task", "states")

    def _selected(self, options: Options) -> List[Head]:
        """The heads that say something."""
        task = words["task"][options.run.task]
        of = {"own": (False, True), "classify": (False,), "tag": (True,)}.get(task, ())
        return [head for head in self.heads if head.on_token in of]

    def _attention_heads(self) -> int:
        about = self._about if self.is_seq2seq else self._about["pooling"]
        return about.get("attention", {}).get("heads", 0)

    # ---- streams ----

    def run(
        self,
        records: Iterable[Union[str, Dict[str, Any]]],
        *,
        task: Optional[str] = None,
        threads: int = 0,
        shard: Optional[str] = None,
        **options: Any,
    ) -> Iterator[Dict[str, Any]]:
        """Runs the model over records of any number and gives a dict for each, in order, as `grus run` gives lines.

        A record is a dict, whose fields are kept and joined by those of the result, or a str, which gives {"id": its number from
        1, ...}. One that cannot be processed has "error" and no result; of a str its number is then "line", as of a text shard. Numbers of one record are numpy arrays of float32:
        "embedding" (dim), "states" and "attention" (rows, columns), "token_logprobs" (tokens + 1).

        task: "embed", "classify", "tag", "translate", "score" or "states"; None: the model's own. threads compute, 0: all that
        the process may use; records are read in the thread that asks for results, a few thousand for each thread ahead of them,
        and no more are held. What records raises comes out behind the results of what stood before it. To stop, close the iterator
        or forget it. shard: the stem of the shard whose draws are to be repeated (sampling_topk); None: those of standard input.

        Further options, besides those of a search: attention ("soft", "hard"), attention_heads ((rows, heads, columns) of a
        decoder, (heads, columns) of a pooling), token_scores, head_output ("labels", "probs",
        "logits"), mark_truncated, text_key, id_key, target_key, prefix_key, and fail_on_error: a record in error raises Error.
        """
        if isinstance(records, (str, bytes)):
            raise TypeError("records is an iterable of records, and not one text: [text]")
        if threads < 0:
            raise ValueError(f"threads is {threads}; it cannot be negative")
        form = Form(self, self._options(task=task, **options), shard)
        free: "queue.SimpleQueue[_Runner]" = queue.SimpleQueue()
        free.put(_Runner(self, form.options))
        return self._stream(form, records, threads or library.grus_cpu_count(), free)

    def _stream(self, form: Form, records: Iterable[Any], threads: int, free: Any) -> Iterator[Dict[str, Any]]:
        def work(piece: Any) -> Tuple[Any, Results]:
            try:
                runner = free.get_nowait()
            except queue.Empty:
                runner = _Runner(self, form.options)
            results = runner.run(*form.sequences(piece))
            free.put(runner)
            return piece, results

        for piece, results in _stream.in_order(form.pieces(records), work, threads, form.options.stop.ask):
            yield from form.records(piece, results)

    def _options(self, without: "set[str]" = frozenset(), **given: Any) -> Options:
        return Options(self._pointer, given, SHARDS_ALONE | without)

    def _annotate(self, options: Options, line: str) -> Dict[str, Any]:
        text, data = text_t(), line.encode()
        skipping = type(options.run).from_buffer_copy(options.run)
        skipping.fail_on_error = False
        call("grus_annotate", self._pointer, ctypes.byref(skipping), data, len(data), ctypes.byref(text))
        return json.loads(take_text(text))

    # ---- batches ----

    def _batch(self, sources: Any, targets: Any = None, **options: Any) -> Results:
        """In the calling thread. A record in error raises Error, whose place is its number."""
        return _Runner(self, self._options(fail_on_error=True, **options)).run(sources, targets)

    def _sources(self, inputs: Texts, lengths: Any) -> Any:
        if lengths is not None:
            return _sequences.of_array(np.asarray(inputs), lengths, self.feature_dim)
        return _sequences.of_any(inputs, self.feature_dim)

    def encode(self, inputs: Texts, lengths: Optional[Sequence[int]] = None, *, states: bool = False, **options: Any) -> Any:
        """Embeddings of the inputs: (n, dim) float32. With states=True `States`: the encoder's outputs for each position.

        inputs: a list of str; of lists or arrays (positions) of ids; of arrays (positions, feature_dim) of features. Or, with
        lengths (n), one array of all of them end to end, (rows, feature_dim) float32 or (tokens) uint64, which is not copied. The
        result is the library's own memory, not copied either. In the calling thread; threads may call at once.
        """
        results = self._batch(self._sources(inputs, lengths), task="states" if states else "embed", **options)
        if states:
            rows = results.states if results.states.size else np.empty((0, results.dim), np.float32)
            return States(rows, results.state_offsets)
        return results.embeddings if results.n else np.empty((0, results.dim), np.float32)

    def generate(
        self,
        inputs: Texts,
        lengths: Optional[Sequence[int]] = None,
        *,
        n_best: int = 1,
        attention: bool = False,
        prefixes: Optional[Sequence[Any]] = None,
        **options: Any,
    ) -> List[List[Hypothesis]]:
        """The n_best hypotheses of each input, best first; fewer where there are no more. beam_size is at least n_best.

        inputs and lengths are as in encode. attention: the best one's weights. prefixes (n): texts, or lists of ids, that every
        hypothesis begins with.
        """
        if n_best > 1 and "beam_size" not in options and "sampling_topk" not in options:
            options["beam_size"] = max(n_best, self._options().search.beam_size)
        options.update(n_best=n_best, attention="soft" if attention else "none")
        targets = None
        if prefixes is not None:
            options["prefix_key"] = "prefix"
            targets = _sequences.of_any(prefixes, 0)
        results = self._batch(self._sources(inputs, lengths), targets, task="translate", **options)
        all_of = results.hypotheses
        ends, offsets = all_of.token_offsets.tolist(), all_of.offsets.tolist()

        def hypothesis(j: int, weights: Optional[np.ndarray]) -> Hypothesis:
            text = "" if self.gives_ids else all_of.texts[j]
            ids = all_of.tokens[ends[j] : ends[j + 1]]
            return Hypothesis(text, ids, float(all_of.scores[j]), float(all_of.logprobs[j]), bool(all_of.ended[j]), weights)

        return [
            [
                hypothesis(j, results.attention_of(i) if attention and j == offsets[i] else None)
                for j in range(offsets[i], offsets[i + 1])
            ]
            for i in range(results.n)
        ]

    def translate_batch(self, texts: Sequence[str], **options: Any) -> List[str]:
        """The best output of each text. In the calling thread; `run` is for many, and for several threads."""
        options.setdefault("n_best", 1)
        return [hypotheses[0].text for hypotheses in self.generate(texts, **options)]

    def score(self, sources: Texts, targets: Texts, *, token_scores: bool = False, **options: Any) -> Scores:
        """What the model thinks of targets (n) for sources (n): texts, or lists of ids, or features as in encode."""
        of_targets = _sequences.of_any(targets, 0)
        results = self._batch(self._sources(sources, None), of_targets, task="score", token_scores=token_scores, **options)
        all_of = results.hypotheses
        tokens = None
        if token_scores:
            ends = all_of.token_offsets.tolist()
            tokens = [all_of.token_logprobs[ends[j] : ends[j + 1]] for j in range(results.n)]
        return Scores(all_of.scores, all_of.logprobs, tokens)

    # ---- shards ----

    def run_shards(
        self,
        inputs: "Union[str, os.PathLike[str], Sequence[Union[str, os.PathLike[str]]]]",
        outdir: "str | os.PathLike[str]",
        *,
        task: Optional[str] = None,
        progress: Optional[Callable[[_shards.Progress], Any]] = None,
        on_shard_error: Optional[Callable[[Any], Any]] = None,
        **options: Any,
    ) -> _shards.Progress:
        """`grus run`: every shard of the inputs (files, or directories of shards) becomes one output shard in outdir; what is done
        already is skipped. Returns the final figures; Error where a shard failed, or the run.

        progress is called about ten times a second, from a thread of the run; what it raises ends the run and comes out here.
        on_shard_error is given an Error for each shard that failed. Ctrl-C ends the run, which the same call goes on with later.
        Options are those of a search, those of `run`, and format, compress, level, threads, checkpoint_records, report, rank,
        world_size, strict, dry_run, on_changed, grow, max_errors, max_errors_percent, output_key, field_prefix, text_column,
        target_column, recursive, filelist (which goes with one directory, or none: []).
        """
        chosen = Options(self._pointer, dict(options, task=task))
        listed = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
        chosen.set_inputs([os.fsencode(path) for path in listed], os.fsencode(outdir))
        return _shards.run(self._pointer, chosen, progress, on_shard_error)
