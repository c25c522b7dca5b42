"""One record through the reference model, with the options of `grus run`, and the comparison of two results.

process() gives the fields that `grus run` adds to a record (names as there) and the margin of every decision in them.
"""
import argparse
import math

import numpy as np

import heads
import search

TIE = 1e-5          # a decision closer than this may go either way in float32
EXACT = ("id", "text", "target", "prefix", "output", "features")


def add_options(parser):
    """The options of `grus run` that change a result."""
    parser.add_argument("--task", choices=["embed", "classify", "tag", "translate", "score", "states"])
    parser.add_argument("-b", "--beam-size", type=int)
    parser.add_argument("--n-best", type=int)
    parser.add_argument("--length-norm", choices=["none", "avg", "gnmt"])
    parser.add_argument("--length-penalty", type=float)
    parser.add_argument("--max-length", type=int)
    parser.add_argument("--max-length-factor", type=float)
    parser.add_argument("--min-length", type=int)
    parser.add_argument("--disable-unk", action="store_true", default=None)
    parser.add_argument("--no-repeat-ngram-size", type=int)
    parser.add_argument("--repetition-penalty", type=float)
    parser.add_argument("--attention", choices=["none", "soft", "hard"], default="none")
    parser.add_argument("--attention-heads", action="store_true")
    parser.add_argument("--token-scores", action="store_true")
    parser.add_argument("--prefix-key")
    parser.add_argument("--ensemble", action="append", default=[])
    parser.add_argument("--head-output", choices=["labels", "probs", "logits"], default="labels")


def parse_options(words):
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(words)


def search_settings(model, options):
    given = {key: getattr(options, key) for key in {**search.DEFAULTS, **search.RULES} if getattr(options, key) is not None}
    return search.settings(model.config, given)


class Result:
    """`fields` as in the output record; `detail` what grus does not print; `gaps`: by how much each decision was taken,
    [(gap, "search" or the field that it decides, place)]."""

    def __init__(self):
        self.fields, self.gaps, self.detail = {}, [], {}

    @property
    def margin(self):
        return min(self.gaps, default=(math.inf,))[0]

    def closest(self, field):
        return min((gap for gap in self.gaps if gap[1] == field), default=(math.inf, field, ""))


def alignment(rows, result):
    """`source-target` pairs, one for each output step that has a source position to point at."""
    for t, row in enumerate(rows):
        if len(row):
            result.gaps.append((heads.two_best(row), "alignment", f"target {t}"))
    return " ".join(f"{int(np.argmax(row))}-{t}" for t, row in enumerate(rows) if len(row))


def floats(x):
    return [float(v) for v in x]


def add_attention(result, options, rows):
    if options.attention == "soft":
        result.fields["attention"] = [floats(row) if row.ndim == 1 else [floats(head) for head in row] for row in rows]
    elif options.attention == "hard":
        result.fields["alignment"] = alignment(rows, result)


def process(model, record, options):
    if model.features:
        sequence = record["features"]
    else:
        sequence = model.source_ids(record["text"])
    enc = model.encode([sequence])
    model.by_head = options.attention_heads
    if options.task == "states":
        result = Result()
        result.fields["states"] = result.detail["encoder"] = [floats(row) for row in enc.outputs[0]]
        return result
    if model.config["model_type"] == "encoder":
        return process_encoder(model, enc, options)
    return process_seq2seq(model, enc, options, record)


def process_encoder(model, enc, options):
    result, pooled, weights = Result(), None, None
    result.detail["encoder"] = [floats(row) for row in enc.outputs[0]]
    if model.pooling:
        pooled, weights = model.pool(enc)
        result.detail["pooled"] = floats(pooled)
    if options.task == "embed" or (options.task is None and not model.heads):
        result.fields["embedding"] = floats(pooled)
    else:
        for name, head in model.heads.items():
            if (options.task, head["on"]) in (("classify", "token"), ("tag", "sequence")):
                continue
            logits = model.head(name, enc, pooled)
            result.detail[name] = heads.probs(head, logits).double().tolist()
            result.fields[name], gaps = heads.told(head, logits, options.head_output, options.beam_size or 1)
            result.gaps += [(gap, name, place) for gap, place in gaps]
    if weights is not None:
        rows = weights.double().numpy()
        add_attention(result, options, rows if options.attention_heads else [rows])
    return result


def process_seq2seq(model, enc, options, record):
    result, gen = Result(), search_settings(model, options)
    model.folds = gen["beam_size"] > 1
    if options.task == "score":
        target = model.target.encode(record["target"])
        logps, rows = search.forced(model, enc, target)
        total = math.fsum(logps)
        result.fields["logprob"] = total
        result.fields["score"] = search.normalised(gen, total, len(logps))
        if options.token_scores:
            result.fields["token_logprobs"] = logps
        result.detail["token_logprobs"] = logps
    else:
        prefix = model.target.encode(record[options.prefix_key]) if options.prefix_key in record else []
        found = search.search(model, enc, gen, prefix)
        items = [{"output": model.target.decode(h.tokens), "score": h.score, "logprob": h.logp} for h in found.best]
        result.gaps.append((found.margin, "search", found.place))
        result.fields.update(items[0])
        if gen["n_best"] > 1:
            result.fields["nbest"] = items
        rows = found.best[0].rows
        result.detail.update(tokens=[int(t) for t in found.best[0].tokens], steps=found.best[0].steps)
    result.detail["encoder"] = [floats(row) for row in enc.outputs[0]]
    result.detail["attention"] = [floats(row.reshape(-1)) for row in rows]
    add_attention(result, options, rows)
    return result


# ------------------------------------------------------------------------------------------------ comparison

def sweep_tolerance(field, b):
    return 2e-5 + 1e-4 * abs(b)


def tight_tolerance(field, b):
    """1e-5; a sum over up to 200 steps gathers the rounding of each, in PyTorch too, and keeps the wider tolerance."""
    return sweep_tolerance(field, b) if field in ("logprob", "score") else 1e-5


def compare(expected, got, tolerance, path="", field=""):
    """[(path, expected, got)] of all differences; a NaN is a difference."""
    number = (int, float)
    if isinstance(expected, bool) or isinstance(got, bool) or not (isinstance(expected, number) and isinstance(got, number)):
        if type(expected) is not type(got):
            return [(path, expected, got)]
    if isinstance(expected, dict):
        if list(sorted(expected)) != list(sorted(got)):
            return [(path + " fields", sorted(expected), sorted(got))]
        return [d for key in expected for d in compare(expected[key], got[key], tolerance, f"{path}.{key}", key)]
    if isinstance(expected, list):
        if len(expected) != len(got):
            return [(path + " length", len(expected), len(got))]
        return [d for i, (a, b) in enumerate(zip(expected, got)) for d in compare(a, b, tolerance, f"{path}[{i}]", field)]
    if isinstance(expected, number):
        if field in EXACT:
            return [] if expected == got else [(path, expected, got)]
        if not abs(got - expected) <= tolerance(field, expected):
            return [(path, expected, got)]
        return []
    return [] if expected == got else [(path, expected, got)]


def texts(fields):
    """All texts that a search decided, in order."""
    return [item["output"] for item in [fields] + fields.get("nbest", []) if "output" in item]


def true_tie(result, got, differences):
    """The (gap, field, place) that explains all the differences, or None: one that PyTorch itself decided by less than
    TIE, and that shows: another text, label or alignment, never a number alone."""
    search_gap, found = result.closest("search"), None
    if search_gap[0] < TIE and texts(result.fields) != texts(got):
        return search_gap
    for path, a, b in differences:
        gap = result.closest(path.split(".")[1].split("[")[0])
        if not (isinstance(a, str) and isinstance(b, str) and gap[0] < TIE):
            return None
        found = gap
    return found


def numbers(expected, got, field=""):
    """Pairs (field, |a - b|, |b|) of all numbers that both have in the same place."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return [n for key in expected if key in got for n in numbers(expected[key], got[key], key)]
    if isinstance(expected, list) and isinstance(got, list):
        return [n for a, b in zip(expected, got) for n in numbers(a, b, field)]
    if isinstance(expected, float) and isinstance(got, (int, float)):
        return [(field, abs(got - expected), abs(expected))]
    return []
