"""Many runs on all cores, in processes that keep what they compiled.

A worker process imports TensorFlow, builds and compiles an experiment's
network once and then trains seed after seed. The process that asks for the
runs needs no TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Result = TypeVar("Result")

# Rough seconds: until a worker's first run, and what each run takes beside
# its arithmetic; and multiplications a second.
START_UP, RUN, PACE = 5.0, 0.2, 2e10


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Something to do for each of many seeds.

    Args:
        call: Function of a seed that can be pickled.
        seeds: List of integers.
        seconds: Float, an estimate of what one seed takes.
        threads: Boolean, whether it may run in threads. Default: `False`.
    """

    call: Callable[[int], object]
    seeds: list[int]
    seconds: float
    threads: bool = False


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def seconds(experiment) -> float:
    """Estimate what one run of an experiment takes, without the start-up."""
    below, weights = len(experiment.task.inputs), 0
    for units in experiment.units:
        weights += 4 * units * (below + units + 1)
        below = units
    steps = experiment.batch_size * experiment.task.timesteps
    # Forward, and twice as much on the way back.
    return RUN + experiment.episodes * steps * 3 * weights / PACE


def worthwhile(work: float) -> int:
    """Return how many workers pay off for an estimate of seconds of work.

    Each is to save more than half of what it costs to start it.
    """
    return max(1, min(cores(), math.floor(2 * work / START_UP)))


@contextlib.contextmanager
def processes(pools: int, workers: int = 1) -> Iterator[list[Executor]]:
    """Give pools of worker processes, which end with the block.

    Args:
        pools: Positive integer, the number of pools.
        workers: Positive integer, the processes of each pool. Default: 1.
    """
    # Spawned, not forked: TensorFlow's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    made = [
        ProcessPoolExecutor(workers, context, _begin, (theirs,))
        for _ in range(pools)
    ]
    try:
        yield made
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a worker process ended early. In a script, what starts the work "
            'must be below `if __name__ == "__main__":`; what is trained must '
            "be defined in a module, not in a notebook; and each worker needs "
            "about half a gigabyte of memory. With workers=1 there are none"
        ) from error
    finally:
        ours.close()
        for pool in made:
            pool.shutdown(cancel_futures=True)
        theirs.close()


@contextlib.contextmanager
def threads(pools: int, workers: int = 1) -> Iterator[list[Executor]]:
    """Give pools of threads, for what runs without Python's lock.

    Args:
        pools: Positive integer, the number of pools.
        workers: Positive integer, the threads of each pool. Default: 1.
    """
    made = [ThreadPoolExecutor(workers) for _ in range(pools)]
    try:
        yield made
    finally:
        for pool in made:
            pool.shutdown(cancel_futures=True)


def _begin(lifeline) -> None:
    """Prepare a worker process."""
    from memnets.quiet import import_tensorflow

    threading.Thread(target=_leave, args=(lifeline,), daemon=True).start()
    # Ctrl-C reaches all processes of a terminal; the parent decides.
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    import_tensorflow(alone=True)
    import tensorflow as tf
    from tqdm import tqdm

    # Its own is shared between processes, and lost when a worker just leaves.
    tqdm.set_lock(threading.RLock())
    # There are as many workers as cores.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    # What goes wrong in Python travels to the parent; the rest is notices.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _leave(lifeline) -> None:
    """End the worker at once when the parent lets go, or is no more."""
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv()
    os._exit(0)


def in_order(
    executor: Executor,
    call: Callable[[int], Result],
    seeds: Iterable[int],
    ahead: int,
) -> Iterator[Result]:
    """Give the result for each seed, in the order of the seeds.

    Args:
        executor: Who does the work.
        call: Function of a seed that can be pickled.
        seeds: Integers.
        ahead: Positive integer, how many may be under way or waiting to be
            taken, so that memory stays bounded.
    """
    seeds = iter(seeds)
    first = itertools.islice(seeds, ahead)
    under_way = deque(executor.submit(call, seed) for seed in first)
    try:
        while under_way:
            result = under_way.popleft().result()
            for seed in itertools.islice(seeds, 1):
                under_way.append(executor.submit(call, seed))
            yield result
    finally:
        for future in under_way:
            future.cancel()


def as_completed(
    lanes: list[Executor], jobs: Iterable[Job], stop: Callable[[], bool]
) -> Iterator[object]:
    """Give the results of jobs, seed by seed, as soon as each is ready.

    A lane is one worker. It stays with a job as long as that has seeds left,
    so that few workers compile each job, and then helps where it is needed.

    Args:
        lanes: Executors of one worker each.
        jobs: What is to be done.
        stop: Function that says whether to give up what is under way.
    """
    waiting = {job: deque(job.seeds) for job in jobs}
    under_way: dict[Future, tuple[Executor, Job]] = {}

    def submit(lane, job):
        if not waiting.get(job):
            served = Counter(other for _, other in under_way.values())
            job = _neediest(waiting, served, fresh=job is None)
        if job is not None:
            future = lane.submit(job.call, waiting[job].popleft())
            under_way[future] = lane, job

    for lane in lanes:
        submit(lane, None)
    while under_way and not stop():
        # Now and then it looks whether to stop.
        done, _ = wait(under_way, 0.2, FIRST_COMPLETED)
        # What succeeded is given before a failure ends it all.
        for future in sorted(done, key=_failed):
            result = future.result()
            submit(*under_way.pop(future))
            yield result
    for future in under_way:
        if future.done() and not _failed(future):
            yield future.result()


def _neediest(waiting, served, fresh: bool) -> Job | None:
    """Return the job that needs a lane most: one that has none comes first."""
    needs = {
        job: (not served[job], len(seeds) * job.seconds / (1 + served[job]))
        for job, seeds in waiting.items()
        # A further lane has to compile, too.
        if seeds
        and (fresh or not served[job] or len(seeds) * job.seconds > START_UP)
    }
    return max(needs, key=needs.get, default=None)


def _failed(future: Future) -> bool:
    return future.exception() is not None
