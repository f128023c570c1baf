"""The site: built without a warning, whole, and of one piece."""

import html.parser
import itertools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

import builder
import pytest

import memnets
from memnets import FIGURES, Experiment, Recall, playground

ROOT = pathlib.Path(__file__).resolve().parent.parent
NEEDED = "myst_nb pydata_sphinx_theme sphinx_copybutton".split()
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PUBLIC = [
    name
    for name in memnets.__all__
    if not isinstance(getattr(memnets, name), type(memnets))
]


class Reader(html.parser.HTMLParser):
    """Collects what a page links to, what it loads, and its anchors."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.anchors = [], [], set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[k] for k in ("id", "name") if given.get(k)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "link" and "href" in given:
            self.loads.append(given["href"])
        for key in ("src", "srcset", "data", "poster"):
            if tag != "a" and given.get(key):
                self.loads.append(given[key].split()[0])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The whole site; its playground shows a small network."""
    for name in NEEDED:
        pytest.importorskip(name)
    out = tmp_path_factory.mktemp("site")
    extra = out / "source" / "extra"
    extra.mkdir(parents=True)
    run = Experiment(Recall(), units=(3, 2), episodes=2).run()
    playground(run, checkpoints=1).save(extra / "playground.html")
    done = subprocess.run(
        [sys.executable, str(ROOT / "website" / "build.py"), "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=out,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "WARNING: " not in re.sub(r"WARNING: All log.*", "", done.stderr)
    return out / "html"


@pytest.fixture(scope="module")
def pages(site):
    """What is in each page, by its path."""
    found = sorted(site.rglob("*.html"))
    # The theme leaves a template of its own there.
    return {p: Reader(p) for p in found if "_static" not in p.parts}


def test_links_lead_to_pages_files_and_anchors_there_are(site, pages):
    wrong, seen = [], 0
    for path, page in pages.items():
        for link in page.links + page.loads:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            seen += 1
            place = urllib.parse.unquote(parts.path)
            target = path if not place else (path.parent / place).resolve()
            anchor = urllib.parse.unquote(parts.fragment)
            if not target.is_file():
                wrong.append(f"{path.relative_to(site)}: {link}")
            elif anchor and anchor not in pages[target].anchors:
                wrong.append(f"{path.relative_to(site)}: {link}")
    assert seen > 5000 and not wrong


def test_no_page_and_no_style_loads_from_elsewhere(site, pages):
    loads = {link for page in pages.values() for link in page.loads}
    assert any(
        link.endswith("memnets.js") or "memnets.js?" in link for link in loads
    )
    assert not [a for a in loads if re.match(r"(?!data:)(\w+:|//)", a)]
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", styles)


def test_front_page_has_a_film_three_doors_and_the_playground(site):
    text = (site / "index.html").read_text("utf-8")
    doors = re.findall(r'<div class="door">(.*?)</div>\n</div>', text, re.S)
    who = [re.search(r"<strong>(.*?)</strong>", door)[1] for door in doors]
    assert who == ["For a lecturer", "For a student", "For an experimenter"]
    first = [
        re.sub(r"<.*?>", "", re.search("<pre>(.*?)</pre>", d, re.S)[1])
        for d in doors
    ]
    assert [line.strip() for line in first] == [
        "make figures",
        "make lab",
        "memnets compare recall",
    ]
    for shade in ("", "_dark"):
        assert f'src="figures/recall_animation{shade}.gif"' in text
    assert text.count("prefers-reduced-motion") == 2
    assert '<iframe id="playground" src="playground.html"' in text


def test_every_public_name_has_its_page(site):
    found = {path.stem: path for path in site.glob("api/*/*.html")}
    assert set(found) - {"index"} == set(PUBLIC)
    for name in PUBLIC:
        assert f'id="memnets.{name}"' in found[name].read_text("utf-8"), name
    paths = [str(path).lower() for path in site.rglob("*.html")]
    assert len(set(paths)) == len(paths)


def test_a_docstring_is_rendered_with_links_and_code(site):
    text = (site / "api/in-the-browser/playground.html").read_text("utf-8")
    assert 'title="memnets.Run"' in text  # a link to another page
    assert "<strong>checkpoints</strong>" in text
    assert "&gt;&gt;&gt; </span>" in text and "Args:" not in text


def test_every_document_notebook_and_figure_is_in_it(site):
    for path in (ROOT / "docs").rglob("*.md"):
        page = site / path.relative_to(ROOT).with_suffix(".html")
        assert page.is_file(), page
    for source in builder.sources(ROOT):
        text = (site / f"notebooks/{source.stem}.html").read_text("utf-8")
        assert re.search(
            rf'href="\.\./_downloads/\w+/{source.stem}\.ipynb"', text
        )
        assert text.count("<img") >= 5
    text = (site / "figures.html").read_text("utf-8")
    shown = {path.name for path in (ROOT / "figures").iterdir()}
    assert set(re.findall(r'href="figures/(.*?)" download', text)) == shown
    said = re.sub(r"<.*?>", "", text)
    for name, entry in FIGURES.items():
        assert f"memnets figures {name}" in said
        assert entry.needs_run or f'id="{name.replace("_", "-")}"' in text


def find_browser():
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def test_pages_from_disk_ask_nothing_of_the_network(site):
    api = pytest.importorskip("playwright.sync_api")
    if not find_browser():
        pytest.skip(f"no browser found: {', '.join(BROWSERS)}")
    asked, wrong = [], []
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox"]
        )
        page = browser.new_page(color_scheme="dark")
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((site / "notebooks/04_gradients.html").as_uri())
        page.wait_for_selector("mjx-container svg")
        page.goto((site / "search.html").as_uri() + "?q=carousel")
        page.wait_for_selector("#search-results li a")
        assert "Glossary" in page.inner_text("#search-results")
        page.goto((site / "index.html").as_uri())
        # It is loaded when it comes into view.
        page.locator("#playground").scroll_into_view_if_needed()
        frame = page.frame_locator("#playground")
        frame.locator('#memnets[data-theme="dark"] svg').first.wait_for(
            state="attached"
        )
        # The frame follows the button of the page around it.
        page.evaluate("document.documentElement.dataset.theme = 'light'")
        frame.locator('#memnets[data-theme="light"]').wait_for()
        browser.close()
    assert wrong == []
    assert len(asked) > 20
    assert not [a for a in asked if not a.startswith(("file:", "data:"))]


@pytest.fixture
def modules(monkeypatch):
    for name in NEEDED:
        pytest.importorskip(name)
    monkeypatch.syspath_prepend(ROOT / "website")


@pytest.mark.parametrize("address", ["", "https://github.com/a/b"])
def test_buttons_stand_in_place_of_the_badge(modules, address):
    import additions

    name = "01_recall.ipynb"
    notebook = json.loads((ROOT / "notebooks" / name).read_text("utf-8"))
    title = "".join(notebook["cells"][0]["source"])
    title = title[title.index("# ") :]
    notebook["cells"][0]["source"] = builder.badge(address, name) + title
    text = json.dumps(notebook)
    cell = json.loads(additions.with_buttons(text, name, address))["cells"][0]
    lines = cell["source"].splitlines()
    assert lines[0] == title.splitlines()[0]
    assert "colab-badge" not in cell["source"]
    assert f"<{name}>" in cell["source"]
    button = f"[Open in Colab]({builder.COLAB}/github/a/b/blob/main/notebooks"
    assert (f"{button}/{name})" in cell["source"]) == bool(address)


def test_a_figure_in_a_text_is_light_or_dark_as_the_page_is(site):
    text = (site / "README.html").read_text("utf-8")
    for shade, suffix in (("light", ""), ("dark", "_dark")):
        (image,) = re.findall(
            rf"<img [^>]*cells_matrix{suffix}\.png[^>]*>", text
        )
        assert f"only-{shade}" in image and "How many of 32" in image


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Takes `Run` and `x`.", "Takes :py:obj:`~memnets.Run` and ``x``."),
        ("W_ is a * b.", r"W\_ is a \* b."),
        ("h = a * b_", ".. code-block:: none\n\n    h = a * b_"),
        (">>> a_ * 2\n4", ">>> a_ * 2\n4"),
    ],
)
def test_docstrings_are_plain_text(modules, said, written):
    import docstrings

    assert docstrings.translate(said) == written


def test_groups_are_those_of_the_package(modules):
    import pages

    groups = pages.groups()
    names = list(itertools.chain(*groups.values()))
    assert sorted(names) == sorted(PUBLIC)
    assert "Elman" in groups["The networks"]
    assert groups["Looking inside"] == ["trace", "gradient_flow"]
