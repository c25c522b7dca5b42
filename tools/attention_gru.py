"""Decoder loops with attention for training on CPUs: one GRU step that reads a context, and the conditional GRU.

The products with the encoder's outputs are made before a loop: keys [B, S, H], so that a score is key · state, and gates
[B, S, 3H], whose weighted sum is what the context gives to a cell's gates. The gradients of both, and those of the weights, are
made after it, in one product each.
"""
import torch

from gru_layers import product


class Cell:
    """The steps of one GRU cell (nn.GRU's mathematics): what its backward pass needs of them, and their gradients."""

    def __init__(self, T, B, H, like):
        self.H = H
        self.rz, self.n, self.hn = like.new_empty(T, B, 2 * H), like.new_empty(T, B, H), like.new_empty(T, B, H)

    def step(self, t, gi, gh, h, out):
        """gi, gh [B, 3H]: what input and state h [B, H] give to the gates. out [B, H]."""
        H, rz, n, hn = self.H, self.rz[t], self.n[t], self.hn[t]
        torch.add(gi[:, :2 * H], gh[:, :2 * H], out=rz).sigmoid_()
        hn.copy_(gh[:, 2 * H:])
        torch.addcmul(gi[:, 2 * H:], rz[:, :H], hn, out=n).tanh_()
        torch.lerp(n, h, rz[:, H:], out=out)

    def begin_backward(self, prev):
        """prev [T, B, H]: the states before the steps."""
        r, z = self.rz[..., :self.H], self.rz[..., self.H:]
        keep = 1 - z
        self.c_n, self.c_z, self.c_r = keep * (1 - self.n * self.n), (prev - self.n) * z * keep, self.hn * r * (1 - r)
        self.dgi, self.dgh = (self.n.new_empty(*self.n.shape[:2], 3 * self.H) for _ in range(2))

    def back(self, t, dh, w_hh, half):
        """dh [B, H]: of the state behind the step -> of that before it."""
        H, g, rz = self.H, self.dgh[t], self.rz[t]
        dn = dh * self.c_n[t]
        torch.mul(dn, self.c_r[t], out=g[:, :H])
        torch.mul(dh, self.c_z[t], out=g[:, H:2 * H])
        torch.mul(dn, rz[:, :H], out=g[:, 2 * H:])
        self.dgi[t, :, :2 * H] = g[:, :2 * H]
        self.dgi[t, :, 2 * H:] = dn
        return torch.addcmul(product(g, w_hh, half), dh, rz[:, H:])

    def weight_gradients(self, prev, half):
        """-> of w_hh [3H, H] and b_hh [3H]."""
        g = self.dgh.view(-1, 3 * self.H)
        return product(g.t(), prev.reshape(-1, self.H), half), g.sum(0)


def attend(keys, query, out):
    """keys [B, S, H], query [B, H] -> weights [B, S] in out."""
    return torch.softmax(torch.bmm(keys, query.unsqueeze(2))[..., 0], 1, out=out)


def attend_back(weights, d_gi, d_weights, keys, gates, d_score):
    """d_gi [B, 3H]: of the weighted sum of gates. -> of the query [B, H]; d_score [B, S] is written."""
    da = torch.bmm(gates, d_gi.unsqueeze(2))[..., 0].add_(d_weights)
    torch.mul(weights, da - (weights * da).sum(1, keepdim=True), out=d_score)
    return torch.bmm(d_score.unsqueeze(1), keys)[:, 0]


def sequences_first(m):
    """[T, B, ·] -> [B, T, ·]"""
    return m.permute(1, 0, 2)


def table_gradients(d_score, query, weights, dgi):
    """[T, B, ·] each -> of keys [B, S, H] and gates [B, S, 3H]."""
    return (torch.bmm(d_score.permute(1, 2, 0), sequences_first(query)), torch.bmm(weights.permute(1, 2, 0), sequences_first(dgi)))


class AttentionGRU(torch.autograd.Function):
    """Attention by the state before the step, then one GRU step that reads embedding and context (Bahdanau)."""

    @staticmethod
    def forward(ctx, x, h0, keys, gates, w_hh, b_hh, half):
        """x [T, B, 3H]: W_ie emb + b_ih; gates: W_ic values. Returns states [T, B, H] and attention weights [T, B, S]."""
        T, B, H = x.shape[0], x.shape[1], h0.shape[1]
        w_hh = w_hh.bfloat16() if half else w_hh
        out, weights, cell = x.new_empty(T + 1, B, H), x.new_empty(T, B, keys.shape[1]), Cell(T, B, H, x)
        out[0] = h0
        for t in range(T):
            attend(keys, out[t], weights[t])
            gi = torch.bmm(weights[t].unsqueeze(1), gates)[:, 0].add_(x[t])
            cell.step(t, gi, product(out[t], w_hh.t(), half).add_(b_hh), out[t], out[t + 1])
        ctx.save_for_backward(out, weights, keys, gates, w_hh)
        ctx.cell, ctx.half = cell, half
        return out[1:], weights

    @staticmethod
    def backward(ctx, d_out, d_weights):
        out, weights, keys, gates, w_hh = ctx.saved_tensors
        cell, prev, d_score = ctx.cell, out[:-1], torch.empty_like(weights)
        cell.begin_backward(prev)
        dh = torch.zeros_like(out[0])
        for t in range(len(weights) - 1, -1, -1):
            dh = cell.back(t, dh + d_out[t], w_hh, ctx.half)
            dh += attend_back(weights[t], cell.dgi[t], d_weights[t], keys, gates, d_score[t])
        return (cell.dgi, dh, *table_gradients(d_score, prev, weights, cell.dgi), *cell.weight_gradients(prev, ctx.half), None)


class ConditionalGRU(torch.autograd.Function):
    """The conditional GRU (Nematus, "conditional GRU with attention mechanism"): a GRU step that reads the embedding, attention by its
    state, a second GRU step that reads the context."""

    @staticmethod
    def forward(ctx, x, h0, keys, gates, w1, b1, w2, b2, half):
        """x [T, B, 3H]: W_ih emb + b_ih of the first cell; gates: W_ih values + b_ih of the second; w, b: W_hh, b_hh.
        Returns states [T, B, H] and attention weights [T, B, S]."""
        T, B, H = x.shape[0], x.shape[1], h0.shape[1]
        w1, w2 = (w.bfloat16() if half else w for w in (w1, w2))
        out, between, weights = x.new_empty(T + 1, B, H), x.new_empty(T, B, H), x.new_empty(T, B, keys.shape[1])
        first, second = Cell(T, B, H, x), Cell(T, B, H, x)
        out[0] = h0
        for t in range(T):
            first.step(t, x[t], product(out[t], w1.t(), half).add_(b1), out[t], between[t])
            attend(keys, between[t], weights[t])
            gi = torch.bmm(weights[t].unsqueeze(1), gates)[:, 0]
            second.step(t, gi, product(between[t], w2.t(), half).add_(b2), between[t], out[t + 1])
        ctx.save_for_backward(out, between, weights, keys, gates, w1, w2)
        ctx.cells, ctx.half = (first, second), half
        return out[1:], weights

    @staticmethod
    def backward(ctx, d_out, d_weights):
        out, between, weights, keys, gates, w1, w2 = ctx.saved_tensors
        (first, second), half, d_score = ctx.cells, ctx.half, torch.empty_like(weights)
        first.begin_backward(out[:-1])
        second.begin_backward(between)
        dh = torch.zeros_like(out[0])
        for t in range(len(weights) - 1, -1, -1):
            dm = second.back(t, dh + d_out[t], w2, half)
            dm += attend_back(weights[t], second.dgi[t], d_weights[t], keys, gates, d_score[t])
            dh = first.back(t, dm, w1, half)
        return (first.dgi, dh, *table_gradients(d_score, between, weights, second.dgi),
                *first.weight_gradients(out[:-1], half), *second.weight_gradients(between, half), None)
