"""Published GRU and attention models, built anew from their definitions, with the names that their tensors have there.

Only what inference needs; no line is theirs. recipes.py brings them into grus by the recipes of doc/import.md.
"""
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


# ------------------------------------------------------------ PyTorch's seq2seq tutorial

class TutorialEncoder(nn.Module):
    def __init__(self, vocabulary, hidden):
        super().__init__()
        self.embedding, self.gru = nn.Embedding(vocabulary, hidden), nn.GRU(hidden, hidden, batch_first=True)
        self.dropout = nn.Dropout(0.1)

    def forward(self, ids):
        return self.gru(self.dropout(self.embedding(ids)))


class TutorialAttention(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.Wa, self.Ua, self.Va = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, 1)

    def forward(self, query, keys):
        energy = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))            # (1, T, 1)
        weights = F.softmax(energy.transpose(1, 2), dim=-1)
        return weights @ keys, weights


class TutorialDecoder(nn.Module):
    def __init__(self, hidden, vocabulary):
        super().__init__()
        self.embedding, self.attention = nn.Embedding(vocabulary, hidden), TutorialAttention(hidden)
        self.gru, self.out = nn.GRU(2 * hidden, hidden, batch_first=True), nn.Linear(hidden, vocabulary)
        self.dropout = nn.Dropout(0.1)

    def forward(self, previous, hidden, keys):
        embedded = self.dropout(self.embedding(previous))
        context, weights = self.attention(hidden.permute(1, 0, 2), keys)
        output, hidden = self.gru(torch.cat((embedded, context), dim=2), hidden)
        return self.out(output), hidden, weights


# ------------------------------------------------------------ pytorch-seq2seq: packed, padded, masked

class PackedEncoder(nn.Module):
    def __init__(self, vocabulary, embedding, encoder, decoder):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = nn.GRU(embedding, encoder, bidirectional=True)
        self.fc = nn.Linear(2 * encoder, decoder)
        self.dropout = nn.Dropout(0.5)

    def forward(self, source, lengths):
        packed = pack_padded_sequence(self.dropout(self.embedding(source)), lengths, enforce_sorted=False)
        outputs, hidden = self.rnn(packed)
        return pad_packed_sequence(outputs)[0], torch.tanh(self.fc(torch.cat((hidden[-2], hidden[-1]), dim=1)))


class PackedAttention(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.attn, self.v = nn.Linear(2 * encoder + decoder, decoder), nn.Linear(decoder, 1, bias=False)

    def forward(self, hidden, outputs, mask):
        outputs = outputs.permute(1, 0, 2)
        hidden = hidden[:, None, :].expand(-1, outputs.shape[1], -1)
        scores = self.v(torch.tanh(self.attn(torch.cat((hidden, outputs), dim=2))))[:, :, 0]
        return F.softmax(scores.masked_fill(~mask, -1e10), dim=1)


class PackedDecoder(nn.Module):
    def __init__(self, vocabulary, embedding, encoder, decoder):
        super().__init__()
        self.attention = PackedAttention(encoder, decoder)
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = nn.GRU(2 * encoder + embedding, decoder)
        self.fc_out = nn.Linear(2 * encoder + decoder + embedding, vocabulary)
        self.dropout = nn.Dropout(0.5)

    def forward(self, previous, hidden, outputs, mask):
        embedded = self.dropout(self.embedding(previous[None]))                 # (1, B, E)
        weights = self.attention(hidden, outputs, mask)                         # (B, T)
        weighted = (weights[:, None, :] @ outputs.permute(1, 0, 2)).permute(1, 0, 2)
        output, hidden = self.rnn(torch.cat((embedded, weighted), dim=2), hidden[None])
        return self.fc_out(torch.cat((output[0], weighted[0], embedded[0]), dim=1)), hidden[0], weights


class PackedModel(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder


# ------------------------------------------------------------ JoeyNMT, recurrent

class Table(nn.Module):
    def __init__(self, vocabulary, size):
        super().__init__()
        self.lut = nn.Embedding(vocabulary, size, padding_idx=1)


class JoeyEncoder(nn.Module):
    def __init__(self, embedding, hidden, layers):
        super().__init__()
        self.rnn = nn.GRU(embedding, hidden, layers, batch_first=True, bidirectional=True)

    def forward(self, embedded):
        outputs, hidden = self.rnn(embedded)
        return outputs, torch.cat((hidden[-2], hidden[-1]), dim=1)               # of the top layer alone


class JoeyBahdanau(nn.Module):
    def __init__(self, keys, hidden):
        super().__init__()
        self.key_layer, self.query_layer = nn.Linear(keys, hidden, bias=False), nn.Linear(hidden, hidden, bias=False)
        self.energy_layer = nn.Linear(hidden, 1, bias=False)

    def forward(self, query, values):
        return self.energy_layer(torch.tanh(self.query_layer(query) + self.key_layer(values))).transpose(1, 2)


class JoeyLuong(nn.Module):
    def __init__(self, keys, hidden):
        super().__init__()
        self.key_layer = nn.Linear(keys, hidden, bias=False)

    def forward(self, query, values):
        return query @ self.key_layer(values).transpose(1, 2)


class JoeyDecoder(nn.Module):
    def __init__(self, vocabulary, embedding, keys, hidden, layers, attention, feeding, bridge):
        super().__init__()
        self.feeding, self.layers, self.hidden = feeding, layers, hidden
        self.rnn = nn.GRU(embedding + (hidden if feeding else 0), hidden, layers, batch_first=True)
        self.att_vector_layer = nn.Linear(hidden + keys, hidden)
        self.output_layer = nn.Linear(hidden, vocabulary, bias=False)
        self.attention = attention(keys, hidden)
        self.bridge = bridge
        if bridge == "bridge":
            self.bridge_layer = nn.Linear(keys, hidden)

    def first(self, final):
        if self.bridge == "zero":
            return torch.zeros(self.layers, len(final), self.hidden)
        if self.bridge == "last":
            return final[None, :, :self.hidden].repeat(self.layers, 1, 1)
        return torch.tanh(self.bridge_layer(final))[None].repeat(self.layers, 1, 1)

    def forward(self, embedded, vector, values, hidden):
        entering = torch.cat((embedded, vector), dim=2) if self.feeding else embedded
        _, hidden = self.rnn(entering, hidden)
        query = hidden[-1][:, None, :]
        weights = F.softmax(self.attention(query, values), dim=-1)
        vector = torch.tanh(self.att_vector_layer(torch.cat((query, weights @ values), dim=2)))
        return self.output_layer(vector), vector, hidden, weights


# ------------------------------------------------------------ OpenNMT-py

class OpenEmbeddings(nn.Module):
    def __init__(self, vocabulary, size):
        super().__init__()
        table = nn.Embedding(vocabulary, size, padding_idx=1)
        self.make_embedding = nn.ModuleDict({"emb_luts": nn.ModuleList([table])})

    def forward(self, ids):
        return self.make_embedding["emb_luts"][0](ids)


class OpenEncoder(nn.Module):
    def __init__(self, vocabulary, embedding, hidden, layers, both):
        super().__init__()
        self.embeddings = OpenEmbeddings(vocabulary, embedding)
        self.rnn = nn.GRU(embedding, hidden, layers, bidirectional=both, batch_first=True)

    def forward(self, ids):
        outputs, final = self.rnn(self.embeddings(ids))
        if self.rnn.bidirectional:
            final = torch.cat((final[0::2], final[1::2]), dim=2)                # (layers, B, 2H)
        return outputs, final


class OpenCells(nn.Module):
    """The decoder's stack of cells, where its input is fed."""

    def __init__(self, size, hidden, layers):
        super().__init__()
        self.layers = nn.ModuleList(nn.GRUCell(hidden if k else size, hidden) for k in range(layers))

    def forward(self, x, states):
        new = []
        for cell, state in zip(self.layers, states):
            x = cell(x, state)
            new.append(x)
        return x, torch.stack(new)


class OpenAttention(nn.Module):
    """Global attention: `general`, `dot` or `mlp`; the output layer reads [context; state]."""

    def __init__(self, dim, kind):
        super().__init__()
        self.kind = kind
        if kind == "general":
            self.linear_in = nn.Linear(dim, dim, bias=False)
        elif kind == "mlp":
            self.linear_context, self.linear_query = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim)
            self.v = nn.Linear(dim, 1, bias=False)
        self.linear_out = nn.Linear(2 * dim, dim, bias=kind == "mlp")

    def forward(self, state, bank):
        if self.kind == "mlp":
            scores = self.v(torch.tanh(self.linear_query(state)[:, None, :] + self.linear_context(bank)))[:, :, 0]
        else:
            query = self.linear_in(state) if self.kind == "general" else state
            scores = (bank @ query[:, :, None])[:, :, 0]
        weights = F.softmax(scores, dim=-1)
        context = (weights[:, None, :] @ bank)[:, 0]
        out = self.linear_out(torch.cat((context, state), dim=1))
        return out if self.kind == "mlp" else torch.tanh(out), weights


class OpenDecoder(nn.Module):
    def __init__(self, vocabulary, embedding, hidden, layers, kind, feeding):
        super().__init__()
        self.embeddings, self.attn = OpenEmbeddings(vocabulary, embedding), OpenAttention(hidden, kind)
        self.feeding = feeding
        self.rnn = OpenCells(embedding + hidden, hidden, layers) if feeding else nn.GRU(embedding, hidden, layers)

    def forward(self, previous, feed, states, bank):
        x = self.embeddings(previous)
        if self.feeding:
            state, states = self.rnn(torch.cat((x, feed), dim=1), states)
        else:
            state, states = self.rnn(x[None], states)
            state = state[0]
        out, weights = self.attn(state, bank)
        return out, states, weights


# ------------------------------------------------------------ hierarchical attention

def pooled(outputs, layer, context):
    """Attention with a learned context over packed outputs of nn.GRU -> (N, D), weights (N, T)"""
    outputs, lengths = pad_packed_sequence(outputs, batch_first=True)
    scores = context(torch.tanh(layer(outputs)))[:, :, 0]
    scores = scores.masked_fill(torch.arange(scores.shape[1])[None, :] >= lengths[:, None], float("-inf"))
    weights = F.softmax(scores, dim=1)
    return (weights[:, None, :] @ outputs)[:, 0], weights


def packed(rows):
    return nn.utils.rnn.pack_sequence(rows, enforce_sorted=False)


class WordAttention(nn.Module):
    def __init__(self, vocabulary, embedding, hidden, size):
        super().__init__()
        self.embeddings = nn.Embedding(vocabulary, embedding)
        self.word_rnn = nn.GRU(embedding, hidden, bidirectional=True, batch_first=True)
        self.word_attention, self.word_context_vector = nn.Linear(2 * hidden, size), nn.Linear(size, 1, bias=False)

    def forward(self, sentences):
        outputs, _ = self.word_rnn(packed([self.embeddings(torch.tensor(s)) for s in sentences]))
        return pooled(outputs, self.word_attention, self.word_context_vector)


class SentenceAttention(nn.Module):
    def __init__(self, vocabulary, embedding, hidden, size):
        super().__init__()
        self.word_attention = WordAttention(vocabulary, embedding, hidden, size)
        self.sentence_rnn = nn.GRU(2 * hidden, hidden, bidirectional=True, batch_first=True)
        self.sentence_attention = nn.Linear(2 * hidden, size)
        self.sentence_context_vector = nn.Linear(size, 1, bias=False)

    def forward(self, document):
        vectors, words = self.word_attention(document)
        outputs, _ = self.sentence_rnn(packed([vectors]))
        vector, sentences = pooled(outputs, self.sentence_attention, self.sentence_context_vector)
        return vector, words, sentences, vectors


class HierarchicalAttention(nn.Module):
    def __init__(self, classes, *sizes):
        super().__init__()
        self.sentence_attention = SentenceAttention(*sizes)
        self.fc = nn.Linear(self.sentence_attention.sentence_attention.in_features, classes)

    def forward(self, document):
        vector, words, sentences, vectors = self.sentence_attention(document)
        return self.fc(vector)[0], words, sentences[0], vectors


# ------------------------------------------------------------ GRU4Rec

class ItemGates(nn.Module):
    """GRU4Rec without embeddings: of a one-hot item the product is a row of Wx0. Gates stand in the order candidate, reset, update."""

    def __init__(self, items, hidden):
        super().__init__()
        self.Wx0 = nn.Embedding(items, 3 * hidden)
        self.Wrz0, self.Wh0 = nn.Parameter(torch.zeros(hidden, 2 * hidden)), nn.Parameter(torch.zeros(hidden, hidden))
        self.Bh0 = nn.Parameter(torch.zeros(3 * hidden))

    def forward(self, item, state):
        candidate, reset, update = (self.Wx0(item) + self.Bh0).chunk(3, dim=1)
        more_reset, more_update = (state @ self.Wrz0).chunk(2, dim=1)
        reset, update = torch.sigmoid(reset + more_reset), torch.sigmoid(update + more_update)
        return (1 - update) * state + update * torch.tanh((reset * state) @ self.Wh0 + candidate)


class SessionModel(nn.Module):
    """GRU4Rec: one step for each item of a session; scores of all items to come next."""

    def __init__(self, items, layers, embedding, constrained):
        super().__init__()
        size, first = layers[-1], 0
        if embedding:
            self.E, size = nn.Embedding(items, embedding), embedding
        elif not constrained:
            self.GE, first = ItemGates(items, layers[0]), 1
        self.G = nn.ModuleList(nn.GRUCell(layers[i - 1] if i else size, layers[i]) for i in range(first, len(layers)))
        self.Wy, self.By = nn.Embedding(items, layers[-1]), nn.Embedding(items, 1)

    def forward(self, session):
        cells = ([self.GE] if hasattr(self, "GE") else []) + list(self.G)
        states = [torch.zeros(1, c.Wh0.shape[0] if c is getattr(self, "GE", None) else c.hidden_size) for c in cells]
        for item in session:
            x = torch.tensor([item])
            if not hasattr(self, "GE"):
                x = self.E(x) if hasattr(self, "E") else self.Wy(x)
            for k, cell in enumerate(cells):
                x = states[k] = cell(x, states[k])
        return (states[-1] @ self.Wy.weight.t())[0] + self.By.weight[:, 0]


# ------------------------------------------------------------ sound event detection

class EventRecurrence(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.rnn = nn.GRU(width, hidden, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0]


class EventDetector(nn.Module):
    """A CRNN: convolutions in two dimensions that leave one band and a vector for each frame, recurrent layers, a sigmoid for
    each event and frame."""

    def __init__(self, channels, hidden, events):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AvgPool2d((2, 4)),
                                 nn.Conv2d(16, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(), nn.AvgPool2d((2, 4)))
        self.rnn, self.dense = EventRecurrence(channels, hidden), nn.Linear(2 * hidden, events)

    def forward(self, spectrogram):
        x = self.cnn(spectrogram[None, None])
        return torch.sigmoid(self.dense(self.rnn(x.squeeze(-1).permute(0, 2, 1))))[0]


# ------------------------------------------------------------ a forecaster

class Forecaster(nn.Module):
    """Reads a window of values, each scaled, and gives the next ones of the first at once."""

    def __init__(self, width, hidden, layers, horizon):
        super().__init__()
        self.lstm, self.fc = nn.LSTM(width, hidden, layers, batch_first=True), nn.Linear(hidden, horizon)

    def forward(self, window):
        return self.fc(self.lstm(window[None])[0][:, -1])[0]


# ------------------------------------------------------------ convolutions before the recurrence

class ConvolvedTagger(nn.Module):
    """A CRNN tagger: convolutions with batch norm over embeddings, an LSTM in both directions, labels of each position."""

    def __init__(self, words, width, channels, hidden, tags):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.convs = nn.ModuleList(nn.Sequential(nn.Conv1d(width if i == 0 else channels, channels, 3, padding=1), nn.BatchNorm1d(channels),
                                                 nn.ReLU()) for i in range(2))
        self.lstm, self.out = nn.LSTM(channels, hidden, bidirectional=True, batch_first=True), nn.Linear(2 * hidden, tags)

    def forward(self, ids):
        x = self.embedding(ids)[None].transpose(1, 2)
        for conv in self.convs:
            x = conv(x)
        return self.out(self.lstm(x.transpose(1, 2))[0])[0]


class Recogniser(nn.Module):
    """A recogniser of speech trained by CTC, Deep Speech 2 with convolutions over time alone: they shorten the sequence to a quarter;
    label 0 is the blank."""

    def __init__(self, bands, channels, hidden, labels):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(bands, channels, 11, stride=2, padding=5), nn.BatchNorm1d(channels), nn.ReLU(),
                                  nn.Conv1d(channels, channels, 11, stride=2, padding=5), nn.BatchNorm1d(channels), nn.ReLU())
        self.rnn, self.fc = nn.GRU(channels, hidden, 3, bidirectional=True, batch_first=True), nn.Linear(2 * hidden, labels)

    def forward(self, frames):
        return self.fc(self.rnn(self.conv(frames.t()[None]).transpose(1, 2))[0])[0].log_softmax(-1)


class TransitionScores(nn.Module):
    """The parameters of pytorch-crf; a path's score is start + scores + transitions (from, to) + end."""

    def __init__(self, tags):
        super().__init__()
        self.start_transitions, self.end_transitions = nn.Parameter(torch.zeros(tags)), nn.Parameter(torch.zeros(tags))
        self.transitions = nn.Parameter(torch.zeros(tags, tags))

    def parts(self):
        return self.start_transitions, self.transitions, self.end_transitions


class PathTagger(nn.Module):
    """BiLSTM-CRF. tutorial: with the parameters of PyTorch's tutorial, one matrix (to, from) that has the start and the end as
    tags; its scores are of all tags."""

    def __init__(self, words, width, hidden, tags, tutorial):
        super().__init__()
        self.n, self.word_embeds = tags, nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, hidden // 2, bidirectional=True)
        self.hidden2tag = nn.Linear(hidden, tags + 2 * tutorial)
        if tutorial:
            self.transitions = nn.Parameter(torch.zeros(tags + 2, tags + 2))
        else:
            self.crf = TransitionScores(tags)

    def forward(self, ids):
        """-> scores (T, tags), and start, transitions (from, to), end."""
        scores = self.hidden2tag(self.lstm(self.word_embeds(ids)[:, None])[0])[:, 0, :self.n]
        if hasattr(self, "crf"):
            return scores, self.crf.parts()
        n, start, stop = self.n, self.n, self.n + 1
        return scores, (self.transitions[:n, start], self.transitions[:n, :n].t(), self.transitions[stop, :n])


class Swish(nn.Module):
    def __init__(self, *sizes, **options):
        super().__init__()
        self.conv = nn.Conv1d(*sizes, **options)

    def forward(self, x):
        y = self.conv(x)
        return y * torch.sigmoid(y)


class Turned(nn.Module):
    """A layer of an LSTM that may read its input backwards. (T, N, size)"""

    def __init__(self, size, backwards):
        super().__init__()
        self.rnn, self.backwards = nn.LSTM(size, size), backwards

    def forward(self, x):
        return self.rnn(x.flip(0))[0].flip(0) if self.backwards else self.rnn(x)[0]


class Scores(nn.Module):
    """Scores of transitions between states of a base caller's CRF, kept within a scale."""

    def __init__(self, size, scores, scale):
        super().__init__()
        self.linear, self.scale = nn.Linear(size, scores), scale

    def forward(self, x):
        return torch.tanh(self.linear(x)) * self.scale


class BaseCaller(nn.Module):
    """Bonito's: three convolutions over the current of a nanopore, the last one to a fifth of the length, five layers of an LSTM in
    turn backwards and forwards, scores for each position. Layers are numbered as in its Serial, where one permutes."""

    def __init__(self, size, scores, scale=5.0):
        super().__init__()
        layers = {0: Swish(1, 4, 5, padding=2), 1: Swish(4, 16, 5, padding=2), 2: Swish(16, size, 19, stride=5, padding=9)}
        layers.update({4 + k: Turned(size, k % 2 == 0) for k in range(5)})
        layers[9] = Scores(size, scores, scale)
        self.encoder = nn.ModuleDict({str(k): layer for k, layer in layers.items()})

    def forward(self, current):
        x = current[None, None]
        for k in range(3):
            x = self.encoder[str(k)](x)
        x = x.permute(2, 0, 1)
        for k in range(4, 10):
            x = self.encoder[str(k)](x)
        return x[:, 0]
