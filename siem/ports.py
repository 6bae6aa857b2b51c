"""What this room needs from outside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from siem.ecs import Document
from siem.query import Page, Search


@dataclass(frozen=True)
class IndexReport:
    """What became of a batch: newly stored, and already there under the same ``event.id``."""

    stored: int
    duplicates: int


@dataclass(frozen=True)
class Part:
    """One deletable part of the store (a day): its events' number and their first and last ``event.ingested``."""

    name: str
    events: int
    first: datetime
    last: datetime


class EventStore(Protocol):
    """Keeps events and answers questions about them; one conformance suite runs on every implementation."""

    def index(self, documents: Sequence[Document]) -> IndexReport:
        """Store the documents; durable and searchable on return. One already there is counted, not stored again."""
        ...

    def search(self, search: Search) -> Page:
        """Answer a question; Invalid when it is not one of the model's."""
        ...

    def fetch(self, ids: Iterable[str]) -> dict[str, Document]:
        """The events with these ids, as far as they are there."""
        ...

    def parts(self) -> list[Part]:
        """The store's parts, oldest first."""
        ...

    def delete_before(self, moment: datetime) -> list[Part]:
        """Delete whole parts whose last event was ingested before ``moment``; returns what was deleted."""
        ...

    def close(self) -> None: ...
