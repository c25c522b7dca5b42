"""Keras's recurrent layers as cells of grus: GRUs of both resets, LSTMs, those of cuDNN. What differs from these is refused by name.

Sources: keras/src/layers/rnn/gru.py and lstm.py; the layout of cuDNN's layers as Keras's legacy loader turns them.
"""
import numpy as np

from importing import Cell, Refused, reorder


def word(config, key, default=None):
    """An activation's name as the file has it."""
    value = config.get(key, default)
    return value["config"] if isinstance(value, dict) and isinstance(value.get("config"), str) else value


def major(version):
    return int(str(version).split(".")[0]) if version else None


def cudnn(kernel, gates, turn):
    """The matrix of a cuDNN layer in Keras's layout: each gate's block is kept as the transposed matrix's numbers."""
    blocks = np.split(kernel, gates, axis=1)
    return np.concatenate([b.T if turn else b.reshape(b.shape[1], b.shape[0]).T for b in blocks], axis=1)


class Cells:
    """Layers that grus's encoder can be made of: each is (keys of config.json, direction of time, Cell)."""

    def __init__(self, version, arguments):
        self.version, self.arguments = version, arguments

    def read(self, node, kind, config, weights):
        """-> (keys, whether it runs backwards, Cell)"""
        if kind == "RNN":
            cell = config.get("cell")
            if not isinstance(cell, dict) or cell.get("class_name") not in ("GRUCell", "LSTMCell"):
                raise Refused(f"{node}: of cells other than one GRUCell or LSTMCell")
            kind, config = cell["class_name"][:-4], {**cell["config"], **{k: v for k, v in config.items() if k != "cell"}}
        if "units" not in config:
            raise Refused(f"{node}: has no 'units': a file of Keras 1; load and save it with Keras 2")
        for key, why in (("stateful", "its state goes over from one batch to the next; records are each for themselves"),
                         ("time_major", "time is its first axis")):
            if config.get(key):
                raise Refused(f"{node}: {key}: {why}")
        units, gates = config["units"], 4 if kind.endswith("LSTM") else 3
        if len(weights) not in (2, 3):
            raise Refused(f"{node}: expected a kernel, a recurrent kernel and a bias, found {len(weights)} arrays"
                          + (": peepholes or projections?" if len(weights) > 3 else ""))
        kernel, recurrent = (np.asarray(w, np.float64) for w in weights[:2])
        bias = np.asarray(weights[2], np.float64) if len(weights) == 3 else None
        if recurrent.shape != (units, gates * units) or kernel.shape[1] != gates * units:
            raise Refused(f"{node}: expected a recurrent kernel [{units}, {gates * units}], found {list(recurrent.shape)}")
        if kind.startswith("CuDNN"):
            kernel, recurrent = cudnn(kernel, gates, False), cudnn(recurrent, gates, True)
            bias = bias.reshape(2, -1) if gates == 3 else bias.reshape(2, -1).sum(0)
        make = self.lstm if gates == 4 else self.gru
        keys, cell = make(node, kind, config, kernel.T, recurrent.T, bias)
        return keys, bool(config.get("go_backwards")), cell

    def lstm(self, node, kind, config, kernel, recurrent, bias):
        wanted = {"activation": "tanh", "recurrent_activation": "sigmoid"}
        for key, only in wanted.items():
            if not kind.startswith("CuDNN") and word(config, key) != only:
                raise Refused(f"{node}: {key} {word(config, key)!r}: an LSTM has {only}, here")
        return {"cell": "lstm"}, Cell(reorder(kernel, "ifgo", "lstm"), reorder(recurrent, "ifgo", "lstm"), bias)

    def gru(self, node, kind, config, kernel, recurrent, bias):
        keys, rows = {}, [kernel, recurrent, None, None]
        after = True if kind.startswith("CuDNN") else config.get("reset_after")
        if after is None and bias is None and not self.arguments.reset:
            raise Refused(f"{node}: neither its configuration nor a bias tells whether its reset comes before the recurrent product "
                          "(Keras until 2.1, reset_after=False) or after it: --reset before|after")
        if after is None:
            after = bias.ndim == 2 if bias is not None else self.arguments.reset == "after"
        if bias is not None:
            if bias.ndim != 1 + after:
                raise Refused(f"{node}: reset_after is {after}, and the bias has the shape {list(bias.shape)}")
            rows[2:] = bias if after else [bias, np.zeros_like(bias)]
        if not after:
            keys["reset"] = "before"
        rows = [None if r is None else reorder(r, "zrn", "gru") for r in rows]
        gate = "sigmoid" if kind.startswith("CuDNN") else word(config, "recurrent_activation")
        if gate == "hard_sigmoid":
            keys["gate_activation"] = gate
            self.harden(node, rows)
        elif gate != "sigmoid":
            raise Refused(f"{node}: recurrent_activation {gate!r}: a GRU's gates are sigmoid or hard_sigmoid, here")
        act = {"tanh": "tanh", "relu": "relu", "linear": "none", None: "none"}.get(
            "tanh" if kind.startswith("CuDNN") else word(config, "activation"))
        if act is None:
            raise Refused(f"{node}: activation {word(config, 'activation')!r}: a GRU has tanh, relu or linear, here")
        if act != "tanh":
            keys["activation"] = act
        return keys, Cell(*rows)

    def harden(self, node, rows):
        """Keras 3's hard sigmoid is clip(x / 6 + 1/2), those before clip(x / 5 + 1/2): the gates' rows take up the difference."""
        version = major(self.version) or self.arguments.keras_version
        if not version:
            raise Refused(f"{node}: hard_sigmoid is another function in Keras 3 than before, and the file does not tell: --keras-version 2|3")
        for r in rows:
            if version >= 3 and r is not None:
                r[:2 * len(r) // 3] *= 5 / 6
