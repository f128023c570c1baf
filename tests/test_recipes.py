"""The recipes run as they are printed, one after another."""

import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def run(folder, *words):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{words}\n{done.stderr}"
    return done.stdout


def test_the_recipes_run(tmp_path):
    blocks = re.findall(r"```(sh|python)\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) >= 10
    commands = [c for k, b in blocks if k == "sh" for c in b.splitlines()]
    for command in commands:
        # As printed, but for the number of seeds and of episodes to compare.
        words = command.replace("100-115", "100-101")
        words = words.replace("--seeds 32", "--seeds 2 --episodes 50")
        program, *words = shlex.split(words.replace("--seeds 8", "--seeds 1"))
        assert program == "memnets"
        run(tmp_path, "-m", "memnets", *words)
    python = "\n".join(block for kind, block in blocks if kind == "python")
    checks = """
assert len(table) == 6 and set(table["cell"]) == {"lstm", "gru", "simple_rnn"}
assert len(frame) == 16 and len(results("sweep.csv")) == 8 + 4 + 16
assert len(results("all.csv")) == 3
assert longer.episodes == 2000 and len(run.losses) == 2000
assert layer.forget_gate.shape == (1, 20, 5)
"""
    said = run(tmp_path, "-c", python + checks)
    assert "Run(recall, 2000 episodes" in said
    slides = {path.name for path in (tmp_path / "slides").iterdir()}
    wanted = "learning answers loss inside learning_notebook loss_dark"
    assert {f"{name}.png" for name in wanted.split()} <= slides
    assert "<text" in (tmp_path / "slides" / "loss.svg").read_text()
