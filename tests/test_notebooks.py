"""The notebooks agree with their sources; their first cell finds memnets."""

import base64
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import builder
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = [source.stem for source in builder.sources(ROOT)]
ADDRESS = "https://github.com/someone/memory"


def written(name):
    path = ROOT / "notebooks" / f"{name}.ipynb"
    return json.loads(path.read_text("utf-8"))


def source_of(cell):
    return "".join(cell["source"])


def setup_cell(name):
    cells = written(name)["cells"]
    (cell,) = [c for c in cells if "setup" in c["metadata"].get("tags", ())]
    return source_of(cell)


def drawn(cell):
    return any("image/png" in o.get("data", {}) for o in cell["outputs"])


@pytest.fixture
def clone(tmp_path):
    """A copy of what the badges are written into."""
    root = tmp_path / "clone"
    left_out = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(ROOT / "notebooks", root / "notebooks", ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def set_repository(root, address):
    path = root / "pyproject.toml"
    text = re.sub(
        r'(?m)^repository = ".*"', f'repository = "{address}"', path.read_text()
    )
    path.write_text(text)


def texts(root):
    return {p: p.read_text("utf-8") for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_its_source(name):
    wanted = builder.read_source(ROOT / "notebooks/source" / f"{name}.py")
    cells = written(name)["cells"]
    assert [(c["cell_type"], source_of(c)) for c in cells] == [
        (c.cell_type, c.source) for c in wanted.cells
    ]
    assert [c["id"] for c in cells] == [c.id for c in wanted.cells]


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_executed_clean_and_small(name):
    notebook = written(name)
    assert notebook["metadata"] == builder.METADATA
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    counts = [c["execution_count"] for c in code]
    assert counts == list(range(1, len(code) + 1))
    assert sum(map(drawn, code)) >= 5
    for cell in code:
        kinds = {o["output_type"] for o in cell["outputs"]}
        assert "error" not in kinds
        assert "stderr" not in {o.get("name") for o in cell["outputs"]}
        assert set(cell["metadata"]) <= {"tags"}
    path = ROOT / "notebooks" / f"{name}.ipynb"
    text = path.read_text("utf-8")
    assert str(ROOT) not in text
    assert not re.search(r"/(home|root|tmp|Users)/", text)
    assert path.stat().st_size <= 400_000


@pytest.mark.parametrize("name", NAMES)
def test_cells_breathe(name):
    cells = written(name)["cells"]
    sizes = [
        len(source_of(c).splitlines())
        for c in cells
        if c["cell_type"] == "code" and "tags" not in c["metadata"]
    ]
    assert max(sizes) <= 20
    assert sorted(sizes)[len(sizes) // 2] <= 8
    for cell, after in itertools.pairwise(cells):
        if cell["cell_type"] == "code" and drawn(cell):
            text = source_of(after)
            assert text.startswith("**What to see.**"), source_of(cell)
            sentences = re.findall(r"[.?!:](?=\s+[A-Z]|$)", text[16:])
            assert 1 <= len(sentences) <= 3, text


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_no_wider_than_a_page(name):
    for cell in written(name)["cells"]:
        for output in cell.get("outputs", ()):
            picture = output.get("data", {}).get("image/png")
            if picture:
                header = base64.b64decode("".join(picture))[:24]
                assert 400 <= int.from_bytes(header[16:20], "big") <= 1000


@pytest.mark.parametrize("name", NAMES)
def test_exercises_have_folded_solutions(name):
    notebook = written(name)
    text = "\n".join(
        source_of(c) for c in notebook["cells"] if c["cell_type"] == "markdown"
    )
    exercises = text.split("## Exercises")[1]
    assert re.findall(r"(?m)^\*\*(\d)\. ", exercises) == ["1", "2", "3"]
    assert exercises.count("<details>") == exercises.count("</details>") == 3
    assert len(builder.find_solutions(notebook)) == 3


@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs_from_top_to_bottom_and_so_do_its_solutions(name):
    path = ROOT / "notebooks" / f"{name}.ipynb"
    before = path.read_bytes()
    seconds = builder.run(path, solutions=True)
    assert seconds < builder.LIMIT
    assert path.read_bytes() == before


def test_setup_cell_is_the_same_everywhere_and_comes_first():
    assert len({setup_cell(name) for name in NAMES}) == 1
    for name in NAMES:
        first = [c for c in written(name)["cells"] if c["cell_type"] == "code"]
        assert first[0]["metadata"]["tags"] == ["setup", "hide-input"]


def run_setup(folder, address=""):
    """Run the setup cell with a pip that only says what it is asked for."""
    line = f'ADDRESS = "{address}"'
    cell, count = re.subn(r'(?m)^ADDRESS = ".*"$', line, setup_cell(NAMES[0]))
    assert count == 1
    code = [
        "import subprocess, sys",
        "def pip(command, check):",
        "    print('PIP', *command[1:])",
        "subprocess.run = pip",
        cell,
        "print('FOUND', importlib.util.find_spec('memnets'))",
    ]
    environment = {**os.environ, "PYTHONPATH": ""}
    # Neither the folder of the script nor an installed memnets may help.
    command = [sys.executable, "-I", "-S", "-c", "\n".join(code)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )


def test_setup_cell_finds_a_clone_from_anywhere_inside(tmp_path):
    (tmp_path / "parent").mkdir()
    package = tmp_path / "parent" / "memnets" / "memnets"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    inner = package.parent / "notebooks"
    inner.mkdir()
    # From beside an unpacked zip too, which may be called memnets itself.
    for folder in (package.parent, inner, tmp_path / "parent"):
        done = run_setup(folder)
        assert done.returncode == 0, done.stderr
        assert str(package / "__init__.py") in done.stdout
        assert "PIP" not in done.stdout


def test_setup_cell_outside_says_what_to_do(tmp_path):
    done = run_setup(tmp_path)
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("ModuleNotFoundError: memnets is not here.")
    assert "zip" in message


def test_setup_cell_outside_installs_from_the_address(tmp_path):
    done = run_setup(tmp_path, ADDRESS)
    assert done.returncode == 0, done.stderr
    assert f"PIP -m pip install -q git+{ADDRESS}" in done.stdout


def test_badges_are_written_and_taken_out_again(clone):
    set_repository(clone, "")
    builder.write_badges(clone)
    before = texts(clone)
    assert builder.write_badges(clone) == []
    set_repository(clone, "someone/memory")
    changed = builder.write_badges(clone)
    assert [path.stem for path in changed] == NAMES
    assert builder.write_badges(clone) == []
    for path in changed:
        notebook = json.loads(path.read_text("utf-8"))
        top = source_of(notebook["cells"][0])
        assert top.startswith("[![Open In Colab](https://colab.")
        assert f"someone/memory/blob/main/notebooks/{path.name})\n\n# " in top
        assert f'ADDRESS = "{ADDRESS}"' in source_of(notebook["cells"][1])
        source = clone / "notebooks" / "source" / f"{path.stem}.py"
        wanted = builder.read_source(source)
        assert [source_of(c) for c in notebook["cells"]] == [
            c.source for c in wanted.cells
        ]
        assert [c["id"] for c in notebook["cells"]] == [
            c.id for c in wanted.cells
        ]
    set_repository(clone, "")
    builder.write_badges(clone)
    assert texts(clone) == before


def test_notebooks_have_the_address_of_the_setting(clone):
    assert builder.write_badges(clone) == []


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("", ""),
        ("a/b", "https://github.com/a/b"),
        ("https://github.com/a/b.git", "https://github.com/a/b"),
        ("https://github.com/a/b/", "https://github.com/a/b"),
        ("https://gitlab.org/a/b", "https://gitlab.org/a/b"),
    ],
)
def test_repository(clone, given, address):
    set_repository(clone, given)
    assert builder.repository(clone) == address


def test_wrong_repository_is_refused(clone):
    set_repository(clone, "memory")
    with pytest.raises(ValueError, match="must be empty, OWNER/NAME"):
        builder.repository(clone)


def test_no_badge_where_colab_cannot_open_it(clone):
    set_repository(clone, "https://gitlab.org/a/b")
    changed = builder.write_badges(clone)
    assert [path.stem for path in changed] == NAMES
    for path in changed:
        text = path.read_text("utf-8")
        assert "Open In Colab" not in text
        assert r"ADDRESS = \"https://gitlab.org/a/b\"" in text


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_notices_are_taken_out_and_warnings_stay(stream):
    pytest.importorskip("nbformat")
    from nbformat import v4

    notices = (
        "WARNING: All log messages before absl::InitializeLog() is called\n"
        "I0000 00:00:1.5 7 port.cc:153] oneDNN custom operations are on.\n"
        "WARNING:tensorflow:5 out of the last 5 calls to <f at 0x7f>\n"
        "  2%|1         | 80/4000 [00:04<03:16, 20.0 episodes/s]\n"
        "memnets compiles its training kernel, once for this installation\n"
    )
    warning = "<string>:1: RuntimeWarning: overflow encountered in exp\n"
    cell = v4.new_code_cell(
        outputs=[
            v4.new_output("stream", name=stream, text=notices),
            v4.new_output("stream", name=stream, text=notices + warning),
        ]
    )
    notebook = v4.new_notebook(cells=[cell])
    builder.tidy(notebook)
    assert [output.text for output in notebook.cells[0].outputs] == [warning]


def test_unknown_notebook_is_refused(capsys):
    assert builder.main(["build", "03_nothing"]) == 1
    assert "notebook must be one of 01_recall" in capsys.readouterr().err


def test_a_failing_notebook_has_exit_code_1(tmp_path, capsys):
    pytest.importorskip("nbclient")
    import nbformat

    cell = nbformat.v4.new_code_cell("1 / 0")
    path = tmp_path / "broken.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    assert builder.main(["run", str(path)]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
