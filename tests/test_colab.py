"""memnets runs on Colab's versions and leaves Colab's packages alone.

Colab's Python has to be there: the tests that need it look for a Python 3.13
and are skipped, saying so, where there is none.

What versions can change runs a second time there: the files of tests that are
marked with `versions`, the examples in docstrings, and the notebooks. The other
files test arithmetic, files and texts of memnets alone.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

sys.path.insert(0, str(pathlib.Path(__file__).parent / "colab"))
import claim

ROOT = pathlib.Path(__file__).resolve().parent.parent
PINS = ROOT / "constraints" / "colab.txt"
INVENTORY = ROOT / "tests" / "colab" / "inventory.txt"
REQUIREMENTS = ROOT / "requirements.txt"
VERSIONS = {
    "keras": "3.13.2",
    "tensorflow": "2.20.0",
    "numpy": "2.1.3",
    "matplotlib": "3.10.0",
}
# What the tests themselves need there; the pins choose the versions.
TOOLS = (
    "hypothesis ipykernel jupytext nbclient nbformat packaging pytest "
    "scikit-learn statsmodels"
)
MINUTE = 60


@functools.cache
def colab_python() -> str | None:
    """Return a Python 3.13 that really runs, if one is found."""
    pyenv = os.environ.get("PYENV_ROOT", "~/.pyenv")
    siblings = (
        pathlib.Path(pyenv).expanduser() / "versions",
        # Beside the Python that runs the tests, wherever HOME points.
        pathlib.Path(sys.base_prefix).parent,
    )
    found = [
        path
        for folder in siblings
        for path in sorted(folder.glob("3.13*/bin/python"), reverse=True)
    ]
    for candidate in ["python3.13", *map(str, found)]:
        code = "import sys; print(*sys.version_info[:2])"
        try:
            done = subprocess.run(
                [candidate, "-c", code], capture_output=True, text=True
            )
        except OSError:
            continue
        if done.stdout.split() == ["3", "13"]:
            return candidate
    return None


needs_colab_python = pytest.mark.skipif(
    colab_python() is None,
    reason="found no Python 3.13, Colab's: nothing was tested on its versions",
)


def run(*command, minutes, **options):
    """Run a command in the clone; fail with all it said if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=minutes * MINUTE,
        **options,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def colab():
    """Return the Python of an environment with Colab's versions.

    It is kept in .venv-colab, and made anew when what it holds changes.
    """
    folder = ROOT / ".venv-colab"
    stamp, python = folder / "installed", folder / "bin" / "python"
    parts = [REQUIREMENTS.read_text(), PINS.read_text(), TOOLS, str(folder)]
    state = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != state:
        run(colab_python(), "-m", "venv", "--clear", folder, minutes=5)
        wanted = ["-r", REQUIREMENTS, *TOOLS.split()]
        pip = [python, "-m", "pip", "install", "--quiet"]
        run(*pip, "-c", PINS, *wanted, minutes=30)
        # Written last: a broken install is not taken for a whole one.
        stamp.write_text(state)
    return python


def test_the_two_lists_agree():
    inventory = claim.read(INVENTORY)
    assert len(inventory) > 600
    assert {k: inventory[k] for k in VERSIONS} == VERSIONS
    assert claim.read(PINS).items() <= inventory.items()


def test_what_memnets_needs_is_in_colab():
    inventory = claim.read(INVENTORY)
    lines = REQUIREMENTS.read_text().splitlines()
    for line in lines:
        if not line.startswith("#"):
            need = Requirement(line)
            assert inventory[need.name] in need.specifier, line


@needs_colab_python
def test_installing_memnets_changes_nothing_in_colab(tmp_path):
    run(colab_python(), "-m", "venv", tmp_path / "venv", minutes=5)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    assert claim.claim(INVENTORY, site) > 600

    def would_install(*wanted):
        """Return what pip would install, and in which version."""
        report = tmp_path / "report.json"
        pip = tmp_path / "venv" / "bin" / "python", "-m", "pip", "install"
        quietly = "--quiet", "--disable-pip-version-check"
        dry = "--dry-run", "--report", report
        run(*pip, *quietly, *dry, *wanted, minutes=10)
        entries = json.loads(report.read_text())["install"]
        return {e["metadata"]["name"] for e in entries}

    assert would_install(ROOT) == {"memnets"}
    assert would_install("-r", REQUIREMENTS) == set()
    # The trick would show a change: Colab's Keras is older than this.
    assert "keras" in would_install("keras>=3.14")


@needs_colab_python
def test_colab_versions(colab):
    names = ", ".join(VERSIONS)
    said = run(
        colab,
        "-c",
        f"import {names}\nfor m in ({names}): print(m.__name__, m.__version__)",
        minutes=5,
    )
    versions = [line.split() for line in said.splitlines()]
    assert VERSIONS.items() <= {p[0]: p[-1] for p in versions if p}.items()


def marked():
    """Return the files of tests that run a second time, by their mark."""
    line = re.compile(r"^pytestmark = .*mark\.versions\b", re.MULTILINE)
    files = sorted((ROOT / "tests").glob("test_*.py"))
    return [file for file in files if line.search(file.read_text("utf-8"))]


# Processes that share them, so that two cores are busy. There are more than
# two: all in one was once ended by an abort inside XLA, of a cause not found.
PARTS = [f"tests {part}" for part in range(4)]


@pytest.fixture(scope="module")
def second_run(colab):
    """Start all that runs on Colab's versions, two processes at a time."""
    pytest_ = [colab, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    jobs = {
        part: [*pytest_, "-m", "versions", *marked()[number :: len(PARTS)]]
        for number, part in enumerate(PARTS)
    }
    jobs["examples"] = [*pytest_, "memnets"]
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert len(marked()) > 10 and notebooks
    jobs["notebooks"] = [colab, "notebooks/builder.py", "run", *notebooks]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield {
            name: pool.submit(run, *job, minutes=30)
            for name, job in jobs.items()
        }
        pool.shutdown(cancel_futures=True)


@needs_colab_python
@pytest.mark.parametrize("job", [*PARTS, "examples", "notebooks"])
def test_it_runs_on_colab_versions(job, second_run):
    print(second_run[job].result())
