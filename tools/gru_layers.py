"""GRU layers for training on CPUs: nn.GRU's tensors and mathematics, with products in float32 or bfloat16."""
import torch
import torch.nn.functional as F


def product(a, b, half):
    """a @ b in float32, or with both rounded to bfloat16 (the sums are float32 in either case)."""
    return torch.mm(a.bfloat16(), b.bfloat16()).float() if half else torch.mm(a, b)


class Linear16(torch.autograd.Function):
    """x @ w.t() with bfloat16 operands, forwards and backwards."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return product(x.reshape(-1, x.shape[-1]), w.t(), True).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        dy = dy.reshape(-1, dy.shape[-1]).bfloat16()
        return (product(dy, w, True).view_as(x), product(dy.t(), x.reshape(-1, x.shape[-1]), True))


def apply_weight(weight, x, half):
    """x @ weight.t(), x of any rank."""
    return Linear16.apply(x, weight) if half else F.linear(x, weight)


def linear(layer, x, half):
    """layer(x) of an nn.Linear."""
    if not half:
        return layer(x)
    y = Linear16.apply(x, layer.weight)
    return y if layer.bias is None else y + layer.bias


def sequence_dropout(x, p):
    """Dropout of x [T, B, ·] with one mask a sequence, the same for all of its positions (Gal and Ghahramani 2016)."""
    return x * F.dropout(torch.ones_like(x[:1]), p) if p else x


class GRULayer(torch.autograd.Function):
    """One direction of one GRU layer, time first. Same mathematics as nn.GRU; its backward pass makes the weight
    gradients in one tall product each instead of one small product per step."""

    @staticmethod
    def forward(ctx, x, h0, w_ih, w_hh, b_ih, b_hh, half):
        T, B, _ = x.shape
        H = w_hh.shape[1]
        if half:
            x, w_ih, w_hh = x.bfloat16(), w_ih.bfloat16(), w_hh.bfloat16()
        gi = product(x.reshape(T * B, -1), w_ih.t(), half).add_(b_ih).view(T, B, 3 * H)
        gi[..., :2 * H] += b_hh[:2 * H]
        b_hn = b_hh[2 * H:]
        out = gi.new_empty(T + 1, B, H)
        out[0] = h0
        rz, n, hn = gi.new_empty(T, B, 2 * H), gi.new_empty(T, B, H), gi.new_empty(T, B, H)
        w_t = w_hh.t()
        for t in range(T):
            gh = product(out[t], w_t, half)
            torch.add(gi[t, :, :2 * H], gh[:, :2 * H], out=rz[t]).sigmoid_()
            torch.add(gh[:, 2 * H:], b_hn, out=hn[t])
            torch.addcmul(gi[t, :, 2 * H:], rz[t, :, :H], hn[t], out=n[t]).tanh_()
            torch.lerp(n[t], out[t], rz[t, :, H:], out=out[t + 1])
        ctx.save_for_backward(x, out, rz, n, hn, w_ih, w_hh)
        ctx.half = half
        return out[1:]

    @staticmethod
    def backward(ctx, dout):
        x, out, rz, n, hn, w_ih, w_hh = ctx.saved_tensors
        half = ctx.half
        T, B, H = n.shape
        r, z, prev = rz[..., :H], rz[..., H:], out[:-1]
        keep = 1 - z
        c_n = keep * (1 - n * n)
        c_z = (prev - n) * z * keep
        c_r = hn * r * (1 - r)
        dgi, dgh = n.new_empty(T, B, 3 * H), n.new_empty(T, B, 3 * H)
        dh = torch.zeros_like(n[0])
        for t in range(T - 1, -1, -1):
            dh = dh + dout[t]
            dn, g = dgi[t, :, 2 * H:], dgh[t]
            torch.mul(dh, c_n[t], out=dn)
            torch.mul(dn, c_r[t], out=g[:, :H])
            torch.mul(dh, c_z[t], out=g[:, H:2 * H])
            torch.mul(dn, r[t], out=g[:, 2 * H:])
            dh = torch.addcmul(product(g, w_hh, half), dh, z[t])
        dgi[..., :2 * H] = dgh[..., :2 * H]
        gi, gh = dgi.view(T * B, -1), dgh.view(T * B, -1)
        b_ih, b_hh = gi.sum(0), gh.sum(0)
        if half:
            gi, gh = gi.bfloat16(), gh.bfloat16()
        dx = product(gi, w_ih, half).view(T, B, -1)
        w_ih = product(gi.t(), x.reshape(T * B, -1), half)
        w_hh = product(gh.t(), prev.reshape(T * B, -1), half)
        return dx, dh, w_ih, w_hh, b_ih, b_hh, None


def parameters(rnn, layer):
    """The four tensors of one layer of an nn.GRU; layer is its number, with _reverse behind it for the other direction."""
    return [getattr(rnn, f"{n}_l{layer}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def gru(rnn, x, h0=None, dropout=0.0, half=False, drop=F.dropout):
    """Runs an nn.GRU stack on x [T, B, E], with drop(·, dropout) between its layers; returns the outputs and the final state of the
    top layer."""
    dirs = 2 if rnn.bidirectional else 1
    for k in range(rnn.num_layers):
        if k and dropout:
            x = drop(x, dropout)
        outs = []
        for suffix in ("", "_reverse")[:dirs]:
            w = parameters(rnn, f"{k}{suffix}")
            s = x.new_zeros(x.shape[1], rnn.hidden_size) if h0 is None else h0[k]
            outs.append(GRULayer.apply(x.flip(0), s, *w, half).flip(0) if suffix else GRULayer.apply(x, s, *w, half))
        x = torch.cat(outs, 2) if dirs == 2 else outs[0]
    last = torch.cat([outs[0][-1], outs[1][0]], 1) if dirs == 2 else x[-1]
    return x, last
