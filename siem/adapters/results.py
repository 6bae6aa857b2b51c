"""What all event stores build their answers from, so that they come out alike."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from siem.ecs import Document, FieldKind, from_millis, kind_of
from siem.query import Bucket, Page, make_cursor


def page(documents: Sequence[Document], size: int, total: int, aggregations: Mapping[str, Any]) -> Page:
    """A page of the first ``size`` documents; one more than that in ``documents`` says that there is another page."""
    shown = tuple(documents[:size])
    cursor = make_cursor(shown[-1]) if shown and len(documents) > size else None
    return Page(shown, total, cursor, aggregations)


def top(counts: Mapping[Any, int], size: int) -> tuple[Bucket, ...]:
    """The most frequent values: by count, then by value."""
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Bucket(key, count) for key, count in ranked[:size])


def histogram(counts: Counter[int]) -> tuple[Bucket, ...]:
    """Buckets in order of time; keys are milliseconds."""
    return tuple(Bucket(from_millis(key), count) for key, count in sorted(counts.items()))


def day_of(document: Document) -> str:
    """The day (UTC) a document came in: the name of its part."""
    return str(document["event.ingested"])[:10]


def extreme(field: str, value: int | float | None) -> Any:
    """A smallest or largest value as users see it: dates as ISO text, None when there is none."""
    if value is None:
        return None
    return from_millis(int(value)) if kind_of(field) is FieldKind.DATE else value
