"""Vocabulary files: one token a line, the id is the number of the line, from 0; of equal lines the first counts."""


class Vocab:
    def __init__(self, tokens):
        self.tokens = tokens
        self.ids = {}
        for i, t in enumerate(tokens):
            self.ids.setdefault(t, i)

    @classmethod
    def read(cls, path):
        with open(path, encoding="utf-8", newline="\n") as f:
            return cls(f.read().rstrip("\n").split("\n"))

    def write(self, path):
        with open(path, "w", encoding="utf-8", newline="\n") as f:
            f.write("".join(t + "\n" for t in self.tokens))

    def __len__(self):
        return len(self.tokens)
