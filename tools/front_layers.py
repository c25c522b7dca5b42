"""The list "front" of a model's config.json: its layers checked as the loader checks them, and the tensors that they need."""
WINDOW_MAX, SIZE_MAX, GROWTH_MAX = 1 << 16, 1 << 24, 1 << 20
ACTIVATIONS = ("none", "tanh", "relu", "sigmoid", "silu")
# Of each type: the keys that it must have, and what those that it lacks may say all the same.
TYPES = {"conv1d": (("channels", "kernel"), {}),
         "linear": (("size",), {"stride": 1, "padding": 0, "dilation": 1}),
         "max_pool": (("size",), {"dilation": 1, "activation": "none"})}
KEYS = ("type", "channels", "size", "kernel", "stride", "padding", "dilation", "activation")


def fault(layer):
    """(key, what is wrong) of a layer; None where all is right."""
    if not isinstance(layer, dict):
        return None, f"expected an object, found {layer!r}"
    kind = layer.get("type")
    if kind not in TYPES:
        return "type", f"expected one of {', '.join(TYPES)}, found {kind!r}"
    required, fixed = TYPES[kind]
    for key in layer:
        if key not in KEYS:
            return key, f"unknown key; known here are {', '.join(KEYS)}"
        if key in ("channels", "size", "kernel") and key not in required:
            return key, f"has no meaning here: a {kind!r} has {' and '.join(required)}"
        if key in fixed and layer[key] != fixed[key]:
            return key, f"is not of a {kind!r}: expected {fixed[key]!r} or no such key, found {layer[key]!r}"
    for key in (*required, "stride", "padding", "dilation"):
        least, most = 0 if key == "padding" else 1, WINDOW_MAX
        if key in ("channels", "padding") or (key, kind) == ("size", "linear"):
            most = SIZE_MAX
        if key not in layer and key in required:
            return key, f"is missing; expected an integer from {least} to {most}"
        if key in layer and (type(layer[key]) is not int or not least <= layer[key] <= most):
            return key, f"expected an integer from {least} to {most}, found {layer[key]!r}"
    if layer.get("activation", "none") not in ACTIVATIONS:
        return "activation", f"expected one of {', '.join(ACTIVATIONS)}, found {layer['activation']!r}"
    reach = layer["size"] // 2 if kind == "max_pool" else layer.get("dilation", 1) * (layer.get("kernel", 1) - 1)
    if layer.get("padding", 0) > reach:
        return "padding", f"expected at most {reach}, found {layer['padding']}"
    return None


def growth(layer):
    """Positions by which it makes a sequence longer at most."""
    reach = layer["size"] - 1 if layer["type"] == "max_pool" else layer.get("dilation", 1) * (layer.get("kernel", 1) - 1)
    return max(0, 2 * layer.get("padding", 0) - reach)


def need(front, width, wanted):
    """Asks `wanted` (need, may) for the tensors of the layers behind positions of `width` values. -> (the width behind them, None), or
    (None, what is wrong and where)"""
    if not isinstance(front, list):
        return None, f"front: expected a list, found {front!r}"
    grown = 0
    for i, layer in enumerate(front):
        wrong = fault(layer)
        if not wrong:
            grown += growth(layer)
            if grown > GROWTH_MAX:
                wrong = "padding", f"makes sequences longer by {grown} positions with the layers before it; expected at most {GROWTH_MAX}"
        if wrong:
            return None, f"front.{i}{'.' + wrong[0] if wrong[0] else ''}: {wrong[1]}"
        if layer["type"] == "max_pool":
            continue
        size = layer["channels" if layer["type"] == "conv1d" else "size"]
        wanted.need(f"front.{i}.weight", size, width, *([layer["kernel"]] if layer["type"] == "conv1d" else []))
        wanted.may(f"front.{i}.bias", size)
        width = size
    return width, None
