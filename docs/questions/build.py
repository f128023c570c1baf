"""Run the code of the questions' pages; write what it prints and draws.

    python docs/questions/build.py          all pages
    python docs/questions/build.py 06 08    those whose names begin so

A block of Python that prints is followed by a block of text, which is written
anew. The blocks of one page share their names. They run in a folder of their
own that holds the tables; the PNG files that they leave there are the page's
pictures.
"""

import contextlib
import io
import os
import pathlib
import re
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# The repository is not installed everywhere; a user's own files win.
sys.path.insert(0, str(HERE.parent.parent))
os.environ.setdefault("MPLBACKEND", "agg")
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```$(?:\n\n^```text\n(?P<shown>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


def pages(prefixes=("",)):
    """Return the pages whose names begin with one of these strings."""
    found = sorted(HERE.glob("[0-9][0-9]-*.md"))
    return [page for page in found if page.name.startswith(tuple(prefixes))]


def run(page, folder):
    """Return what each block of a page shows and what it prints.

    Args:
        page: Path of the page.
        folder: The folder in which it runs.

    Returns:
        A list of pairs of strings, one for each block of Python.
    """
    text = page.read_text(encoding="utf-8")
    names, results = {"__name__": page.stem}, []
    for table in page.parent.glob("*.csv"):
        shutil.copy(table, folder)
    before = os.getcwd()
    os.chdir(folder)
    try:
        for block in BLOCK.finditer(text):
            line = text[: block.start("code")].count("\n")
            code = "\n" * line + block["code"]
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, str(page), "exec"), names)
            results.append((block["shown"] or "", printed.getvalue()))
    finally:
        os.chdir(before)
    return results


def build(page):
    """Write what a page prints into it, and its pictures beside it."""
    with tempfile.TemporaryDirectory() as folder:
        printed = iter([said for _, said in run(page, folder)])
        for picture in pathlib.Path(folder).glob("*.png"):
            shutil.copy(picture, page.parent)

    def fill(block):
        said = next(printed)
        shown = f"\n\n```text\n{said}```" if said else ""
        return f"```python\n{block['code']}```{shown}"

    text = BLOCK.sub(fill, page.read_text(encoding="utf-8"))
    new = page.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, page)


if __name__ == "__main__":
    import memnets  # noqa: F401  It sets what TensorFlow reads at its import.

    for page in pages(sys.argv[1:] or [""]):
        print(page.name)
        build(page)
