"""What goes from one layer of a Keras model to the next while import_keras.py walks through them."""
import numpy as np

from importing import Refused, fold


class Flow:
    """What a layer gives to the next: inputs of the encoder or of a head (what and how wide), then `chain`, the dense layers of a head,
    then matrix (or a diagonal as a vector, or None) and shift, which the next layer takes into its weights.

    on: tokens, source (front positions), token (of the encoder), sequence. depth: layers of the front, or of the encoder, behind it.
    turned: the positions stand in reversed order."""

    def __init__(self, on, inputs, depth=0, chain=(), matrix=None, shift=None, turned=False):
        self.on, self.inputs, self.depth, self.chain = on, inputs, depth, list(chain)
        self.matrix, self.shift, self.turned = matrix, shift, turned

    @property
    def width(self):
        if self.matrix is not None:
            return len(self.matrix)
        return len(self.chain[-1].weight) if self.chain else sum(w for _, w in self.inputs) if self.inputs[0][1] else None

    def but(self, **changes):
        return Flow(**{**self.__dict__, **changes})

    def then(self, matrix, shift):
        """An affine layer behind this one."""
        if self.matrix is not None:
            shift = shift + (matrix @ self.shift if matrix.ndim == 2 else matrix * self.shift)
            if matrix.ndim == 2 and self.matrix.ndim == 2:
                matrix = matrix @ self.matrix
            elif self.matrix.ndim == 2 or matrix.ndim == 2:
                matrix = matrix * self.matrix if matrix.ndim == 2 else matrix[:, None] * self.matrix
            else:
                matrix = matrix * self.matrix
        return self.but(matrix=matrix, shift=shift)

    def into(self, weight, bias):
        """A linear layer that reads this, as one that reads what is in front of matrix and shift."""
        if self.matrix is None:
            return weight, bias
        if self.matrix.ndim == 1:
            return fold(weight, bias, self.matrix, self.shift)
        added = weight @ self.shift
        return weight @ self.matrix, added if bias is None else added + bias


def padded(node, weight, padding, stride, dilation):
    """A convolution (outputs, inputs, kernel) as torch.nn.Conv1d pads, alike at both ends: -> (weight, padding, dilation). What Keras
    pads at one end more than at the other becomes taps of zero at the other end of the kernel."""
    size = weight.shape[2]
    reach = dilation * (size - 1)
    if padding == "valid" or reach == 0 and stride == 1:
        return weight, 0, dilation
    if padding == "causal":
        left = reach
    elif padding == "same":
        lefts = {max(0, reach + 1 - last) // 2 for last in range(1, stride + 1)}
        if len(lefts) > 1:
            raise Refused(f"{node}: padding 'same' with kernel {size} and stride {stride} begins elsewhere in sequences of another length")
        left = lefts.pop()
    else:
        raise Refused(f"{node}: padding {padding!r}")
    right = reach - left
    if (right - left) % dilation:
        spread = np.zeros((*weight.shape[:2], reach + 1))
        spread[:, :, ::dilation] = weight
        weight, dilation = spread, 1
    more = abs(right - left) // dilation
    return np.pad(weight, ((0, 0), (0, 0), (more, 0) if right > left else (0, more))), max(left, right), dilation
