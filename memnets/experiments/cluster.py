"""Runs on a Dask cluster, and so on SLURM, Kubernetes, or a few machines."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Iterator
from concurrent.futures import Executor


@contextlib.contextmanager
def dask_executor(address: str) -> Iterator[tuple[Executor, int]]:
    """Connect to a Dask scheduler.

    A worker that ends early is Dask's own business: it gives the work to
    another, three times at most.

    Args:
        address: String, such as `"tcp://10.0.0.1:8786"`, or the path of a
            scheduler file that ends in `.json`.

    Yields:
        A `concurrent.futures.Executor`, and how many threads its workers have.

    Raises:
        ValueError: If Dask is not installed, or nothing answers there.
        RuntimeError: If a run ended its worker each time.
    """
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise ValueError(
            "--dask needs Dask: pip install 'memnets[cluster]'"
        ) from error
    try:
        if address.endswith(".json"):  # Dask would wait for it for ever
            address = json.loads(pathlib.Path(address).read_text())["address"]
        client = Client(address, timeout="5s")
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"--dask must be the address of a scheduler that runs, such as "
            f"tcp://10.0.0.1:8786, got {address}"
        ) from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise ValueError(f"--dask: the scheduler {address} has no workers")
        try:
            yield client.get_executor(pure=False), threads
        except KilledWorker as error:
            raise RuntimeError(f"a worker ended early: {error}") from error
