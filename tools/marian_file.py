"""What Marian and Nematus write: a model's arrays and options, and vocabularies."""
import json
import os
import re

import numpy as np

import protobuf
from importing import Refused

ESCAPES = {"0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "/": "/",
           "\\": "\\", " ": " ", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029"}
CODES = {"x": 2, "u": 4, "U": 8}
OPTIONS = "special:model.yml"
NEMATUS = {
    "Wemb": "encoder_Wemb", "Wemb_dec": "decoder_Wemb",
    **{f"encoder{side}_{part}": f"encoder_bi{side}_{part}" for side in ("", "_r") for part in ("W", "Wx", "U", "Ux", "b", "bx")},
    **{f"decoder_{part}": f"decoder_cell1_{part}" for part in ("W", "Wx", "U", "Ux", "b", "bx")},
    **{f"decoder_{part}_nl": f"decoder_cell2_{part}" for part in ("U", "Ux", "b", "bx")},
    "decoder_Wc": "decoder_cell2_W", "decoder_Wcx": "decoder_cell2_Wx",
    **{f"ff_logit_{part}_{kind}": f"decoder_ff_logit_l1_{kind}{i}" for i, part in enumerate(("prev", "lstm", "ctx")) for kind in "Wb"},
    **{f"ff_logit_{kind}": f"decoder_ff_logit_l2_{kind}" for kind in "Wb"}, **{f"ff_state_{kind}": f"decoder_ff_state_{kind}" for kind in "Wb"}}
NOT_WEIGHTS = ("decoder_c_tt", "uidx", "history_errs", "zipped_params")     # a dummy, or an energy's bias, which softmax takes away


def scalar(text):
    """A value of Marian's options; what is neither number nor truth is text."""
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return [] if text == "[]" else unquoted(text)


def unquoted(text):
    """A scalar of YAML without its quotes."""
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text

    def escape(match):
        code = match.group(1)
        return chr(int(code[1:], 16)) if code[0] in CODES else ESCAPES.get(code, match.group(0))
    codes = "|".join(f"{letter}[0-9A-Fa-f]{{{digits}}}" for letter, digits in CODES.items())
    return re.sub(rf"\\({codes}|.)", escape, text[1:-1])


def read_options(text):
    """Marian's options: keys with a value behind them or, on lines of their own, a list."""
    options, key = {}, None
    for line in text.split("\n"):
        name, colon, value = line.partition(":")
        if line.startswith((" ", "-")) and key:
            item = line.strip()
            options[key] = (options[key] or []) + [scalar(item[1:])] if item.startswith("-") else scalar(item)
        elif colon:
            key = name
            options[key] = scalar(value)
    return options


def read_model(path):
    """-> (arrays under Marian's names, options). Those of a model with Nematus's names and no options in the file are what
    Nematus's arrays can be."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name not in NOT_WEIGHTS}
    special = sorted(name for name in arrays if name.startswith("special:") and name != OPTIONS)
    if special:
        raise Refused(f"{path}: {', '.join(special)}: not known")
    text = arrays.pop(OPTIONS, None)
    options = None if text is None else read_options(text.tobytes().decode().rstrip("\0"))
    if "ff_logit_prev_W" in arrays:
        tied = "Wemb_dec" not in arrays
        arrays = {"Wemb" if tied and name == "Wemb" else NEMATUS.get(name, name): x for name, x in arrays.items()}
    elif options is None:
        raise Refused(f"{path}: expected {OPTIONS!r}, or the arrays of Nematus, such as 'ff_logit_prev_W'; found {', '.join(sorted(arrays)[:5])}")
    return arrays, nematus_options(path, arrays) if options is None else options


def nematus_options(path, arrays):
    """Of a model that Nematus has written, whose options lie beside it, in MODEL.npz.json or MODEL.json."""
    options = {"type": "nematus", "dim-vocabs": [], "tied-embeddings-all": "Wemb" in arrays,
               "tied-embeddings": "Wemb" in arrays or "decoder_ff_logit_l2_W" not in arrays}
    beside = [name for name in (path + ".json", path.removesuffix(".npz") + ".json") if os.path.exists(name)]
    if beside:
        with open(beside[0], encoding="utf-8") as f:
            found = json.load(f)
        if found.get("use_dropout") and found.get("model_version", 0) < 0.1:
            raise Refused(f"{beside[0]}: use_dropout: a model_version below 0.1 (or none) scales its weights when it translates")
        if found.get("factors", 1) != 1:
            raise Refused(f"{beside[0]}: factors: expected 1, found {found['factors']}")
    return options


# ---- vocabularies ----

def yaml_entries(text):
    """(token, number) of each line `token: number`; a long token stands behind "? ", its number on the next line behind ": "."""
    long = None
    for line in text.split("\n"):
        if line.startswith("? "):
            long = line[2:]
        elif line.startswith(":") and long is not None:
            yield unquoted(long.strip()), line[1:].strip()
            long = None
        elif line.strip() and line.strip() not in ("---", "...", "{", "}"):
            token, _, number = line.strip().rstrip(",").rpartition(":")
            yield unquoted(token.strip()), number.strip()


def read_pieces(path):
    """Of a SentencePiece model, in the order of their ids."""
    with open(path, "rb") as f:
        data = f.read()
    try:
        pieces = [protobuf.text(protobuf.message(piece), 1) for piece in protobuf.message(data).get(1, [])]
    except protobuf.WRONG as e:
        raise Refused(f"{path}: no SentencePiece model: {e}") from None
    if not pieces:
        raise Refused(f"{path}: no SentencePiece model: it has no pieces")
    return pieces


def read_vocabulary(path, size):
    """The first `size` tokens in order; size None: all. A line of a text file is a token; .yml and .json give each its number."""
    with open(path, encoding="utf-8", newline="\n") as f:
        text = f.read()
    if path.endswith((".yml", ".yaml", ".json")):
        entries = list(json.loads(text).items() if text.lstrip().startswith("{") else yaml_entries(text))
        wrong = [token for token, number in entries if not re.fullmatch(r"\d+", str(number))]
        if wrong:
            raise Refused(f"{path}: expected a number for each token, found none for {wrong[0]!r}")
        table = {int(number): token for token, number in entries}
    else:
        table = dict(enumerate(text.removesuffix("\n").split("\n")))
    size = max(table) + 1 if size is None else size
    table.update({i: name for i, name in enumerate(("</s>", "<unk>")) if i not in table or table[i] in ("eos", "UNK")})
    for i, name in enumerate(("</s>", "<unk>")):
        if table[i] != name:
            raise Refused(f"{path}: expected {name!r} as token {i}, found {table[i]!r}")
    tokens = [table.get(i, f"<unused {i}>") for i in range(size)]
    wrong = [token for token in tokens if "\n" in token]
    if wrong:
        raise Refused(f"{path}: a token with a line break in it, {wrong[0]!r}")
    return tokens
