#!/usr/bin/python3
"""Turns an ONNX graph with GRU or LSTM nodes into a grus model directory: config.json, model.safetensors, labels.

    tools/import_onnx.py model.onnx -o models/mine --labels tags=tags.txt --vocab words.txt --tokenizer whitespace

The graph is one chain: an embedding or features, convolutions, maxima and linear layers in front, a stack of one kind of cell in any
directions, and for each output linear layers with softmax or sigmoid; transposes, reshapes and computed shapes as exporters write
them. The cell is read from the node (linear_before_reset, activations, gates z r h and i o f c), batch norms are folded. What grus has
no key for is refused by the node's name: clip, peepholes, other activations, coupled gates, quantised weights, loops. What was taken
for what is printed; names of heads are those of the outputs.
"""
import sys

from chain import Activation, Network, Refused, States, head_name
from importing import Model, command_line, main, pair
from onnx_axes import Flow
from onnx_file import Graph, Unreadable
from onnx_walk import Walk
from protobuf import WRONG


def outputs_of(walk, arguments):
    """(name of the head, layer) of each output that is asked for."""
    names = dict(pair(text, "--head") for text in arguments.head)
    known = list(walk.graph.outputs)
    for name in [*arguments.graph_output, *names]:
        if name not in known:
            raise Refused("--output", f"one of {', '.join(known)}", name)
    wanted = arguments.graph_output or [n for n in known if not ends_states(walk.values.get(n), known, walk)]
    if not arguments.graph_output:
        for name in (n for n in known if n not in wanted):
            walk.notes.append(f"output {name!r}: left out, the states at the end")
    found = []
    for name in wanted:
        value = walk.values.get(name)
        if isinstance(value, Refused):
            more = f" (others: --graph-output, of {', '.join(known)})" if len(known) > 1 else ""
            raise Refused.of_file(f"output {name!r}", f"{value}{more}")
        if not isinstance(value, Flow):
            raise Refused(f"output {name!r}", "a tensor that depends on the graph's input", "a constant")
        if value.backwards:
            raise Refused(f"output {name!r}", "positions in their own order", "positions backwards")
        found.append((names.get(name) or head_name(name), value.layer))
    if len({name for name, _ in found}) < len(found):
        raise Refused("--head", "a name of its own for each output", ", ".join(name for name, _ in found))
    return found


def ends_states(value, known, walk):
    """Whether an output is what nn.GRU gives beside its outputs: the last states of all layers."""
    return isinstance(value, Flow) and isinstance(value.layer, States) and value.layer.final and len(known) > 1


def check_inputs(walk, network):
    """One input is read; others may be states and lengths, which were spoken of."""
    noted = " ".join(walk.notes)
    sources = {layer.name for layer in network.sources()}
    for name in walk.graph.inputs:
        if name not in sources and repr(name) not in noted:
            walk.notes.append(f"input {name!r}: nothing that is taken over reads it")


def convert(arguments):
    path = arguments.inputs[0]
    try:
        if len(arguments.inputs) > 1:
            raise Refused("INPUT", "one file", len(arguments.inputs))
        walk = Walk(Graph(path), arguments.stateless)
        network = Network(outputs_of(walk, arguments))
        check_inputs(walk, network)
        model = Model(arguments)
        network.fill(model)
    except (Refused, Unreadable) as error:
        raise Refused.of_file(path, error) from None
    except WRONG as error:
        raise Refused(path, "a network as its exporter writes it", f"a damaged one: {type(error).__name__}: {error}") from None
    for note in dict.fromkeys(walk.notes):
        model.warn(note)
    return model


def parser():
    p = command_line(__doc__, "the .onnx file")
    p.add_argument("--graph-output", metavar="NAME", action="append", default=[], help="an output to take over [all]")
    p.add_argument("--head", metavar="OUTPUT=NAME", action="append", default=[], help="name of the head of an output [the output's]")
    p.add_argument("--stateless", action="store_true",
                   help="the graph is one step of a stream, its states an input: begin each sequence with zeros")
    return p


if __name__ == "__main__":
    sys.exit(main("import_onnx", parser(), convert))
