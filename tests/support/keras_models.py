#!/usr/bin/env python3
"""Keras models for tests/command/import_keras.sh: files as Keras lays them out, with random weights, and what Keras computes with
them, by the formulas of its documentation in Keras's own layout of arrays (columns of gates z, r, h and i, f, c, o).

    keras_models.py make DIR               NAME.h5 or NAME.keras, NAME.jsonl, NAME.expected for each model
    keras_models.py check EXPECTED OUT...  whether the records of OUT, of each task one file, have the numbers of EXPECTED
"""
import io
import json
import os
import sys
import zipfile

import numpy as np

rng = np.random.default_rng(15)
TOLERANCE = 2e-5


def numbers(*shape, size=0.6):
    return np.asarray(rng.uniform(-size, size, shape), np.float32)


# ------------------------------------------------------------ Keras's formulas

def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


FUNCTIONS = {"linear": lambda x: x, "tanh": np.tanh, "relu": lambda x: np.maximum(x, 0), "sigmoid": sigmoid, "softmax": softmax,
             "swish": lambda x: x * sigmoid(x), "silu": lambda x: x * sigmoid(x),
             "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1), "hard_sigmoid of 3": lambda x: np.clip(x / 6 + 0.5, 0, 1)}


def gru(x, kernel, recurrent, bias, units, after, activation, gate):
    f, g, h, out = FUNCTIONS[activation], FUNCTIONS[gate], np.zeros(units), []
    z, r, n = slice(0, units), slice(units, 2 * units), slice(2 * units, None)
    inner, outer = (bias if after else (bias, np.zeros(3 * units)))
    for value in x:
        a = value @ kernel + inner
        update = g(a[z] + h @ recurrent[:, z] + outer[z])
        reset = g(a[r] + h @ recurrent[:, r] + outer[r])
        if after:
            candidate = f(a[n] + reset * (h @ recurrent[:, n] + outer[n]))
        else:
            candidate = f(a[n] + (reset * h) @ recurrent[:, n])
        h = update * h + (1 - update) * candidate
        out.append(h)
    return np.array(out)


def lstm(x, kernel, recurrent, bias, units):
    h, c, out = np.zeros(units), np.zeros(units), []
    for value in x:
        i, f, g, o = np.split(value @ kernel + h @ recurrent + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.array(out)


def convolve(x, kernel, bias, stride, dilation, padding):
    reach = dilation * (len(kernel) - 1)
    before = {"valid": 0, "causal": reach, "same": max(0, (-(-len(x) // stride) - 1) * stride + reach + 1 - len(x)) // 2}[padding]
    after = {"valid": 0, "causal": 0, "same": reach - before}[padding]
    x = np.pad(x, ((before, after), (0, 0)))
    return np.array([sum(x[t + j * dilation] @ kernel[j] for j in range(len(kernel))) + bias
                     for t in range(0, len(x) - reach, stride)])


# ------------------------------------------------------------ models: layers with a configuration, arrays and a function

class Maker:
    """Layers in Keras's words: [class, configuration, names and arrays], and what they compute. hard: which hard_sigmoid."""

    def __init__(self, hard="hard_sigmoid"):
        self.layers, self.hard, self.count = [], hard, {}

    def add(self, kind, config, arrays, function, name=None):
        base = name or kind.lower()
        number = self.count[base] = self.count.get(base, -1) + 1
        config = {"name": f"{base}_{number}" if number else base, "trainable": True, **config}
        self.layers.append((kind, config, [(n, np.asarray(a, np.float32)) for n, a in arrays]))
        self.functions = getattr(self, "functions", []) + [function]
        return self

    def cell(self, kind, width, units, **options):
        """-> (configuration, arrays, function of a whole sequence)"""
        gates = 4 if kind == "LSTM" else 3
        after = kind == "GRU" and options.get("reset_after", False)
        config = {"units": units, "activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True, "return_sequences": True,
                  "return_state": False, "go_backwards": False, "stateful": False, "unroll": False, **options}
        kernel, recurrent = numbers(width, gates * units), numbers(units, gates * units)
        bias = numbers(2, gates * units) if after else numbers(gates * units)
        arrays = [("kernel", kernel), ("recurrent_kernel", recurrent)]
        if config["use_bias"]:
            arrays.append(("bias", bias))
        used = bias.astype(float) if config["use_bias"] else np.zeros(bias.shape)
        gate = self.hard if config["recurrent_activation"] == "hard_sigmoid" else config["recurrent_activation"]

        def function(x):
            x = x[::-1] if config["go_backwards"] else x
            y = lstm(x, kernel, recurrent, used, units) if kind == "LSTM" else \
                gru(x, kernel, recurrent, used, units, after, config["activation"], gate)
            return y if config["return_sequences"] else y[-1]

        return config, arrays, function

    def recurrent(self, kind, width, units, **options):
        config, arrays, function = self.cell(kind, width, units, **options)
        return self.add(kind, config, arrays, function)

    def bidirectional(self, kind, width, units, merge="concat", **options):
        config, first, forward = self.cell(kind, width, units, **options)
        _, second, backward = self.cell(kind, width, units, **options)
        join = {"concat": lambda a, b: np.concatenate([a, b], -1), "sum": np.add, "ave": lambda a, b: (a + b) / 2, "mul": np.multiply}[merge]
        inner = {"class_name": kind, "config": {"name": kind.lower(), **config}}
        arrays = [(f"forward_{n}", a) for n, a in first] + [(f"backward_{n}", a) for n, a in second]
        many = config["return_sequences"]
        return self.add("Bidirectional", {"layer": inner, "merge_mode": merge}, arrays,
                        lambda x: join(forward(x), backward(x[::-1])[::-1] if many else backward(x[::-1])))

    def embedding(self, tokens, size, mask=True):
        table = numbers(tokens, size, size=1)
        return self.add("Embedding", {"input_dim": tokens, "output_dim": size, "mask_zero": mask}, [("embeddings", table)], lambda x: table[x])

    def dense(self, width, units, activation, wrapped=False):
        kernel, bias = numbers(width, units, size=1.5), numbers(units)
        config = {"units": units, "activation": activation, "use_bias": True}
        arrays = [("kernel", kernel), ("bias", bias)]

        def function(x):
            return FUNCTIONS[activation](x @ kernel.astype(float) + bias)

        if wrapped:
            return self.add("TimeDistributed", {"layer": {"class_name": "Dense", "config": {"name": "dense", **config}}}, arrays, function)
        return self.add("Dense", config, arrays, function)

    def conv(self, width, filters, size, padding="valid", stride=1, dilation=1, activation="linear"):
        kernel, bias = numbers(size, width, filters), numbers(filters)
        return self.add("Conv1D", {"filters": filters, "kernel_size": [size], "strides": [stride], "padding": padding, "activation": activation,
                                   "dilation_rate": [dilation], "data_format": "channels_last", "use_bias": True},
                        [("kernel", kernel), ("bias", bias)],
                        lambda x: FUNCTIONS[activation](convolve(x, kernel.astype(float), bias, stride, dilation, padding)))

    def norm(self, width, axis=(2,), sign=1):
        gamma, beta, mean, variance = sign * (numbers(width) + 1), numbers(width), numbers(width), numbers(width) + 1
        return self.add("BatchNormalization", {"axis": list(axis), "epsilon": 0.001, "center": True, "scale": True},
                        [("gamma", gamma), ("beta", beta), ("moving_mean", mean), ("moving_variance", variance)],
                        lambda x: gamma * (x - mean) / np.sqrt(variance.astype(float) + 0.001) + beta, name="batch_normalization")

    def plain(self, kind, function=lambda x: x, **config):
        return self.add(kind, config, [], function)

    def pool(self, size, stride):
        return self.plain("MaxPooling1D", lambda x: np.array([x[t:t + size].max(0) for t in range(0, len(x) - size + 1, stride)]),
                          pool_size=[size], strides=[stride], padding="valid")

    def answer(self, x):
        for function in self.functions:
            x = function(x)
        return x


# ------------------------------------------------------------ files

def sequential(maker, shape):
    layers = [{"class_name": kind, "config": config} for kind, config, _ in maker.layers]
    layers[0]["config"] = {"batch_input_shape": shape, **layers[0]["config"]}
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}}


def functional(maker, shape, reads, outputs):
    """reads: for each layer the numbers of those that it reads, -1 the input. The spelling is Keras 2's."""
    names = [config["name"] for _, config, _ in maker.layers]
    layers = [{"name": "input_1", "class_name": "InputLayer", "config": {"name": "input_1", "batch_input_shape": shape}, "inbound_nodes": []}]
    for (kind, config, _), sources in zip(maker.layers, reads):
        calls = [[[names[s] if s >= 0 else "input_1", 0, 0, {}] for s in sources]]
        layers.append({"name": config["name"], "class_name": kind, "config": config, "inbound_nodes": calls})
    return {"class_name": "Functional", "config": {"name": "model", "layers": layers, "input_layers": [["input_1", 0, 0]],
                                                   "output_layers": [[names[o], 0, 0] for o in outputs]}}


def third(model):
    """The same functional model in the spelling of Keras 3."""
    for layer in model["config"]["layers"]:
        layer["module"] = "keras.layers"
        layer["inbound_nodes"] = [{"args": [{"class_name": "__keras_tensor__", "config": {"shape": [None, None, 1], "dtype": "float32",
                                                                                         "keras_history": t[:3]}} for t in call],
                                   "kwargs": {"training": False, "mask": None}} for call in layer["inbound_nodes"]]
    return model


def write_h5(path, model, maker, version="2.4.0", config=True):
    import h5py
    with h5py.File(path, "w") as f:
        top = f
        if config:
            f.attrs["model_config"] = json.dumps(model)
            if version:
                f.attrs["keras_version"] = version
            top = f.create_group("model_weights")
        top.attrs["layer_names"] = [c["name"].encode() for _, c, _ in maker.layers]
        for _, layer, arrays in maker.layers:
            group = top.create_group(layer["name"])
            names = [f"{layer['name']}/{name}:0" for name, _ in arrays]
            group.attrs["weight_names"] = [n.encode() for n in names]
            for name, (_, array) in zip(names, arrays):
                group[name] = array


def place(kind, number, count):
    """Where .keras keeps array `number` of `count` of a layer."""
    if kind in ("GRU", "LSTM"):
        return f"cell/vars/{number}"
    if kind == "Bidirectional":
        half = count // 2
        return f"{'forward' if number < half else 'backward'}_layer/cell/vars/{number % half}"
    return f"layer/vars/{number}" if kind == "TimeDistributed" else f"vars/{number}"


def write_keras(path, model, maker, version, named):
    """named: whether groups tell their layer, as later versions write; the first ones have backslashes in their paths and count twice."""
    import h5py
    data, seen = io.BytesIO(), {}
    with h5py.File(data, "w") as f:
        for kind, layer, arrays in maker.layers:
            base = {"GRU": "gru", "LSTM": "lstm", "Conv1D": "conv1d", "MaxPooling1D": "max_pooling1d", "BatchNormalization": "batch_normalization",
                    "GlobalMaxPooling1D": "global_max_pooling1d", "TimeDistributed": "time_distributed"}.get(kind, kind.lower())
            seen[base] = number = seen.get(base, -1) + 1
            if not named:
                number *= 2
            group = f"{base}_{number}" if number else base
            separator = "/" if named else "\\"
            top = "layers/" if named else "_layer_checkpoint_dependencies\\"
            if named:
                f.create_group(f"{top}{group}/vars").attrs["name"] = layer["name"]
            for i, (_, array) in enumerate(arrays):
                f[top + group + separator + place(kind, i, len(arrays)).replace("/", separator)] = array
            if kind == "GRU":
                f[f"{top}{group}{separator}cell{separator}seed_generator{separator}vars{separator}0"] = np.array([1, 2], np.int32)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("metadata.json", json.dumps({"keras_version": version, "date_saved": "2025-01-01@00:00:00"}))
        z.writestr("config.json", json.dumps(model))
        z.writestr("model.weights.h5", data.getvalue())


def write_records(at, features, function, lengths=(1, 2, 5, 9, 14)):
    """function: of a sequence -> the fields of its record."""
    with open(at + ".jsonl", "w") as records, open(at + ".expected", "w") as expected:
        for n in lengths:
            x = numbers(n, features, size=1) if isinstance(features, int) else rng.integers(1, features[0], n)
            records.write(json.dumps({"features": x.astype(float).tolist()} if isinstance(features, int) else {"text": x.tolist()}) + "\n")
            expected.write(json.dumps({k: np.asarray(v).tolist() for k, v in function(x.astype(float) if isinstance(features, int) else x).items()}) + "\n")


# ------------------------------------------------------------ the models of the test

def before(at):
    m = Maker().embedding(11, 4).recurrent("GRU", 4, 5, reset_after=False, recurrent_activation="hard_sigmoid").plain("Dropout", rate=0.2)
    m.bidirectional("GRU", 5, 4, reset_after=False, recurrent_activation="hard_sigmoid", activation="tanh").dense(8, 3, "softmax", wrapped=True)
    write_h5(at + ".h5", sequential(m, [None, None]), m)
    write_records(at, [11], lambda x: {"timedistributed": m.answer(x)})


def after(at):
    """Names of layers in the file; layers of two sizes; a dense stack with a norm that is folded."""
    m = Maker().plain("Masking", mask_value=0.0).norm(3).bidirectional("GRU", 3, 5, reset_after=True).norm(10)
    m.recurrent("GRU", 10, 3, reset_after=True, return_sequences=False).norm(3, (1,)).dense(3, 6, "relu").norm(6, (1,)).dense(6, 4, "linear")
    m.plain("Activation", FUNCTIONS["softmax"], activation="softmax")
    write_keras(at + ".keras", third(functional(m, [None, 20, 3], [[i - 1] for i in range(len(m.layers))], [len(m.layers) - 1])), m, "3.5.0", True)
    write_records(at, 3, lambda x: {"activation": m.answer(x)})


def outputs(at):
    """An LSTM of two directions with a head on each position, one that reads more of the model, and one on the whole."""
    m = Maker().bidirectional("LSTM", 4, 3).bidirectional("LSTM", 6, 3).dense(6, 2, "sigmoid").plain("Concatenate", axis=-1)
    m.dense(16, 3, "linear", wrapped=True).plain("GlobalAveragePooling1D", lambda x: x.mean(0)).dense(6, 5, "swish").dense(5, 3, "softmax")
    write_h5(at + ".h5", functional(m, [None, None, 4], [[-1], [0], [1], [-1, 0, 1], [3], [1], [5], [6]], [2, 4, 7]), m)

    def answer(x):
        one = m.functions[0](x)
        two = m.functions[1](one)
        pooled = m.functions[5](two)
        return {"dense": m.functions[2](two), "timedistributed": m.functions[4](np.concatenate([x, one, two], 1)),
                "dense_2": m.functions[7](m.functions[6](pooled))}

    write_records(at, 4, answer)


def front(at):
    """Convolutions that Keras pads at one end more than at the other, a norm behind each kind of layer, Keras 3's hard_sigmoid."""
    m = Maker("hard_sigmoid of 3").norm(3).conv(3, 4, 4, "same").norm(4).plain("Activation", FUNCTIONS["relu"], activation="relu")
    m.norm(4).pool(2, 1).norm(4, sign=-1).pool(2, 1).conv(4, 5, 3, "causal", dilation=2, activation="tanh").conv(5, 4, 2, "same", stride=2).dense(4, 4, "swish")
    m.recurrent("GRU", 4, 5, reset_after=True, recurrent_activation="hard_sigmoid", activation="relu")
    m.plain("GlobalMaxPooling1D", lambda x: x.max(0)).dense(5, 4, "tanh").dense(4, 1, "linear")
    write_keras(at + ".keras", third(functional(m, [None, None, 3], [[i - 1] for i in range(len(m.layers))], [len(m.layers) - 1])), m, "3.1.0", False)
    write_records(at, 3, lambda x: {"dense_2": m.answer(x)}, (3, 4, 6, 9, 14))


def turned(at):
    """Directions that alternate; a sum of two directions; weights apart from the configuration."""
    m = Maker().recurrent("LSTM", 3, 4, go_backwards=True, use_bias=False).recurrent("LSTM", 4, 4, go_backwards=True)
    m.bidirectional("LSTM", 4, 4, "ave").bidirectional("LSTM", 4, 4, "sum", return_sequences=False).dense(4, 3, "softmax")
    m.layers[-1][1]["name"] = "output"      # a field of results, which no head may be called
    model = sequential(m, [None, None, 3])
    write_h5(at + ".h5", model, m, config=False)
    with open(at + ".json", "w") as f:
        json.dump({**model, "keras_version": "2.2.4", "backend": "tensorflow"}, f)
    write_records(at, 3, lambda x: {"head_output": m.answer(x)})


def cudnn(at, kind):
    """The layers of cuDNN keep the numbers of each gate's matrix [units, inputs], row by row, in an array [inputs, units]; a GRU has
    two biases, an LSTM two that are added."""
    units, width, gates = 4, 3, 3 if kind == "GRU" else 4
    m = Maker().recurrent(kind, width, units, reset_after=True) if kind == "GRU" else Maker().recurrent(kind, width, units)
    (_, config, arrays), = m.layers
    (_, kernel), (_, recurrent), (_, bias) = arrays
    kept = [np.concatenate([b.T.ravel().reshape(width, units) for b in np.split(kernel, gates, 1)], 1),
            np.concatenate([b.T for b in np.split(recurrent, gates, 1)], 1),
            bias.ravel() if kind == "GRU" else np.concatenate([bias * 0.25, bias * 0.75])]
    m.layers[0] = ("CuDNN" + kind, {k: v for k, v in config.items() if "activation" not in k and k != "reset_after"},
                   list(zip(("kernel", "recurrent_kernel", "bias"), kept)))
    m.dense(units, 3, "softmax")
    write_h5(at + ".h5", sequential(m, [None, None, width]), m, "2.2.4")
    write_records(at, width, lambda x: {"dense": m.answer(x)})


def tfjs(at):
    """A model whose numbers another program has computed."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "files", "keras_tfjs.json")) as f:
        model = json.load(f)
    m = Maker()
    for layer in model["config"]["config"]["layers"]:
        arrays = [(f"{i}_{n}", np.reshape(values, shape)) for i, (n, shape, values) in enumerate(model["weights"].get(layer["name"], []))]
        m.add(layer["class_name"], layer["config"], arrays, None)
    write_h5(at + ".h5", model["config"], m)
    with open(at + ".jsonl", "w") as records, open(at + ".expected", "w") as expected:
        for record in model["records"]:
            records.write(json.dumps({"text": record.pop("text")}) + "\n")
            expected.write(json.dumps(record) + "\n")


def refused(folder):
    """NAME.h5 of models that are to be refused; what the tool has to say is the shell test's matter."""
    def save(name, m, shape=(None, None, 3), model=None, **options):
        write_h5(os.path.join(folder, name + ".h5"), model or sequential(m, list(shape)), m, **options)

    save("hard", Maker().recurrent("LSTM", 3, 4, recurrent_activation="hard_sigmoid").dense(4, 2, "softmax"))
    save("stateful", Maker().recurrent("GRU", 3, 4, stateful=True).dense(4, 2, "softmax"))
    save("mul", Maker().bidirectional("GRU", 3, 4, "mul").dense(8, 2, "softmax"))
    save("strided", Maker().conv(3, 4, 3, "same", stride=2).recurrent("GRU", 4, 4).dense(4, 2, "softmax"))
    save("two-cells", Maker().recurrent("GRU", 3, 4).recurrent("LSTM", 4, 4).dense(4, 2, "softmax"))
    save("activation", Maker().recurrent("GRU", 3, 4, activation="swish").dense(4, 2, "softmax"))
    save("reversed", Maker().recurrent("GRU", 3, 4, go_backwards=True).dense(4, 2, "softmax"))
    save("lambda", Maker().recurrent("GRU", 3, 4).plain("Lambda").dense(4, 2, "softmax"))
    save("between", Maker().recurrent("GRU", 3, 4).dense(4, 4, "relu").recurrent("GRU", 4, 4).dense(4, 2, "softmax"))
    save("none", Maker().dense(3, 2, "softmax"))
    save("weights", Maker().recurrent("GRU", 3, 4).dense(4, 2, "softmax"), config=False)
    save("version", Maker().recurrent("GRU", 3, 4, recurrent_activation="hard_sigmoid").dense(4, 2, "softmax"), version=None)
    save("reset", Maker().recurrent("GRU", 3, 4, use_bias=False).dense(4, 2, "softmax"))
    m = Maker().recurrent("GRU", 3, 4, reset_after=True).dense(4, 2, "softmax")
    m.layers[0][1]["reset_after"] = False
    save("other-reset", m)
    m = Maker().recurrent("LSTM", 3, 4).dense(4, 2, "softmax")
    m.layers[0][2].append(("peephole", numbers(4)))
    save("peephole", m)
    m = Maker().recurrent("GRU", 3, 4).dense(4, 2, "softmax", wrapped=True).plain("Concatenate", axis=-1).recurrent("GRU", 7, 4)
    save("branch", m, model=functional(m, [None, None, 3], [[-1], [0], [-1, 0], [2]], [3]))


def make(folder):
    for name, function in (("before", before), ("after", after), ("outputs", outputs), ("front", front), ("turned", turned), ("tfjs", tfjs)):
        function(os.path.join(folder, name))
    for kind in ("GRU", "LSTM"):
        cudnn(os.path.join(folder, "cudnn-" + kind.lower()), kind)
    refused(folder)


def read(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def check(expected, *out):
    """Numbers of every field that is expected, within the tolerance of the largest."""
    wanted, tasks, worst = read(expected), [read(path) for path in out], 0
    assert all(len(wanted) == len(got) for got in tasks), f"other than {len(wanted)} records"
    for number, a in enumerate(wanted):
        b = {k: v for got in tasks for k, v in got[number].items()}
        for name, values in a.items():
            assert name in b, f"record {number}: no field {name} in {sorted(b)}"
            x, y = np.array(values, float), np.array(b[name], float)
            assert x.shape == y.shape, f"record {number}: {name}: shape {y.shape}, expected {x.shape}"
            if x.size:
                worst = max(worst, float(np.abs(x - y).max() / max(1, np.abs(x).max())))
    assert worst < TOLERANCE, f"differences of {worst:.2g}"


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](*sys.argv[2:])
