"""Which axis of a tensor is which, through the transposes, reshapes and computed shapes that exporters write: import_onnx.py has to
know the batch, the positions and the features of what it takes for a layer, and refuses what mixes them."""
from chain import Refused


class Atom:
    """An axis as the graph made it. size: a number, or None while only a run would tell; role: "batch", "time", "feature", "direction",
    or None while nothing has told it."""

    def __init__(self, size=None, role=None):
        self.size, self.role = size, role


class Flow:
    """A tensor that depends on the input: the layer that makes it, its axes, each a tuple of atoms that are merged in it, and
    whether its positions run backwards."""

    def __init__(self, layer, axes, backwards=False):
        self.layer, self.axes, self.backwards = layer, [tuple(a) for a in axes], backwards

    def on(self, layer=None, axes=None):
        """The same with another layer or other axes."""
        return Flow(layer or self.layer, self.axes if axes is None else axes, self.backwards)

    def axis(self, number):
        return number + len(self.axes) if number < 0 else number


class Size:
    """A size that a graph computes: a number times the sizes of atoms."""

    def __init__(self, number=1, atoms=()):
        known = [a.size for a in atoms if a.size is not None]
        self.atoms = tuple(a for a in atoms if a.size is None)
        self.number = number
        for n in known:
            self.number *= n

    def times(self, other):
        return Size(self.number * other.number, self.atoms + other.atoms)


class Sizes:
    """A vector (scalar: one alone) of Size."""

    def __init__(self, values, scalar=False):
        self.values, self.scalar = list(values), scalar

    def constant(self):
        """Its numbers, or None where a run alone would tell them."""
        return None if any(v.atoms for v in self.values) else [v.number for v in self.values]


def as_role(flow, axis, role, place):
    """The axis holds this: one atom of the role, besides those of size 1."""
    atoms = flow.axes[axis]
    wide = [a for a in atoms if a.size != 1 or a.role == role] or list(atoms)
    if len(wide) != 1 or wide[0].role not in (None, role):
        found = " and ".join(a.role or "an axis that nothing has named" for a in wide) or "nothing"
        raise Refused(place, f"the {role} on axis {axis}", found)
    wide[0].role = role
    return wide[0]


def merged(atoms, place):
    """Atoms that one axis holds: directions before the units of each make the features, other things stay side by side."""
    wide = [a for a in atoms if a.size != 1]
    roles = [a.role for a in wide]
    if roles == ["direction", "feature"]:
        return (Atom(wide[0].size * wide[1].size, "feature"),)
    if "direction" in roles and len(wide) > 1:
        raise Refused(place, "the directions merged before the units of each", " and ".join(str(r) for r in roles))
    return tuple(wide) or tuple(atoms[:1])


def reshape(flow, target, place):
    """Axes behind a Reshape; target: a Size for each axis, or 0 (as before) or -1 (the rest)."""
    atoms = [a for axis in flow.axes for a in axis]
    copied = {i: flow.axes[i] for i, t in enumerate(target) if t == 0 and i < len(flow.axes)}
    rest = [i for i, t in enumerate(target) if t == -1]
    head = target[:rest[0]] if rest else target
    tail = target[rest[0] + 1:] if rest else []
    front = [take(atoms, t, copied.get(i), 0, place) for i, t in enumerate(head)]
    back = [take(atoms, t, copied.get(len(target) - 1 - i), -1, place) for i, t in enumerate(reversed(tail))]
    left = [a for a in atoms if a.size != 1]
    if rest:
        return [merged(g, place) for g in front] + [merged(atoms, place) if atoms else (Atom(1),)] + [merged(g, place) for g in back[::-1]]
    if left:
        raise Refused(place, "a shape that keeps the axes or merges neighbours", "one that cuts them")
    return [merged(g, place) for g in front]


def take(atoms, size, copied, end, place):
    """Takes the atoms of one axis of the target from one end of the list."""
    if copied is not None:
        for a in copied:
            if a not in atoms:
                raise Refused(place, "a shape that keeps the axes or merges neighbours", "one that cuts them")
            atoms.remove(a)
        return list(copied)
    out, product = [], Size()
    wanted = (size.number, sorted(map(id, size.atoms)))
    while (product.number, sorted(map(id, product.atoms))) != wanted:
        over = product.number > size.number or not atoms
        if over and wanted == (1, []) and not out:
            break
        if over:
            raise Refused(place, "a shape that keeps the axes or merges neighbours", "one that cuts them")
        atom = atoms.pop(end)
        if wanted == (1, []) and atom.size is None and atom.role in (None, "batch"):
            atom.size = 1           # exported for a batch of one
        elif atom.size is None and not size.atoms and product.number < size.number and size.number % product.number == 0:
            atom.size = size.number // product.number
        out.insert(0 if end else len(out), atom)
        product = Size(1, tuple(out))
    if not out:
        # Size 1: an axis of that size, if one is next, else one that is made here.
        if atoms and atoms[end].size == 1:
            return [atoms.pop(end)]
        return [Atom(1)]
    return out
