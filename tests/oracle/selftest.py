#!/usr/bin/env python3
"""Checks the reference itself: the cell against its formulas, packing, masks, beam search against enumeration, the
batched search against the plain one, forced scores against the search's own; products of integers against loops, and the
quantised model against the plain one where nothing is rounded. Needs no grus; takes some minutes.
"""
import argparse
import itertools
import os
import sys
import tempfile

import numpy as np
import torch

import ensemble
import formats
import make_cases
import quantised
import random_members
import random_models
import search
import task


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


GATES = {"sigmoid": sigmoid, "hard_sigmoid": lambda x: np.minimum(1, np.maximum(0, x / 5 + 0.5))}
ACTIVATIONS = {"tanh": np.tanh, "relu": lambda x: np.where(x > 0, x, 0), "none": lambda x: x}


def cell(spec, x, h, w_ih, w_hh, b_ih, b_hh):
    gate, act = GATES[spec.get("gate_activation", "sigmoid")], ACTIVATIONS[spec.get("activation", "tanh")]
    i, r = np.split(w_ih @ x + b_ih, 3), np.split(w_hh @ h + b_hh, 3)
    reset, update = gate(i[0] + r[0]), gate(i[1] + r[1])
    if spec.get("reset", "after") == "before":
        recurrent = np.split(w_hh @ (reset * h) + b_hh, 3)[2]
    else:
        recurrent = reset * r[2]
    return (1 - update) * act(i[2] + recurrent) + update * h


def lstm(x, h, c, w_ih, w_hh, b_ih, b_hh):
    i, f, g, o = np.split(w_ih @ x + b_ih + w_hh @ h + b_hh, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def first_states(net, n):
    """h and c of cell n."""
    found = [net.tensor(f"encoder.{name}", (None, net.hidden), optional=True) for name in ("initial_state", "initial_cell")]
    return [np.zeros(net.hidden) if x is None else x[n].numpy() for x in found]


def stack(net, xs):
    """The encoder by the formulas of the contract, in double. -> outputs (T, D), of each layer its final h, and its c"""
    finals, h, spec, n = [], net.hidden, net.config["encoder"], 0
    rows = (4 if spec.get("cell") == "lstm" else 3) * h
    for layer, direction in enumerate(net.directions):
        outputs, last = [], []
        for suffix in {"both": ["", "_reverse"]}.get(direction, [""]):
            get = lambda kind, shape: net.tensor(f"encoder.rnn.{kind}_l{layer}{suffix}", shape, optional=True)
            w = [get("weight_ih", (rows, None)), get("weight_hh", (rows, h)), get("bias_ih", (rows,)), get("bias_hh", (rows,))]
            w = [np.zeros(rows) if x is None else x.numpy() for x in w]
            (state, c), out, n = first_states(net, n), [], n + 1
            backward = bool(suffix) or direction == "backward"
            for x in xs[::-1] if backward else xs:
                state, c = lstm(x, state, c, *w) if spec.get("cell") == "lstm" else (cell(spec, x, state, *w), c)
                out.append(state)
            outputs.append(out[::-1] if backward else out)
            last.append((state, c))
        xs = [np.concatenate(parts) for parts in zip(*outputs)]
        finals.append([np.concatenate(parts) for parts in zip(*last)])
    return np.array(xs), [h for h, _ in finals], [c for _, c in finals]


def enumerate_all(net, enc, gen):
    """Scores of every possible output, best first."""
    top, found = search.limit(gen, int(enc.lengths[0])), []
    others = [v for v in range(len(net.out_weight)) if v != net.eos]
    for n in range(top + 1):
        for tokens in itertools.product(others, repeat=n):
            if n < gen["min_length"] and n < top:
                continue
            logps = search.forced(net, enc, tokens)[0]
            if n == top:                                            # cut at the limit: no end token
                found.append((search.normalised(gen, sum(logps[:-1]), top), tokens))
            else:
                found.append((search.normalised(gen, sum(logps), n + 1), tokens))
    return sorted(found, key=lambda f: -f[0])


def check(ok, what):
    if not ok:
        print("FAILED:", what)
        sys.exit(1)


def encoders(count):
    for seed in range(count):
        draw = random_models.draw(seed, {"kind": "encoder", "hidden": [1, 7, 33][seed % 3]})
        net = draw.net(torch.float64)
        sequences = [draw.sequence(n) for n in (5, 0, 1, 9, 2)]
        batch = net.encode(sequences)
        for i, s in enumerate(sequences):
            single = net.encode([s])
            check(torch.allclose(batch.outputs[i, :len(s)], single.outputs[0], atol=1e-12), f"packing, seed {seed}")
            check(not len(s) or not batch.outputs[i, len(s):].any(), f"padding, seed {seed}")
            if len(s):
                out, finals, last = stack(net, net.vectors(s).numpy())
                check(np.allclose(out, single.outputs[0], atol=1e-12), f"outputs, seed {seed}")
                check(all(np.allclose(a, b[0], atol=1e-12) for a, b in zip(finals, single.finals)), f"final states, seed {seed}")
                check(not single.cells or all(np.allclose(a, b[0], atol=1e-12) for a, b in zip(last, single.cells)), f"final c, seed {seed}")
            if net.pooling:
                weights = net.pool(single)[1]
                check(weights is None or len(s) == 0 or abs(float(weights.sum()) - 1) < 1e-9, f"weights, seed {seed}")
    print(f"encoders: {count}")


def exhaustive(count):
    for seed in range(count):
        draw = random_models.draw(seed, {"kind": "seq2seq", "target_vocab": 4, "target_type": "ids", "target_unk": False, "hidden": 5,
                                      "features": False})
        net = draw.net(torch.float64)
        gen = search.settings({}, {"beam_size": 200, "n_best": 4, "max_length": 4, "length_norm": ["none", "avg", "gnmt"][seed % 3],
                                   "length_penalty": [1, 0.5][seed % 2], "min_length": seed % 4 // 2})
        enc = net.encode([draw.sequence(1 + seed % 5)])
        best = search.search(net, enc, gen).best
        for got, (score, tokens) in zip(best, enumerate_all(net, enc, gen)):
            check(abs(got.score - score) < 1e-9, f"exhaustive, seed {seed}: {got.tokens} {got.score}, {tokens} {score}")
    print(f"beam against all outputs: {count}")


def batched(count):
    rs, ties = np.random.RandomState(0), 0
    for seed in range(count):
        draw = random_models.draw(seed, {"kind": "seq2seq"})
        net = draw.net()
        beam = int(rs.choice([1, 1, 3, 5, 8]))
        gen = search.settings({}, {"beam_size": beam, "n_best": 1 + rs.randint(beam), "max_length": 30, "min_length": int(rs.choice([0, 3])),
                                   "length_norm": str(rs.choice(["none", "avg", "gnmt"]))})
        sequences = [draw.sequence(int(n)) for n in rs.randint(0, 12, size=20)]
        for s, many in zip(sequences, search.search_batch(net, sequences, gen, batch=7)):
            one = search.search(net, net.encode([s]), gen)
            if [h.tokens for h in one.best] != [h.tokens for h in many.best]:
                check(min(one.margin, many.margin) < task.TIE, f"batch, seed {seed}")
                ties += 1
                continue
            check(all(abs(a.score - b.score) < 1e-4 for a, b in zip(one.best, many.best)), f"batch scores, seed {seed}")
            h = one.best[0]
            forced = search.forced(net, net.encode([s]), h.tokens)[0][:h.steps]
            check(abs(sum(forced) - h.logp) < 1e-4, f"forced, seed {seed}")
    print(f"batched search against plain: {count} models, {ties} true ties")


def ensembles(count):
    """A model with itself is that model; several give each token the mean of what they give it alone, in a search too."""
    n = 0
    for seed in range(count):
        first = random_models.draw(seed, {"kind": "seq2seq", "generation": {}, "suppress": False})
        members = [model.net() for model in [first] + random_members.draw_members(first, np.random.RandomState(seed))]
        gen = search.settings({}, {"beam_size": 3, "n_best": 2, "length_norm": "avg", "max_length": 15})
        for s in first.samples:
            one, twice = (search.search(net, net.encode([s]), gen) for net in (members[0], ensemble.Ensemble([members[0]] * 2)))
            check([(h.tokens, h.score) for h in one.best] == [(h.tokens, h.score) for h in twice.best], f"with itself, seed {seed}")
            net = ensemble.Ensemble(members)
            for h in search.search(net, net.encode([s]), gen).best:
                alone = [search.forced(member, member.encode([s]), h.tokens)[0][:h.steps] for member in members]
                check(abs(sum(map(sum, alone)) / len(members) - h.logp) < 1e-4, f"members, seed {seed}")
                n += 1
    print(f"ensembles: {n} hypotheses")


def integer_product(x, w, bounded, scale=None):
    """One row by one row of weights as the model format says it, number by number. -> the integers of x, the product"""
    f = np.float32
    su = f(max(abs(v) for v in w)) / f(127) if scale is None else scale
    qw = [round(float(v / su)) if su > 0 else 0 for v in w]
    m = f(max(abs(v) for v in x))
    s = f(1) / f(127) if bounded else m / f(127)
    if bounded:
        q = [round(max(-127.0, min(127.0, float(v * f(127))))) for v in x]
    elif m < f(2.0 ** -120):
        q, s = [0] * len(x), f(0)
    else:
        q = [round(float(v * (f(127) / m))) for v in x]
    return q, float(f(sum(a * b for a, b in zip(q, qw)))) * float(f(s * su))


def integers(count):
    rs = np.random.RandomState(5)
    for i in range(count * 10):
        n, bounded = 1 + rs.randint(40), bool(i % 2)
        x, w = np.tanh(rs.randn(n) * 2).astype(np.float32), rs.randn(3, n).astype(np.float32)
        if not bounded:
            x *= np.float32(10.0 ** rs.randint(-40, 4))
        if i % 5 == 0:                                              # ties: halves of the scale, both ways
            x = ((rs.randint(-127, 127, n) + 0.5) / 127).astype(np.float32)
            x[0] = 1
        w[0, 0], w[2] = 0, w[2] * (i % 3)                           # rows of zeros too
        rounding = quantised.Rounding()
        made = quantised.matrix(w)
        q, scale = quantised.quantise(x[None, :], bounded, False, rounding)
        y = quantised.multiply(q, scale, made.q, made.scale)[0]
        for row in range(3):
            ints, product = integer_product(x, w[row], bounded)
            check(ints == q[0].tolist(), f"integers of row {i}: {ints} {q[0]}")
            check(y[row] == product, f"product {i}: {y[row]} {product}")
        given = np.float32([0.25])
        made = quantised.matrix(np.float32([[-32, 0.25, 31.75]]), given)
        check(made.q.tolist() == [[-128, 1, 127]] and made.scale == given, "scales of a file")
    q, scale = quantised.quantise(np.float32([[np.inf, 1]]), False, False, rounding)
    check(not q.any() and np.isnan(scale).all(), "not finite")
    wide = np.full((1, quantised.PIECE + 1), 1, np.float32)
    y = quantised.multiply(wide * 127, np.float32([[1 / 127]]), wide * 127, np.float32([1 / 127]))
    check(abs(y - (quantised.PIECE + 1)) < 1e-2, "pieces")
    print(f"products of integers: {count * 10}")


def unrounded(count):
    """With nothing rounded what is left is the plain model: its parts, bounds and folding add no error."""
    quantised.nearest, ties, n = lambda v: v, 0, 0
    for seed in range(count):
        draw = random_models.draw(seed, make_cases.strata(seed))
        with tempfile.TemporaryDirectory() as directory:
            draw.write(os.path.join(directory, "model"))
            plain = random_models.Model.load(os.path.join(directory, "model"), torch.float64)
            net = quantised.Quantised.load(os.path.join(directory, "model"))
        for options in map(task.parse_options, make_cases.command_lines(draw)):
            for record in make_cases.random_records(draw)[:5]:
                a, b = (task.process(model, record, options) for model in (plain, net))
                differences, n = task.compare(a.fields, b.fields, task.sweep_tolerance), n + 1
                check(not differences or task.true_tie(a, b.fields, differences), f"unrounded, seed {seed}: {differences[:1]}")
                ties += bool(differences)
    quantised.nearest = np.rint
    print(f"quantised models without rounding: {n} records, {ties} true ties")


def files(scratch):
    tensors = {"a": np.float32([[1.5, -2, 3e-3]]), "b": np.float32(np.random.RandomState(1).randn(5))}
    for dtype in ("F32", "F16", "BF16"):
        formats.write_safetensors(scratch, tensors, dtype)
        back = formats.read_safetensors(scratch)
        kind = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[dtype]
        for name, x in tensors.items():
            check(np.array_equal(back[name], torch.tensor(x).to(kind).float().numpy()), f"safetensors {dtype}")
    formats.write_safetensors(scratch, {**tensors, "c": np.float32([[-1.27, 1.27, 0.004], [-127, 63.4, 63.6], [0, 0, 0]])}, "I8")
    back = formats.read_safetensors(scratch)
    check(np.array_equal(back["b"], tensors["b"]) and set(back) == {"a", "b", "c"}, "safetensors I8: others")
    check(np.allclose(back["c"], [[-1.28, 1.27, 0], [-127, 63, 64], [0, 0, 0]], 1e-6, 0), "safetensors I8")
    text = b"abc\n" * 100000
    check(formats.unzstd(formats.zstd(text) + formats.zstd(b"x")) == text + b"x", "zstd")
    print("files: safetensors, zstd")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=30)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        files(directory + "/x.safetensors")
    encoders(args.count)
    exhaustive(args.count)
    batched(args.count)
    ensembles(args.count // 3)
    integers(args.count)
    unrounded(args.count // 2)
    print("all passed")


if __name__ == "__main__":
    main()
