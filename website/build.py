"""Build the site: `make site`, or `python website/build.py`."""

import argparse
import os
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# This clone, wherever an installed memnets may lie.
sys.path.insert(0, str(ROOT))

try:
    import pages
except ImportError as error:
    sys.exit(f"website/build.py: {error}; pip install -e '.[docs]'")

# What a page links to and what is a page lie as in the repository.
PARTS = [
    *("benchmarks", "constraints", "data", "docs", "figures", "memnets"),
    *("notebooks", "CONTRIBUTING.md", "LICENSE", "README.md"),
]


def stage(target: pathlib.Path) -> pathlib.Path:
    """Lay out what Sphinx reads: the repository and what is written from it.

    Pages that are as before keep their time, so that Sphinx reads only what
    has changed.

    Args:
        target: The folder to write to; it is created if needed.

    Returns:
        The folder of the sources.
    """
    source = target / "source"
    for name in PARTS:
        lay(ROOT / name, source / name)
    lay(ROOT / "figures", source / "extra" / "figures")
    for page in (ROOT / "website").glob("*.md"):
        lay(page, source / page.name)
    written = pages.reference() | pages.figures(ROOT / "figures")
    for path in {*source.glob("api/**/*.*")} - {*map(source.joinpath, written)}:
        path.unlink()
    for name, text in written.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
    return source


def lay(place: pathlib.Path, target: pathlib.Path) -> None:
    """Lay a file or a folder somewhere else, without a copy where possible."""
    if place.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        hidden = shutil.ignore_patterns(".*", "__pycache__")
        shutil.copytree(place, target, ignore=hidden, copy_function=link)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        link(place, target)


def link(place, target) -> None:
    """Give a file a second name, or copy it with its time."""
    # Not a symbolic link: MyST follows those, and would leave the folder.
    try:
        os.link(place, target)
    except OSError:
        shutil.copy2(place, target)


def is_old(page: pathlib.Path) -> bool:
    """Return whether the playground is missing, or older than its code."""
    code = [*(ROOT / "memnets" / "browser").glob("*.*")]
    newest = max(path.stat().st_mtime for path in code)
    return not page.exists() or page.stat().st_mtime < newest


def build(target, builder="html", options=()) -> int:
    """Build the site, with the playground on it; a warning is an error.

    Args:
        target: The folder to write to. Pages are in its folder `html`.
        builder: String, `"html"`, or `"linkcheck"`, which asks whether the
            addresses of other sites are there.
        options: Strings, further options of `sphinx-build`.

    Returns:
        The exit code of Sphinx.
    """
    from sphinx.cmd.build import build_main

    import memnets

    target = pathlib.Path(target).resolve()
    source = stage(target)
    page = source / "extra" / "playground.html"
    if builder == "html" and is_old(page):
        memnets.playground().save(page)
    return build_main(
        [
            *("-b", builder, "-n", "-W", "--keep-going", "-q"),
            *("-c", str(ROOT / "website"), "-d", str(target / "doctrees")),
            *("-D", f"html_extra_path={source / 'extra'}", *options),
            *(str(source), str(target / builder)),
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="website/build.py")
    parser.add_argument("--out", default=ROOT / "build" / "site")
    parser.add_argument("--fresh", action="store_true", help="forget the last")
    parser.add_argument("--links", action="store_true", help="of other sites")
    options = parser.parse_args(arguments)
    out = pathlib.Path(options.out)
    if options.fresh:
        shutil.rmtree(out, ignore_errors=True)
    try:
        code = build(out, "linkcheck" if options.links else "html")
    except (OSError, ValueError) as error:
        print(f"website/build.py: {error}", file=sys.stderr)
        return 1
    if not (code or options.links):
        print(f"the site is in {out / 'html' / 'index.html'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
