"""Run commands in fresh processes and measure what they cost.

This module imports no framework, because the measuring process must stay
small: Linux counts a parent's memory as the first peak of its child.
"""

import contextlib
import importlib.metadata
import os
import pathlib
import platform
import re
import resource
import shlex
import shutil
import subprocess
import time

import psutil

ROOT = pathlib.Path(__file__).resolve().parent.parent


class BenchmarkError(RuntimeError):
    """A measurement failed or cannot be compared."""


def run(
    command: list[str], interval: float | None = None
) -> tuple[str, dict[str, float]]:
    """Run a command to its end and measure its cost.

    Args:
        command: List of strings.
        interval: Positive float, the seconds between two samples of the
            memory of the process and its descendants. Default: `None`, no
            samples.

    Returns:
        What the command printed, and a dictionary: `cpu`, the CPU seconds,
        and `wall`, the wall-clock seconds, of the process and its
        descendants; with an interval also `memory`, the most bytes they held
        together.

    Raises:
        BenchmarkError: If the command ended with an error.
    """
    before, start = _children_cpu(), time.perf_counter()
    process = subprocess.Popen(
        command,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err, peak = _communicate(process, interval)
    if process.returncode:
        last = (err.strip() or "no message").splitlines()[-1]
        raise BenchmarkError(f"{command[:4]} ended with an error: {last}")
    wall, cpu = time.perf_counter() - start, _children_cpu() - before
    cost = {"wall": wall, "cpu": cpu}
    return out, {**cost, "memory": peak} if interval else cost


def _communicate(process, interval) -> tuple[str, str, int]:
    """Wait for a process; return its output, its errors and peak memory."""
    memory = _TreeMemory(process.pid)
    try:
        while True:
            try:
                out, err = process.communicate(timeout=interval)
                return out, err, memory.peak
            except subprocess.TimeoutExpired:
                memory.sample()
    finally:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    """Return equal conditions for all: no options of XLA, one thread."""
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    environment.pop("XLA_FLAGS", None)
    # Every implementation takes the least CPU time with one thread.
    threads = "TF_NUM_INTRAOP_THREADS", "NPROC", "OMP_NUM_THREADS"
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **environment,
        **dict.fromkeys(threads, "1"),
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
    }


def _children_cpu() -> float:
    """Return the CPU seconds of all child processes that have ended."""
    # psutil has no such times on macOS, and on Linux only hundredths.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _TreeMemory:
    """The peak memory of a process and its descendants together.

    Shared memory is counted once where the system reports it (`pss`).
    Reading that takes 20 milliseconds for a process with TensorFlow, so it is
    read only when the resident memory has grown, and at every tenth sample.
    """

    def __init__(self, pid: int):
        self.root, self.peak = psutil.Process(pid), 0
        self._resident, self._samples = 0, 0

    def sample(self) -> None:
        """Measure how much they hold now."""
        tree = [self.root]
        with contextlib.suppress(psutil.Error):
            tree += self.root.children(recursive=True)
        resident = _total(tree, _resident)
        self._samples += 1
        if resident < 1.01 * self._resident and self._samples % 10:
            return
        self._resident = max(resident, self._resident)
        self.peak = max(self.peak, _total(tree, _proportional))


def _total(processes: list[psutil.Process], measure) -> int:
    """Sum a measure over the processes that still run."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += measure(process)
    return total


def _resident(process: psutil.Process) -> int:
    return process.memory_info().rss


def _proportional(process: psutil.Process) -> int:
    """Return the memory with shared memory divided, where that is known."""
    memory = process.memory_full_info()
    return getattr(memory, "pss", memory.rss)


def compiler() -> list[str] | None:
    """Return the command of the C compiler, or `None` without one."""
    command = shlex.split(os.environ.get("CC", "")) or ["cc"]
    return command if shutil.which(command[0]) else None


def machine() -> dict[str, str]:
    """Return the processor and its vector instructions."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    model = re.search(r"^model name\s*: (.+)", text, re.MULTILINE)
    flags = re.search(r"^flags\s*: (.+)", text, re.MULTILINE)

    def has(flag: str) -> str:
        if not flags:
            return "unknown"
        return "yes" if flag in flags[1].split() else "no"

    return {
        "processor": model[1] if model else platform.machine(),
        "cores": str(psutil.cpu_count()),
        "AVX-512": has("avx512f"),
        "AVX2": has("avx2"),
    }


def versions() -> dict[str, str]:
    """Return the versions of what is installed, importing none of it."""
    found = {"python": platform.python_version()}
    for package in ("tensorflow", "keras", "numpy", "torch", "jax"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    if compiler():
        command = [*compiler(), "--version"]
        done = subprocess.run(command, capture_output=True, text=True)
        found["C compiler"] = (done.stdout.splitlines() or ["unknown"])[0]
    return found
