"""What the tests share: the command, golden cases, and results side by side."""

import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np

GRUS = os.environ["GRUS"]
SOURCE = pathlib.Path(os.environ["srcdir"])
GOLDEN = pathlib.Path(os.environ["builddir"]) / "tests" / "cases"
MODELS = SOURCE / "models"


def lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()]


def command(model, records, *options, name="input", kind="jsonl"):
    """The records that `grus run` gives, for a list of dicts, or of lines of text."""
    with tempfile.TemporaryDirectory() as work:
        shard = pathlib.Path(work) / f"{name}.{kind}"
        texts = [json.dumps(record) if kind == "jsonl" else record for record in records]
        shard.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
        out = pathlib.Path(work) / "out"
        done = subprocess.run([GRUS, "run", model, shard, "-q", "-o", out, *options], capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise AssertionError(done.stderr)
        plain = subprocess.run(["zstd", "-dcq", out / f"{name}.jsonl.zst"], capture_output=True, check=True)
        return [json.loads(line) for line in plain.stdout.decode().splitlines()]


def keywords(options):
    """Flags of `grus run` as keyword arguments."""
    given, at = {}, iter(options)
    switches = {"--replace-unk", "--token-scores", "--disable-unk", "--unique-nbest", "--mark-truncated", "--attention-heads"}
    for flag in at:
        flag = {"-b": "--beam-size"}.get(flag, flag)
        name = flag[2:].replace("-", "_")
        value = True if flag in switches else next(at)
        for kind in (int, float):
            try:
                value = value if value is True else kind(value)
                break
            except ValueError:
                pass
        given[name] = value
    return given


def difference(told, expected, place=""):
    """Where two results differ, in words; numbers are equal as float32, to the bit. None: nowhere."""
    if isinstance(told, np.ndarray):
        told = told.tolist()
    if isinstance(expected, dict) and isinstance(told, dict):
        if told.keys() != expected.keys():
            return f"{place}: {sorted(told)} and not {sorted(expected)}"
        pairs = [(told[key], expected[key], f"{place}.{key}") for key in told]
    elif isinstance(expected, list) and isinstance(told, list):
        if len(told) != len(expected):
            return f"{place}: {len(told)} items and not {len(expected)}"
        pairs = [(a, b, f"{place}[{i}]") for i, (a, b) in enumerate(zip(told, expected))]
    elif isinstance(expected, float) and isinstance(told, (int, float)) and not isinstance(expected, bool):
        with np.errstate(over="ignore"):
            same = np.float32(told) == np.float32(expected)
        return None if same else f"{place}: {told!r} and not {expected!r}"
    else:
        return None if told == expected else f"{place}: {told!r} and not {expected!r}"
    return next((found for found in (difference(*pair) for pair in pairs) if found), None)
