"""Many runs at a time: threads, processes, or any executor.

A worker process builds and compiles an experiment's network once and then
trains seed after seed. The process that asks for the runs needs no TensorFlow.
"""

from __future__ import annotations

import contextlib
import functools
import math
import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from typing import TypeVar

Result = TypeVar("Result")
# Gives an executor for as long as a `with` block lasts.
MakeExecutor = Callable[[], contextlib.AbstractContextManager[Executor]]

# Rough seconds: until a worker's first run, and what each run takes beside
# its arithmetic; and multiplications a second.
START_UP, RUN, PACE = 5.0, 0.2, 2e10
# How often a run is tried whose worker ended early.
ATTEMPTS = 3


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def seconds(experiment) -> float:
    """Estimate what one run of an experiment takes, without the start-up."""
    steps = experiment.batch_size * experiment.task.timesteps
    # Forward, and twice as much on the way back.
    work = experiment.episodes * steps * 3 * experiment.count_weights()
    return RUN + work / PACE


def worthwhile(work: float) -> int:
    """Return how many workers pay off for an estimate of seconds of work.

    Each is to save more than half of what it costs to start it.
    """
    return max(1, min(cores(), math.floor(2 * work / START_UP)))


@contextlib.contextmanager
def threads(workers: int) -> Iterator[Executor]:
    """Give a pool of threads, for what runs without Python's lock."""
    executor = ThreadPoolExecutor(workers)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


@contextlib.contextmanager
def processes(workers: int) -> Iterator[Executor]:
    """Give a pool of processes, which end with the block or with this one."""
    # Spawned, not forked: TensorFlow's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(workers, context, _begin, (theirs,))
    try:
        yield executor
    finally:
        ours.close()
        executor.shutdown(cancel_futures=True)
        theirs.close()


def _begin(lifeline) -> None:
    """Prepare a worker process."""
    threading.Thread(target=_leave, args=(lifeline,), daemon=True).start()
    # There are as many workers as cores.
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    from tqdm import tqdm

    # Its own is shared between processes, and lost when a worker just leaves.
    tqdm.set_lock(threading.RLock())
    # What goes wrong in Python travels to the parent; the rest is notices,
    # once for each worker.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _leave(lifeline) -> None:
    """End the worker at once when the parent lets go, or is no more.

    Nothing gentler ends a process in the middle of a compiled call.
    """
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv()
    os._exit(0)


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach, from their first moment.

    It reaches all processes of a terminal; the parent decides. A new process
    takes over which signals are blocked.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def completed(
    make: MakeExecutor,
    calls: Sequence[Callable[[], Result]],
    ahead: int,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[tuple[int, Result], None, None]:
    """Call functions by an executor; give each result as soon as it is ready.

    Where a worker process ends early, its executor is made anew, and what was
    under way is called again, three times at most.

    Args:
        make: Function that gives an executor in a `with` block.
        calls: Functions without arguments that can be pickled.
        ahead: Positive integer, how many are under way or wait in the
            executor, so that memory stays bounded.
        stop: Function that says whether to give up what is under way.

    Yields:
        The number of a call, and its result.

    Raises:
        RuntimeError: If a worker ended early three times.
    """
    waiting = deque(range(len(calls)))
    attempts: Counter[int] = Counter()
    while waiting and not stop():
        under_way: dict[Future, int] = {}
        try:
            with make() as executor:
                while (waiting or under_way) and not stop():
                    while waiting and len(under_way) < ahead:
                        with _interrupts_blocked():
                            future = executor.submit(calls[waiting[0]])
                        under_way[future] = waiting.popleft()
                    # Now and then it looks whether to stop.
                    done, _ = wait(under_way, 0.2, FIRST_COMPLETED)
                    # What succeeded is given before a failure ends it all.
                    in_turn = sorted(done, key=under_way.__getitem__)
                    for future in sorted(in_turn, key=_failed):
                        result = future.result()
                        yield under_way.pop(future), result
                for future in [f for f in under_way if f.done()]:
                    if not _failed(future):
                        yield under_way.pop(future), future.result()
        except BrokenExecutor as error:
            _try_again(calls, under_way, waiting, attempts, error)


def _try_again(calls, under_way, waiting, attempts, error) -> None:
    """Put back what was under way when a worker ended; not for ever."""
    waiting.extendleft(sorted(under_way.values(), reverse=True))
    attempts.update(under_way.values() or waiting)
    number, tries = attempts.most_common(1)[0]
    if tries >= ATTEMPTS:
        raise RuntimeError(
            f"a worker process ended early {tries} times, with "
            f"{_name(calls[number])} among what it had to do. In a script, "
            f"what starts the work must be below "
            f'`if __name__ == "__main__":`; what is trained must be defined in '
            f"a module, not in a notebook; and each worker needs about half a "
            f"gigabyte of memory. With workers=1 there are none"
        ) from error


def _name(call: Callable) -> str:
    if isinstance(call, functools.partial):
        arguments = ", ".join(map(str, call.args))
        return f"{call.func.__name__}({arguments})"
    return str(call)


def in_order(
    make: MakeExecutor, calls: Sequence[Callable[[], Result]], ahead: int
) -> Iterator[Result]:
    """Give the results of calls in their order, as soon as each is ready.

    Args:
        make: As of `completed`.
        calls: As there.
        ahead: As there.
    """
    early: dict[int, Result] = {}
    following = 0
    with contextlib.closing(completed(make, calls, ahead)) as results:
        for number, result in results:
            early[number] = result
            while following in early:
                yield early.pop(following)
                following += 1


def _failed(future: Future) -> bool:
    return future.exception() is not None
