"""Reads Keras models: .h5 of every version from 2 on, .keras, and weights beside the model's JSON. Needs h5py and NumPy, no Keras.

read(paths) gives a Graph: the layers in their order, each with its class, its configuration, the layers that it reads and its
weights in the order in which the layer itself lists them. What the layers mean is import_keras.py's matter.
"""
import io
import json
import re
import zipfile

import h5py
import numpy as np

from importing import Refused

MODELS = ("Sequential", "Functional", "Model")


class Node:
    """A layer in its place. reads: (name, which of its outputs) of each input."""

    def __init__(self, name, kind, config, reads):
        self.name, self.kind, self.config, self.reads, self.weights = name, kind, config, reads, []

    def __str__(self):
        return f"{self.name} ({self.kind})"


class Graph:
    """nodes: name -> Node, sources first; outputs: (name, which of its outputs); order: the names as the file has them."""

    def __init__(self, nodes, outputs, order, version):
        self.nodes, self.outputs, self.order, self.version = nodes, outputs, order, version

    def before(self, names):
        """The nodes that these read, at any distance, and they themselves."""
        found, todo = set(), list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += [n for n, _ in self.nodes[name].reads]
        return found


def text_of(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def tensors_in(value):
    """(layer, node, tensor) of every Keras tensor within a call's arguments, in either version's spelling."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [tuple(value["config"]["keras_history"])]
        return [t for v in value.values() for t in tensors_in(v)]
    if not isinstance(value, list):
        return []
    if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int) and isinstance(value[2], int):
        return [tuple(value[:3])] + [t for v in value[3:] for t in tensors_in(v)]
    return [t for v in value for t in tensors_in(v)]


def calls_of(layer):
    """For each call of a layer: the tensors that it reads, and those that come by keyword."""
    out = []
    for call in layer.get("inbound_nodes", []):
        if isinstance(call, dict):
            out.append((tensors_in(call.get("args", [])), tensors_in(call.get("kwargs", {}))))
        else:
            call = [call] if call and isinstance(call[0], str) else call
            out.append(([tuple(t[:3]) for t in call], [k for t in call for k in tensors_in(t[3:])]))
    return out


def chain(config):
    """The nodes of a Sequential model."""
    layers = config if isinstance(config, list) else config["layers"]
    nodes, last = {}, None
    for layer in layers:
        own = layer["config"]
        shape = own.get("batch_input_shape") or own.get("batch_shape")
        if last is None and layer["class_name"] != "InputLayer":
            nodes["input"] = Node("input", "InputLayer", {"batch_shape": shape or (config.get("build_input_shape")
                                                                                  if isinstance(config, dict) else None)}, [])
            last = "input"
        name = own.get("name") or layer.get("name") or f"{layer['class_name'].lower()}_{len(nodes)}"
        nodes[name] = Node(name, layer["class_name"], own, [(last, 0)] if last else [])
        last = name
    return nodes, [(last, 0)]


def network(config):
    """The nodes of a functional model, each behind those that it reads."""
    layers, nodes = {layer["name"]: layer for layer in config["layers"]}, {}
    found = tensors_in(config["output_layers"])

    def visit(name):
        if name in nodes:
            return
        layer = layers[name]
        calls = calls_of(layer)
        if len(calls) > 1:
            raise Refused(f"{name} ({layer['class_name']}): is called {len(calls)} times; a layer is computed once here")
        reads, others = calls[0] if calls else ([], [])
        if others:
            raise Refused(f"{name} ({layer['class_name']}): takes the output of {others[0][0]} by keyword, an initial state or a mask")
        for read, _, _ in reads:
            visit(read)
        nodes[name] = Node(name, layer["class_name"], layer["config"], [(n, t) for n, _, t in reads])

    for name, _, _ in found:
        visit(name)
    return nodes, [(n, t) for n, _, t in found]


def graph_of(model, version):
    if model.get("class_name") not in MODELS:
        raise Refused(f"the model is a {model.get('class_name')}: only Sequential and functional ones tell how their layers are joined")
    config = model["config"]
    nodes, outputs = chain(config) if model["class_name"] == "Sequential" else network(config)
    inner = [n for n in nodes.values() if n.kind in MODELS]
    if inner:
        raise Refused(f"{inner[0]}: a model within the model; save it, or its layers, as one")
    order = list(nodes) if model["class_name"] == "Sequential" else [layer["name"] for layer in config["layers"]]
    return Graph(nodes, outputs, [n for n in order if n in nodes], version)


def names_in(group, what):
    """An attribute that is a list of names; long ones are cut into parts."""
    if what in group.attrs:
        return [text_of(n) for n in group.attrs[what]]
    out, part = [], 0
    while f"{what}{part}" in group.attrs:
        out += [text_of(n) for n in group.attrs[f"{what}{part}"]]
        part += 1
    return out


def legacy_weights(file):
    """name of the layer -> [arrays]: of .h5 files and of weights in their layout."""
    top = file["model_weights"] if "model_weights" in file else file
    out = {}
    for layer in names_in(top, "layer_names"):
        names = [n for n in names_in(top[layer], "weight_names") if not n.rsplit("/", 1)[-1].startswith("seed_generator")]
        out[layer] = [np.array(top[layer][n]) for n in names]
    return out


def snake(kind):
    """What Keras calls a group after the layer's class."""
    kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()


def grouped(file):
    """group -> ([arrays], name of the layer or None) of the layout of .keras: layers/GROUP/…/vars/N."""
    found = {}

    def visit(path, thing):
        parts = re.split(r"[/\\]", path)
        if parts[0] not in ("layers", "_layer_checkpoint_dependencies") or len(parts) < 2:
            return
        arrays, names = found.setdefault(parts[1], ({}, []))
        if isinstance(thing, h5py.Dataset):
            if "seed_generator" not in path:
                arrays[tuple(parts[2:])] = np.array(thing)
        elif parts[2:] == ["vars"] and "name" in thing.attrs:
            names.append(text_of(thing.attrs["name"]))

    file.visititems(visit)
    out = {}
    for group, (arrays, names) in found.items():
        if any(p[0] == "forward_layer" for p in arrays):
            arrays = {p: a for p, a in arrays.items() if p[0] in ("forward_layer", "backward_layer")}
        order = sorted(arrays, key=lambda p: (p[0] == "backward_layer", p[:-1], int(p[-1])))
        out[group] = ([arrays[p] for p in order], names[0] if names else None)
    return out


def keras_weights(file, graph):
    """name of the layer -> [arrays]. Groups are called after classes; those of one class are numbered in the layers' order."""
    groups, out, nodes = grouped(file), {}, graph.nodes
    if not groups:
        return {}
    if all(name in nodes for arrays, name in groups.values() if arrays):
        return {name: arrays for arrays, name in groups.values() if arrays}
    for kind in {n.kind for n in nodes.values()}:
        own = [name for name in graph.order if nodes[name].kind == kind]
        numbered = re.compile(re.escape(snake(kind)) + r"(?:_(\d+))?$")
        with_data = sorted((int(m[1] or 0), g) for g, (arrays, _) in groups.items() if arrays and (m := numbered.match(g)))
        if with_data and len(with_data) != len(own):
            raise Refused(f"{len(own)} layers of class {kind}, and weights for {len(with_data)}: {', '.join(g for _, g in with_data)}")
        out.update((name, groups[group][0]) for name, (_, group) in zip(own, with_data))
    return out


def open_model(path):
    """-> (configuration or None, version or None, file of weights)"""
    if path.endswith(".json"):
        with open(path, encoding="utf-8") as f:
            model = json.load(f)
        return model, model.get("keras_version"), None
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as z:
            version = json.loads(z.read("metadata.json")).get("keras_version") if "metadata.json" in z.namelist() else None
            return json.loads(z.read("config.json")), version, h5py.File(io.BytesIO(z.read("model.weights.h5")), "r")
    try:
        file = h5py.File(path, "r")
    except OSError as e:
        raise Refused(f"{path}: neither HDF5 nor a .keras file: {e}") from None
    model = file.attrs.get("model_config")
    top = file["model_weights"] if "model_weights" in file else file
    version = file.attrs.get("keras_version", top.attrs.get("keras_version"))
    return json.loads(text_of(model)) if model is not None else None, None if version is None else text_of(version), file


def read(paths):
    """Graph of the model in these files: one file, or the weights and the model's JSON."""
    model = version = file = None
    for path in paths:
        try:
            found, told, weights = open_model(path)
        except (KeyError, ValueError, RuntimeError, MemoryError, zipfile.BadZipFile) as e:
            raise Refused(f"{path}: damaged, or not what its name says: {e}") from None
        model, version, file = found or model, told or version, weights or file
    if file is None:
        raise Refused(f"{paths[0]}: the model's JSON alone; give the file of its weights too")
    if model is None:
        raise Refused(f"{paths[0]}: holds weights and no configuration; give the model's JSON beside it: "
                      "open(\"model.json\", \"w\").write(model.to_json())")
    try:
        graph = graph_of(model, version)
        weights = legacy_weights(file) or keras_weights(file, graph)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OSError, RuntimeError, MemoryError) as e:
        raise Refused(f"{paths[0]}: its configuration or its weights are not as Keras writes them: {type(e).__name__}: {e}") from None
    if not weights:
        raise Refused(f"{paths[-1]}: no weights in a layout of Keras")
    for name, node in graph.nodes.items():
        node.weights = weights.get(name, [])
    return graph
