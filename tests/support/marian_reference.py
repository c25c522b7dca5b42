#!/usr/bin/env python3
"""Marian's s2s network in float64, from its own arrays and its definition; shares nothing with tools/import_marian.py.

    marian_reference.py make FOLDER                                       models with random weights, vocabularies and texts
    marian_reference.py compare MODEL.npz SOURCE TARGET TEXTS RESULTS     what grus wrote; exit 1 where it differs
    marian_reference.py marian MODEL.npz NBEST RESULTS [BEAM]             the same of what marian-decoder wrote

A step: s' = cell1(embedding of the previous token, at first zeros; s), scores v.tanh(h Wc_att + b_att + s' W_comb_att), s = cell2(context; s'), readout
tanh(e W0 + b0 + s W1 + b1 + c W2 + b2). SOURCE and TARGET list the tokens, one a line, by number.
"""
import json
import os
import sys

import numpy as np

E, H, A = 9, 12, 10
WORDS = ["</s>", "<unk>", "a", "dog", "runs", "▁is", "Mädchen", "\"quoted\"", "it's", "#", "x:", "-", "back\\slash", "7", "null", "ß"]
LIMIT = 1e-4


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def shapes(tied, depth, kind):
    V = len(WORDS)

    def cell(prefix, inputs):
        return {f"{prefix}_W": (inputs, 2 * H), f"{prefix}_Wx": (inputs, H), f"{prefix}_U": (H, 2 * H), f"{prefix}_Ux": (H, H),
                f"{prefix}_b": (1, 2 * H), f"{prefix}_bx": (1, H)}
    found = {"Wemb": (V, E)} if tied == "all" else {"encoder_Wemb": (V, E), "decoder_Wemb": (V, E)}
    for side in ("encoder_bi", "encoder_bi_r"):
        found.update(cell(side, E))
        for layer in range(2, depth + 1):
            if kind == "bidirectional":
                found.update(cell(f"{side}_l{layer}_cell1", H))
            elif side == "encoder_bi":
                found.update(cell(f"encoder_l{layer}_cell1", 2 * H if layer == 2 else H))
    D = 2 * H if depth == 1 or kind == "bidirectional" else H
    found.update(cell("decoder_cell1", E))
    found.update(cell("decoder_cell2", D))
    found.update({"decoder_Wc_att": (D, A), "decoder_b_att": (1, A), "decoder_W_comb_att": (H, A), "decoder_U_att": (A, 1),
                  "decoder_ff_state_W": (D, H), "decoder_ff_state_b": (1, H), "decoder_ff_logit_l2_b": (1, V)})
    for i, size in enumerate((E, H, D)):
        found.update({f"decoder_ff_logit_l1_W{i}": (size, E), f"decoder_ff_logit_l1_b{i}": (1, E)})
    if not tied:
        found["decoder_ff_logit_l2_W"] = (E, V)
    return found


# The names of Nematus where they are others.
NEMATUS = {"encoder_bi": "encoder", "decoder_cell1": "decoder", "decoder_ff_logit_l1_W0": "ff_logit_prev_W", "decoder_ff_logit_l1_W1": "ff_logit_lstm_W",
           "decoder_ff_logit_l1_W2": "ff_logit_ctx_W", "decoder_ff_logit_l1_b0": "ff_logit_prev_b", "decoder_ff_logit_l1_b1": "ff_logit_lstm_b",
           "decoder_ff_logit_l1_b2": "ff_logit_ctx_b", "decoder_ff_logit_l2": "ff_logit", "decoder_ff_state": "ff_state", "decoder_Wemb": "Wemb_dec",
           "encoder_Wemb": "Wemb", "decoder_cell2_Wx": "decoder_Wcx", "decoder_cell2_W": "decoder_Wc", "decoder_cell2_Ux": "decoder_Ux_nl",
           "decoder_cell2_U": "decoder_U_nl", "decoder_cell2_bx": "decoder_bx_nl", "decoder_cell2_b": "decoder_b_nl"}


def nematus_name(name):
    for ours, theirs in sorted(NEMATUS.items(), key=lambda pair: -len(pair[0])):
        if name == ours or name.startswith(ours + "_"):
            return theirs + name[len(ours):]
    return name


def options(**changes):
    """Marian's, as it writes them into the file."""
    every = {"dec-cell": "gru", "dec-cell-base-depth": 2, "dec-cell-high-depth": 1, "dec-depth": 1, "dim-emb": E, "dim-rnn": H,
             "dim-vocabs": [len(WORDS)] * 2, "enc-cell": "gru", "enc-cell-depth": 1, "enc-depth": 1, "enc-type": "bidirectional", "factors-combine": "sum",
             "input-types": [], "layer-normalization": False, "lemma-dim-emb": 0, "output-omit-bias": False, "right-left": False, "skip": False,
             "tied-embeddings": False, "tied-embeddings-all": False, "tied-embeddings-src": False, "transformer-aan-activation": "swish",
             "lemma-dependency": "", "type": "s2s", "ulr": False, "version": "v1.12.0 65bf82ff 2023-02-21 09:56:29 -0800", **changes}
    lines = []
    for key, value in sorted(every.items()):
        if isinstance(value, list):
            lines += [f"{key}:"] + [f"  - {item}" for item in value] if value else [f"{key}:", "  []"]
        else:
            text = str(value).lower() if isinstance(value, bool) else value if value != "" else '""'
            lines.append(f"{key}: {text}")
    return np.frombuffer(("\n".join(lines) + "\0").encode(), np.int8)


def save(path, arrays, **changes):
    np.savez(path, **arrays, **{"special:model.yml": options(**changes)})


def random_arrays(seed, tied="", depth=1, kind="bidirectional"):
    rs = np.random.RandomState(seed)
    arrays = {}
    for name, shape in sorted(shapes(tied, depth, kind).items()):
        scale = 1.0 if "Wemb" in name else 0.4 if shape[0] == 1 else 2.2 / np.sqrt(shape[0])
        arrays[name] = (rs.randn(*shape) * scale).astype(np.float32)
    arrays["decoder_ff_logit_l2_b"][0, :2] += (1.2, 2.5)        # texts end, and <unk> would be likely
    return arrays


def make(folder):
    at = lambda name: os.path.join(folder, name)
    save(at("tied.npz"), random_arrays(1, "all"), **{"tied-embeddings-all": True})
    save(at("deep.npz"), random_arrays(2, "", 3), **{"enc-depth": 3, "enc-cell": "gru-nematus"})
    save(at("uni.npz"), random_arrays(3, "target", 2, "bi-unidirectional"), **{"enc-depth": 2, "enc-type": "bi-unidirectional", "tied-embeddings": True})
    nematus = {nematus_name(name): x[0] if x.shape[0] == 1 else x for name, x in random_arrays(4, "target").items()}
    np.savez(at("nematus.npz"), decoder_c_tt=np.zeros(1, np.float32), uidx=3, **nematus)
    save(at("amun.npz"), nematus, **{"type": "amun", "tied-embeddings": True})
    plain = random_arrays(1, "all")
    for name, change in {"transformer": {"type": "transformer"}, "normalized": {"layer-normalization": True}, "skip": {"skip": True},
                         "transition": {"enc-cell-depth": 4, "dec-cell-base-depth": 8}, "lstm": {"dec-cell": "lstm"}, "stacked": {"dec-depth": 2},
                         "factors": {"lemma-dim-emb": 8}, "backward": {"right-left": True}, "alternating": {"enc-type": "alternating"}}.items():
        save(at(f"{name}.npz"), plain, **{"tied-embeddings-all": True, **change})
    save(at("more.npz"), {**plain, "encoder_bi_gamma1": np.ones((1, 3 * H), np.float32)}, **{"tied-embeddings-all": True})
    save(at("less.npz"), {name: x for name, x in plain.items() if name != "decoder_b_att"}, **{"tied-embeddings-all": True})
    np.savez(at("other.npz"), weight=np.zeros(3))
    write_vocabularies(at)
    rs = np.random.RandomState(9)
    texts = [[WORDS[i] for i in rs.randint(2, len(WORDS), size=n)] for n in (1, 2, 3, 5, 8, 13, 21, 4, 6, 7)]
    with open(at("texts.txt"), "w", encoding="utf-8") as f:
        f.writelines(" ".join(word for word in text if " " not in word) + "\n" for text in texts + [[], ["zebra", "dog"]])


def write_vocabularies(at):
    with open(at("list.txt"), "w", encoding="utf-8") as f:
        f.writelines(word + "\n" for word in WORDS)
    with open(at("vocab.json"), "w", encoding="utf-8") as f:
        json.dump({{"</s>": "eos", "<unk>": "UNK"}.get(word, word): i for i, word in enumerate(WORDS)}, f)
    quoted = {"a": "a", "dog": '"dog"', "it's": "'it''s'", "Mädchen": '"M\\xE4dchen"', "ß": "? ß\n:", '"quoted"': '"\\"quoted\\""', "x:": '"x:"',
              "back\\slash": '"back\\\\slash"'}
    with open(at("vocab.yml"), "w", encoding="utf-8") as f:
        f.writelines(f"{quoted.get(word, json.dumps(word, ensure_ascii=False))}{' ' if quoted.get(word, '').endswith(':') else ': '}{i}\n"
                     for i, word in reversed(list(enumerate(WORDS))))


# ---- the network ----

def marian_name(name):
    for ours in [f"{prefix}{part}" for prefix in shapes("", 1, "bidirectional") for part in [""]] + ["Wemb"]:
        if nematus_name(ours) == name and ours != "Wemb":
            return ours
    return name


def load(path):
    arrays = {name: x.astype(np.float64) for name, x in np.load(path).items() if x.dtype == np.float32}
    if "ff_logit_prev_W" in arrays:
        arrays = {marian_name(name): x for name, x in arrays.items()}
    return {name: x.reshape(-1) if name.rsplit("_", 1)[-1] in ("b", "bx", "b0", "b1", "b2", "att") and min(x.shape) == 1 else x for name, x in arrays.items()}


def cell(a, prefix, x, s, last=False):
    rz = sigmoid(x @ a[prefix + "_W"] + s @ a[prefix + "_U"] + a[prefix + "_b"])
    r, z = np.split(rz, 2)
    recurrent, b = s @ a[prefix + "_Ux"], a[prefix + "_bx"]
    n = np.tanh(x @ a[prefix + "_Wx"] + (r * (recurrent + b) if last else b + r * recurrent))
    return (1 - z) * n + z * s


def pass_over(a, prefix, xs, backward=False):
    s, out = np.zeros(len(a[prefix + "_Ux"])), []
    for x in xs[::-1] if backward else xs:
        s = cell(a, prefix, x, s)
        out.append(s)
    return np.array(out[::-1] if backward else out)


def encode(a, ids):
    xs = a["Wemb" if "Wemb" in a else "encoder_Wemb"][ids]
    forward, backward = pass_over(a, "encoder_bi", xs), pass_over(a, "encoder_bi_r", xs, True)
    layer = 2
    while f"encoder_bi_l{layer}_cell1_U" in a:
        forward, backward = pass_over(a, f"encoder_bi_l{layer}_cell1", forward), pass_over(a, f"encoder_bi_r_l{layer}_cell1", backward, True)
        layer += 1
    out = np.concatenate([forward, backward], axis=1)
    while f"encoder_l{layer}_cell1_U" in a:
        out = pass_over(a, f"encoder_l{layer}_cell1", out)
        layer += 1
    return out


class Decoder:
    def __init__(self, a, ids):
        self.a, self.h = a, encode(a, ids)
        self.keys = self.h @ a["decoder_Wc_att"] + a["decoder_b_att"]
        self.table = a["Wemb" if "Wemb" in a else "decoder_Wemb"]
        self.output = a["decoder_ff_logit_l2_W"] if "decoder_ff_logit_l2_W" in a else self.table.T

    def start(self):
        return np.tanh(self.h.mean(0) @ self.a["decoder_ff_state_W"] + self.a["decoder_ff_state_b"])

    def step(self, token, s):
        """-> log-probabilities, attention, the next state"""
        a, e = self.a, np.zeros(self.table.shape[1]) if token is None else self.table[token]
        s = cell(a, "decoder_cell1", e, s)
        scores = np.tanh(self.keys + s @ a["decoder_W_comb_att"]) @ a["decoder_U_att"].reshape(-1)
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        c = weights @ self.h
        s = cell(a, "decoder_cell2", c, s, True)
        l1 = "decoder_ff_logit_l1_"
        t = np.tanh(sum(x @ a[f"{l1}W{i}"] + a[f"{l1}b{i}"] for i, x in enumerate((e, s, c))))
        y = t @ self.output + a["decoder_ff_logit_l2_b"]
        y = y - y.max()
        return y - np.log(np.exp(y).sum()), weights, s


def greedy(a, ids):
    decoder, token, rows, total, said, margin = Decoder(a, ids), None, [], 0.0, [], np.inf
    s = decoder.start()
    for _ in range(3 * len(ids) + 10):
        y, weights, s = decoder.step(token, s)
        y[1] = -np.inf                                          # <unk> is never said
        two = np.sort(y)[-2:]
        token, margin = int(y.argmax()), min(margin, two[1] - two[0])
        total += y[token]
        rows.append(weights)
        if token == 0:
            break
        said.append(token)
    return said, total, rows, margin


def read_lines(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return f.read().removesuffix("\n").split("\n")


def compare(path, source, target, texts, results):
    a, source, target = load(path), read_lines(source), read_lines(target)
    wrong, lengths = 0, set()
    texts, results = read_lines(texts), [json.loads(line) for line in read_lines(results)]
    for text, result in zip(texts, results):
        ids = [source.index(word) if word in source else 1 for word in text.split()] + [0]
        said, total, rows, margin = greedy(a, ids)
        lengths.add(len(said))
        output = " ".join(target[i] for i in said)
        same = output == result.get("output") and abs(total - result["logprob"]) <= LIMIT and len(rows) == len(result["attention"]) and \
            all(np.abs(row - found).max() <= LIMIT for row, found in zip(rows, map(np.array, result["attention"])))
        if not same and margin > LIMIT:
            wrong += 1
            print(f"{text!r}: expected {output!r} {total:.6f}, found {result.get('output')!r} {result.get('logprob')}")
    if len(lengths) < 4:
        print("the outputs have too few lengths to tell anything")
        return 1
    return wrong > 0 or len(texts) != len(results)


# ---- what marian-decoder wrote ----

def nbest(path):
    """number -> [(output, attention or None, word scores, sum)], best first"""
    found = {}
    for line in read_lines(path):
        number, output, *more = line.split(" ||| ")
        soft = [np.array(row.split(","), float) for row in more[0].split()] if len(more) == 4 else None
        found.setdefault(int(number), []).append((output.strip(), soft, [float(x) for x in more[-3].split()[1:]], float(more[-2].split()[1])))
    return found


def marian(path, results):
    """Results of the search, or with `words` the word scores of forced targets. Outputs that Marian cut at three times the source's
    length are not grus's, whose limit is 10 steps more."""
    expected, wrong = nbest(path), 0
    results = [json.loads(line) for line in read_lines(results)]
    for number, result in enumerate(results):
        output, soft, words, total = expected[number][0]
        if "token_logprobs" in result:
            found = result["token_logprobs"][:len(words)]
            same = max(abs(x - y) for x, y in zip(words, found)) <= 2e-3
        else:
            same = output == result["output"] and abs(total - result["logprob"]) <= 2e-3 * len(words)
            if same and soft and "attention" in result:
                same = max(np.abs(x - np.array(y)).max() for x, y in zip(soft, result["attention"])) <= LIMIT
        if not same:
            wrong += 1
            print(f"{number}: Marian {output!r} {total}, grus {result.get('output')!r} {result.get('logprob')}")
    return wrong > 0 or len(results) != len(expected)


if __name__ == "__main__":
    sys.exit({"make": make, "compare": compare, "marian": marian}[sys.argv[1]](*sys.argv[2:]))
