"""Records as Python has them, str or dict, to sequences and back: what `grus run` does with lines of a shard."""

import json
from typing import Any, Dict, Iterable, Iterator, List, Optional

import numpy as np

from . import _sequences
from ._errors import Error, Status
from ._options import Options
from ._results import Head, Results

MOST_RECORDS = 4096  # of a piece
MOST_BYTES = 64 << 10  # of its text: a batch or a few, by how long tokens are
MOST_ROWS = 16384  # of its ids or features


class Piece:
    """Records that are computed together."""

    def __init__(self, first: int):
        self.first = first  # number of the first
        self.records: List[Any] = []
        self.sources: List[Any] = []  # of those without error
        self.targets: List[bytes] = []
        self.errors: Dict[int, str] = {}  # by place in records


class Form:
    """How records of one run are read and written; the names of their fields."""

    def __init__(self, model: Any, options: Options, shard: Optional[str]):
        self.model = model
        self.options = options
        self.shard = shard
        self.dim = model.feature_dim
        self.text_key = "features" if self.dim else options.text("text_key")
        self.id_key = options.text("id_key")
        self.target_key = options.text("prefix_key") or options.text("target_key")
        self.prefixed = bool(options.text("prefix_key"))
        self.forced = model._is_forced(options)
        self.hard = options.run.attention == 2
        self.n_best = options.search.n_best
        self.names = self._result_names()

    def _result_names(self) -> List[str]:
        """A record that has one of them is in error."""
        names: List[str] = []
        if self.options.run.attention:
            names.append("alignment" if self.hard else "attention")
        heads = [head.name for head in self.model._selected(self.options)]
        if self.model._is_states(self.options):
            names.append("states")
        elif self.model.is_seq2seq:
            names += ["logprob", "score"]
            if not self.forced:
                names.append("output")
                names += ["nbest"] if self.n_best > 1 else []
                names += ["truncated"] if self.options.run.mark_truncated else []
            elif self.options.run.token_scores:
                names.append("token_logprobs")
        else:
            names += heads or ["embedding"]
        return names

    # ---- in ----

    def pieces(self, records: Iterable[Any]) -> Iterator[Piece]:
        """Whatever records raises comes behind what stood before it."""
        size, piece = 0, Piece(1)
        most = MOST_ROWS if self.dim or self.model.takes_ids else MOST_BYTES
        failure: Optional[Exception] = None
        source = iter(records)
        while failure is None:
            try:
                size += self._add(piece, next(source))
            except StopIteration:
                break
            except Exception as error:
                failure = error
            if failure is None and (len(piece.records) == MOST_RECORDS or size >= most):
                yield piece
                size, piece = 0, Piece(piece.first + len(piece.records))
        if piece.records:
            yield piece
        if failure is not None:
            raise failure

    def _add(self, piece: Piece, record: Any) -> int:
        """The size of its source."""
        is_text = isinstance(record, str)
        if is_text:
            record = record[:-1] if record.endswith("\n") else record
            source, target, clash = self._source_of_line(record), self._target_of({}), False
        elif isinstance(record, dict):
            source, target = self._source_of(record.get(self.text_key)), self._target_of(record)
            clash = not record.keys().isdisjoint(self.names)
        else:
            raise TypeError(f"a record is a str or a dict, and not {type(record).__name__}")
        if source is None or target is None or clash:
            piece.errors[len(piece.records)] = self._ask_why(record)
        else:
            piece.sources.append(source)
            piece.targets.append(target)
        piece.records.append(record)
        return len(source) if source is not None else 1

    def _source_of(self, value: Any) -> Any:
        """What goes into the sequences; None: it cannot."""
        if self.dim:
            return _sequences.feature_rows(value, self.dim)
        if self.model.takes_ids:
            return value if _sequences.is_ids(value) else None
        return self._encoded(value)

    def _source_of_line(self, line: str) -> Any:
        if not self.model.takes_ids:
            return None if self.dim else self._encoded(line)
        words = line.split()
        return [int(word) for word in words] if all(word.isdecimal() for word in words) else None

    def _target_of(self, record: dict) -> Any:
        if not self.forced and not self.prefixed:
            return b""
        value = record.get(self.target_key)
        if self.prefixed and self.target_key not in record:
            return [] if self.model.gives_ids else b""
        if self.model.gives_ids:
            return value if _sequences.is_ids(value) else None
        return self._encoded(value)

    @staticmethod
    def _encoded(value: Any) -> Optional[bytes]:
        try:
            return value.encode() if isinstance(value, str) else None
        except UnicodeEncodeError:
            return None

    def _ask_why(self, record: Any) -> str:
        """The words for a record that no sequence can be made of: those for its JSON."""
        asked = {self.text_key: record} if isinstance(record, str) else record
        keys = [self.text_key, self.target_key, *self.names]
        line = json.dumps({key: asked[key] for key in keys if key in asked}, default=_plain)
        said = self.model._annotate(self.options, line)
        return said.get("error") or "the record has a value that JSON has not"

    # ---- between ----

    def sequences(self, piece: Piece) -> "tuple[Any, Any]":
        more = {"first": piece.first, "shard": self.shard}
        if self.dim:
            sources = _sequences.of_features(piece.sources, self.dim, **more)
        elif self.model.takes_ids:
            sources = _sequences.of_ids(piece.sources, **more)
        else:
            sources = _sequences.of_texts(piece.sources, **more)
        if not self.forced and not self.prefixed:
            return sources, None
        of = _sequences.of_ids if self.model.gives_ids else _sequences.of_texts
        return sources, of(piece.targets)

    # ---- out ----

    def records(self, piece: Piece, results: Results) -> Iterator[dict]:
        writers = self._writers(results)
        i = 0
        for place, record in enumerate(piece.records):
            told = {self.id_key: piece.first + place} if isinstance(record, str) else dict(record)
            words = piece.errors.get(place)
            if words is None:
                words = results.errors.get(i)
                if words is None:
                    for write in writers:
                        write(told, i)
                i += 1
            if words is not None and self.options.run.fail_on_error:
                raise Error(Status.FAILED, "", f"record {piece.first + place}", words)
            if words is not None:
                told = {"line": piece.first + place} if isinstance(record, str) else told
                told["grus_error" if "error" in told else "error"] = words
            yield told

    def _writers(self, results: Results) -> List[Any]:
        """Functions that write a part of result i into a record."""
        writers = []
        if results.embeddings.size:
            writers.append(lambda told, i: told.update(embedding=results.embeddings[i].copy()))
        if self.model._is_states(self.options):
            ends = results.state_offsets.tolist()
            writers.append(lambda told, i: told.update(states=results.states[ends[i] : ends[i + 1]].copy()))
        for head in results.heads:
            writers.append(head_writer(head, self.model.heads[head.number], results))
        if results.hypotheses is not None:
            writers.append(self._forced_writer(results) if self.forced else self._output_writer(results))
        if self.options.run.attention:
            writers.append(self._attention_writer(results))
        return writers

    def _forced_writer(self, results: Results) -> Any:
        all_of = results.hypotheses
        offsets, scores, logprobs = all_of.offsets.tolist(), all_of.scores.tolist(), all_of.logprobs.tolist()
        ends = all_of.token_offsets.tolist()

        def write(told: dict, i: int) -> None:
            j = offsets[i]
            told["logprob"], told["score"] = logprobs[j], scores[j]
            if self.options.run.token_scores:
                told["token_logprobs"] = all_of.token_logprobs[ends[j] : ends[j + 1]].copy()

        return write

    def _output_writer(self, results: Results) -> Any:
        all_of = results.hypotheses
        offsets, scores, logprobs = all_of.offsets.tolist(), all_of.scores.tolist(), all_of.logprobs.tolist()
        ended, ends, tokens = all_of.ended.tolist(), all_of.token_offsets.tolist(), all_of.tokens
        marked = self.options.run.mark_truncated

        def put(told: dict, j: int) -> dict:
            if self.model.gives_ids:
                told["output"] = tokens[ends[j] : ends[j + 1] - ended[j]].tolist()
            else:
                told["output"] = all_of.texts[j]
            told["score"], told["logprob"] = scores[j], logprobs[j]
            if marked and not ended[j]:
                told["truncated"] = True
            return told

        def write(told: dict, i: int) -> None:
            put(told, offsets[i])
            if self.n_best > 1:
                told["nbest"] = [put({}, j) for j in range(offsets[i], offsets[i + 1])]

        return write

    def _attention_writer(self, results: Results) -> Any:
        heads = self.model._attention_heads() if self.options.run.attention_heads else 0

        def write(told: dict, i: int) -> None:
            weights = results.attention_of(i, heads)
            if not self.hard:
                told["attention"] = weights.copy()
            else:
                columns = weights.argmax(axis=1).tolist() if weights.size else []
                told["alignment"] = " ".join(f"{column}-{row}" for row, column in enumerate(columns))

        return write


def head_writer(head: Head, about: Any, results: Results) -> Any:
    """A function that writes what the head says of record i."""
    name, labels, offsets = about.name, about.labels, head.offsets.tolist()
    if head.texts is not None:
        scores = head.scores.tolist()
        return lambda told, i: told.update({name: {"output": head.texts[i], "score": scores[i]}})
    if head.is_label:
        numbers, probs = head.labels.tolist(), head.probs.tolist()
        if about.on_token:
            return lambda told, i: told.update({name: [labels[k] for k in numbers[offsets[i] : offsets[i + 1]]]})
        return lambda told, i: told.update({name: {"label": labels[numbers[offsets[i]]], "prob": probs[offsets[i]]}})
    subset = head.threshold == head.threshold  # no NaN

    def above(row: np.ndarray) -> List[str]:
        return [labels[k] for k in np.flatnonzero(row >= np.float32(head.threshold))]

    def write(told: dict, i: int) -> None:
        rows = head.numbers[offsets[i] : offsets[i + 1]]
        if not subset:
            told[name] = rows.copy() if about.on_token else rows[0].copy()
        elif about.on_token:
            told[name] = [above(row) for row in rows]
        else:
            told[name] = {"labels": above(rows[0]), "probs": rows[0].copy()}

    return write


def _plain(value: Any) -> Any:
    """For json: numpy's values as lists and numbers."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
