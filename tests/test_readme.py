"""The README's commands and its Python do what they say."""

import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def run(words, folder):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_run_one_after_the_other(tmp_path):
    commands = re.findall(r"(?m)^    memnets (.*)$", README)
    assert len(commands) >= 5
    for command in commands:
        # As typed, but for the number of seeds, which takes minutes.
        words = command.replace("--seeds 32", "--seeds 1")
        words = shlex.split(words.replace("100-131", "100-100"))
        run(["-m", "memnets", *words], tmp_path)
    slides = {path.name for path in (tmp_path / "slides").iterdir()}
    assert {"recall_learning.svg", "learning_dark.pdf", "inside.png"} <= slides
    assert (tmp_path / "run.npz").exists()
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 5


def test_the_python_runs(tmp_path):
    code = "\n".join(re.findall(r"(?s)```python\n(.*?)```", README))
    # As printed, but for the number of seeds.
    code = code.replace("range(32)", "range(2)")
    checked = (
        f"{code}\nassert run.outputs.shape == (3001, 1, 20, 2)\n"
        f"assert [len(run.losses) for run in runs] == [3000, 3000]\n"
    )
    run(["-c", checked], tmp_path)
