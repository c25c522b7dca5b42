#!/usr/bin/env python3
"""g2p_en's network in float64, from its own arrays and its published definition; shares nothing with tools/import_g2p_en.py.

    g2p_en_reference.py make CHECKPOINT.npz                              random weights under g2p_en's names and shapes
    g2p_en_reference.py compare CHECKPOINT.npz WORDS.txt RESULTS.jsonl   what grus wrote; exit 1 where it differs

The word is lower-cased, "</s>" put behind it, a letter that is none of a to z is <unk>. Greedy, at most 20 steps. Log-probabilities
may differ by 1e-4; no word may.
"""
import json
import sys

import numpy as np

LETTERS = ["<pad>", "<unk>", "</s>"] + [chr(c) for c in range(ord("a"), ord("z") + 1)]
SOUNDS = ("<pad> <unk> <s> </s> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH EH0 EH1 EH2 ER0 "
          "ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW "
          "UW0 UW1 UW2 V W Y Z ZH").split()
HIDDEN, STEPS, TOLERANCE = 16, 20, 1e-4


def make(path):
    rs, shapes = np.random.RandomState(58), {"fc_w": (len(SOUNDS), HIDDEN), "fc_b": (len(SOUNDS),)}
    for side, rows in (("enc", len(LETTERS)), ("dec", len(SOUNDS))):
        shapes.update({f"{side}_emb": (rows, HIDDEN), f"{side}_w_ih": (3 * HIDDEN, HIDDEN), f"{side}_w_hh": (3 * HIDDEN, HIDDEN),
                       f"{side}_b_ih": (3 * HIDDEN,), f"{side}_b_hh": (3 * HIDDEN,)})
    arrays = {name: rs.randn(*shape).astype(np.float32) * np.float32(1.2 if "emb" in name else 0.6) for name, shape in shapes.items()}
    arrays["fc_b"][SOUNDS.index("</s>")] += 1.7
    np.savez(path, **arrays)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell(a, side, x, h):
    i = a[f"{side}_w_ih"] @ x + a[f"{side}_b_ih"]
    g = a[f"{side}_w_hh"] @ h + a[f"{side}_b_hh"]
    (i_r, i_z, i_n), (g_r, g_z, g_n) = np.split(i, 3), np.split(g, 3)
    z = sigmoid(i_z + g_z)
    return (1 - z) * np.tanh(i_n + sigmoid(i_r + g_r) * g_n) + z * h


def predict(a, word):
    h = np.zeros(HIDDEN)
    for letter in list(word.lower()) + ["</s>"]:
        h = cell(a, "enc", a["enc_emb"][LETTERS.index(letter) if letter in LETTERS else 1], h)
    sound, said, total = SOUNDS.index("<s>"), [], 0.0
    for _ in range(STEPS):
        h = cell(a, "dec", a["dec_emb"][sound], h)
        y = a["fc_w"] @ h + a["fc_b"]
        y -= y.max() + np.log(np.exp(y - y.max()).sum())
        sound = int(y.argmax())
        total += y[sound]
        if SOUNDS[sound] == "</s>":
            break
        said.append(SOUNDS[sound])
    return " ".join(said), total


def compare(path, words, results):
    arrays = {name: x.astype(np.float64) for name, x in np.load(path).items()}
    words, results = open(words, encoding="utf-8").read().splitlines(), [json.loads(x) for x in open(results, encoding="utf-8")]
    expected = [predict(arrays, word) for word in words]
    wrong = [(word, e, r) for word, e, r in zip(words, expected, results)
             if e[0] != r.get("output") or not abs(e[1] - r["logprob"]) <= TOLERANCE]
    for word, e, r in wrong:
        print(f"{word!r}: expected {e[0]!r} {e[1]:.6f}, found {r.get('output')!r} {r.get('logprob')}")
    if len({len(e[0].split()) for e in expected}) < 4:
        print("the outputs have too few lengths to tell anything")
        return 1
    return bool(wrong) or len(results) != len(words)


if __name__ == "__main__":
    sys.exit(make(sys.argv[2]) if sys.argv[1] == "make" else compare(*sys.argv[2:]))
