"""A small drawing board for SVG files: accessible by title and text, nothing inline but presentation attributes."""

import math
from xml.sax.saxutils import escape, quoteattr

INK = "#1d2733"
MUTED = "#55606e"
GRID = "#dfe4ea"
PALETTE = ("#1a5fb4", "#b35c00", "#1a7035", "#8b3fa8", "#b3261e", "#0f7480")
TONES = {"good": "#1a7035", "warn": "#8a5300", "bad": "#b3261e", "busy": "#1a5fb4", "quiet": "#55606e"}
FONTS = "system-ui, 'Noto Sans CJK SC', 'Source Han Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"


class Canvas:
    """A white sheet of that size in pixels, headed by its title. All texts are escaped here and nowhere else."""

    def __init__(self, title: str, width: float, height: float) -> None:
        self._width, self._height = width, height
        self._title = title
        self._parts: list[str] = []
        self.text(20, 24, cut(title, 80), size=15)

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        colour: str,
        *,
        width: float = 1,
        dashed: bool = False,
    ) -> None:
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self._parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"{dash}/>'
        )

    def path(self, strokes: str, colour: str, *, dashed: bool = False) -> None:
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self._parts.append(f'<path d="{strokes}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>')

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2" fill="{colour}"/>'
        )

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        """The outline of a zone."""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="8" fill="#f6f8fb" stroke="{GRID}"/>'
        )

    def node(self, x: float, y: float, label: str, colour: str, *, url: str = "", whole: str = "") -> None:
        """A named box around that middle; its whole name is its title."""
        parts = (
            f"<g><title>{clean(whole or label)}</title>"
            f'<rect x="{x - 90:.1f}" y="{y - 18:.1f}" width="180" height="36" rx="5" fill="#ffffff"'
            f' stroke="{colour}" stroke-width="1.6"/>'
            f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle" fill="{INK}">{clean(label)}</text></g>'
        )
        inside = url.startswith("/") and not url.startswith(("//", "/\\")) and url.isprintable()
        self._parts.append(f"<a href={quoteattr(url)}>{parts}</a>" if inside else parts)

    def text(
        self, x: float, y: float, text: str, *, anchor: str = "start", colour: str = INK, size: int = 12
    ) -> None:
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{clean(text)}</text>'
        )

    def svg(self) -> str:
        """The whole file."""
        size = f'width="{self._width:.0f}" height="{self._height:.0f}" viewBox="0 0 {self._width:.0f} {self._height:.0f}"'
        title = clean(self._title)
        named = title.replace('"', "&quot;")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{named}" '
            f'font-family="{FONTS}" font-size="12"><title>{title}</title>'
            f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(self._parts)}</svg>'
        )


def clean(text: str) -> str:
    """Text that XML 1.0 can hold, escaped: characters it forbids become a replacement character."""
    return escape("".join(sign if _allowed(sign) else "\ufffd" for sign in text))


def _allowed(sign: str) -> bool:
    number = ord(sign)
    return (
        number in (9, 10, 13) or (32 <= number <= 0xD7FF) or 0xE000 <= number <= 0xFFFD or number >= 0x10000
    )


def cut(text: str, most: int) -> str:
    """No more than ``most`` characters' width; Chinese ones count twice."""
    room = most
    for position, sign in enumerate(text):
        room -= 2 if ord(sign) > 0x2E80 else 1
        if room < 0:
            return text[: max(0, position - 1)] + "…"
    return text


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``: about five, 1, 2 or 5 times a power of ten apart."""
    span = (high - low) or abs(high) or 1.0
    rough = max(span / 4, 1e-12)  # no finer than their decimal places
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * 0.999)
    first = math.floor(low / step)
    return [round(number * step, 12) for number in range(first, math.ceil(high / step) + 1)] or [0.0, 1.0]
