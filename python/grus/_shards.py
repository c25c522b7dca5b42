"""Whole runs over shards: grus_run in a thread of its own, so that Ctrl-C is heard."""

import ctypes
import threading
import warnings
from typing import Any, Callable, List, Optional

from ._errors import Error
from ._library import ON_PROGRESS, ON_SHARD_ERROR, WARNING, error_t, library, progress_t, raise_error, run_events_t
from ._options import Options


class Progress:
    """How far a run is: the fields of grus_progress, such as shards, shards_done, records, tokens_in, seconds; final where it
    has ended."""

    def __init__(self, struct: progress_t, final: bool):
        self.final = final
        for name, _ in progress_t._fields_[1:]:
            setattr(self, name, getattr(struct, name))

    def __getattr__(self, name: str) -> Any:  # for those who check types
        raise AttributeError(name)

    def __repr__(self) -> str:
        return f"grus.Progress({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def _error_of(struct: error_t) -> Error:
    try:
        raise_error(struct)
    except Error as error:
        return error
    raise AssertionError


class _Run:
    def __init__(self, model: ctypes.c_void_p, options: Options):
        self._model, self._options = model, options
        self.failure: Optional[BaseException] = None  # of a callback; written by threads of the run, one at a time
        self.first: Optional[Error] = None  # of a shard; written as failure is
        self.warnings: List[str] = []
        self.error = error_t()
        self.last = progress_t()
        self.status = 0
        library.grus_progress_init(ctypes.byref(self.last), ctypes.sizeof(self.last))

    def stop(self) -> None:
        self._options.stop.ask()

    def guarded(self, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            if self.failure is None:
                function(*arguments)
        except BaseException as failure:
            self.failure = failure
            self.stop()

    def hear_of_shard(self, error: Error, listener: Optional[Callable[[Error], Any]]) -> None:
        self.first = self.first or error
        if listener is not None:
            self.guarded(listener, error)

    def go(self, events: run_events_t) -> None:
        self.status = library.grus_run(
            self._model,
            ctypes.byref(self._options.run),
            ctypes.byref(events),
            ctypes.byref(self.last),
            ctypes.byref(self.error),
        )


def _wait(thread: threading.Thread, run: _Run) -> None:
    """Until the run has ended; an interrupt asks it to."""
    interrupt = None
    while thread.is_alive():
        try:
            thread.join(0.1)
        except KeyboardInterrupt as error:
            interrupt = error
            run.stop()
    if interrupt is not None:
        raise interrupt


def run(
    model: ctypes.c_void_p,
    options: Options,
    progress: Optional[Callable[[Progress], Any]],
    on_shard_error: Optional[Callable[[Error], Any]],
) -> Progress:
    events, this = run_events_t(), _Run(model, options)
    library.grus_run_events_init(ctypes.byref(events), ctypes.sizeof(events))
    hear = WARNING(lambda _, text: this.warnings.append(text.decode("utf-8", "replace")))
    events.on_warning = hear
    if progress is not None:
        events.on_progress = ON_PROGRESS(lambda _, now, final: this.guarded(progress, Progress(now.contents, final)))
    events.on_shard_error = ON_SHARD_ERROR(lambda _, error: this.hear_of_shard(_error_of(error.contents), on_shard_error))
    thread = threading.Thread(target=this.go, args=(events,), name="grus-run")
    thread.start()
    _wait(thread, this)
    for text in this.warnings:
        warnings.warn(text, stacklevel=3)
    if this.failure is not None:
        raise this.failure
    if this.status:
        raise _error_of(this.error) from this.first
    return Progress(this.last, True)
