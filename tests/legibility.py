"""Whether all that is written in a figure can be read."""

from matplotlib.text import Text

# The least size of a font in each style, in points.
SMALLEST = {"slides": 18, "slides_dark": 18, "notebook": 9}


def check_legible(figure, texts=None, frame=None, smallest=0.0):
    """Assert that texts are large enough, inside a frame and none on another.

    Args:
        figure: The figure, drawn in the style that is active.
        texts: The texts. Default: `None`, all of `words`.
        frame: What they must stay inside, with a bounding box. Default:
            `None`, the figure.
        smallest: Float, the least size of a font, in points. Default: 0.
    """
    figure.draw_without_rendering()
    texts = words(figure) if texts is None else list(texts)
    assert texts, "nothing is written there"
    page = (figure if frame is None else frame).bbox.padded(0.5)
    # Without the strokes that join some of them to their lines.
    boxes = [Text.get_window_extent(text) for text in texts]
    for number, (text, box) in enumerate(zip(texts, boxes)):
        assert text.get_fontsize() >= smallest, text
        whole = text.get_window_extent()
        assert page.x0 <= whole.x0 and whole.x1 <= page.x1, text
        assert page.y0 <= whole.y0 and whole.y1 <= page.y1, text
        for other in range(number):
            assert not box.overlaps(boxes[other]), (text, texts[other])


def words(figure) -> list[Text]:
    """Return the texts of a figure other than the numbers at the ticks."""
    found, legends = [*figure.texts], [*figure.legends]
    for ax in figure.axes:
        titles = (ax.title, ax._left_title, ax._right_title)
        found += [ax.xaxis.label, ax.yaxis.label, *titles, *ax.texts]
        legends += [ax.get_legend()] if ax.get_legend() else []
    for legend in legends:
        found += legend.get_texts()
    return [text for text in found if text.get_visible() and text.get_text()]
