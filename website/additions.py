"""What the site adds to pages that GitHub shows, too: contents, buttons."""

import json
import pathlib
import re

import builder

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIGURE = re.compile(r"!\[([^\]]*)\]\(((?:\.\./)*figures/\w+?)\.(png|gif|svg)\)")
CONTENTS = "\n\n```{{toctree}}\n:hidden:\n:glob:\n\n{}\n```\n"


def read(app, page, source):
    """Add to a page what GitHub needs not: contents and buttons."""
    if not page.startswith("notebooks/"):
        source[0] = with_shades(source[0])
    if page == "index":
        folders = sorted(app.srcdir.glob("docs/*/index.md"))
        names = [f"docs/{path.parent.name}/index" for path in folders]
        source[0] = source[0].replace("docs/*/index", "\n".join(names))
    elif page == "notebooks/README":
        source[0] += CONTENTS.format("[0-9]*")
    elif page.startswith("docs/") and page.endswith("/index"):
        if "{toctree}" not in source[0]:
            source[0] += CONTENTS.format("[0-9]*")
    elif page.startswith("notebooks/"):
        name = f"{page.removeprefix('notebooks/')}.ipynb"
        source[0] = with_buttons(source[0], name, builder.repository(ROOT))


def with_shades(text):
    """Show a figure of the catalogue light or dark, as the page is."""
    return FIGURE.sub(
        r"![\1](\2.\3){.only-light .dark-light}"
        r"![\1](\2_dark.\3){.only-dark .dark-light}",
        text,
    )


def with_buttons(text, name, address):
    """Put buttons below a notebook's title, in place of Colab's own badge."""
    notebook = json.loads(text)
    cell = notebook["cells"][0]
    # The badge is a picture from elsewhere.
    badge = builder.badge(address, name)
    title, _, rest = "".join(cell["source"]).removeprefix(badge).partition("\n")
    buttons = f"{{download}}`Download the notebook <{name}>`"
    if badge:
        place = badge.rpartition("](")[2].strip()[:-1]
        buttons += f" [Open in Colab]({place})"
    div = f'<div class="buttons">\n\n{buttons}\n\n</div>'
    cell["source"] = f"{title}\n\n{div}\n{rest}"
    return json.dumps(notebook)
