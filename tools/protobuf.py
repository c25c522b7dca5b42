"""Reads protocol buffers without their definitions: a message is its fields by number. ONNX and Paddle keep graphs so, and this
spares both importers a package."""
import struct


class Damaged(ValueError):
    pass


# What reading raises where a message is none of the kind that is expected.
WRONG = (Damaged, struct.error, LookupError, TypeError, AttributeError, ValueError, OverflowError, MemoryError)


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Damaged(f"a protocol buffer that is cut off or none, at byte {at}")
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def message(data):
    """number -> [values in order]: integers, bytes of messages and texts, and 4 or 8 raw bytes of fixed numbers."""
    out, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(kind)
            if kind == 2:
                size, at = varint(data, at)
            if size is None or at + size > len(data):
                raise Damaged(f"a protocol buffer that is cut off or none, at byte {at}")
            value, at = data[at:at + size], at + size
        out.setdefault(key >> 3, []).append(value)
    return out


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def integers(found, number):
    """A repeated integer, packed or one by one."""
    out = []
    for value in found.get(number, []):
        if isinstance(value, int):
            out.append(signed(value))
            continue
        at = 0
        while at < len(value):
            one, at = varint(value, at)
            out.append(signed(one))
    return out


def floats(found, number, code="f"):
    """A repeated float or, with code "d", double."""
    data = b"".join(found.get(number, []))
    return list(struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data))


def text(found, number, default=""):
    return found[number][-1].decode("utf-8", "replace") if number in found else default


def texts(found, number):
    return [value.decode("utf-8", "replace") for value in found.get(number, [])]


def integer(found, number, default=0):
    return signed(found[number][-1]) if number in found else default
