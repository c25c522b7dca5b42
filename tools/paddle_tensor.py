"""Reads Paddle's tensors: the stream that save_vars and save_combine write, one tensor after the other."""
import array
import struct
import sys

import protobuf

FLOAT32 = 5     # of VarType.Type


class Damaged(ValueError):
    pass


def next_tensor(data, at, place):
    """The tensor that begins at byte `at`: dimensions, values (an array of float32), and where the next one begins."""
    try:
        version, levels = struct.unpack_from("<IQ", data, at)
        at += 12
        for _ in range(levels):
            at += 8 + struct.unpack_from("<Q", data, at)[0]
        inner, length = struct.unpack_from("<Ii", data, at)
        if version or inner or length < 0:
            raise Damaged(f"{place}: expected a tensor of version 0, found {version or inner or length}")
        message = protobuf.message(data[at + 8:at + 8 + length])
        kind, dimensions = protobuf.integer(message, 1), protobuf.integers(message, 2)
    except Damaged:
        raise
    except protobuf.WRONG as error:
        raise Damaged(f"{place}: expected a tensor of Paddle, found none: {error}") from None
    if kind != FLOAT32:
        raise Damaged(f"{place}: expected float32, found Paddle's type {kind}")
    at, count = at + 8 + length, 1
    for size in dimensions:
        count *= size
    values = array.array("f")
    values.frombytes(data[at:at + 4 * count] if len(data) - at >= 4 * count >= 0 else b"")
    if len(values) != count:
        raise Damaged(f"{place}: expected {count} values for the shape {dimensions}, found {(len(data) - at) // 4}")
    if sys.byteorder == "big":
        values.byteswap()
    return dimensions, values, at + 4 * count


def read_tensor(path):
    """(dimensions, array of float32) of a file that holds one."""
    with open(path, "rb") as f:
        data = f.read()
    dimensions, values, end = next_tensor(data, 0, path)
    if end != len(data):
        raise Damaged(f"{path}: expected one tensor, found {len(data) - end} bytes behind it")
    return dimensions, values
