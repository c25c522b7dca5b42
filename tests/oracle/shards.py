"""The shards of a sweep: records written as each kind of input, results read from each format of output."""
import json
import os
import re
import tempfile

import numpy as np

import formats
import task

TEXT_KINDS = ["jsonl", "txt", "jsonl.zst", "tsv", "jsonl", "txt.zst", "tsv.zst"]
FEATURE_KINDS = ["jsonl", "safetensors", "jsonl.zst", "safetensors.zst"]
NO_TARGET = {"txt": "tsv", "txt.zst": "tsv.zst", "safetensors": "jsonl", "safetensors.zst": "jsonl.zst"}


def plain(value):
    """A text or a list of ids as it stands in a line of text."""
    return value if isinstance(value, str) else " ".join(map(str, value))


def one_line(records):
    """Line ends and tabs, which a line of text cannot hold, become spaces."""
    return [{key: re.sub("[\r\n\t]", " ", x) if isinstance(x, str) else x for key, x in r.items()} for r in records]


def write(kind, records, stem, dtype, escaped):
    """-> path, records (as the model is to see them), the fields in front of each result; `escaped` is for JSON, `dtype`
    for features (float32 or one that holds them as they are)."""
    form, packed = kind.split(".")[0], kind.endswith(".zst")
    if form == "safetensors":
        return write_features(f"{stem}.{kind}", records, dtype, packed)
    fronts = [{"id": n} for n in range(1, len(records) + 1)]
    if form == "jsonl":
        fronts, lines = records, [json.dumps(r, ensure_ascii=escaped) for r in records]
    else:
        records = one_line(records)
        lines = [plain(r["text"]) + ("\t" + plain(r["target"]) if form == "tsv" and "target" in r else "") for r in records]
    data = "".join(line + "\n" for line in lines).encode()
    with open(f"{stem}.{kind}", "wb") as f:
        f.write(formats.zstd(data) if packed else data)
    return f"{stem}.{kind}", records, fronts


def write_features(path, records, dtype, packed):
    """One tensor of all rows, one of where each sequence begins."""
    size = max(len(row) for r in records for row in r["features"])
    rows = np.array([row for r in records for row in r["features"]], np.float32).reshape(-1, size)
    offsets = np.concatenate([[0], np.cumsum([len(r["features"]) for r in records])])
    formats.write_safetensors(path, {"features": rows, "offsets": offsets}, {"features": dtype, "offsets": "I64"})
    stored = formats.read_safetensors(path)["features"]
    records = [{**r, "features": stored[a:b].tolist()} for r, a, b in zip(records, offsets, offsets[1:])]
    if packed:
        with open(path, "rb") as f:
            data = f.read()
        with open(path, "wb") as f:
            f.write(formats.zstd(data))
    return path, records, [{"id": n} for n in range(len(records))]


# ------------------------------------------------------------------------------------------------ other formats of output

def text_of(fields):
    """The one result that `--format txt` has room for, as text or as numbers."""
    if "output" in fields:
        return plain(fields["output"]).replace("\n", " ").replace("\r", " ")
    if "score" in fields:
        return [fields["score"]]
    value = next(iter(fields.values()))
    if isinstance(value, dict) and "output" in value: # of a ctc
        return plain(value["output"]).replace("\n", " ").replace("\r", " ")
    if isinstance(value, dict):
        return " ".join(value["labels"]) if "labels" in value else value["label"]
    return value if value and isinstance(value[0], (int, float)) else " ".join(value)


def compare_text(lines, results, tolerance):
    """-> failures [text], ties [text] of a run with --format txt."""
    failures, ties = [], []
    for i, (line, result) in enumerate(zip(lines, results)):
        expected = text_of(result.fields)
        got = [float(x) for x in line.split(" ")] if isinstance(expected, list) else line
        if task.compare(expected, got, tolerance, field="score" if "score" in result.fields else ""):
            (ties if result.margin < task.TIE else failures).append(f"record {i}: PyTorch {expected!r}, grus {line!r}"[:300])
    return failures, ties


def compare_rows(path, results, tolerance):
    """-> failures [text] of a run with --format npy."""
    rows = np.load(path)
    if rows.dtype != np.float32 or rows.shape != (len(results), len(results[0].fields["embedding"])):
        return [f"npy: {rows.dtype} {rows.shape}"]
    differences = [task.compare(r.fields["embedding"], row.tolist(), tolerance, f"[{i}]") for i, (r, row) in enumerate(zip(results, rows))]
    return [f"row {path}: PyTorch {a}, grus {b}" for d in differences for path, a, b in d[:1]]


def compare_features(path, results, tolerance):
    """-> failures [text] of a run with --format safetensors."""
    with open(path, "rb") as f, tempfile.NamedTemporaryFile() as plain:
        plain.write(formats.unzstd(f.read()))
        plain.flush()
        tensors = formats.read_safetensors(plain.name)
    rows, offsets = tensors["features"], [int(x) for x in tensors["offsets"]]
    if len(offsets) != len(results) + 1 or offsets[0] != 0 or offsets[-1] != len(rows):
        return [f"safetensors: {rows.shape}, {len(offsets)} offsets for {len(results)} records"]
    wanted = [r.fields["states"] if "states" in r.fields else [r.fields["embedding"]] for r in results]
    differences = [task.compare(want, rows[a:b].tolist(), tolerance, f"[{i}]") for i, (want, a, b) in enumerate(zip(wanted, offsets, offsets[1:]))]
    return [f"row {path}: PyTorch {a}, grus {b}" for d in differences for path, a, b in d[:1]]


def read(directory, form):
    """The output of a run on input.*: lines, or the path of what has numbers."""
    names = [n for n in os.listdir(directory) if n.startswith("input.")]
    if names != ["input." + {"jsonl": "jsonl.zst", "txt": "txt.zst", "npy": "npy", "safetensors": "safetensors.zst"}[form]]:
        raise RuntimeError(f"outputs {names}")
    path = os.path.join(directory, names[0])
    return path if form in ("npy", "safetensors") else formats.read_lines(path)
