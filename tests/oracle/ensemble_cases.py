#!/usr/bin/env python3
"""What PyTorch makes of several models that decode as one: the cases that tests/command/ensemble.sh holds grus against.

    ensemble_cases.py --cases build/tests/cases --out tests/support/ensembles

Members are models of golden cases, by name; those behind the first are given its vocabularies, which are of the same sizes.
Writes OUT/NAME/: members (their names, one a line), options (those of `grus run` but --ensemble), input.jsonl and
expected.jsonl. No decision in a record is closer than 1e-3, and float64 says the same.
"""
import argparse
import json
import os
import shutil
import tempfile

import torch

import ensemble
import formats
import make_golden
import random_models
import task
from model import Model

COUNT = 20
CASES = {
    "beam": (["bahdanau", "lstm-previous-state", "multihead"], "--beam-size 5 --n-best 3 --length-norm avg --attention soft"),
    "greedy": (["luong-input-feeding", "conditional-hard"], "--beam-size 1 --attention hard"),
    "without-attention": (["no-attention", "h100", "learned-states-lstm", "tied"], "--beam-size 4 --n-best 2 --length-norm gnmt"),
    "rules": (["lstm-beam", "bahdanau"], "--beam-size 3 --repetition-penalty 1.4 --no-repeat-ngram-size 2 --min-length 2 --disable-unk"),
    "score": (["bahdanau", "reset-before-beam", "lstm-greedy"], "--task score --token-scores --attention soft"),
    "nothing-first": (["no-start-token", "no-attention-score"], "--beam-size 2 --length-norm avg"),
}


def make_members(names, cases, folder):
    """-> the directories of the models, each with the vocabularies of the first"""
    found = []
    for name in names:
        where = os.path.join(folder, name)
        shutil.copytree(os.path.join(cases, name, "model"), where)
        for vocabulary in ("source.vocab", "target.vocab") if found else ():
            shutil.copy(os.path.join(found[0], vocabulary), where)
        found.append(where)
    return found


def sources(seed, vocabulary):
    """Texts of characters of the vocabulary, of 0 to 12 of them."""
    rs = random_models.np.random.RandomState(seed)
    while True:
        yield "".join(rs.choice(vocabulary, rs.randint(13)))


def targets(seed, vocabulary):
    rs = random_models.np.random.RandomState([seed, 1])
    while True:
        yield " ".join(rs.choice(vocabulary, rs.randint(9)))


def find_records(nets, where, options, seed):
    """-> lines, and what is expected of them"""
    plain = lambda side: [token for token in formats.read_vocab(os.path.join(where, side + ".vocab")) if not token.startswith("<")]
    given, expected = [], []
    for text, target in zip(sources(seed, plain("source")), targets(seed, plain("target"))):
        record = {"id": len(given), "text": text, **({"target": target} if options.task == "score" else {})}
        a, b = (task.process(net, record, options) for net in nets)
        if a.margin > make_golden.MARGIN and make_golden.agree(a, b):
            given.append(json.dumps(record, ensure_ascii=False))
            expected.append(formats.splice(given[-1], a.fields))
        if len(given) == COUNT:
            return given, expected


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", required=True, help="golden cases, unpacked")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for seed, (name, (members, words)) in enumerate(CASES.items()):
        with tempfile.TemporaryDirectory() as folder:
            where = make_members(members, args.cases, folder)
            nets = [ensemble.Ensemble([Model.load(path, dtype) for path in where]) for dtype in (torch.float32, torch.float64)]
            given, expected = find_records(nets, where[0], task.parse_options(words.split()), seed)
        os.makedirs(os.path.join(args.out, name), exist_ok=True)
        for file, lines in (("members", members), ("options", [words]), ("input.jsonl", given), ("expected.jsonl", expected)):
            with open(os.path.join(args.out, name, file), "w", encoding="utf-8", newline="\n") as f:
                f.write("".join(line + "\n" for line in lines))
        print(name, len(given), flush=True)


if __name__ == "__main__":
    main()
