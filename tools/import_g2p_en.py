#!/usr/bin/python3
"""Turns the checkpoint of g2p_en (Kyubyong Park, English words to phonemes) into a grus model directory.

    tools/import_g2p_en.py checkpoint20.npz -o models/g2p-en-plain

The encoder is one nn.GRU over the letters of the lower-cased word with "</s>" behind them, the decoder another without attention:
it goes on from the encoder's last state, begins with "<s>", and ends with "</s>", after 20 steps at the latest. A text is one
word. Letters and phonemes are those of g2p_en's own tables, in its order; a checkpoint with others gives them by --graphemes and
--phonemes, one a line.
"""
import argparse
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from export_torch import ExportError, export

VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()
SPECIALS = ["<pad>", "<unk>", "</s>"]
GRAPHEMES = SPECIALS + list("abcdefghijklmnopqrstuvwxyz")
PHONEMES = ["<pad>", "<unk>", "<s>", "</s>"] + sorted([v + stress for v in VOWELS for stress in "012"] + ["UW"] + CONSONANTS)
NAMES = {"enc_emb": "encoder.embedding.weight", "dec_emb": "decoder.embedding.weight",
         "fc_w": "decoder.output.weight", "fc_b": "decoder.output.bias",
         **{f"{side[:3]}_{short}": f"{side}.rnn.{long}_l0" for side in ("encoder", "decoder")
            for short, long in (("w_ih", "weight_ih"), ("w_hh", "weight_hh"), ("b_ih", "bias_ih"), ("b_hh", "bias_hh"))}}
STEPS = 20


def read_lines(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return f.read().splitlines()


def read_tensors(path):
    """The arrays under PyTorch's names."""
    with np.load(path) as arrays:
        missing, other = sorted(set(NAMES) - set(arrays)), sorted(set(arrays) - set(NAMES))
        if missing or other:
            raise ExportError(f"{path}: expected the arrays {', '.join(NAMES)}; missing {', '.join(missing) or 'none'}, "
                              f"not known {', '.join(other) or 'none'}")
        return {NAMES[name]: torch.from_numpy(arrays[name]) for name in NAMES}


def configuration(tensors):
    def side(name):
        return {"hidden_size": tensors[f"{name}.rnn.weight_hh_l0"].shape[1]}, tensors[f"{name}.embedding.weight"].shape[1]
    (encoder, source), (decoder, target) = side("encoder"), side("decoder")
    return {"model_type": "seq2seq",
            "source": {"tokenizer": {"type": "char", "vocab": "source.vocab", "lowercase": True, "eos": "</s>"}, "embedding_dim": source},
            "encoder": encoder,
            "decoder": {"vocab": "target.vocab", "tokenizer": {"type": "whitespace"}, "bos": "<s>", "eos": "</s>", "embedding_dim": target,
                        **decoder, "bridge": "last", "input": ["embedding"], "readout": {"inputs": ["state"]}},
            "generation": {"max_length": STEPS, "max_length_factor": STEPS}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="checkpoint20.npz of g2p_en")
    parser.add_argument("-o", "--output", required=True, help="the model directory, made where it is not")
    parser.add_argument("--graphemes", help="a file of its letters, one a line, in place of g2p_en's")
    parser.add_argument("--phonemes", help="likewise of its phonemes")
    a = parser.parse_args()
    try:
        tensors = read_tensors(a.checkpoint)
        files = {"source.vocab": read_lines(a.graphemes) if a.graphemes else GRAPHEMES,
                 "target.vocab": read_lines(a.phonemes) if a.phonemes else PHONEMES}
        os.makedirs(a.output, exist_ok=True)
        for name, lines in files.items():
            with open(os.path.join(a.output, name), "w", encoding="utf-8", newline="\n") as f:
                f.writelines(line + "\n" for line in lines)
        export(tensors, configuration(tensors), a.output)
    except (OSError, ValueError, ExportError) as e:
        sys.exit(f"import_g2p_en.py: {e}")


if __name__ == "__main__":
    main()
