"""PyTorch's side of bench/peers/run: nn.GRU or nn.LSTM on packed sequences, or on whole rectangles where a batch has one length.

usage: peer_torch.py DIR LAYERS HIDDEN INPUT THREADS VOCABULARY TYPE CELL; commands as in exchange.py, but `load FILE packed|padded`.
Types: float32, bfloat16, int8-ENGINE: its dynamic quantisation by fbgemm, qnnpack or onednn. Padded is
right only for batches of one length: nn.GRU would begin the backward direction of a shorter sequence in its padding.
OPENBLAS_CORETYPE and the like are the driver's to set.
"""
import sys

import numpy as np
import torch

import exchange

MODULES = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


def module(cell):
    if cell not in MODULES:
        raise exchange.Absent("it has no module of this cell: nn.GRU resets behind the product alone")
    return MODULES[cell]


def of_type(rnn, kind):
    """rnn with its products in that type."""
    if kind == "bfloat16":
        if not {"avx512bw", "avx512vl", "avx512dq"} <= exchange.cpu_flags():
            raise exchange.Absent("not on this CPU: PyTorch has products of bfloat16 from AVX-512 on, and plain loops below")
        return rnn.bfloat16()
    if kind == "float32":
        return rnn
    engine, there = kind.removeprefix("int8-"), torch.backends.quantized.supported_engines
    if engine not in there:
        raise exchange.Absent(f"not in this build of PyTorch, whose engines are {', '.join(e for e in there if e != 'none')}")
    torch.backends.quantized.engine = engine
    make = torch.ops.quantized.make_quantized_cell_params_dynamic
    if engine == "qnnpack":  # it ignores reduce_range, and warns of that at every product, which takes up to a tenth of its time
        torch.ops.quantized.make_quantized_cell_params_dynamic = lambda *rest: make(*rest[:-1], False)
    return torch.quantization.quantize_dynamic(torch.nn.Sequential(rnn), {type(rnn)}, dtype=torch.qint8)[0]


class Peer:
    def __init__(self, folder, layers, hidden, size, vocabulary, kind, cell):
        self.rnn = module(cell)(size, hidden, layers, bidirectional=True)
        tensors = exchange.read_safetensors(f"{folder}/weights.safetensors")
        tensors_of = {k[len("encoder.rnn."):]: torch.tensor(v) for k, v in tensors.items() if k.startswith("encoder.rnn.")}
        self.rnn.load_state_dict(tensors_of)
        self.rnn = of_type(self.rnn.eval(), kind)
        self.length = np.fromfile(f"{folder}/lengths.i32", np.int32)
        self.offset = np.concatenate([[0], np.cumsum(self.length)])
        self.embedding = None
        real = torch.bfloat16 if kind == "bfloat16" else torch.float32
        if vocabulary:
            self.embedding = torch.nn.Embedding(vocabulary, size, _weight=torch.tensor(tensors["encoder.embedding.weight"]).to(real))
            self.source = torch.tensor(np.fromfile(f"{folder}/ids.i32", np.int32).astype(np.int64))
        else:
            self.source = torch.tensor(np.fromfile(f"{folder}/features.f32", np.float32).reshape(-1, size)).to(real)

    def load(self, path, mode):
        """Inputs are laid out, and packed, before the clock starts."""
        self.batches = []
        for longest, sequences in exchange.read_batches(path):
            x = torch.zeros(longest, len(sequences), *self.source.shape[1:], dtype=self.source.dtype)
            for row, s in enumerate(sequences):
                x[:self.length[s], row] = self.source[self.offset[s]:self.offset[s + 1]]
            if mode == "packed":
                x = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(self.length[sequences], dtype=torch.int64))
            self.batches.append((sequences, x))

    def embed(self, x):
        """Of packed sequences the positions that there are, not the padding."""
        if self.embedding is None:
            return x
        if isinstance(x, torch.nn.utils.rnn.PackedSequence):
            return torch.nn.utils.rnn.PackedSequence(self.embedding(x.data), x.batch_sizes)
        return self.embedding(x)

    def run(self):
        return [self.rnn(self.embed(x))[0] for _, x in self.batches]

    def write(self, path):
        out = np.zeros((self.offset[-1], 2 * self.rnn.hidden_size), np.float32)
        for (sequences, _), y in zip(self.batches, self.run()):
            if isinstance(y, torch.nn.utils.rnn.PackedSequence):
                y, _ = torch.nn.utils.rnn.pad_packed_sequence(y)
            for row, s in enumerate(sequences):
                out[self.offset[s]:self.offset[s + 1]] = y[:self.length[s], row].float().numpy()
        out.tofile(path)


def main():
    folder, layers, hidden, size, threads, vocabulary, kind, cell = sys.argv[1], *map(int, sys.argv[2:7]), *sys.argv[7:9]
    torch.set_num_threads(threads)
    try:
        peer = Peer(folder, layers, hidden, size, vocabulary, kind, cell)
    except exchange.Absent as error:
        print(f"absent {error}", flush=True)
        return
    with torch.inference_mode():
        exchange.serve(peer, f"PyTorch {torch.__version__}" + f", {kind}" * (kind != "float32"))


if __name__ == "__main__":
    main()
