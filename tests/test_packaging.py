"""What is installed, named and promised is there, and nothing else is."""

import ast
import functools
import importlib.metadata
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import memnets
from memnets.experiments.recordings import RECORDINGS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "memnets"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PAGES = ["README.md", "CONTRIBUTING.md", "data/README.md", "docs/layers.md"]


def run(*command, cwd=ROOT, **environment):
    """Run a command; fail with all it said if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def tracked() -> list[str]:
    """Return the names of the files of the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: there is no list of its files")
    listed = run(
        "git", "ls-files", "-z", "--cached", "--others", "-X", ".gitignore"
    )
    return [n for n in listed.split("\0") if n and (ROOT / n).is_file()]


def lines_of_code(path):
    """Count the lines that are neither empty, comment nor docstring."""
    text = path.read_text()
    said = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            if ast.get_docstring(node):
                first = node.body[0]
                said.update(range(first.lineno, first.end_lineno + 1))
    return sum(
        bool(line.strip())
        and not line.strip().startswith("#")
        and number not in said
        for number, line in enumerate(text.splitlines(), start=1)
    )


# Longer than others, and why: kernels are single functions to Numba, the
# catalogue is a list of figures, and the command line has all commands.
LONG_FILES = {
    "memnets/training/kernels/batch.py": 560,
    "memnets/training/kernels/online.py": 450,
    "memnets/training/kernels/stream_steps.py": 300,
    "memnets/training/kernels/lanes.py": 300,
    "memnets/figures/catalogue.py": 400,
    "memnets/__main__.py": 500,
}


def test_files_stay_short():
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        assert lines_of_code(path) <= LONG_FILES.get(name, 250), name


def test_functions_stay_short():
    long = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                length = node.end_lineno - node.lineno + 1
                if ast.get_docstring(node):
                    text = node.body[0]
                    length -= text.end_lineno - text.lineno + 1
                if length > 40:
                    long.append(f"{path.name}: {node.name}, {length} lines")
    assert not long


def test_versions_and_requirements_agree():
    assert re.fullmatch(r"\d+\.\d+\.\d+", memnets.__version__)
    try:
        installed = importlib.metadata.version("memnets")
    except importlib.metadata.PackageNotFoundError:
        installed = memnets.__version__
    assert installed == memnets.__version__
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    needed = [line for line in lines if not line.startswith("#")]
    assert needed == SETTINGS["project"]["dependencies"]


def test_every_folder_of_the_package_is_installed():
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in PACKAGE.rglob("__init__.py")
    }
    listed = SETTINGS["tool"]["setuptools"]["packages"]
    assert set(listed) == folders | {"memnets.data"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build wheel and source package from a copy, so as to leave no traces."""
    pytest.importorskip("setuptools", "77.0")
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    keep_out = shutil.ignore_patterns(".*", "build", "*.egg-info")
    shutil.copytree(ROOT / "memnets", source / "memnets", ignore=keep_out)
    shutil.copytree(ROOT / "data", source / "data", ignore=keep_out)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for kind in ("wheel", "sdist"):
        code = (
            "from setuptools import build_meta\n"
            f"build_meta.build_{kind}({str(folder)!r})"
        )
        run(sys.executable, "-c", code, cwd=source)
    return folder


@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_installed_elsewhere_it_draws_from_its_own_data(built, kind, tmp_path):
    (package,) = built.glob(kind)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    pip += ["--no-build-isolation", "--disable-pip-version-check"]
    target = tmp_path / "site"
    run(*pip, "--target", target, package)
    code = (
        "import memnets, memnets.records.data\n"
        "memnets.save_figure('recall_learning', 'out', ['png'])\n"
        "print(memnets.records.data.folder())"
    )
    said = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(target))
    assert pathlib.Path(said.splitlines()[-1]) == target / "memnets" / "data"
    assert (tmp_path / "out" / "recall_learning.png").stat().st_size > 10_000
    recorded = {f"{name}.npz" for name in RECORDINGS}
    assert recorded == {f.name for f in target.glob("memnets/data/runs/*")}


def origin(name):
    """Return what a recorded file says of the experiment and its seeds."""
    kept = memnets.recorded(name)
    if hasattr(kept, "seeds"):
        seeds = f"{kept.seeds.min()} to {kept.seeds.max()}"
    else:
        seeds = f"{kept.settings['seed']}"
    assert kept.settings["experiment"] == RECORDINGS[name].experiment
    return name, kept.settings["experiment"], seeds


def test_every_recording_is_there_with_its_origin():
    rows = re.findall(
        r"^\| `(\w+)\.npz` \| `(.*?)` \| (.*?) \|$",
        (ROOT / "data" / "README.md").read_text(),
        re.MULTILINE,
    )
    assert rows == [origin(name) for name in RECORDINGS]
    files = {path.stem for path in (ROOT / "data" / "runs").glob("*.npz")}
    assert files == set(RECORDINGS)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_what_there_is(page):
    text = (ROOT / page).read_text()
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    files = re.findall(
        r"`((?:[\w.-]+/)+[\w.-]*\.\w+|[\w-]+\.(?:py|toml))`", text
    )
    named = [name for name in links + files if "://" not in name]
    made_up = ["NN_", "NAME", "run.npz"]
    # What CONTRIBUTING's examples add.
    made_up += ["memnets/tasks/compare.py", "memnets/cells/janet.py"]
    missing = [
        name
        for name in named
        if not any(word in name for word in made_up)
        and not any((at / name).exists() for at in (folder, ROOT, PACKAGE))
    ]
    assert not missing


@functools.cache
def commands_there_are():
    """Return the commands of the command line."""
    said = run(sys.executable, "-m", "memnets", "--help")
    return set(re.findall(r"^ {4}([a-z]+)(?: |$)", said, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_targets_and_commands_there_are(page):
    text = (ROOT / page).read_text()
    # In code only: a sentence may make things, too.
    spans = re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", text, re.DOTALL)
    code = "\n".join(block or word for block, word in spans)
    targets = set(re.findall(r"^make ([a-z]+)", code, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text()
    named = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", makefile, re.M)[1]
    known = set(named.split())
    assert targets <= known
    commands = set(
        re.findall(r"^(?:\S*/|python3? -m )?memnets ([a-z]+)", code, re.M)
    )
    assert "train" in commands_there_are()
    assert commands <= commands_there_are()


def test_no_file_names_a_private_path_or_a_registry():
    private = re.compile(
        r"/(?:home|Users|root|work)/\w|/tmp/\w"
        r"|\bpypi[.]org|\bpythonhosted[.]org"
    )
    guilty = []
    for name in tracked():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        guilty += [f"{name}: {hit}" for hit in private.findall(text)]
    assert not guilty


def test_the_licence_is_mit():
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License\n")
    assert "memnets contributors" in text
    assert SETTINGS["project"]["license"] == "MIT"


def test_types_agree_where_they_help():
    pytest.importorskip("mypy")
    run(sys.executable, "-m", "mypy", "--no-error-summary", cwd=ROOT)
