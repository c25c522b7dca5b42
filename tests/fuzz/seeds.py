#!/usr/bin/env python3
"""Writes the hand-made seeds of the fuzzing corpora: DIR/TARGET/seed-WHAT. What each target makes of its first bytes is
said in its source.

    python3 tests/fuzz/seeds.py tests/fuzz/corpus
"""
import gzip
import json
import os
import shutil
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.join(HERE, "..", "support", "files")


def safetensors(entries, extra=None):
    header, data = dict(extra or {}), b""
    for name, dtype, shape, values in entries:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def golden_config(name):
    with open(os.path.join(HERE, "..", "golden", name + ".case"), encoding="utf-8") as f:
        return json.loads(f.read().split("==> config.json <==\n")[1].split("==> ")[0])


F32S = struct.pack("<6f", 1, -2, 0.5, 3, 4, float("inf"))
I64S = struct.pack("<3q", 0, 1, 3)


def feature_shard(features=("F32", [3, 2], F32S), offsets=("I64", [3], I64S), behind=b""):
    return safetensors([(name, *entry) for name, entry in (("features", features), ("offsets", offsets)) if entry]) + behind


def rows(*values):
    return "I64", [len(values)], struct.pack("<%dq" % len(values), *values)


def lines():
    line = b'{"id": 1, "text": "a\\u00e9\\ud83d\\ude00\xc3\xa9", "n": [1, -2.5e3, {"k": null}], "b": true}'
    yield "record", "text", b"\0" + line
    yield "record", "ids", b"\1" + b'{"text":[1,2,18446744073709551615]}'
    yield "record", "target", b"\2" + b'{"text":"a","target":"b\\n"}'
    yield "record", "optional", b"\x82" + b'{"text":"a"}'
    yield "record", "optional-given", b"\x82" + b'{"text":"a","target":"b"}'
    yield "record", "optional-ids", b"\x87" + b'{"text":[0],"targets":[3]}'
    yield "record", "target-ids", b"\7" + b'{"text":[0],"target":[3]}'
    yield "record", "features", b"\x18" + b'{"features":[[1,2.5],[-3e-2,0]],"id":"x"}'
    yield "record", "result-field", b"\0" + b'{"text":"a","output":1}'
    yield "record", "error-field", b"\0" + b'{"text":"a","error":"b"}'
    yield "record", "blank", b"\0 \t"
    yield "record", "deep", b"\0" + b'{"text":"a","x":' + b"[" * 60 + b"]" * 60 + b"}"
    for number in (b"0", b"-0", b"1e400", b"0.1", b"16777217", b"3.4028235677973366e38", b"1e-46", b"18446744073709551616"):
        yield "number", number.decode(), bytes(8) + number
    for value in (0.1, 5e-324, 1e300, float("nan"), -0.0, 1 / 3, 3.4e38):
        yield "number", "double-%g" % value, struct.pack(">d", value) + b"1"
    yield "text", "tsv", b"\1a\tb\tc"
    yield "text", "target", b"\x51a\tb\tc"
    yield "text", "utf8", b"\0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"
    yield "text", "bad-utf8", b"\2\xed\xa0\x80 \xc0\x80 \xf4\x90\x80\x80 \xff\"\\\n\0"


def streams():
    yield "stream", "plain", b"\0" + b"a\r\nb\n\nc"
    yield "stream", "nothing", b""
    yield "stream", "named-zst", b"\2plain"
    yield "stream", "frames", b"\1" + b"\0\x04\x06hello\n" + b"\2\x03\x05" + b"\0\x8c\x06world\n" + b"\2\0\0"
    yield "stream", "broken-frame", b"\1" + b"\0\x0c\x06hello\n" + b"\4\0\0\0\7\0\x42"
    yield "stream", "cut-frame", b"\3" + b"\0\x0c\x06hello\n" + b"\4\0\0\0\x10\1"
    for name in sorted(os.listdir(FILES)):
        if name.endswith(".zst"):
            with open(os.path.join(FILES, name), "rb") as f:
                yield "stream", name.replace(".jsonl.zst", ""), b"\2" + f.read()[:4000]
    yield "stream", "run-length", b"\2" + b"\x28\xb5\x2f\xfd\x00\x58" + (b"\x02\x00\x10a" * 20) + b"\x03\0\x10b"
    if shutil.which("zstd"):  # lines over the end of a reader's buffer of 256 KiB, shorter and longer than a record may be
        front = (b"x" * 99 + b"\n") * 2621
        for name, text in (("across", front + b"y" * 100 + b"\r\nz"), ("across-at-end", front + b"y" * 100),
                           ("too-long-across", front + b"y" * 40000 + b"\nz\n"), ("too-long-at-end", front + b"y" * 40000),
                           ("too-long-from-the-first", b"y" * 300000 + b"\nz"), ("carriage-return-across", b"x" * 262143 + b"\r\nz\n")):
            yield "stream", name, b"\x3e" + subprocess.run(["zstd", "-qc", "--check"], input=text, capture_output=True).stdout


def gzips():
    member = b"\0%c\x14\x06\0\0\0\0hello\n"
    yield "gzip", "members", b"\1" + member.replace(b"%c", b"\0") + member.replace(b"%c", b"\1") + b"\4\x09"
    yield "gzip", "fields", b"\3" + b"\0\x1f\x77\x06\0\0\0\0\5hello\n"
    yield "gzip", "header-crc", b"\1" + b"\0\2\0\3\1\2\3\4abc" + b"\5\0\0\0\x04\0\x42"
    yield "gzip", "cut", b"\3" + member.replace(b"%c", b"\0") + b"\5\0\0\0\x12\1"
    yield "gzip", "behind", b"\3" + member.replace(b"%c", b"\0") + b"\4\3\3x"
    yield "gzip", "second-magic", b"\1" + member.replace(b"%c", b"\0") + b"\3\x1f\3\x8b\3\x08"
    for name in sorted(os.listdir(FILES)):
        if name.endswith(".gz"):
            with open(os.path.join(FILES, name), "rb") as f:
                yield "gzip", name.replace(".jsonl.gz", ""), b"\2" + f.read()
    yield "gzip", "bomb", b"\2" + gzip.compress(b"\n" * 3000000, 9, mtime=0)


def tensors():
    yield "safetensors", "three", safetensors([("model.enc.weight", "F32", [2, 3], F32S), ("b", "BF16", [2], b"\x80\x3f\0\0"),
                                               ("c", "F16", [], b"\0\x3c"), ("d", "I64", [3], I64S)],
                                              {"__metadata__": {"format": "pt"}})
    yield "safetensors", "quantised", safetensors([("a_scale", "F32", [2], F32S[:8]), ("a", "I8", [2, 3], b"\x80\xff\0\1\2\x7f"), ("b", "I8", [1, 2], b"\1\2"),
                                                   ("c", "I8", [2], b"\1\2"), ("c_scale", "F32", [2], F32S[:8])])
    yield "safetensors", "empty", safetensors([("a", "F32", [0, 3], b"")])
    yield "safetensors", "none", safetensors([])
    yield "features", "offsets-behind", safetensors([("features", "F32", [3, 2], F32S), ("offsets", "I64", [3], I64S)])
    yield "features", "offsets-before", safetensors([("offsets", "I64", [3], I64S), ("features", "F16", [3, 4], F32S)])
    yield "features", "bf16", safetensors([("offsets", "I64", [3], I64S), ("x", "I64", [3], I64S), ("features", "BF16", [3, 4], F32S)])
    yield "features", "none", safetensors([("offsets", "I64", [1], I64S[:8]), ("features", "BF16", [0, 4], b"")])
    if shutil.which("zstd"):
        shard = safetensors([("features", "F32", [3, 2], F32S), ("offsets", "I64", [3], I64S)])
        yield "features", "zst", subprocess.run(["zstd", "-qc", "--check"], input=shard, capture_output=True).stdout
    yield "npy", "small", struct.pack(">QQBB", 3, 2, 0, 0) + F32S
    yield "npy", "great", b"\xff" * 16 + bytes(2) + struct.pack("<f", float("nan"))


def bad_feature_shards():
    whole = feature_shard()
    for name, data in (("no-offsets", feature_shard(offsets=None)), ("integers", feature_shard(("I64", [3, 1], I64S))),
                       ("one-dimension", feature_shard(("F32", [6], F32S))), ("float-offsets", feature_shard(offsets=("F32", [3], F32S[:12]))),
                       ("no-offset", feature_shard(offsets=("I64", [0], b""))), ("flat-offsets", feature_shard(offsets=("I64", [3, 1], I64S))),
                       ("first-offset", feature_shard(offsets=rows(1, 2, 3))), ("far-offset", feature_shard(offsets=rows(0, 4, 3))),
                       ("backward", feature_shard(offsets=rows(0, 2, 1, 3))), ("last-offset", feature_shard(offsets=rows(0, 1, 2))),
                       ("behind", feature_shard(behind=b"x")), ("cut", whole[:-30]), ("cut-offsets", whole[:-4]),
                       ("cut-header", whole[:20]), ("seven-bytes", whole[:7])):
        yield "features", name, data


def texts():
    yield "vocab", "small", "<unk>\n<s>\n</s>\na\n\né\na".encode()
    yield "vocab", "bad-utf8", b"a\nb\xff\n"
    yield "vocab", "mark", b"\xef\xbb\xbfa\n"
    yield "bpe", "version-1", b"#version: 0.1\na b\nab c\nabc </w>\n\0abc abcabc a b"
    yield "bpe", "version-2", "#version: 0.2\nl o\nlo w</w>\né é\n\0low lower éééé x".encode()
    yield "bpe", "no-version", b"a a\naa aa\n\0aaaaaaa aa"
    yield "bpe", "three-symbols", b"a b c\n\0a"
    yield "bpe", "no-merge-applies", b"a b\n\0" + "\U0001f600\U0001f601".encode() * 8
    yield "tokenizer", "char", b"\0a\nb\n<unk>\n\xc3\xa9\n\0ab\xc3\xa9z"
    yield "tokenizer", "char-no-unk", b"\0a\nb\n\0abz"
    yield "tokenizer", "whitespace-lower", b"\6ab\n<unk>\n\0AB  ab\tc"
    yield "tokenizer", "bos", b"\x08a\n<s>\n\0a"
    yield "tokenizer", "ids", b"\1\0001 22 999"
    with open(os.path.join(FILES, "squares.sentencepiece"), "rb") as f:
        model = f.read()
    if len(model) < 60000:
        yield "sentencepiece", "squares", bytes([9, 0]) + b"square 49" + model
        yield "sentencepiece", "no-model", bytes([9, 0]) + b"square 49" + b"\xff" * 9
        for call in (1, 2, 6, 7, 8):
            yield "sentencepiece", "refused-%d" % call, bytes([9, call]) + b"square 49" + model


def directories():
    common = {"input": "a.jsonl", "input_bytes": 5, "input_xxh64": "0123456789abcdef", "records_in": 1, "records_out": 1,
              "records_failed": 0, "output_bytes": 9, "output_xxh64": "ffffffffffffffff", "kernel": "skx", "version": "0.1.0"}
    yield "manifest", "whole", json.dumps(common).encode()
    for key, value in (("input", 1), ("input_bytes", -1), ("records_in", 1.5), ("output_xxh64", "ffff"),
                       ("input_xxh64", "0123456789ABCDEF")):
        yield "manifest", "wrong-" + key, json.dumps({**common, key: value}).encode()
    yield "manifest", "half", json.dumps(common).encode()[:60]
    run = {"world_size": 2, "format": "jsonl", "options": {"n": 1, "m": {"x": 2}}, "inputs": ["a.jsonl", "b.txt.zst"]}
    other = {**run, "options": {"n": 1, "m": {"x": 3}}}
    yield "claim", "same", json.dumps(run).encode() + b"\0" + json.dumps(run).encode()
    yield "claim", "other", json.dumps(run).encode() + b"\0" + json.dumps(other).encode()
    yield "claim", "slash", json.dumps({**run, "inputs": ["../a"]}).encode()
    yield "partial", "name", b"shard.1.123-0123456789abcdef@host.example"
    yield "partial", "of-the-dead", b"s.4194305-0123456789abcdef@here"
    yield "partial", "journal-of-the-dead", b"s.4194305-0123456789abcdef@here+journal"
    yield "partial", "origin", b"s.4194305-0123456789abcdef@here~0123456789ab~4026531836"
    yield "partial", "origin-journal", b"s.4194305-0123456789abcdef@h~0~0+journal"
    yield "partial", "of-the-living", b"s.1-0123456789abcdef@here"
    yield "partial", "no-host", b"s.1-0123456789abcdef@"
    yield "partial", "no-hexadecimal", b"s.1-0123456789abcdeg@h"
    yield "partial", "no-pid", b"s-0123456789abcdef@hhhh"
    yield "partial", "other-tail", b"s.1-0123456789abcdef@h+other"
    yield "partial", "other", b"notes.txt"
    yield "partial", "journal", b"s.1-0123456789abcdef@h+journal"
    yield "partial", "great-pid", b"s.9223372036854775807-0123456789abcdef@h"


def journals():
    yield "journal", "two-checkpoints", b"\1" + b"\0\5hello" + b"\0\0\0\0\0\0" + b"\3\2" + b"\1\3abcde" + b"\4\1"
    yield "journal", "torn", b"\1" + b"\3\1" + b"\0\1xyz" + b"\3\1" + b"\6\0\0\0\2\0"
    yield "journal", "bit", b"\1" + b"\3\1" + b"\0\1xyz" + b"\3\1" + b"\5\0\0\1\4\3"
    journal = b"\0\5hello" + b"\3\2" + b"\1\3abcde" + b"\4\1"
    for call in range(1, 20):
        yield "journal", "refused-%d" % call, b"\x25" + bytes([call]) + journal
    for call in range(1, 9):
        yield "journal", "replay-refused-%d" % call, b"\x09" + bytes([call]) + journal
    for where in (1, 200, 240, 300, 400, 2, 180):
        yield "journal", "changed-%d" % where, b"\x11" + struct.pack(">I", where) + journal
    text, frames = b"a\nb" * 60 + b"\r\nc", b"\0\4\x60" + b"ab\n" * 32 + b"\0\4\x10" + b"x" * 16
    for call in range(1, 16):
        yield "stream", "refused-%d" % call, b"\xa0" + bytes([call]) + text
        yield "stream", "frames-refused-%d" % call, b"\xa1" + bytes([call]) + frames
    yield "journal", "raw", b"\0GRUSJNL1" + bytes(8)


def conditional_configs():
    config = golden_config("conditional")
    yield "config", "conditional", json.dumps(config).encode()
    for name, change in (("layers", {"num_layers": 2}), ("lstm", {"cell": "lstm"}), ("context", {"input": ["context"]}),
                         ("query", {"attention": {"query": "embedding"}}), ("null", {"conditional": None})):
        yield "config", "conditional-" + name, json.dumps({**config, "decoder": {**config["decoder"], **change}}).encode()


def configs():
    for name in ("bahdanau", "tagger", "mean", "features-encoder", "bpe-old", "generation-overridden", "linear-three-layers",
                 "pool-additive-learned", "whitespace-bos-eos", "two-tasks", "norm-avg", "tied-no-bias", "backward", "directions",
                 "lstm-greedy", "learned-states-lstm", "no-attention", "no-start-token", "suppress", "head-hidden",
                 "head-inputs", "head-sigmoid", "head-numbers", "crf-hidden", "ctc-beam", "front-strides", "front-grows", "multihead", "multihead-pooling"):
        yield "config", name, json.dumps(golden_config(name)).encode()
    model = golden_config("tied-no-bias")
    changes = {
        "lstm-reset": {"encoder": {"cell": "lstm", "reset": "before"}},
        "lstm-activation": {"decoder": {"cell": "lstm", "activation": "relu"}},
        "directions-twice": {"encoder": {"direction": "both", "bidirectional": True}},
        "directions-too-many": {"encoder": {"direction": ["both", "forward", "backward"], "num_layers": 2}},
        "directions-narrow": {"encoder": {"direction": ["forward", "both"], "num_layers": 2},
                              "decoder": {"bridge": "last", "num_layers": 2}},
        "attention-of-one": {"decoder": {"attention": None}},
        "heads-of-no-size": {"attention": {"score": "scaled_dot", "heads": 2, "size": None, "context_dim": 3}},
        "suppress-no-texts": {"generation": {"suppress": ["a", 3]}},
        "bridge-layers": {"decoder": {"bridge": "last", "num_layers": 9}},
        "bridge-width": {"decoder": {"bridge": "last", "hidden_size": 9}},
        "tanh-without-size": {"decoder": {"readout": {"inputs": ["state"], "activation": "tanh"}}},
        "readout-size": {"decoder": {"readout": {"inputs": ["state", "context"], "size": 8, "activation": "tanh"}}},
        "tied-width": {"decoder": {"embedding_dim": 7, "readout": {"inputs": ["state"]}}},
        "score-width": {"decoder": {"hidden_size": 9, "attention": {"query": "state"}}},
        "n-best": {"generation": {"n_best": 2}},
        "negative-factor": {"generation": {"max_length_factor": -1}},
    }
    conv = {"type": "conv1d", "channels": 3, "kernel": 3}
    fronts = {
        "front-no-list": {}, "front-number": [1], "front-empty": [], "front-type": [{**conv, "type": "conv2d"}],
        "front-padding": [{**conv, "padding": 3}], "front-kernel": [{**conv, "kernel": 1, "padding": 1}],
        "front-grown": [{**conv, "kernel": 65536, "dilation": 64, "padding": 4194240}],
        "front-linear": [{"type": "linear", "size": 5, "stride": 1}, {"type": "linear", "size": 2, "stride": 2}],
        "front-pool": [{"type": "max_pool", "size": 3, "padding": 1, "activation": "none"}, {"type": "max_pool", "size": 3, "padding": 2}],
        "front-activation": [{**conv, "activation": "gelu"}], "front-many": [{"type": "max_pool", "size": 1}] * 1025,
    }
    for name, front in fronts.items():
        yield "config", name, json.dumps({**model, "front": front}).encode()
    for name, change in changes.items():
        yield "config", name, json.dumps({**model, **{key: {**model.get(key, {}), **value} for key, value in change.items()}}).encode()
    tagger = golden_config("tagger")
    heads = {
        "head-name": {"a.b": {"hidden": []}},
        "head-hidden-number": {"slots": {"hidden": [{"size": 3}, 4]}},
        "head-hidden-many": {"slots": {"hidden": [{"size": 1}] * 17}},
        "head-inputs-many": {"slots": {"inputs": ["state", "source"] + ["layer%d" % i for i in range(9)]}},
        "head-layer": {"slots": {"inputs": ["layer-1", "layer00", "layer1"]}},
        "head-threshold": {"slots": {"activation": "sigmoid", "threshold": 1e300}},
        "head-ctc": {"slots": {"decode": "ctc", "blank": 3, "join": "\0 "}},
        "head-crf": {"slots": {"decode": "crf"}},
        "head-size": {"slots": {"activation": "none", "size": 4, "labels": "a/../b"}},
    }
    for name, change in heads.items():
        made = {key: {**tagger["heads"]["slots"], **value} for key, value in change.items()}
        encoder = {**tagger["encoder"], "num_layers": 9} if name == "head-inputs-many" else tagger["encoder"]
        yield "config", name, json.dumps({**tagger, "encoder": encoder, "heads": made}).encode()
    yield from conditional_configs()
    yield "config", "outside", b'{"model_type":"encoder","source":{"embedding_dim":4,"tokenizer":{"type":"char","vocab":"a/../../b"}}}'
    yield "config", "renames", b'{"model_type":"encoder","source":{"input":"features","feature_dim":4},"encoder":{"hidden_size":3},"pooling":{"type":"mean"},"tensors":{"encoder":"m.e"}}'


def seeds():
    """(target, name, bytes)"""
    for several in (lines, streams, gzips, tensors, bad_feature_shards, texts, directories, journals, configs):
        yield from several()


def main():
    for target, name, data in seeds():
        folder = os.path.join(sys.argv[1], target)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "seed-" + name), "wb") as f:
            f.write(data)


main()
