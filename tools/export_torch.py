#!/usr/bin/python3
"""Turns a trained PyTorch model into a grus model directory: config.json, model.safetensors and the vocabulary files.

From Python:   export(module_or_state_dict, config, "models/mine", files={"source.vocab": "path/of/it"}, dtype="f16")
Command line:  export_torch.py model.pt config.json models/mine --dtype f16 --rename enc.gru=encoder.rnn

model.pt is what torch.save wrote: a state_dict, a module, or a dictionary that holds a state_dict (--key; "state_dict",
"model_state_dict" and "model" are found without). config is the config.json that grus will read (doc/model-format.md). Every
tensor that the configuration needs is checked for presence and shape; those that it does not use are left out, and listed.
Weights under torch.nn.utils.weight_norm are folded. A .safetensors file is read as a state_dict. With --dtype int8 matrices
become I8 with a scale for each row, a quarter of their size; biases and the like stay float32.

    export_torch.py --guess model.pt > config.json

proposes a configuration and the renames from names and shapes, says what it took for what, and what no file tells.
"""
import argparse
import json
import os
import re
import shutil
import struct
import sys
import tempfile

import numpy as np
import torch

from model_config import ExportError, check_keys, expected_tensors

DTYPES = {"f32": ("F32", torch.float32), "f16": ("F16", torch.float16), "bf16": ("BF16", torch.bfloat16),
          "int8": ("F32", torch.float32)}   # before its matrices are quantised
NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64",
         torch.int32: "I32", torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16", torch.bool: "BOOL"}


# Where a checkpoint keeps its weights, by the name that trainers give them.
HOLDERS = ("state_dict", "model_state_dict", "model")


def keep_one(pairs):
    """json's object_pairs_hook: a key that is given twice is an error, as it is for grus."""
    keys = [k for k, _ in pairs]
    twice = sorted({k for k in keys if keys.count(k) > 1})
    if twice:
        raise ExportError(f"config: {twice[0]!r} is given twice in one object")
    return dict(pairs)


def write_safetensors(path, tensors, metadata=None):
    """tensors: name -> torch tensor. Data starts at a multiple of 8 and has no gaps; wider types come first."""
    order = sorted(tensors, key=lambda n: (-tensors[n].element_size(), n))
    header, at = {"__metadata__": metadata} if metadata else {}, 0
    for name in order:
        t = tensors[name]
        end = at + t.numel() * t.element_size()
        header[name] = {"dtype": NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            t = tensors[name].detach().contiguous().view(-1)
            f.write((t.view(torch.int16) if t.dtype == torch.bfloat16 else t).numpy().tobytes())


def read_safetensors(path):
    """name -> torch tensor in its own type; of I8 with scales beside it, float32, their product."""
    types = {v: k for k, v in NAMES.items()}
    with open(path, "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(size)), bytearray(f.read())
    header.pop("__metadata__", None)
    out = {}
    for name, h in header.items():
        begin, end = h["data_offsets"]
        dtype = types[h["dtype"]]
        t = torch.frombuffer(data, dtype=dtype, offset=begin, count=(end - begin) // torch.tensor([], dtype=dtype).element_size()) \
            if end > begin else torch.empty(0, dtype=dtype)
        out[name] = t.reshape(h["shape"])
    for name in [n for n, t in out.items() if t.dtype == torch.int8 and n + "_scale" in out]:
        out[name] = out[name] * out.pop(name + "_scale").view(-1, *[1] * (out[name].dim() - 1))
    return out


def rename(name, prefixes):
    """Replaces the longest prefix that ends at a dot of the name or is the whole name, once. An empty prefix fits all."""
    for old in sorted(prefixes, key=len, reverse=True):
        if name == old:
            return prefixes[old]
        if not old:
            return prefixes[old] + "." + name
        if name.startswith(old + "."):
            rest = name[len(old) + 1:]
            return prefixes[old] + "." + rest if prefixes[old] else rest
    return name


def named_files(config):
    """The files that the configuration names, in order."""
    out = []
    for place in (config.get("source", {}).get("tokenizer", {}), config.get("decoder", {}),
                  config.get("decoder", {}).get("tokenizer", {}), *config.get("heads", {}).values()):
        out += [place[k] for k in ("vocab", "codes", "model", "labels") if isinstance(place.get(k), str)]
    return list(dict.fromkeys(out))


def count_lines(path):
    with open(path, "rb") as f:
        data = f.read()
    return data.count(b"\n") + (bool(data) and not data.endswith(b"\n"))


def quantised(weights):
    """A float32 matrix as integers and a scale for each row (of a convolution's weights: for each channel), rounded as doc/model-format.md says, "int8 in a file". By NumPy, which
    divides as IEEE 754 does."""
    least = np.finfo(np.float32).tiny
    w = weights.flatten(1).numpy()
    w = np.where(np.abs(w) < least, np.float32(0), w)
    scale = np.abs(w).max(axis=1, keepdims=True, initial=0) / np.float32(127)
    scale[scale < least] = 0
    with np.errstate(invalid="ignore"):     # weights that are not finite are refused later
        q = np.rint(np.divide(w, scale, out=np.zeros_like(w), where=scale > 0)).astype(np.int8)
    return torch.from_numpy(q).view(weights.shape), torch.from_numpy(scale[:, 0].copy())


def is_weight(name, tensor):
    """Whether this is the matrix of a product or an embedding, which --dtype int8 quantises."""
    return tensor.dim() in (2, 3) and name.rsplit(".", 1)[-1].startswith("weight")


def is_state(obj):
    return isinstance(obj, torch.nn.Module) or isinstance(obj, dict) and bool(obj) and \
        all(isinstance(v, torch.Tensor) for v in obj.values())


def as_state(obj, key=None):
    """A state_dict out of a module, a state_dict, or a dictionary that holds one under key, or under one of HOLDERS alone."""
    if not key and isinstance(obj, dict):
        held = [k for k in HOLDERS if is_state(obj.get(k))]
        key = held[0] if len(held) == 1 else None
    if key:
        if not isinstance(obj, dict) or key not in obj:
            raise ExportError(f"no entry {key!r} in the saved object")
        obj = obj[key]
    if isinstance(obj, torch.nn.Module):
        obj = obj.state_dict()
    if not isinstance(obj, dict) or not all(isinstance(v, torch.Tensor) for v in obj.values()):
        held = [k for k, v in obj.items() if isinstance(v, (dict, torch.nn.Module))] if isinstance(obj, dict) else []
        hint = f"; it holds {', '.join(map(str, held))} (--key)" if held else ""
        raise ExportError("this is no module and no state_dict" + hint)
    return obj


def fold_weight_norm(state):
    """NAME_g and NAME_v of torch.nn.utils.weight_norm, and what its successor in torch.nn.utils.parametrizations calls them,
    become NAME = g v / |v|, the norm over the dimensions that g lacks."""
    for name in list(state):
        if name.endswith("_g"):
            base, other = name[:-2], name[:-2] + "_v"
        elif ".parametrizations." in "." + name and name.endswith(".original0"):
            base, other = ("." + name[:-len(".original0")]).replace(".parametrizations.", ".", 1)[1:], name[:-1] + "1"
        else:
            continue
        if base in state or other not in state:
            continue
        g, v = state[name].double(), state[other].double()
        if g.dim() not in (0, v.dim()) or not v.dim():
            continue
        over = [d for d in range(v.dim()) if g.dim() == 0 or g.shape[d] == 1 < v.shape[d]]
        norm = v.pow(2).sum(over, keepdim=True).sqrt() if over else v.abs()
        state[base] = (v * (g / norm)).to(state.pop(other).dtype)
        del state[name]


def fits(shape, found):
    return len(found) == len(shape) and all(n is None or n == m for n, m in zip(shape, found))


def near(name, shape, state, wanted):
    """Where a tensor that is missing may be: under a prefix of a wrapper, DataParallel's or torch.compile's say, or whatever else has
    its shape."""
    found = [n for n in state if n.endswith("." + name)]
    if found:
        prefix = found[0][:-len(name) - 1]
        return f"; there is {found[0]}: --rename {prefix}="
    found = [n for n, t in state.items() if n not in wanted and fits(shape, t.shape)]
    return f"; of this shape there is {', '.join(found[:4])}" + (" …" if len(found) > 4 else "") if found else ""


def check(state, wanted):
    """Returns the tensors of state that are wanted; raises ExportError with every fault."""
    faults, used = [], {}
    biased = {n for names in wanted.biases for n in names if any(other in state for other in names)}
    for name, (shape, required) in wanted.tensors.items():
        text = "[" + ", ".join("any" if n is None else str(n) for n in shape) + "]"
        if name not in state:
            if required:
                faults.append(f"{name}: missing, expected {text}{near(name, shape, state, wanted.tensors)}")
            elif name in biased:
                faults.append(f"{name}: missing, and others of its biases are there; expected {text}{near(name, shape, state, wanted.tensors)}")
            continue
        got = state[name]
        if not fits(shape, got.shape):
            turned = got.dim() == 2 and fits(shape, got.shape[::-1])
            faults.append(f"{name}: expected {text}, is {list(got.shape)}" + (f": transposed (--transpose {name})" if turned else ""))
        elif not got.is_floating_point():
            faults.append(f"{name}: expected a floating-point type, is {got.dtype}")
        else:
            used[name] = got
    if faults:
        raise ExportError("\n".join(faults))
    return used


def load(path):
    """What a file holds: torch.save's, or safetensors."""
    if path.endswith(".safetensors"):
        return read_safetensors(path)
    try:
        return torch.load(path, map_location="cpu")
    except (AttributeError, ModuleNotFoundError) as e:
        raise ExportError(f"{path}: a whole module was saved, and its class is not found ({e}): put the folder of its code into PYTHONPATH, "
                          "or save its state_dict()") from e


def transpose(state, names, renames):
    """Transposes matrices, which may be called as the file has them or by their new names."""
    for name in names:
        name = name if name in state else rename(name, renames)
        if name not in state or state[name].dim() != 2:
            raise ExportError(f"--transpose {name}: there is no such matrix")
        state[name] = state[name].t()


def export(model, config, out, files=None, dtype="f32", renames=None, key=None, transposed=()):
    """Writes the model directory out; files: name in the configuration -> path (default: none to copy, they lie in out); transposed:
    names of matrices that stand the other way round.
    Returns the names of the tensors that were left out."""
    files = files or {}
    check_keys(config)
    paths = {n: files.get(n, os.path.join(out, n)) for n in named_files(config)}
    for n, path in paths.items():
        if not os.path.isfile(path):
            raise ExportError(f"{path}: the configuration names it, and it is not there")
    state = {}
    for old, t in as_state(model, key).items():
        new = rename(old, renames or {})
        if new in state:
            raise ExportError(f"two tensors would be called {new}")
        state[new] = t.detach().cpu()
    fold_weight_norm(state)
    transpose(state, transposed, renames or {})
    decoder = config.get("decoder", {})
    tied = ("decoder.output.weight", "decoder.embedding.weight")
    if decoder.get("tied") and all(n in state for n in tied) and not torch.equal(*(state[n] for n in tied)):
        raise ExportError("config: tied, but decoder.output.weight and decoder.embedding.weight differ")
    used = check(state, expected_tensors(config, {n: count_lines(p) for n, p in paths.items()}))
    tensors = {}
    for name, t in used.items():
        small, stored = t.to(DTYPES[dtype][1]), rename(name, config.get("tensors", {}))
        if dtype == "int8" and is_weight(name, t):
            tensors[stored], tensors[stored + "_scale"] = quantised(small)
            small = tensors[stored] * tensors[stored + "_scale"].view(-1, *[1] * (t.dim() - 1))
        else:
            tensors[stored] = small
        if not torch.isfinite(small).all():
            raise ExportError(f"{name}: holds values that are " + (f"too large for {dtype}" if torch.isfinite(t).all() else "not finite"))

    os.makedirs(out, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as temp:
        write_safetensors(os.path.join(temp, "model.safetensors"), tensors, {"format": "pt"})
        with open(os.path.join(temp, "config.json"), "w", encoding="utf-8") as f:
            json.dump(config, f, indent=2, ensure_ascii=False)
            f.write("\n")
        for n, path in paths.items():
            target = os.path.join(out, n)
            if os.path.abspath(path) != os.path.abspath(target):
                os.makedirs(os.path.dirname(os.path.join(temp, n)), exist_ok=True)
                shutil.copyfile(path, os.path.join(temp, n))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.replace(os.path.join(temp, n), target)
        for n in ("model.safetensors", "config.json"):
            os.replace(os.path.join(temp, n), os.path.join(out, n))
    return sorted(set(state) - set(used))


def guess(path, key, reset):
    """--guess: the proposal to standard output, what was taken for what to standard error."""
    from guess import Guess
    state = {n: t.detach() for n, t in as_state(load(path), key).items()}
    fold_weight_norm(state)
    found = Guess(state, reset)
    for line in found.report(path):
        print(line, file=sys.stderr)
    print(found.text())
    found.check(check)


UNKNOWN = re.compile(r"[\[<(|_]*(unk|unknown|oov)[\]>)|_]*", re.I)


def unknown_elsewise(config, files):
    """Of vocabularies without <unk>: (file, line) of what seems to be the unknown token under another name."""
    for name in {place["vocab"] for place in (config.get("source", {}).get("tokenizer", {}), config.get("decoder", {})) if "vocab" in place}:
        with open(files[name], encoding="utf-8", newline="\n") as f:
            tokens = f.read().split("\n")
        if "<unk>" not in tokens:
            yield from ((name, token) for token in tokens[:100] if UNKNOWN.fullmatch(token))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", help="what torch.save wrote (only from a source that you trust: it is a pickle)")
    p.add_argument("config", nargs="?", help="config.json of the model")
    p.add_argument("out", nargs="?", help="model directory to write")
    p.add_argument("--guess", action="store_true", help="write nothing; propose a config.json and renames for the model")
    p.add_argument("--reset", choices=("before", "after"), help="with --guess: of a GRU whose names do not tell")
    p.add_argument("--files", metavar="DIR", help="where the vocabulary files lie [folder of CONFIG]")
    p.add_argument("--dtype", choices=sorted(DTYPES), default="f32", help="of the weights; int8: matrices in I8 with scales [f32]")
    p.add_argument("--key", help="entry of the saved dictionary that holds the weights")
    p.add_argument("--rename", action="append", default=[], metavar="OLD=NEW", help="replace a prefix of the tensor names")
    p.add_argument("--transpose", action="append", default=[], metavar="NAME", help="a matrix that stands the other way round")
    a = p.parse_args()
    if a.guess == bool(a.config) or not a.guess and not a.out:
        p.error("expected model, config and out, or --guess and model alone")
    try:
        if a.guess:
            guess(a.model, a.key, a.reset)
            return 0
        with open(a.config, encoding="utf-8") as f:
            config = json.load(f, object_pairs_hook=keep_one)
        folder = a.files or os.path.dirname(os.path.abspath(a.config))
        renames = {}
        for r in a.rename:
            if "=" not in r:
                p.error(f"--rename needs OLD=NEW, not {r!r}")
            old, new = r.split("=", 1)
            renames[old] = new
        model = load(a.model)
        files = {n: os.path.join(folder, n) for n in named_files(config)}
        left = export(model, config, a.out, files, a.dtype, renames, a.key, a.transpose)
    except (ExportError, OSError, ValueError) as e:
        for line in str(e).split("\n"):
            print(f"export_torch: {line}", file=sys.stderr)
        return 1
    for name in left:
        print(f"left out: {name}")
    for name, token in unknown_elsewise(config, files):
        print(f"{name} has no <unk>, which is how grus knows the unknown token; is it {token!r}? Then write that line as <unk>", file=sys.stderr)
    size = os.path.getsize(os.path.join(a.out, "model.safetensors"))
    print(f"{a.out}: {size} bytes, {a.dtype}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
