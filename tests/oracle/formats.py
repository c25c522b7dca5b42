"""Files of a model directory, without any library: safetensors, zstd, vocabularies, tokenizers, JSON lines.

Written independently of grus, from the format descriptions, so that the two can be held against each other.
"""
import ctypes
import ctypes.util
import functools
import json
import os
import re
import shutil
import struct
import subprocess

import numpy as np

# ---------------------------------------------------------------------------------------------- safetensors

def read_safetensors(path, scales=None):
    """{name: float32 array}; F32, F16 and BF16, and I8 times the scales beside it, which are not among them: a dictionary
    `scales` gets them, by the names of their matrices."""
    with open(path, "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
        data = f.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = data[begin:end]
        if entry["dtype"] == "F32":
            flat = np.frombuffer(raw, "<f4")
        elif entry["dtype"] == "F16":
            flat = np.frombuffer(raw, "<f2").astype(np.float32)
        elif entry["dtype"] == "BF16":
            flat = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        elif entry["dtype"] == "I8":
            flat = np.frombuffer(raw, "i1")
        elif entry["dtype"] == "I64":
            flat = np.frombuffer(raw, "<i8")
        else:
            raise ValueError(f"{path}: {name}: dtype {entry['dtype']}")
        tensors[name] = flat.reshape(entry["shape"]).astype(np.float32)
    for name in [n for n in tensors if header[n]["dtype"] == "I8"]:
        scale = tensors.pop(name + "_scale")
        tensors[name] = tensors[name] * scale.reshape(-1, *[1] * (tensors[name].ndim - 1))
        if scales is not None:
            scales[name] = scale
    return tensors


def bf16_bits(x):
    """Round to nearest even, as PyTorch does; the upper 16 bits of each float32."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def quantised(x):
    """Integers and a scale for each row (of more dimensions: each first index), so that their products are close to it. Every other row takes -128 for its -127:
    no quantiser makes one, and a file may hold it."""
    shape, x = x.shape, x.reshape(len(x), -1)
    greatest = np.abs(x).max(1, keepdims=True)
    scale = np.where(greatest > 0, greatest / np.float32(127), np.float32(0))
    q = np.rint(np.divide(x, scale, out=np.zeros_like(x), where=scale > 0))
    q[::2][q[::2] == -127] = -128
    return q.astype("i1").reshape(shape), scale[:, 0].astype("<f4")


def write_safetensors(path, tensors, dtype="F32"):
    """`dtype` is one name for all tensors, or a dict with a name for each; of I8 are matrices and convolutions alone, the
    others F32."""
    parts = []
    for name, x in tensors.items():
        kind = dtype[name] if isinstance(dtype, dict) else dtype
        if kind == "I8" and x.ndim >= 2:
            q, scale = quantised(x)
            parts += [(name, q, kind), (name + "_scale", scale, "F32")]
        else:
            parts.append((name, x, "F32" if kind == "I8" else kind))
    header, chunks, offset = {}, [], 0
    for name, x, kind in parts:
        raw = {"F32": lambda: x.astype("<f4"), "F16": lambda: x.astype("<f2"), "BF16": lambda: bf16_bits(x),
               "I64": lambda: x.astype("<i8"), "I8": lambda: x}[kind]().tobytes()
        header[name] = {"dtype": kind, "shape": list(x.shape), "data_offsets": [offset, offset + len(raw)]}
        chunks.append(raw)
        offset += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(chunks))

# ---------------------------------------------------------------------------------------------- zstd

def _zstd():
    lib = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    for name in ("ZSTD_compressBound", "ZSTD_compress", "ZSTD_decompressStream", "ZSTD_DStreamOutSize"):
        getattr(lib, name).restype = ctypes.c_size_t
    lib.ZSTD_createDStream.restype = ctypes.c_void_p
    lib.ZSTD_getErrorName.restype = ctypes.c_char_p
    lib.ZSTD_getErrorName.argtypes = [ctypes.c_size_t]
    return lib


class _Buffer(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t)]


def unzstd(data):
    """Decompresses all frames of `data`."""
    lib = _zstd()
    stream = ctypes.c_void_p(lib.ZSTD_createDStream())
    source = ctypes.create_string_buffer(data, len(data))
    room = ctypes.create_string_buffer(1 << 18)
    inp = _Buffer(ctypes.addressof(source), len(data), 0)
    out, left = [], 0
    try:
        while True:
            o = _Buffer(ctypes.addressof(room), len(room), 0)
            left = lib.ZSTD_decompressStream(stream, ctypes.byref(o), ctypes.byref(inp))
            if lib.ZSTD_isError(ctypes.c_size_t(left)):
                raise ValueError("zstd: " + lib.ZSTD_getErrorName(left).decode())
            out.append(room.raw[:o.pos])
            if inp.pos == inp.size and o.pos < o.size:
                break
        if left:
            raise ValueError("zstd: the last frame is cut")
    finally:
        lib.ZSTD_freeDStream(stream)
    return b"".join(out)


def zstd(data, level=3):
    lib = _zstd()
    room = ctypes.create_string_buffer(lib.ZSTD_compressBound(ctypes.c_size_t(len(data))))
    n = lib.ZSTD_compress(room, ctypes.c_size_t(len(room)), data, ctypes.c_size_t(len(data)), level)
    return room.raw[:n]


def read_lines(path):
    """Lines of a text or JSONL file, `.zst` or plain, split at newlines alone."""
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".zst"):
        data = unzstd(data)
    lines = data.decode("utf-8").split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines

# ---------------------------------------------------------------------------------------------- JSON

def dumps(value):
    """Compact JSON; every float is written as float32 with 9 significant digits."""
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + dumps(v) for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, (float, np.floating)):
        return "%.9g" % np.float32(value)
    if isinstance(value, np.integer):
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def splice(line, fields):
    """A record's own bytes with the result's fields behind them."""
    head, body = line.rstrip()[:-1].rstrip(), dumps(fields)[1:-1]
    return head + ("," if head != "{" and body else "") + body + "}"

# ---------------------------------------------------------------------------------------------- tokenizers

def read_vocab(path):
    with open(path, encoding="utf-8", newline="") as f:
        lines = f.read().split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def simple_lower(text):
    """Unicode simple lower-casing: code point by code point, one for one."""
    return "".join("i" if c == "\u0130" else c.lower() for c in text)


class Bpe:
    """The segmentation of subword-nmt (Sennrich et al. 2016), codes of version 0.1 and 0.2."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
        self.old = not lines[0].startswith("#version:") or lines[0].split(":")[1].strip() == "0.1"
        if lines[0].startswith("#version:"):
            lines = lines[1:]
        self.rank = {}
        for i, line in enumerate(l for l in lines if l.strip()):
            self.rank.setdefault(tuple(line.strip("\r\n ").split(" ")), i)

    def pieces(self, word):
        if len(word) == 1:
            return [word]
        parts = list(word) + ["</w>"] if self.old else list(word[:-1]) + [word[-1] + "</w>"]
        while len(parts) > 1:
            pairs = [p for p in zip(parts, parts[1:]) if p in self.rank]
            if not pairs:
                break
            best = min(pairs, key=self.rank.get)
            merged, i = [], 0
            while i < len(parts):
                if tuple(parts[i:i + 2]) == best:
                    merged.append(parts[i] + parts[i + 1])
                    i += 2
                else:
                    merged.append(parts[i])
                    i += 1
            parts = merged
        if parts[-1] == "</w>":
            parts.pop()
        elif parts[-1].endswith("</w>"):
            parts[-1] = parts[-1][:-4]
        return [p + "@@" for p in parts[:-1]] + parts[-1:]


def has_sentencepiece():
    return all(shutil.which(tool) for tool in ("spm_encode", "spm_decode", "spm_export_vocab"))


@functools.lru_cache(maxsize=None)
def spm(tool, model, form, line):
    """One line through spm_encode or spm_decode; these end a line at a line feed alone, which no line may hold."""
    done = subprocess.run([tool, f"--model={model}", form], input=(line + "\n").encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True)
    return done.stdout.decode().removesuffix("\n")


def pieces(model):
    done = subprocess.run(["spm_export_vocab", f"--model={model}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return [line.split("\t")[0] for line in done.stdout.decode().split("\n")[:-1]]


class Tokenizer:
    """`spec` is the object `tokenizer` of source or decoder; `vocab` the path of the vocabulary or None."""

    def __init__(self, spec, directory, vocab):
        self.type = spec["type"]
        self.lowercase = spec.get("lowercase", False)
        self.model = os.path.join(directory, spec["model"]) if self.type == "sentencepiece" else None
        self.bpe = Bpe(os.path.join(directory, spec["codes"])) if self.type == "bpe" else None
        self.tokens = read_vocab(os.path.join(directory, vocab)) if vocab else pieces(self.model) if self.model else None
        self.ids = {}
        for i, token in enumerate(self.tokens or []):
            self.ids.setdefault(token, i)

    def id(self, token):
        if self.tokens is None:
            return int(token)
        if token in self.ids:
            return self.ids[token]
        if "<unk>" in self.ids:
            return self.ids["<unk>"]
        raise ValueError(f"unknown token {token!r}")

    def encode(self, value):
        if self.type == "ids":
            return [int(t) for t in value.split()] if isinstance(value, str) else list(value)
        text = simple_lower(value) if self.lowercase else value
        if self.model:
            return [int(i) for i in spm("spm_encode", self.model, "--output_format=id", text).split()]
        if self.type == "char":
            return [self.id(c) for c in text]
        words = [w for w in re.split("[ \t\n\v\f\r]+", text) if w]
        if self.bpe:
            words = [piece for w in words for piece in self.bpe.pieces(w)]
        return [self.id(w) for w in words]

    def decode(self, ids):
        if self.type == "ids":
            return list(ids)
        if self.model:
            return spm("spm_decode", self.model, "--input_format=id", " ".join(map(str, ids)))
        tokens = [self.tokens[i] for i in ids]
        if self.type == "char":
            return "".join(tokens)
        text = " ".join(tokens)
        if self.type == "bpe":
            text = text.replace("@@ ", "")
            text = text[:-2] if text.endswith("@@") else text
        return text
