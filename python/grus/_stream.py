"""Pieces of an endless work, done by several threads and given out in order. No more are held at once than the threads need
to be busy."""

import collections
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Deque, Iterable, Iterator, Optional


def in_order(pieces: Iterable[Any], work: Callable[[Any], Any], threads: int, stop: Callable[[], None]) -> Iterator[Any]:
    """Yields work(piece) for each. What pieces raises comes behind all that stood before it; what work raises, in the place of
    its piece. At the end, or where nobody asks for more, stop is called and the threads have ended."""
    pending: Deque["Future[Any]"] = collections.deque()
    source = iter(pieces)
    failure: Optional[Exception] = None
    more = True
    pool = ThreadPoolExecutor(threads, thread_name_prefix="grus")
    try:
        while more or pending:
            while more and len(pending) < threads + 2:
                try:
                    pending.append(pool.submit(work, next(source)))
                except StopIteration:
                    more = False
                except Exception as error:
                    failure, more = error, False
            if pending:
                yield pending.popleft().result()
        if failure is not None:
            raise failure
    finally:
        stop()
        pool.shutdown(wait=True, cancel_futures=True)
