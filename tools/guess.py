"""What a checkpoint of PyTorch may be: a configuration and renames, from the names and shapes of its tensors alone. Behind
export_torch.py --guess, which says what it takes for what, and what no file tells."""
import json
import re

from model_config import ExportError, expected_tensors

WRAPPERS = ("module.", "_orig_mod.")
CELLS = {3: "gru", 4: "lstm"}
EMBEDDINGS = re.compile(r"emb|lut|lookup|table|wte", re.I)
RECURRENT = re.compile(r"(?:(?P<prefix>.*)\.)?(?P<part>weight|bias)_(?P<which>ih|hh)(?:_l(?P<layer>\d+)(?P<reverse>_reverse)?)?")


class Stack:
    """Tensors of one nn.GRU or nn.LSTM, or of one cell. layers: for each the width that it reads and whether it has both directions."""

    def __init__(self, prefix):
        self.prefix, self.parts = prefix, {}

    def add(self, match, tensor):
        layer = int(match["layer"] or 0)
        self.parts[match["part"], match["which"], layer, bool(match["reverse"])] = (match.string, tensor)

    def check(self):
        hh = self.parts.get(("weight", "hh", 0, False))
        if hh is None or ("weight", "ih", 0, False) not in self.parts:
            raise ExportError(f"{self.prefix}: expected weight_ih and weight_hh of the first layer, found "
                              f"{', '.join(name for name, _ in self.parts.values())}")
        name, tensor = hh
        rows, self.hidden = tensor.shape
        if rows == self.hidden:
            raise ExportError(f"{name}: expected 3 or 4 gates, found one: {rows} rows of {self.hidden} units, a plain nn.RNN")
        if self.hidden in (3 * rows, 4 * rows):
            raise ExportError(f"{name}: expected [gates times units, units], is {list(tensor.shape)}: transposed (--transpose {name})")
        if rows % self.hidden or rows // self.hidden not in CELLS:
            raise ExportError(f"{name}: expected rows of 3 gates (GRU) or 4 (LSTM) of {self.hidden} units, found {rows}")
        self.cell = CELLS[rows // self.hidden]
        layers = 1 + max(layer for _, _, layer, _ in self.parts)
        self.layers = [(self.parts["weight", "ih", k, False][1].shape[1], ("weight", "hh", k, True) in self.parts)
                       for k in range(layers)]
        self.width = self.hidden * (2 if self.layers[-1][1] else 1)


class Guess:
    """state: name -> tensor, weight norms folded; reset: where the names do not tell it. config, renames (as the file has the
    names); takes, untold and left: lines of the report."""

    def __init__(self, state, reset=None):
        self.reset, self.renames, self.takes, self.untold, self.transposed = reset, {}, [], [], []
        self.prefix = ""
        while len(state) and all(n.startswith(w) for n in state for w in self.wrapper(state)) and self.wrapper(state):
            wrapper = self.wrapper(state)[0]
            self.prefix += wrapper
            state = {n[len(wrapper):]: t for n, t in state.items()}
        if self.prefix:
            self.takes.append((self.prefix, "nothing: what a wrapper puts before all names"))
        self.state, self.placed = state, set()
        self.config = {"model_type": "encoder"}
        self.stacks = self.find_stacks()
        self.encoder()
        self.front()
        self.heads()

    @staticmethod
    def wrapper(state):
        return [w for w in WRAPPERS if all(n.startswith(w) for n in state)]

    # ---- names

    def place(self, old, new, names):
        self.renames[self.prefix + old] = new
        self.placed.update(names)

    def free(self, dims):
        """Tensors of so many dimensions that are not placed, in the file's order."""
        return [(n, t) for n, t in self.state.items() if t.dim() == dims and n not in self.placed and t.is_floating_point()]

    # ---- the encoder

    def find_stacks(self):
        found = {}
        for name, tensor in self.state.items():
            if re.search(r"weight_hr_l\d+", name):
                raise ExportError(f"{name}: expected an LSTM without proj_size, found its projection {list(tensor.shape)}")
            match = RECURRENT.fullmatch(name)
            if match and tensor.dim() == (2 if match["part"] == "weight" else 1):
                found.setdefault(match["prefix"] or "", Stack(match["prefix"] or "")).add(match, tensor)
        for stack in found.values():
            stack.check()
        return list(found.values()) or self.other_names()

    def other_names(self):
        """Pairs of matrices [3H, in] and [3H, H] in one module, whose names are not PyTorch's."""
        found = []
        for name, tensor in self.free(2):
            rows, units = tensor.shape
            if rows in (3 * units, 4 * units):
                module = name.rsplit(".", 1)[0].rpartition(".")[0] if name.endswith(".weight") else name.rpartition(".")[0]
                mates = [n for n, t in self.free(2) if n != name and t.shape[0] == rows and n.startswith(module)]
                if mates:
                    found.append((mates[0], name, rows // units))
        # Where both are square by gates, the first in the file reads the input.
        found = [f for i, f in enumerate(found) if not any(set(f[:2]) == set(g[:2]) for g in found[i + 1:])]
        if not found:
            shapes = ", ".join(f"{n} {list(t.shape)}" for n, t in list(self.state.items())[:8])
            raise ExportError(f"expected weight_ih_l0 and weight_hh_l0 of nn.GRU or nn.LSTM, or matrices of their shapes, found {shapes} …")
        names = "; ".join(f"{a} and {b}" for a, b, _ in found)
        if any(gates == 3 for _, _, gates in found) and not self.reset:
            raise ExportError(f"expected --reset before or after: {names} may be a GRU's, but the names are not nn.GRU's, and shapes do not "
                              "tell where its reset stands: a model of the wrong cell has tensors that fit and answers that are wrong")
        stacks = []
        for ih, hh, gates in found:
            stack = Stack(ih)
            for which, name in (("ih", ih), ("hh", hh)):
                stack.parts["weight", which, 0, False] = (name, self.state[name])
                bias = re.sub("weight$", "bias", name)
                if bias != name and bias in self.state:
                    stack.parts["bias", which, 0, False] = (bias, self.state[bias])
            stack.check()
            stacks.append(stack)
            self.untold.append(f"the gates of {ih} and {hh} are taken in PyTorch's order ({'r, z, n' if gates == 3 else 'i, f, g, o'})")
        return stacks

    def encoder(self):
        """One stack of nn.GRU, or several one behind the other, of one kind and size."""
        first, layers = self.stacks[0], []
        width = first.layers[0][0]
        for stack in self.stacks:
            if (stack.cell, stack.hidden) != (first.cell, first.hidden) or stack.layers[0][0] != width:
                names = ", ".join(f"{s.prefix or 'the top'} ({s.cell}, {s.hidden} units, reads {s.layers[0][0]})" for s in self.stacks)
                raise ExportError(f"expected one stack of recurrent layers, found {names}: write the configuration by hand; doc/import.md has "
                                  "recipes of encoders with decoders")
            self.place_stack(stack, len(layers))
            layers += stack.layers
            width = stack.width
        self.width, self.enters = width, first.layers[0][0]
        encoder = {"hidden_size": first.hidden, "num_layers": len(layers)}
        both = [b for _, b in layers]
        if all(both):
            encoder["bidirectional"] = True
        elif any(both):
            encoder["direction"] = ["both" if b else "forward" for b in both]
        if not all(both):
            self.untold.append('a layer of one direction is taken to read forward; one that flips its input is "backward" in encoder.direction')
        if first.cell == "lstm":
            encoder["cell"] = "lstm"
        elif self.reset == "before":
            encoder["reset"] = "before"
        self.config["encoder"] = encoder

    def place_stack(self, stack, offset):
        names = [name for name, _ in stack.parts.values()]
        plain = RECURRENT.fullmatch(names[0])
        if plain and plain["layer"] is not None and not offset:
            old = stack.prefix
            self.place(old, "encoder.rnn", names)
        else:
            for (part, which, layer, reverse), (name, _) in stack.parts.items():
                self.place(name, f"encoder.rnn.{part}_{which}_l{layer + offset}{'_reverse' * reverse}", [name])
        where = "GRU, reset " + (self.reset or "after the product, as nn.GRU has it") if stack.cell == "gru" else "LSTM"
        self.takes.append((self.prefix + (stack.prefix or names[0]), f"encoder.rnn: {where}, {len(stack.layers)} layer(s) of {stack.hidden} units, "
                           f"{'both directions' if all(b for _, b in stack.layers) else 'one direction'}"))

    # ---- what stands before

    def front(self):
        """An embedding, convolutions and linear layers that lead to the width that the first layer reads."""
        front, width = [], self.enters
        while True:
            step = next(((n, t) for n, t in reversed(self.free(3)) if t.shape[0] == width), None) or self.linear_before(width)
            if step is None:
                break
            front.insert(0, step)
            self.placed.add(step[0])
            width = step[1].shape[1]
        tables = [n for n, t in self.free(2) if EMBEDDINGS.search(n)]
        if not any(self.state[n].shape[1] == width for n in tables):
            self.turn([n for n in tables if self.state[n].shape[0] == width], f"[tokens, {width}]")
        name = next((n for n in tables if self.state[n].shape[1] == width), None)
        if name:
            tensor = self.state[name]
            self.place(re.sub(r"\.weight$", "", name), "encoder.embedding" if name.endswith(".weight") else "encoder.embedding.weight", [name])
            self.takes.append((self.prefix + name, f"encoder.embedding.weight: {tensor.shape[0]} tokens, {width} values each"))
            self.config["source"] = {"tokenizer": {"type": "ids"}, "embedding_dim": width}
            self.untold.append(f'the vocabulary: the source is "ids"; a "vocab" has {tensor.shape[0]} lines')
        else:
            self.config["source"] = {"input": "features", "feature_dim": width}
            self.takes.append(("no tensor", f"the source: features, {width} a position"))
        for i, (name, tensor) in enumerate(front):
            self.add_front(i, name, tensor)

    def linear_before(self, width):
        """A linear layer of this size that stands in the file before the recurrent ones, unless an embedding is as wide."""
        order = list(self.state)
        first = min(order.index(name) for stack in self.stacks for name, _ in stack.parts.values())
        if any(EMBEDDINGS.search(n) and t.shape[1] == width for n, t in self.free(2)):
            return None
        return next(((n, t) for n, t in reversed(self.linear()) if t.shape[0] == width and order.index(n) < first), None)

    def add_front(self, i, name, tensor):
        module = re.sub(r"\.weight$", "", name)
        self.place(module, f"front.{i}", [name, module + ".bias"])
        if tensor.dim() == 2:
            self.config.setdefault("front", []).append({"type": "linear", "size": tensor.shape[0]})
            self.takes.append((self.prefix + name, f"front.{i}: a linear layer [{tensor.shape[0]}, {tensor.shape[1]}]"))
            self.untold.append(f"front {i}: no activation is put there")
            return
        channels, _, kernel = tensor.shape
        self.config.setdefault("front", []).append({"type": "conv1d", "channels": channels, "kernel": kernel, "padding": kernel // 2})
        self.takes.append((self.prefix + name, f"front.{i}: a convolution of {kernel} positions"))
        self.untold.append(f'front {i}: stride 1, padding {kernel // 2}, no activation are put there')

    # ---- heads

    def turn(self, names, expected):
        for name in names:
            self.takes.append((self.prefix + name, f"transposed: expected {expected}, is {list(self.state[name].shape)}"))
            self.transposed.append(name)
            self.state[name] = self.state[name].t()

    def linear(self):
        return [(n, t) for n, t in self.free(2) if n.endswith(".weight") and not EMBEDDINGS.search(n)]

    def heads(self):
        chains = []
        if not any(t.shape[1] == self.width for _, t in self.linear()):
            self.turn([n for n, t in self.linear() if t.shape[0] == self.width][:1], f"[labels, {self.width}]")
        for name, tensor in self.linear():
            if chains and tensor.shape[1] == chains[-1][-1][1].shape[0]:
                chains[-1].append((name, tensor))
            elif tensor.shape[1] == self.width:
                chains.append([(name, tensor)])
        for chain in chains:
            self.add_head(chain)
        if not chains:
            self.config["pooling"] = {"type": "last"}
            self.untold.append('no head was found: the last state is the result; "pooling" may be "mean", "max" or "attention" too')

    def add_head(self, chain):
        modules = [re.sub(r"\.weight$", "", name) for name, _ in chain]
        words = [w for w in modules[-1].split(".") if not w.isdigit()]
        name = re.sub(r"\W", "_", words[-1] if words else "head")
        if name in self.config.get("heads", {}):
            name += str(len(self.config["heads"]))
        at = [f"heads.{name}.hidden.{i}" for i in range(len(chain) - 1)] + [f"heads.{name}"]
        for module, new, (weight, tensor) in zip(modules, at, chain):
            self.place(module, new, [weight, module + ".bias"])
            self.takes.append((self.prefix + module, f"{new} [{tensor.shape[0]}, {tensor.shape[1]}]"))
        labels = chain[-1][1].shape[0]
        head = {"on": "token", "labels": f"{name}.labels"}
        if len(chain) > 1:
            head["hidden"] = [{"size": t.shape[0], "activation": "relu"} for _, t in chain[:-1]]
            self.untold.append(f"activations of the hidden layers of head {name}: relu is put there")
        self.config.setdefault("heads", {})[name] = head
        self.untold.append(f'labels of head {name}: {labels} lines in {name}.labels, and a softmax is taken ("activation": "softmax")')
        self.untold.append(f'whether head {name} is on tokens or on sequences: it is put on each position; if the module gives one answer a sequence, '
                           'write "on": "sequence" and a "pooling": {"type": "last"} where it reads torch.cat((h[-2], h[-1]), 1) or h[-1], '
                           'else "mean", "max", "attention"')
        self.crf(name, head, labels)

    def crf(self, name, head, labels):
        """pytorch-crf's three tensors."""
        for module in {n.rpartition(".")[0] for n in self.state if n.endswith("start_transitions")}:
            parts = {"transitions": (labels, labels), "start_transitions": (labels,), "end_transitions": (labels,)}
            names = {part: f"{module}.{part}" if module else part for part in parts}
            if any(n in self.placed or n not in self.state or tuple(self.state[n].shape) != shape for n, shape in
                   zip(names.values(), parts.values())):
                continue
            head["decode"] = "crf"
            for part, new in zip(parts, ("transitions", "start", "end")):
                self.place(names[part], f"heads.{name}.{new}", [names[part]])
            self.takes.append((self.prefix + module, f"the CRF of head {name}, from × to as pytorch-crf has it"))

    # ---- the report

    def left(self):
        """Tensors without a place, and what they seem to be."""
        for name, tensor in self.state.items():
            if name in self.placed or not name.rpartition(".")[2] != "num_batches_tracked":
                continue
            what = f"{self.prefix}{name} {list(tensor.shape)}"
            if re.search(r"running_(mean|var)$", name):
                what += ": of a batch norm, which has to be folded into the layer beside it"
            yield what

    def check(self, check):
        """check: export_torch's. Raises ExportError where the proposal does not fit the tensors."""
        from export_torch import rename
        renames = {old[len(self.prefix):]: new for old, new in self.renames.items()}
        sizes = {h["labels"]: self.state[next(n for n in self.state if rename(n, renames) == f"heads.{name}.weight")].shape[0]
                 for name, h in self.config.get("heads", {}).items()}
        check({rename(n, renames): t for n, t in self.state.items()}, expected_tensors(self.config, sizes))

    def report(self, checkpoint):
        yield from (f"{theirs} -> {ours}" for theirs, ours in self.takes)
        yield from (f"no place: {what}" for what in self.left())
        yield from (f"the file does not tell: {what}" for what in self.untold)
        options = [f"--rename {old}={new}" for old, new in self.renames.items()]
        options += [f"--transpose {self.prefix}{name}" for name in self.transposed]
        yield f"tools/export_torch.py {checkpoint} config.json DIR {' '.join(options)}"

    def text(self):
        return json.dumps(self.config, indent=2)
