"""Control status per class as an inline SVG: a stacked bar a class. No script, no font, no request."""

from collections.abc import Mapping, Sequence
from html import escape

from kernel.i18n import translate
from policies.assessment.model import OUTCOME_TEXTS, Outcome, Result
from policies.catalogue.model import Catalogue

COLOURS: Mapping[Outcome, str] = {
    Outcome.CONFORMS: "#2e9e5b",
    Outcome.PARTLY: "#e0a100",
    Outcome.FAILS: "#c9362f",
    Outcome.UNPROVEN: "#b8c0cc",
    Outcome.NOT_APPLICABLE: "#e6e9ee",
}
_LEFT, _WIDTH, _ROW, _TOP = 150, 620, 30, 44


def control_status(results: Sequence[Result], catalogue: Catalogue, language: str = "zh_CN") -> str:
    """An SVG with one bar for each class, its length shared by the results' outcomes."""
    height = _TOP + _ROW * len(catalogue.classes) + 12
    parts = [_legend(language)]
    for place, group in enumerate(catalogue.classes):
        items = {item.id for item in group.items}
        counts = _counts([result for result in results if result.item in items])
        parts.append(_bar(group.title.of(language), counts, _TOP + place * _ROW, language))
    label = escape(translate("Control status", language))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 60} {height}" role="img" '
        f'aria-label="{label}" font-family="sans-serif" font-size="13">{"".join(parts)}</svg>'
    )


def _counts(results: Sequence[Result]) -> dict[Outcome, int]:
    return {outcome: sum(result.outcome is outcome for result in results) for outcome in COLOURS}


def _bar(title: str, counts: Mapping[Outcome, int], y: int, language: str) -> str:
    total = sum(counts.values())
    pieces = [f'<text x="{_LEFT - 8}" y="{y + 16}" text-anchor="end" fill="#222">{escape(title)}</text>']
    x = float(_LEFT)
    for outcome, count in counts.items():
        if not count:
            continue
        width = _WIDTH * count / total
        name = escape(translate(OUTCOME_TEXTS[outcome], language))
        pieces.append(
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="22" fill="{COLOURS[outcome]}">'
            f"<title>{name}: {count}</title></rect>"
        )
        if width > 22:
            ink = "#222" if outcome in (Outcome.UNPROVEN, Outcome.NOT_APPLICABLE, Outcome.PARTLY) else "#fff"
            pieces.append(
                f'<text x="{x + width / 2:.1f}" y="{y + 16}" text-anchor="middle" fill="{ink}">{count}</text>'
            )
        x += width
    pieces.append(f'<text x="{_LEFT + _WIDTH + 8}" y="{y + 16}" fill="#222">{total}</text>')
    return "".join(pieces)


def _legend(language: str) -> str:
    pieces = []
    for place, (outcome, colour) in enumerate(COLOURS.items()):
        x = _LEFT + place * 124
        name = escape(translate(OUTCOME_TEXTS[outcome], language))
        pieces.append(
            f'<rect x="{x}" y="12" width="14" height="14" fill="{colour}"/>'
            f'<text x="{x + 19}" y="24" fill="#222">{name}</text>'
        )
    return "".join(pieces)
