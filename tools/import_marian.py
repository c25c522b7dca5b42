#!/usr/bin/python3
"""Turns a recurrent model of Marian or Nematus into a grus model directory.

    tools/import_marian.py model.npz --vocabs vocab.spm vocab.spm -o models/mine
    tools/import_marian.py model.npz --vocabs vocab.en.yml vocab.de.yml -o models/mine --dtype int8

It takes the types `s2s`, `amun` and `nematus`: an encoder of both directions, a conditional GRU, attention; embeddings of their
own or tied in any way. Vocabularies are SentencePiece models (.spm, .model), which then cut the text, or lists of tokens, one a
line, .yml or .json, whose tokens stand in the text with spaces between them. Without --vocabs tokens are integers, and the end
token is 0. What grus cannot compute is refused by the option's name.
"""
import argparse
import os
import sys
import tempfile

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import marian_file
from export_torch import DTYPES, ExportError, export
from importing import Refused

TYPES = ("s2s", "amun", "nematus")
CELLS = ("gru", "gru-nematus")
# Options that change what is computed: what they must be. One that a file lacks has the first value.
ONLY = {"type": TYPES, "enc-type": ("bidirectional", "bi-unidirectional"), "enc-cell": CELLS, "dec-cell": CELLS, "enc-cell-depth": (1,),
        "dec-depth": (1,), "dec-cell-base-depth": (2,), "layer-normalization": (False,), "skip": (False,), "right-left": (False,),
        "dec-attention-hops": (1,), "dec-attention-heads": (1,), "dec-attention-bilinear-lookup": (False,), "ulr": (False,),
        "lemma-dim-emb": (0,), "factors-dim-emb": (0,), "factors-combine": ("sum",), "output-approx-knn": ([],)}
SENTENCEPIECE = (".spm", ".model")
EOS, UNK = "</s>", "<unk>"
NEVER = -1e9    # the bias of what has probability 0


def check_options(path, options):
    wrong = [f"{path}: {name}: expected {' or '.join(str(v).lower() for v in values)}, found {str(options[name]).lower()}" for name, values in ONLY.items()
             if options.get(name, values[0]) not in values]
    if set(options.get("input-types") or []) - {"sequence"}:
        wrong.append(f"{path}: input-types: expected sequences, found {', '.join(options['input-types'])}")
    if wrong:
        raise Refused("\n".join(wrong))


class Reader:
    """Hands out arrays, each once and in float64, and says which are missing or left."""

    def __init__(self, path, arrays):
        self.path, self.arrays = path, arrays

    def take(self, name):
        if name not in self.arrays:
            raise Refused(f"{self.path}: {name}: no such array is in the file")
        return self.arrays.pop(name).astype(np.float64)

    def may(self, name):
        return self.take(name) if name in self.arrays else None

    def vector(self, name):
        return self.take(name).reshape(-1)

    def cell(self, prefix, inside):
        """A GRU's four tensors as PyTorch has them. Its bias of the candidate stands before the reset gate, or inside of it."""
        joined = lambda *parts: np.concatenate([self.take(f"{prefix}_{part}") for part in parts], axis=-1)
        weight_ih, weight_hh, bias = joined("W", "Wx").T, joined("U", "Ux").T, joined("b", "bx").reshape(-1)
        hidden = weight_hh.shape[1]
        hh = np.zeros_like(bias)
        if inside:
            hh[2 * hidden:], bias[2 * hidden:] = bias[2 * hidden:], 0
        return {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias, "bias_hh": hh}


def named(prefix, suffix, cell):
    return {f"{prefix}.{part}_{suffix}": tensor for part, tensor in cell.items()}


def encoder(reader, options):
    """-> (section of the configuration, tensors). Layers above the first have a stack for each direction, which reads its own
    outputs below alone, so that the columns of the other's are zeros; or they go forward and read both."""
    depth, both = options.get("enc-depth", 1), options.get("enc-type", "bidirectional") == "bidirectional"
    tensors = {}
    for layer in range(depth):
        above = f"_l{layer + 1}_cell1" if layer else ""
        if layer and not both:
            tensors.update(named("encoder.rnn", f"l{layer}", reader.cell("encoder" + above, False)))
            continue
        for side, suffix in enumerate(("", "_reverse")):
            cell = reader.cell("encoder_bi" + ("_r" if side else "") + above, False)
            if layer:
                zeros = np.zeros_like(cell["weight_ih"])
                cell["weight_ih"] = np.concatenate([zeros, cell["weight_ih"]] if side else [cell["weight_ih"], zeros], axis=1)
            tensors.update(named("encoder.rnn", f"l{layer}{suffix}", cell))
    hidden = tensors["encoder.rnn.weight_hh_l0"].shape[1]
    section = {"hidden_size": hidden, "num_layers": depth}
    section.update({"bidirectional": True} if both or depth == 1 else {"direction": ["both"] + ["forward"] * (depth - 1)})
    return section, tensors


def embeddings(reader, options):
    """-> (source, target, whether the output is the target's)"""
    every, source = options.get("tied-embeddings-all", False), options.get("tied-embeddings-src", False)
    tied = every or options.get("tied-embeddings", False)
    if every or source:
        table = reader.take("Wemb")
        return table, table, tied
    return reader.take("encoder_Wemb"), reader.take("decoder_Wemb"), tied


def decoder(reader, tied):
    """-> (section of the configuration, tensors)"""
    l1 = [f"decoder_ff_logit_l1_{kind}{i}" for kind in "Wb" for i in range(3)]
    tensors = {**named("decoder.rnn", "l0", reader.cell("decoder_cell1", False)), **named("decoder.rnn2", "l0", reader.cell("decoder_cell2", True)),
               "attention.query.weight": reader.take("decoder_W_comb_att").T, "attention.key.weight": reader.take("decoder_Wc_att").T,
               "attention.key.bias": reader.vector("decoder_b_att"), "attention.energy.weight": reader.take("decoder_U_att").T,
               "bridge.weight": reader.take("decoder_ff_state_W").T, "bridge.bias": reader.vector("decoder_ff_state_b"),
               "decoder.readout.weight": np.concatenate([reader.take(name) for name in l1[:3]]).T,
               "decoder.readout.bias": sum(reader.vector(name) for name in l1[3:])}
    bias = reader.may("decoder_ff_logit_l2_b")
    if bias is not None:
        tensors["decoder.output.bias"] = bias.reshape(-1)
    if not tied:
        tensors["decoder.output.weight"] = reader.take("decoder_ff_logit_l2_W").T
    section = {"hidden_size": tensors["decoder.rnn.weight_hh_l0"].shape[1], "bridge": "mean_tanh", "conditional": True, "input": ["embedding"],
               "readout": {"inputs": ["embedding", "state", "context"], "size": len(tensors["decoder.readout.weight"]), "activation": "tanh"},
               "tied": tied}
    return section, tensors


class Side:
    """Source or target: its tokenizer, and which row of the model's tables each of its tokens has."""

    def __init__(self, name, path, pieces, size):
        """path: the vocabulary, None: numbers; pieces: the SentencePiece model that cuts the text outside of Marian, or None"""
        self.file = f"{name}.vocab"
        tokens = [EOS, UNK] + [str(i) for i in range(2, size)] if path is None else None
        if path and path.endswith(SENTENCEPIECE):
            pieces, tokens = path, marian_file.read_pieces(path)
            if len(tokens) != size:
                raise Refused(f"{path}: expected {size} pieces, found {len(tokens)}; where Marian was trained on text that was cut "
                              "before, --vocabs are the lists of its tokens, and this is one of --pieces")
        elif path and path.endswith((".fsv", ".bin")):
            raise Refused(f"{path}: expected SentencePiece, text, .yml or .json; vocabularies of factors are not supported")
        elif path:
            tokens = marian_file.read_vocabulary(path, size)
        self.tokens, self.rows, self.lacking = tokens, np.arange(size), []
        if pieces:
            self.file = f"{name}.spm"
            self.take_pieces(pieces)
        self.content = pieces or self.tokens

    def take_pieces(self, path):
        """The tokens become those of a SentencePiece model. One that is none of Marian's is its <unk>."""
        rows = {token: row for row, token in enumerate(self.tokens)}
        self.tokens = marian_file.read_pieces(path)
        absent = [token for token in (EOS, UNK) if token not in self.tokens]
        if absent or UNK not in rows:
            raise Refused(f"{path}: expected the pieces {EOS} and {UNK}, there is no {absent[0] if absent else UNK}")
        self.rows = np.array([rows.get(token, rows[UNK]) for token in self.tokens])
        self.lacking = [i for i, token in enumerate(self.tokens) if token not in rows]

    @property
    def vocab(self):
        return {} if isinstance(self.content, str) else {"vocab": self.file}

    @property
    def tokenizer(self):
        return {"type": "sentencepiece", "model": self.file} if isinstance(self.content, str) else {"type": "whitespace"}


def arrange(source, target, tables, tensors):
    """The tables, and what else has a row for each token, in the order of the tokens. A token of the target that Marian's
    vocabulary lacks has probability 0."""
    tensors.update({"encoder.embedding.weight": tables[0][source.rows], "decoder.embedding.weight": tables[1][target.rows]})
    for name in ("decoder.output.weight", "decoder.output.bias"):
        if name in tensors:
            tensors[name] = tensors[name][target.rows]
    if target.lacking:
        tensors.setdefault("decoder.output.bias", np.zeros(len(target.rows)))[target.lacking] = NEVER


def convert(path, vocabularies, pieces):
    """-> (configuration, tensors, files: name -> lines or a path)"""
    arrays, options = marian_file.read_model(path)
    check_options(path, options)
    reader = Reader(path, arrays)
    *tables, tied = embeddings(reader, options)
    encoder_section, tensors = encoder(reader, options)
    decoder_section, more = decoder(reader, tied)
    if reader.arrays:
        raise Refused(f"{path}: arrays that no such model has: {', '.join(sorted(reader.arrays))}")
    source, target = (Side(*side, len(table)) for side, table in zip(zip(("source", "target"), vocabularies, pieces), tables))
    tensors.update(more)
    arrange(source, target, tables, tensors)
    config = {"model_type": "seq2seq",
              "source": {"tokenizer": {**source.tokenizer, **source.vocab, "eos": EOS}, "embedding_dim": tables[0].shape[1]},
              "encoder": encoder_section, "attention": {"score": "additive", "size": tensors["attention.energy.weight"].shape[1]},
              "decoder": {**target.vocab, "tokenizer": target.tokenizer, "bos": None, "eos": EOS, "embedding_dim": tables[1].shape[1],
                          **decoder_section},
              "generation": {"max_length_factor": 3, "max_length": 1000, "suppress": [UNK] + [target.tokens[i] for i in target.lacking]}}
    if np.array_equal(*(tensors[f"{side}.embedding.weight"] for side in ("encoder", "decoder"))):
        config["tensors"] = {"encoder.embedding": "decoder.embedding"}      # the file has it once
    return config, tensors, {source.file: source.content, target.file: target.content}


def write(config, tensors, files, output, dtype):
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name, content in files.items():
            paths[name] = content if isinstance(content, str) else os.path.join(folder, name)
            if not isinstance(content, str):
                with open(paths[name], "w", encoding="utf-8", newline="\n") as f:
                    f.writelines(line + "\n" for line in content)
        state = {name: torch.from_numpy(np.array(x, np.float32, order="C")) for name, x in tensors.items()}
        export(state, config, output, paths, dtype)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="model.npz")
    parser.add_argument("--vocabs", nargs=2, metavar=("SOURCE", "TARGET"), help="vocabularies, as marian-decoder takes them")
    parser.add_argument("--pieces", nargs=2, metavar=("SOURCE", "TARGET"),
                        help="SentencePiece models, where they cut the text outside of Marian and --vocabs lists their pieces")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="the model directory, made where it is not")
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="f32", help="of the weights; int8: matrices in I8 with scales [f32]")
    a = parser.parse_args()
    try:
        if a.pieces and not a.vocabs:
            raise Refused("--pieces: needs --vocabs, the tokens in Marian's order")
        write(*convert(a.model, a.vocabs or (None, None), a.pieces or (None, None)), a.output, a.dtype)
    except (OSError, ValueError, ExportError) as e:
        for line in str(e).split("\n"):
            print(f"import_marian.py: {line}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
