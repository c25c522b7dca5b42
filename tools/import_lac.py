#!/usr/bin/python3
"""Turns Baidu's LAC, as Debian's python3-jieba ships it (jieba/lac_small), into a grus model directory.

    tools/import_lac.py /usr/lib/python3/dist-packages/jieba/lac_small -o models/lac

Two bidirectional layers of Paddle's dynamic_gru, whose reset comes before the recurrent product, and one head, `tag`, of
57 joint tags a character, of the best path of its CRF; --head-output probs gives each character's own scores instead. Characters that
the dictionary lacks, full-width punctuation among them, are <unk>.
"""
import argparse
import array
import json
import os
import struct
import sys

from paddle_tensor import read_tensor

HIDDEN, TAGS = 128, 57


def gates(matrix, rows, width, first):
    """Columns [first, first + HIDDEN) of a (rows, width) matrix as HIDDEN rows."""
    out = array.array("f")
    for column in range(first, first + HIDDEN):
        out.extend(matrix[column:rows * width:width])
    return out


def negated(values):
    return array.array("f", [-x for x in values])


def convert_cell(folder, k, suffix, tensors):
    """Layer and direction k. The new state is (1 - u) h + u c there and (1 - z) n + z h here: z is u with its sign turned."""
    (size, width), w = read_tensor(os.path.join(folder, f"fc_{k}.w_0"))
    _, recurrent = read_tensor(os.path.join(folder, f"gru_{k}.w_0"))
    early, late = recurrent[:HIDDEN * 2 * HIDDEN], recurrent[HIDDEN * 2 * HIDDEN:]
    tensors[f"encoder.rnn.weight_ih_{suffix}"] = ([3 * HIDDEN, size], gates(w, size, width, HIDDEN) +
                                                  negated(gates(w, size, width, 0)) + gates(w, size, width, 2 * HIDDEN))
    tensors[f"encoder.rnn.weight_hh_{suffix}"] = ([3 * HIDDEN, HIDDEN], gates(early, HIDDEN, 2 * HIDDEN, HIDDEN) +
                                                  negated(gates(early, HIDDEN, 2 * HIDDEN, 0)) + gates(late, HIDDEN, HIDDEN, 0))
    for ours, theirs in (("ih", f"fc_{k}.b_0"), ("hh", f"gru_{k}.b_0")):
        _, b = read_tensor(os.path.join(folder, theirs))
        tensors[f"encoder.rnn.bias_{ours}_{suffix}"] = ([3 * HIDDEN], b[HIDDEN:2 * HIDDEN] + negated(b[:HIDDEN]) + b[2 * HIDDEN:])


def convert(folder):
    tensors = {"encoder.embedding.weight": read_tensor(os.path.join(folder, "word_emb"))}
    for k, suffix in enumerate(["l0", "l0_reverse", "l1", "l1_reverse"]):
        convert_cell(folder, k, suffix, tensors)
    (rows, width), w = read_tensor(os.path.join(folder, "fc_4.w_0"))
    out = array.array("f")
    for column in range(width):
        out.extend(w[column::width])
    tensors["heads.tag.weight"] = ([width, rows], out)
    tensors["heads.tag.bias"] = ([width], read_tensor(os.path.join(folder, "fc_4.b_0"))[1])
    # The start's row, the end's row, then from x to.
    crf = read_tensor(os.path.join(folder, "crfw"))[1]
    for i, name in enumerate(("start", "end")):
        tensors[f"heads.tag.{name}"] = ([width], crf[i * width:(i + 1) * width])
    tensors["heads.tag.transitions"] = ([width, width], crf[2 * width:])
    return tensors


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + 4 * len(values)]}
        at += 4 * len(values)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, values in tensors.values():
            if sys.byteorder == "big":
                values.byteswap()
            f.write(values.tobytes())


def read_dictionary(path, size, unknown=None):
    """Lines of an id, a tab and a text: the texts by id. An id without a text gets a name that no character has."""
    out = [f"<unused {i}>" for i in range(size)]
    with open(path, encoding="utf-8", newline="\n") as f:
        for line in f:
            number, text = line.rstrip("\n").split("\t", 1)
            out[int(number)] = "<unk>" if text == unknown else text
    return out


def write_lines(path, lines):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.writelines(line + "\n" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lac", help="the folder lac_small")
    parser.add_argument("-o", "--output", required=True, help="the model directory, made where it is not")
    arguments = parser.parse_args()
    tensors = convert(os.path.join(arguments.lac, "model_baseline"))
    size = tensors["encoder.embedding.weight"][0][0]
    os.makedirs(arguments.output, exist_ok=True)
    write_safetensors(os.path.join(arguments.output, "model.safetensors"), tensors)
    write_lines(os.path.join(arguments.output, "source.vocab"), read_dictionary(os.path.join(arguments.lac, "word.dic"), size, "OOV"))
    write_lines(os.path.join(arguments.output, "tag.labels"), read_dictionary(os.path.join(arguments.lac, "tag.dic"), TAGS))
    config = {"model_type": "encoder",
              "source": {"tokenizer": {"type": "char", "vocab": "source.vocab"}, "embedding_dim": HIDDEN},
              "encoder": {"hidden_size": HIDDEN, "num_layers": 2, "bidirectional": True, "reset": "before"},
              "heads": {"tag": {"on": "token", "labels": "tag.labels", "decode": "crf"}}}
    with open(os.path.join(arguments.output, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f, indent=2)
        f.write("\n")


if __name__ == "__main__":
    main()
