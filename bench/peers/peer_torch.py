"""PyTorch's side of bench/peers/run: nn.GRU on packed sequences, or on whole rectangles where a batch has one length.

usage: peer_torch.py DIR LAYERS HIDDEN INPUT THREADS; commands as in exchange.py, but `load FILE packed|padded`. Padded is
right only for batches of one length: nn.GRU would begin the backward direction of a shorter sequence in its padding.
OPENBLAS_CORETYPE and the like are the driver's to set.
"""
import resource
import sys
import time

import numpy as np
import torch

import exchange


class Peer:
    def __init__(self, folder, layers, hidden, size):
        self.gru = torch.nn.GRU(size, hidden, layers, bidirectional=True)
        tensors = exchange.read_safetensors(f"{folder}/weights.safetensors")
        self.gru.load_state_dict({k[len("encoder.rnn."):]: torch.tensor(v) for k, v in tensors.items()})
        self.length = np.fromfile(f"{folder}/lengths.i32", np.int32)
        self.offset = np.concatenate([[0], np.cumsum(self.length)])
        self.features = torch.tensor(np.fromfile(f"{folder}/features.f32", np.float32).reshape(-1, size))

    def load(self, path, mode):
        """Inputs are laid out, and packed, before the clock starts."""
        self.batches = []
        for longest, sequences in exchange.read_batches(path):
            x = torch.zeros(longest, len(sequences), self.features.shape[1])
            for row, s in enumerate(sequences):
                x[:self.length[s], row] = self.features[self.offset[s]:self.offset[s + 1]]
            if mode == "packed":
                x = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(self.length[sequences], dtype=torch.int64))
            self.batches.append((sequences, x))

    def run(self):
        return [self.gru(x)[0] for _, x in self.batches]

    def write(self, path):
        out = np.zeros((self.offset[-1], 2 * self.gru.hidden_size), np.float32)
        for (sequences, _), y in zip(self.batches, self.run()):
            if isinstance(y, torch.nn.utils.rnn.PackedSequence):
                y, _ = torch.nn.utils.rnn.pad_packed_sequence(y)
            for row, s in enumerate(sequences):
                out[self.offset[s]:self.offset[s + 1]] = y[:self.length[s], row].numpy()
        out.tofile(path)


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    folder, layers, hidden, size, threads = sys.argv[1], *map(int, sys.argv[2:6])
    torch.set_num_threads(threads)
    peer = Peer(folder, layers, hidden, size)
    print(f"ready PyTorch {torch.__version__}", flush=True)
    with torch.inference_mode():
        for line in sys.stdin:
            command, *arguments = line.split()
            if command == "load":
                peer.load(*arguments)
                print("ok", flush=True)
            elif command == "write":
                peer.write(*arguments)
                print("ok", flush=True)
            else:
                wall, cpu = time.perf_counter(), cpu_seconds()
                peer.run()
                print(time.perf_counter() - wall, cpu_seconds() - cpu, flush=True)


if __name__ == "__main__":
    main()
