"""PyTorch's side of bench/peers/run on whole tasks: greedy or beam search with a model of the family of tools/g2p_model.py, or
of tools/translation_model.py where its text is cut by byte-pair codes.

usage: peer_seq2seq.py MODEL SHARD KIND BEAM THREADS; commands as in exchange.py, `write` makes JSON: the outputs by record.
KIND is the loop that runs:

    loop    torch_loops.py: as a competent user writes it
    expert  torch_expert.py: gates by hand, input gates tabled, keys projected once, ended words dropped; batches of one length
            only

What is counted is from token numbers to output strings, without reading, tokenizing and writing.
"""
import json
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools"))

import blas_env

THREADS = int(sys.argv[5])
blas_env.choose(THREADS)

import torch

import exchange
import g2p_model
import torch_expert
import torch_loops
import translation_model


def family(folder):
    """The model, its target vocabulary, what makes ids of a text, and the two loops."""
    if os.path.exists(os.path.join(folder, "bpe.codes")):
        model, source, target, cutter = translation_model.load(folder)
        return (model, target, lambda text: translation_model.source_ids(text, source, cutter), torch_loops.TranslationLoop,
                torch_expert.TranslationRunner)
    model, source, target = g2p_model.load(folder)
    return model, target, lambda text: g2p_model.source_ids(text, source, model.config), torch_loops.Loop, torch_expert.Runner


class Peer:
    def __init__(self, folder, shard, kind, beam):
        model, target, ids_of, loop, runner = family(folder)
        self.ids = [ids_of(text) for text in exchange.read_texts(shard)]
        self.limit = [g2p_model.step_limit(len(x), model.config) for x in self.ids]
        self.beam, self.expert = beam, kind == "expert"
        self.engine = (runner if self.expert else loop)(model, target)

    def load(self, path):
        self.batches = []
        for longest, records in exchange.read_batches(path):
            ids = [self.ids[r] for r in records]
            x = torch.tensor([row + [0] * (longest - len(row)) for row in ids])
            if self.expert:
                self.batches.append((records, (x,)))
            else:
                self.batches.append((records, (x.t().contiguous(), torch.tensor([len(row) for row in ids]),
                                               torch.tensor([self.limit[r] for r in records]))))

    def run(self):
        out = {}
        for records, arguments in self.batches:
            found = self.engine.greedy(*arguments) if self.beam == 1 else self.engine.beam(*arguments, self.beam)
            out.update(zip(records, found))
        return out

    def write(self, path):
        with open(path, "w", encoding="utf-8") as f:
            json.dump(self.run(), f)


def main():
    torch.set_num_threads(THREADS)
    peer = Peer(*sys.argv[1:4], int(sys.argv[4]))
    with torch.inference_mode():
        exchange.serve(peer, f"PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
