"""Greedy and beam search and forced scoring, exactly as the section 'generation' of the model format says.

search() is the reference: one sentence, one loop, meant to be read. search_batch() does many short sentences at once and
is checked against it by selftest.py. Both report the margin: the smallest gap by which any decision was taken, so that
a difference between two correct programs can be told from an error. Log-probabilities come from the model in its own
precision; sums and scores are taken in double.
"""
import math

import numpy as np
import torch

DEFAULTS = {"beam_size": 1, "n_best": 1, "length_norm": "none", "length_penalty": 1, "max_length_factor": 2,
            "max_length": 200, "min_length": 0}
RULES = {"disable_unk": False, "no_repeat_ngram_size": 0, "repetition_penalty": 1}      # of the command line alone


class Hypothesis:
    def __init__(self, tokens=(), logp=0.0, rows=()):
        self.tokens, self.logp, self.rows = tokens, logp, rows      # rows: attention, one a step
        self.score = self.steps = None                              # steps: L, the end token included


class Found:
    """The n-best list; `margin` is the smallest of `gaps` [(gap, what)]."""

    def __init__(self, best, gaps):
        self.best = best
        self.margin, self.place = min(gaps, default=(math.inf, ""))


def settings(config, given=None):
    gen = {**DEFAULTS, **RULES, **config.get("generation", {}), **(given or {})}
    if gen["n_best"] > gen["beam_size"]:
        raise ValueError("n_best > beam_size")
    return gen


def limit(gen, length):
    return min(gen["max_length"], math.ceil(gen["max_length_factor"] * length) + 10)


def normalised(gen, logp, steps):
    if gen["length_norm"] == "none":
        return logp
    base = steps if gen["length_norm"] == "avg" else (5 + steps) / 6
    return logp / base ** gen["length_penalty"]


def final(ended, n_best, gaps):
    """Ended hypotheses, in the order in which they ended -> the n_best, with the gaps between them and to the next."""
    ended = sorted(ended, key=lambda h: -h.score)                   # stable: earlier ended, then better ranked
    for i, (a, b) in enumerate(zip(ended, ended[1:])):
        if i < n_best:
            gaps.append((a.score - b.score, f"final rank {i}"))
    return ended[:n_best]


def may_stop(gen, ended, live, steps, top, gaps):
    """n_best are kept and no live one can still beat the worst of them."""
    if len(ended) < gen["n_best"]:
        return False
    worst = sorted((h.score for h in ended), reverse=True)[gen["n_best"] - 1]
    bound = max(max(normalised(gen, logp, steps + 1), normalised(gen, logp, top)) for logp in live)
    gaps.append((abs(bound - worst), f"stop at step {steps}"))
    return bound <= worst


def banned(model, gen, tokens):
    """Tokens that may not follow these: each n-gram that they have, with the same beginning as the one that would be made."""
    found, n = set(model.suppressed), gen["no_repeat_ngram_size"]
    if gen["disable_unk"]:
        found.add(model.unk)                                        # None: there is none
    if n and len(tokens) >= n:
        begun = tokens[len(tokens) - n + 1:]
        found |= {tokens[i + n - 1] for i in range(len(tokens) - n + 1) if tokens[i:i + n - 1] == begun}
    if len(tokens) < gen["min_length"]:
        found.add(model.eos)
    return found


def penalised(gen, logits, live):
    """Logits (hypotheses, V) where the tokens of these hypotheses have been."""
    logits = logits.clone()
    for row, h in zip(logits, live):
        for v in set(h.tokens):
            row[v] = row[v] * gen["repetition_penalty"] if row[v] < 0 else row[v] / gen["repetition_penalty"]
    return logits


def search(model, enc, gen, prefix=()):
    """One encoded sentence -> Found. The prefix is taught first, cut at the limit; the search goes on from where that ends."""
    top = limit(gen, int(enc.lengths[0]))
    prefix = tuple(prefix)[:top]
    logps, rows, state = follow(model, enc, prefix)
    live, ended, gaps = [Hypothesis(prefix, math.fsum(logps), tuple(rows))], [], []
    if len(prefix) == top:
        live[0].steps, live[0].score = top, normalised(gen, live[0].logp, top)
        return Found(live, gaps)
    for steps in range(len(prefix) + 1, top + 1):
        previous = torch.tensor([[h.tokens[-1] if h.tokens else model.bos for h in live]])
        logp, weights, state = model.step(enc, previous, state)
        if gen["repetition_penalty"] != 1:
            logp = model.reweigh(lambda logits: penalised(gen, logits[0], live)[None])
        logp, rows = logp[0].double().numpy(), weights[0].double().numpy()
        bans = [banned(model, gen, h.tokens) for h in live]
        candidates = [(live[i].logp + logp[i, v], v, i) for i in range(len(live)) for v in range(logp.shape[1])
                      if v not in bans[i]]
        candidates.sort(key=lambda c: (-c[0], c[1], c[2]))          # ties: lower token id, then earlier hypothesis
        taken = candidates[:gen["beam_size"]]
        if len(candidates) > len(taken):
            gaps.append((taken[-1][0] - candidates[len(taken)][0], f"step {steps}"))
        if not taken and not ended:                                 # nothing may follow: the best stays as it is
            live[0].steps = steps - 1
            live[0].score = normalised(gen, live[0].logp, steps - 1) if steps > 1 else 0
            ended.append(live[0])
        survivors, origin = [], []
        for total, v, i in taken:
            h = Hypothesis(live[i].tokens + (() if v == model.eos else (v,)), total, live[i].rows + (rows[i],))
            if v == model.eos or steps == top:
                h.steps, h.score = steps, normalised(gen, total, steps)
                ended.append(h)
            else:
                survivors.append(h)
                origin.append(i)
        if not survivors or may_stop(gen, ended, [h.logp for h in survivors], steps, top, gaps):
            break
        live = survivors
        state = model.select(state, origin)
    return Found(final(ended, gen["n_best"], gaps), gaps)


def search_batch(model, sequences, gen, batch=256):
    """Many sources at once, without attention rows and rules on tokens; sorted by length, `batch` at a time. -> [Found]"""
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    found = [None] * len(sequences)
    for first in range(0, len(order), batch):
        part = order[first:first + batch]
        for i, result in zip(part, _search_part(model, [sequences[i] for i in part], gen)):
            found[i] = result
    return found


def _search_part(model, sequences, gen):
    enc, beam, eos = model.encode(sequences), gen["beam_size"], model.eos
    tops = [limit(gen, int(n)) for n in enc.lengths]
    found = [None] * len(sequences)
    ids = list(range(len(sequences)))                               # row -> sentence
    ended, gaps = [[] for _ in ids], [[] for _ in ids]
    tokens = [[()] for _ in ids]                                    # row -> tokens of its live hypotheses
    total = np.zeros((len(ids), 1))                                 # (rows, lanes), -inf: an empty lane
    state, steps = model.start(enc), 0
    while ids:
        steps += 1
        lanes = total.shape[1]
        previous = torch.full((len(ids), lanes), model.bos)
        if steps > 1:
            for r, row in enumerate(tokens):
                for lane, t in enumerate(row):
                    previous[r, lane] = t[-1]
        logp, _, state = model.step(enc, previous, state)
        every = total[:, :, None] + logp.double().numpy()           # (rows, lanes, V)
        every[:, :, model.suppressed] = -math.inf
        if steps <= gen["min_length"]:
            every[:, :, eos] = -math.inf
        flat = every.transpose(0, 2, 1).reshape(len(ids), -1)       # token-major: the order of ties
        rank = np.argsort(-flat, axis=1, kind="stable")[:, :beam + 1]
        value = np.take_along_axis(flat, rank, axis=1)
        new_total = np.full((len(ids), beam), -math.inf)
        origin = np.zeros((len(ids), beam), int)
        keep, new_tokens = [], []
        for r, sentence in enumerate(ids):
            if value.shape[1] > beam and value[r, beam] > -math.inf:
                gaps[sentence].append((value[r, beam - 1] - value[r, beam], f"step {steps}"))
            survivors = []
            for c, logp_c in zip(rank[r, :beam], value[r, :beam]):
                if logp_c == -math.inf:
                    break
                v, lane = divmod(int(c), lanes)
                grown = tokens[r][lane] + (() if v == eos else (v,))
                if v == eos or steps == tops[sentence]:
                    h = Hypothesis(grown, logp_c)
                    h.steps, h.score = steps, normalised(gen, logp_c, steps)
                    ended[sentence].append(h)
                else:
                    new_total[r, len(survivors)], origin[r, len(survivors)] = logp_c, lane
                    survivors.append(grown)
            live = new_total[r, :len(survivors)]
            if not survivors or may_stop(gen, ended[sentence], live, steps, tops[sentence], gaps[sentence]):
                found[sentence] = Found(final(ended[sentence], gen["n_best"], gaps[sentence]), gaps[sentence])
            else:
                keep.append(r)
                new_tokens.append(survivors)
        if not keep:
            break
        rows, lane = torch.tensor(keep)[:, None], torch.tensor(origin[keep])
        state = (state[0][:, rows, lane], state[1][rows, lane], state[2][rows, lane])
        if len(keep) < len(ids):
            enc = enc.select(torch.tensor(keep))
        ids, tokens, total = [ids[r] for r in keep], new_tokens, new_total[keep]
    return found


def follow(model, enc, tokens):
    """Log-probabilities of these tokens one after the other, their attention rows, and the state behind them."""
    state, logps, rows, previous = model.start(enc), [], [], model.bos
    for v in tokens:
        logp, weights, state = model.step(enc, torch.tensor([[previous]]), state)
        logps.append(logp[0, 0, v].item())
        rows.append(weights[0, 0].double().numpy())
        previous = v
    return logps, rows, state


def forced(model, enc, target):
    """Log-probabilities of the target's tokens and the end token, and their attention rows."""
    return follow(model, enc, list(target) + [model.eos])[:2]
