"""Trained GRU and attention models, run on CPUs by the library libgrus.

    import grus

    model = grus.Model("models/multi30k-en-de")
    model.translate_batch(["two dogs are running ."])       # ["zwei hunde rennen ."]
    for record in model.run(open("captions.txt")):          # any iterable of str or dict, of any length
        print(record["output"])

libgrus is found by its soname where the dynamic linker looks; the environment variable GRUS_LIBRARY names another file.
Everything that fails raises `Error`. Threads may share a model: while it computes, the interpreter's lock is free.
"""

from ._errors import Error, Status
from ._model import Hypothesis, Model, Scores, States
from ._shards import Progress

__all__ = ["Error", "Hypothesis", "Model", "Progress", "Scores", "States", "Status", "cpu_count", "version"]


def version() -> str:
    """The version of the library."""
    from ._library import library

    return library.grus_version().decode()


def cpu_count() -> int:
    """The CPUs that this process may keep busy, by its affinity mask and its cgroup's quota."""
    from ._library import library

    return library.grus_cpu_count()
