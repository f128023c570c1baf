"""Fresh processes one after the other: what they cost, and on what machine.

Nothing here imports more than Python itself. The process that measures stays
small: Linux counts what a parent holds as the first peak of its child.
"""

import os
import pathlib
import platform
import resource
import shlex
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Failed(RuntimeError):
    """A process that was to be measured ended with an error."""


def run(
    command: list[str], pause: float | None = None
) -> tuple[str, dict[str, float]]:
    """Run a command to its end and say what it cost.

    Args:
        command: List of strings.
        pause: Positive float, the seconds between two looks at the memory of
            the process and of those it started. Default: `None`, no looks.

    Returns:
        What it printed, and a dictionary: `cpu`, the CPU-seconds, and `wall`,
        the seconds on the clock, of the process and of those it started; with
        a pause also `memory`, the most bytes that they held together.

    Raises:
        Failed: If it ended with an error.
    """
    before, start = _children(), time.perf_counter()
    environment = dict(os.environ, JAX_PLATFORMS="cpu")
    # Every player has the XLA it would have anywhere, and one thread, with
    # which all of them take the least time.
    environment.pop("XLA_FLAGS", None)
    threads = "TF_NUM_INTRAOP_THREADS", "NPROC", "OMP_NUM_THREADS"
    environment.update(dict.fromkeys(threads, "1"))
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    process = subprocess.Popen(
        command,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    memory = _Memory(process.pid)
    try:
        out, err = None, ""
        while out is None:
            try:
                out, err = process.communicate(timeout=pause)
            except subprocess.TimeoutExpired:
                memory.look()
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        last = (err.strip() or "no message").splitlines()[-1]
        raise Failed(f"{command[:4]} ended with an error: {last}")
    spent = {"wall": time.perf_counter() - start, "cpu": _children() - before}
    return out, {**spent, "memory": memory.peak} if pause else spent


def peak_memory() -> int:
    """Return the most bytes that this process has held in memory."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def compiler() -> list[str] | None:
    """Return the command of the C compiler, or `None` without one."""
    command = shlex.split(os.environ.get("CC", "")) or ["cc"]
    return command if shutil.which(command[0]) else None


def machine() -> dict[str, str]:
    """Return what a speed depends on: the processor and its vectors."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return {"processor": platform.machine(), "AVX-512": "unknown"}
    facts = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    flags = facts.get("flags", "").split()
    return {
        "processor": facts.get("model name", platform.machine()),
        "cores": str(os.cpu_count()),
        "AVX-512": "yes" if "avx512f" in flags else "no",
        "AVX2": "yes" if "avx2" in flags else "no",
    }


def _children() -> float:
    """Return the CPU seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Memory:
    """The most bytes that a process and its descendants held together.

    Memory that they share is divided among them, where Linux says so. That
    takes Linux long, so it is asked for where the plain sum has grown, and
    otherwise at every tenth look.
    """

    def __init__(self, root: int):
        self.root, self.peak, self._plain, self._looks = root, 0, 0, 0

    def look(self) -> None:
        """Look at how much they hold now."""
        tree = _tree(self.root)
        plain = sum(_held(process, "status", "VmRSS:") for process in tree)
        self._looks += 1
        if plain < 1.01 * self._plain and self._looks % 10:
            return
        self._plain = max(plain, self._plain)
        shares = [_held(process, "smaps_rollup", "Pss:") for process in tree]
        self.peak = max(self.peak, sum(shares) if all(shares) else plain)


def _tree(root: int) -> set[int]:
    """Return the numbers of a process and of its descendants."""
    parents = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold spaces.
            rest = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(status.parent.name)] = int(rest[1])
    tree = {root}
    while grown := {p for p in parents if parents[p] in tree} - tree:
        tree |= grown
    return tree


def _held(process: int, file: str, name: str) -> int:
    """Return the bytes of an entry, 0 where it cannot be read."""
    try:
        lines = pathlib.Path("/proc", str(process), file).read_text()
    except OSError:
        return 0
    for line in lines.splitlines():
        if line.startswith(name):
            return 1024 * int(line.split()[1])
    return 0
