"""Errors of the library, as exceptions."""

import enum


class Status(enum.IntEnum):
    """What kind of error it is; up to OUTPUT the exit codes of the command."""

    FAILED = 1  # a shard failed, or a record
    USAGE = 2  # options that contradict one another or the model
    MODEL = 3  # the model directory is not usable
    INPUT = 4  # an input cannot be opened or read
    OUTPUT = 5  # output directory, disk
    MEMORY = 6
    INTERRUPTED = 7  # a stop was asked for


class Error(Exception):
    """What the library could not do.

    status: its kind; file: the path that it is about, or ""; place: the line, key, tensor or option in it, or ""; cause: what
    is wrong, and what was expected.
    """

    def __init__(self, status: int, file: str, place: str, cause: str):
        super().__init__(": ".join(part for part in (":".join(p for p in (file, place) if p), cause) if part))
        self.status = Status(status)
        self.file = file
        self.place = place
        self.cause = cause

    def __reduce__(self):
        return Error, (int(self.status), self.file, self.place, self.cause)
