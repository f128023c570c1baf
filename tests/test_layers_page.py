"""The page on the options of recurrent layers prints what it says it prints."""

import doctest
import inspect
import pathlib
import re

import keras
import pytest

pytestmark = pytest.mark.versions

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "layers.md"
TEXT = PAGE.read_text(encoding="utf-8")
# Between the two memories and where all is proved.
_, _, *SECTIONS, _ = re.split(r"(?m)^## ", TEXT)
OPTIONS = {
    "return_sequences",
    "return_state",
    "stateful",
    "go_backwards",
    "Bidirectional",
    "activation",
    "unit_forget_bias",
    "recurrent_activation",
    "dropout",
    "recurrent_dropout",
}


def title(section):
    return section.splitlines()[0]


def session():
    """Return the page with all that is not code blanked out."""
    kept, inside = [], False
    for line in TEXT.splitlines():
        inside = line == "```pycon" or (inside and line != "```")
        kept.append(line if inside and line != "```pycon" else "")
    return "\n".join(kept)


def test_the_page_prints_what_it_shows():
    test = doctest.DocTestParser().get_doctest(
        session(), {}, PAGE.name, str(PAGE), 0
    )
    said = []
    found = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not found.failed, "".join(said)
    assert found.attempted == len(re.findall(r"(?m)^\s*>>> ", TEXT)) > 50


def test_every_option_has_its_section_and_keras_has_the_option():
    named = [title(part).split("`")[1] for part in SECTIONS]
    assert set(named) == OPTIONS and len(named) == len(OPTIONS)
    # And shows it at work, not only in words.
    for name, part in zip(named, SECTIONS):
        code = "".join(re.findall(r"(?s)```pycon\n(.*?)```", part))
        assert re.search(rf"\b{name}\b", code)
    known = inspect.signature(keras.layers.LSTM).parameters
    # A few reach the layer by way of its base class.
    known = {*known, *inspect.signature(keras.layers.RNN).parameters}
    assert OPTIONS - known == {"Bidirectional"}
    assert issubclass(keras.layers.Bidirectional, keras.layers.Layer)


def test_the_table_leads_to_every_section():
    rows = re.findall(r"(?m)^\| \[`(\w+)`\]\(#(.*)\) \| (.*) \|$", TEXT)
    heads = [title(part) for part in SECTIONS]
    # As a reader's browser finds a heading: words joined by dashes.
    anchors = [
        re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads
    ]
    assert [anchor for _, anchor, _ in rows] == anchors
    asked = [f"`{name}`: {q[0].lower()}{q[1:]}" for name, _, q in rows]
    assert asked == heads
