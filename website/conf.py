"""The settings of Sphinx: `make site`, or `python website/build.py`.

Pages are Markdown and notebooks as they lie in the repository, so that links
between them work on GitHub, too. What the site adds to them, it adds here.
"""

import importlib.util
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# This clone, wherever an installed memnets may lie.
sys.path[:0] = [str(ROOT), str(ROOT / "notebooks"), str(HERE)]

import additions  # noqa: E402
import builder  # noqa: E402
import docstrings  # noqa: E402

import memnets  # noqa: E402

project = "memnets"
author = copyright = "memnets contributors"
release = version = memnets.__version__
language = "en"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
nitpicky = True
# Under a title stand the terms of the glossary, at the third level.
suppress_warnings = ["myst.header"]
exclude_patterns = ["**/.*", "extra", "memnets"]

nb_execution_mode = "off"
myst_enable_extensions = ["attrs_inline", "dollarmath"]
myst_heading_anchors = 4  # as GitHub names them

# Docstrings state types in words.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
add_module_names = False
copybutton_exclude = ".linenos, .gp, .go"

address = builder.repository(ROOT)
html_theme = "pydata_sphinx_theme"
html_title = "memnets"
html_static_path = ["static"]
html_css_files = ["memnets.css"]
html_js_files = [("memnets.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
# A summary would be fetched, which browsers refuse to a page from disk.
html_show_search_summary = False
html_sidebars = {"index": [], "figures": []}
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "memnets"},
    "navbar_align": "left",
    "collapse_navigation": True,
    "header_links_before_dropdown": 8,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], "figures": []},
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "icon_links": [
        {"name": "Source", "url": address, "icon": "fa-brands fa-git-alt"}
    ]
    if address
    else [],
}

# One file holds the program and the shapes of all letters.
MATHJAX = "sphinx-mathjax-offline"
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}
html_static_path += [
    str(
        pathlib.Path(importlib.util.find_spec(MATHJAX).origin).parent
        / "static"
        / "mathjax"
        / mathjax_path
    )
]


def setup(app):
    """Connect what the site adds."""
    # Whoever edits the files here wants all pages anew.
    here = [path.read_text("utf-8") for path in sorted(HERE.glob("*.py"))]
    app.add_config_value("website", here, "env")
    app.connect("source-read", additions.read)
    app.connect("autodoc-skip-member", docstrings.skip)
    # Before napoleon.
    app.connect("autodoc-process-docstring", docstrings.process, priority=100)
    return {"parallel_read_safe": True}
