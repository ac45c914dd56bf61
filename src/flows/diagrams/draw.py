"""A view of a sketch as a picture: SVG by a small writer of our own, PNG by matplotlib.

Both come from the same list of lines and texts. Texts have the widths of `geometry.text_width`: where another font
stands in, its letters are squeezed or stretched, so that nothing overlaps on one machine and not on another.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from flows.diagrams.geometry import LINE, PIXELS, Floats, arc, cut, hits, text_width, wrapped
from flows.provenance import atomic_path, atomic_write
from flows.vensim.sketch import Arrow, Style, View, Word, unquoted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARGIN = 24.0  # pixels around a picture
SCALE = 2  # dots of a PNG for one pixel of the sketch
_ROUND = 60.0  # pixels around an arrow's head in which its mark may stand
INK, PIPE, FAINT = "#000000", "#44546a", "#8a8a8a"


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or a filled outline when `fill` is a colour; points have shape (n, 2)."""

    points: Floats
    colour: str = INK
    width: float = 1.0
    fill: str = "none"
    dashes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text around its centre."""

    x: float
    y: float
    text: str
    pixels: float
    colour: str = INK
    face: str = "Arial"
    bold: bool = False
    italic: bool = False

    @property
    def width(self) -> float:
        """Width in pixels."""
        return text_width(self.text, self.pixels, bold=self.bold)


@dataclass(frozen=True)
class Picture:
    """What a view looks like: lines first, texts over them; `box` is left, top, width and height."""

    title: str
    items: tuple[Line | Text, ...]
    box: tuple[float, float, float, float] = field(default=(0, 0, 0, 0))


def picture(view: View) -> Picture:
    """Draw a view.

    Records that are hidden, and arrows whose ends are missing, are left out, as Vensim does.
    """
    words = {w.id: w for w in view.words if not w.hide}
    arrows = [a for a in view.arrows if not a.hide and a.start in words and a.end in words]
    items: list[Line | Text] = []
    boxes = {n: _box(word, view.style) for n, word in words.items()}
    lines = {a.id: pipe_course(a, words) if a.pipe else _course(a, boxes) for a in arrows}
    for arrow in arrows:
        if arrow.pipe:
            items += _pipe(arrow, lines[arrow.id])
    for arrow in arrows:
        if not arrow.pipe:
            items += _arrow(arrow, lines[arrow.id], view.style)
    items += _signs(arrows, lines, boxes, view.style)
    for word in words.values():
        items += _word(word, view.style)
    return Picture(view.name, tuple(items), _bounds(items))


def svg(drawn: Picture, *, links: Sequence[tuple[str, str, tuple[float, float, float, float]]] = ()) -> str:
    """Write a picture as SVG.

    Parameters
    ----------
    drawn : Picture
    links : sequence of (address, words, box)
        Areas that lead somewhere: left, top, width and height of each.
    """
    left, top, width, height = drawn.box
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="{"group" if links else "img"}" '
        f"aria-label={quoteattr(drawn.title)}>",
        f"<title>{escape(drawn.title)}</title>",
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="#ffffff"/>',
    ]
    parts += [_svg_line(i) if isinstance(i, Line) else _svg_text(i) for i in drawn.items]
    parts += [
        f'<a href={quoteattr(address)}><title>{escape(said)}</title><rect x="{x:.1f}" y="{y:.1f}" '
        f'width="{w:.1f}" height="{h:.1f}" fill="transparent"/></a>'
        for address, said, (x, y, w, h) in links
    ]
    return "\n".join([*parts, "</svg>", ""])


def figure(drawn: Picture) -> Figure:
    """Draw a picture with matplotlib, one inch for 96 pixels."""
    from matplotlib.figure import Figure
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline
    from matplotlib.transforms import Affine2D

    left, top, width, height = drawn.box
    made = Figure(figsize=(width / 96, height / 96), facecolor="white")
    place = Affine2D().translate(-left, -top - height).scale(1 / width, -1 / height) + made.transFigure
    for order, item in enumerate(drawn.items):
        if isinstance(item, Line):
            broken = np.isnan(item.points[:, 0])
            points = item.points[~broken]
            codes = np.full(len(points), Outline.LINETO)
            codes[[0, *(np.flatnonzero(broken) - np.arange(broken.sum()))]] = Outline.MOVETO
            patch = PathPatch(
                Outline(points, codes), transform=place, zorder=order, linewidth=item.width * 0.75,
                facecolor=item.fill, edgecolor=item.colour, capstyle="butt", joinstyle="round",
                linestyle=(0, tuple(d * 0.75 for d in item.dashes)) if item.dashes else "solid",
            )  # fmt: skip
        elif item.text.strip():
            serif = "times" in item.face.lower()
            outline, first, last = _letters(item.text, item.pixels, _font(serif, item.bold, item.italic))
            squeeze = min(1.0, item.width / max(last - first, 1e-6))
            shift = Affine2D().translate(-(first + last) / 2, -item.pixels * 0.36).scale(squeeze, -1)
            outline = shift.translate(item.x, item.y).transform_path(outline)
            patch = PathPatch(outline, transform=place, zorder=order, facecolor=item.colour, linewidth=0)
        else:
            continue
        made.add_artist(patch)
    return made


@cache
def _font(serif: bool, bold: bool, italic: bool) -> Any:
    """The first of the usual faces that this machine has; matplotlib brings the last ones."""
    from matplotlib.font_manager import FontProperties, findfont

    faces = ["STIXGeneral"] if serif else ["Arial", "Liberation Sans", "Helvetica", "DejaVu Sans"]
    weight = "bold" if bold else "normal"
    slant: Literal["normal", "italic"] = "italic" if italic else "normal"
    for face in faces:
        wanted = FontProperties(family=[face], weight=weight, style=slant)
        try:
            findfont(wanted, fallback_to_default=False)
        except ValueError:
            continue
        return wanted
    return FontProperties(weight=weight, style=slant)


@cache
def _letters(text: str, pixels: float, font: Any) -> tuple[Any, float, float]:
    """Outline of a text, and where it begins and ends."""
    from matplotlib.path import Path as Outline
    from matplotlib.textpath import TextPath

    outline = TextPath((0, 0), text, size=pixels, prop=font)
    x = outline.vertices[outline.codes != Outline.CLOSEPOLY, 0]  # its curves stay within their points
    return outline, float(x.min(initial=0.0)), float(x.max(initial=0.0))


def write(view: View, folder: Path, stem: str) -> list[Path]:
    """Write a view as ``stem.svg`` and ``stem.png``.

    Returns
    -------
    list of pathlib.Path
        The two files.

    Raises
    ------
    ResultError
        The folder can't be written to.
    """
    drawn = picture(view)
    first = atomic_write(folder / f"{stem}.svg", svg(drawn))
    second = folder / f"{stem}.png"
    with atomic_path(second) as temporary:
        _save_png(figure(drawn), temporary)
    return [first, second]


def _save_png(made: Figure, path: Path) -> None:
    """Write a figure with a palette of its own: a quarter of the size of one in full colour."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    made.set_dpi(96 * SCALE)
    canvas: Any = FigureCanvasAgg(made)
    canvas.draw()
    whole = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    small = whole.quantize(colors=255, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette = np.array(small.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
    palette[(palette >= 252).all(axis=1)] = 255  # paper stays white
    small.putpalette(palette.reshape(-1).tolist())
    small.save(path, format="PNG", compress_level=3, dpi=(96 * SCALE, 96 * SCALE))


# Words ------------------------------------------------------------------------------------------------


def _word(word: Word, style: Style) -> list[Line | Text]:
    role = word.role
    if role == "cloud":
        return [_cloud(word)]
    if role == "valve":
        return [_valve(word)]
    if role in ("picture", "control"):
        return [Line(_rectangle(word.x, word.y, word.w, word.h), FAINT, 0.8, dashes=(4, 3))]
    border, fill, _ = word.style
    items: list[Line | Text] = []
    outline = word.outline
    if role == "loop":
        items += _loop(word)
    elif outline not in (0, 8):
        edge = _colour(border, INK) if word.styles & 1 else INK
        inside = _colour(fill, "#ffffff") if word.styles & 4 else "#ffffff"
        if role == "shadow" and not word.styles & 1:
            edge = FAINT
        points = (
            _rectangle(word.x, word.y, word.w, word.h)
            if outline == 3
            else _ellipse(word.x, word.y, word.w, word.h)
        )
        items.append(Line(points, edge, max(1.2, word.border * 1.2), inside))
    return items + _texts(word, style)


def _texts(word: Word, style: Style) -> list[Line | Text]:
    font = [*word.style[2].split("|"), "", "", "", ""][:4]
    points = int(font[1]) if font[1].isdigit() and int(font[1]) and word.styles & 8 else style.size
    attributes = font[2] if word.styles & 16 else style.attributes
    colour = _colour(font[3] if word.styles & 2 else style.font, INK)
    face = font[0] if word.styles & 32 and font[0] else style.face
    text = word.text if word.text is not None else unquoted(word.name)
    if word.kind == 12 and word.text is None:
        return []
    if word.kind == 10 and word.shadow:
        text = f"<{text}>"
    pixels = points * PIXELS
    bold = "B" in attributes
    wide = 2 * word.w + (4 if word.outline in (0, 8) else -4)
    lines = [
        line for part in text.split("\\n") for line in wrapped(part, pixels, max(wide, 30), bold=bold)
    ]  # fmt: skip
    x, y = _text_place(word, lines, pixels)
    top = y - (len(lines) - 1) / 2 * pixels * LINE
    return [
        Text(x, top + i * pixels * LINE, line, pixels, colour, face, bold, "I" in attributes)
        for i, line in enumerate(lines)
    ]


def _text_place(word: Word, lines: Sequence[str], pixels: float) -> tuple[float, float]:
    """Centre of a word's text: inside, or beside an outline that has its name elsewhere."""
    if word.outline in (0, 3, 8) or word.role == "loop":
        return word.x, word.y
    tall = len(lines) * pixels * LINE / 2
    wide = max(text_width(line, pixels) for line in lines) / 2
    match word.place:
        case 1:
            return word.x, word.y + word.h + tall
        case 2:
            return word.x - word.w - wide, word.y
        case 3:
            return word.x, word.y - word.h - tall
        case 4:
            return word.x + word.w + wide, word.y
    return word.x, word.y


def _rectangle(x: float, y: float, w: float, h: float) -> Floats:
    return np.array(
        [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h), (x - w, y - h)], dtype=float
    )


def _ellipse(x: float, y: float, w: float, h: float) -> Floats:
    angles = np.linspace(0, 2 * math.pi, 49)
    return np.column_stack([x + w * np.cos(angles), y + h * np.sin(angles)])


def _cloud(word: Word) -> Line:
    angles = np.linspace(0, 2 * math.pi, 97)
    bumps = 0.82 + 0.3 * np.abs(np.sin(3.5 * angles))
    points = np.column_stack(
        [word.x + (word.w + 3) * bumps * np.cos(angles), word.y + (word.h + 3) * bumps * np.sin(angles)]
    )
    return Line(points, PIPE, 1.0, "#ffffff")


def _valve(word: Word) -> Line:
    x, y, w, h = word.x, word.y, word.w, word.h
    if word.shape & 31 == 1:  # the pipe runs up and down
        corners = [(x - w, y - h), (x + w, y + h), (x + w, y - h), (x - w, y + h), (x - w, y - h)]
    else:
        corners = [(x - w, y - h), (x + w, y - h), (x - w, y + h), (x + w, y + h), (x - w, y - h)]
    return Line(np.array(corners, dtype=float), PIPE, 1.0, "#ffffff")


def _loop(word: Word) -> list[Line]:
    """A circle's arc with a head around the letter; outline 4 runs clockwise."""
    radius = min(word.w, word.h)
    turn = 1 if word.outline == 4 else -1
    angles = np.radians(-60 + turn * np.linspace(0, 290, 40))
    points = np.column_stack([word.x + radius * np.cos(angles), word.y + radius * np.sin(angles)])
    return [Line(points, PIPE, 1.3), _head(points, PIPE, 7, 3.2)]


# Arrows -----------------------------------------------------------------------------------------------


def course(arrow: Arrow, words: dict[int, Word], style: Style) -> Floats:
    """Points of an arrow from outline to outline."""
    return _course(arrow, {n: _box(words[n], style) for n in (arrow.start, arrow.end)})


def _course(arrow: Arrow, boxes: dict[int, tuple[float, float, float, float]]) -> Floats:
    start, end = boxes[arrow.start], boxes[arrow.end]
    a, b = (float(start[0]), float(start[1])), (float(end[0]), float(end[1]))
    handles = [p for p in arrow.points if p != (0.0, 0.0)]
    if len(handles) > 1:
        points = _dense(np.array([a, *handles, b]))
    elif arrow.shape & 31 in (1, 2, 3) and handles:
        points = arc(a, handles[0], b, steps=32)
    else:
        points = _dense(np.array([a, b]))
    points = cut(points, start, at_start=True, margin=1.0)
    return cut(points, end, at_start=False, margin=1.0)


def _box(word: Word, style: Style) -> tuple[float, float, float, float]:
    """What an arrow is cut at: a word's outline, or its letters where it has none."""
    if word.kind == 10 and word.outline in (0, 8):
        texts = [t for t in _texts(word, style) if isinstance(t, Text)]
        wide = max(t.width for t in texts) / 2 + 3
        tall = len(texts) * texts[0].pixels * LINE / 2 + 1
        return word.x, word.y, min(max(wide, 12.0), max(word.w, wide)), min(tall, max(word.h, 9.0))
    return word.x, word.y, word.w, word.h


def _dense(corners: Floats) -> Floats:
    parts = [
        p + np.linspace(0, 1, 24, endpoint=False)[:, None] * (q - p) for p, q in itertools.pairwise(corners)
    ]
    return np.vstack([*parts, corners[-1:]])


def _arrow(arrow: Arrow, points: Floats, style: Style) -> list[Line | Text]:
    if len(points) < 2 or np.hypot(*(points[-1] - points[0])) < 4:
        return []
    colour = _colour(arrow.colour if arrow.styles & 1 else style.arrows, "#0000ff")
    width = 1.0 if arrow.thickness in (0, 1) or 12 <= arrow.thickness <= 14 else 0.8 * arrow.thickness
    dashes = (4.0, 3.0) if 12 <= arrow.thickness <= 14 or arrow.initial else ()
    items: list[Line | Text] = []
    if arrow.head:
        body = _shortened(points, 5 + width)
        items += [Line(body, colour, width, dashes=dashes), _head(points, colour, 7 + 2 * width, 2.4 + width)]
    else:
        items.append(Line(points, colour, width, dashes=dashes))
    if arrow.delay & 1:
        items.append(_delay(points, colour))
    return items


def _signs(
    arrows: Sequence[Arrow],
    lines: dict[int, Floats],
    words: dict[int, tuple[float, float, float, float]],
    style: Style,
) -> list[Text]:
    """Marks of polarity beside the heads of their arrows, where they touch no word and no other arrow."""
    marked = [a for a in arrows if a.mark and not a.pipe]
    if not marked:
        return []
    boxes = np.array(list(words.values()), dtype=float)
    pieces = np.vstack([np.hstack([p[:-1], p[1:]]) for p in lines.values() if len(p) > 1])
    taken = np.zeros((0, 4))
    found = []
    for arrow in marked:
        points = lines[arrow.id]
        if len(points) < 2 or np.hypot(*(points[-1] - points[0])) < 4:
            continue
        best, least = points[-1], np.inf
        around = (np.maximum(pieces[:, :2], pieces[:, 2:]) > points[-1] - _ROUND).all(axis=1)
        around &= (np.minimum(pieces[:, :2], pieces[:, 2:]) < points[-1] + _ROUND).all(axis=1)
        close = pieces[around]
        for back in (13.0, 18.0, 24.0, 31.0, 9.0):
            base = _shortened(points, back)[-1]
            way = _shortened(points, max(back - 6.0, 0.0))[-1] - base
            way = way / max(float(np.hypot(*way)), 1e-9)
            for away in (8.0, -8.0, 10.5, -10.5):
                place = base + away * np.array([way[1], -way[0]])
                box = np.array([[*place, 3.6, 3.6]])
                over = (np.abs(boxes[:, :2] - place) < boxes[:, 2:] + 3.6).all(axis=1).sum()
                near = (np.abs(taken[:, :2] - place) < 9.0).all(axis=1).sum()
                crossed = hits(close[:, :2], close[:, 2:], box, 0.0).any(axis=1).sum()
                price = 10.0 * over + 6.0 * near + 3.0 * min(crossed, 3)
                price += abs(back - 13.0) / 12 + (abs(away) - 8.0) / 5 + 0.3 * (away < 0)
                if price < least:
                    best, least = place, float(price)
        taken = np.vstack([taken, [*best, 3.6, 3.6]])
        colour = _colour(arrow.colour if arrow.styles & 1 else style.arrows, "#0000ff")
        found.append(Text(float(best[0]), float(best[1]), arrow.mark, 13, colour, bold=True))
    return found


def _delay(points: Floats, colour: str) -> Line:
    """Two short strokes across the middle of an arrow."""
    middle = len(points) // 2
    way = points[min(middle + 1, len(points) - 1)] - points[middle - 1]
    way = way / max(float(np.hypot(*way)), 1e-9)
    across = np.array([-way[1], way[0]]) * 5
    p, q = points[middle] - 2.5 * way, points[middle] + 2.5 * way
    return Line(np.array([p - across, p + across, [np.nan, np.nan], q - across, q + across]), colour, 1.2)


def _pipe(arrow: Arrow, points: Floats) -> list[Line | Text]:
    if len(points) < 2:
        return []
    body = _shortened(points, 8) if arrow.head else points
    items: list[Line | Text] = [Line(body, PIPE, 5.5), Line(body, "#ffffff", 3.0)]
    if arrow.head:
        items.append(_head(points, PIPE, 11, 6.5))
    return items


def pipe_course(arrow: Arrow, words: dict[int, Word]) -> Floats:
    """Corners of half a pipe: along the valve's direction to its handle, then at right angles into the end."""
    valve, end = words[arrow.start], words[arrow.end]
    handles = [p for p in arrow.points if p != (0.0, 0.0)]
    start, goal = (float(valve.x), float(valve.y)), (float(end.x), float(end.y))
    if len(handles) > 1:
        corners = [start, *handles, goal]
    elif valve.kind == 11 and valve.shape & 31 == 1:
        x = handles[0][0] if handles and abs(handles[0][0] - end.x) <= end.w else start[0]
        straight = abs(start[0] - end.x) <= end.w
        corners = [start, (start[0], goal[1])] if straight else [start, (start[0], goal[1]), goal]
        if not straight and handles and abs(handles[0][1] - end.y) <= end.h:
            corners = [start, (start[0], handles[0][1]), (x if x != start[0] else goal[0], handles[0][1])]
    else:
        straight = abs(start[1] - end.y) <= end.h
        turn = handles[0][0] if handles and abs(handles[0][0] - end.x) <= end.w else goal[0]
        corners = [start, (goal[0], start[1])] if straight else [start, (turn, start[1]), (turn, goal[1])]
    kept = cut(
        _dense(np.array(corners)),
        (end.x, end.y, end.w, end.h),
        at_start=False,
        margin=4 if end.role == "cloud" else 0.5,
    )
    keep = [
        kept[0],
        *(c for c in np.array(corners)[1:-1] if (np.abs(kept - c).max(axis=1) < 0.5).any()),
        kept[-1],
    ]
    return np.array(keep)


def _shortened(points: Floats, length: float) -> Floats:
    """Take a length from a line's end."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    left = length
    for i in range(len(steps) - 1, -1, -1):
        if steps[i] > left:
            tip = points[i + 1] + (points[i] - points[i + 1]) * (left / steps[i])
            return np.vstack([points[: i + 1], tip])
        left -= steps[i]
    return points[:1].repeat(2, axis=0)


def _head(points: Floats, colour: str, length: float, half: float) -> Line:
    tip = points[-1]
    way = tip - _shortened(points, length)[-1]
    way = way / max(float(np.hypot(*way)), 1e-9)
    across = np.array([-way[1], way[0]]) * half
    base = tip - way * length
    return Line(np.array([tip, base + across, base - across, tip]), colour, 0.5, colour)


# Writers ----------------------------------------------------------------------------------------------


def _bounds(items: Sequence[Line | Text]) -> tuple[float, float, float, float]:
    low, high = np.array([np.inf, np.inf]), np.array([-np.inf, -np.inf])
    for item in items:
        if isinstance(item, Line):
            low = np.minimum(low, np.nanmin(item.points, axis=0))
            high = np.maximum(high, np.nanmax(item.points, axis=0))
        else:
            centre, half = np.array([item.x, item.y]), np.array([item.width, item.pixels]) / 2
            low, high = np.minimum(low, centre - half), np.maximum(high, centre + half)
    if not items:
        low, high = np.zeros(2), np.array([200.0, 100.0])
    low, high = low - MARGIN, high + MARGIN
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def _colour(text: str, otherwise: str) -> str:
    parts = text.split("-")
    if len(parts) == 3 and all(p.isdigit() and int(p) < 256 for p in parts):
        return "#" + "".join(f"{int(p):02x}" for p in parts)
    return otherwise


def _svg_line(line: Line) -> str:
    data, pen = [], "M"
    for x, y in line.points:
        if math.isnan(x):
            pen = "M"
            continue
        data.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    dashes = f' stroke-dasharray="{" ".join(f"{d:g}" for d in line.dashes)}"' if line.dashes else ""
    return (
        f'<path d="{"".join(data)}" fill="{line.fill}" stroke="{line.colour}" stroke-width="{line.width:g}"'
        f'{dashes} stroke-linejoin="round"/>'
    )


def _svg_text(text: Text) -> str:
    kind = "serif" if "times" in text.face.lower() else "sans-serif"
    weight = ' font-weight="bold"' if text.bold else ""
    slant = ' font-style="italic"' if text.italic else ""
    face = quoteattr(f"{text.face}, Arial, Helvetica, {kind}")
    fit = f' textLength="{text.width:.1f}" lengthAdjust="spacingAndGlyphs"' if kind == "sans-serif" else ""
    return (
        f'<text x="{text.x:.1f}" y="{text.y + text.pixels * 0.36:.1f}" font-family={face} '
        f'font-size="{text.pixels:.1f}"{weight}{slant} fill="{text.colour}" text-anchor="middle"{fit}>'
        f"{escape(text.text)}</text>"
    )
