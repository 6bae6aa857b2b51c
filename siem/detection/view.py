"""A document as rules look at it: values lower case, each computed once per event however many rules ask."""

from typing import Any

from siem.ecs import Document, values


class View:
    """One event under examination."""

    __slots__ = ("_lower", "_text", "document")

    def __init__(self, document: Document) -> None:
        self.document = document
        self._lower: dict[str, list[str]] = {}
        self._text: str | None = None

    def raw(self, field: str) -> list[Any]:
        return values(self.document, field)

    def lower(self, field: str) -> list[str]:
        """The field's values as lower-case text (Sigma compares without case)."""
        found = self._lower.get(field)
        if found is None:
            found = self._lower[field] = [str(value).lower() for value in values(self.document, field)]
        return found

    @property
    def text(self) -> str:
        """All values as one lower-case text: what keyword rules search, and where required literals must occur."""
        if self._text is None:
            parts = (str(value) for field in self.document for value in values(self.document, field))
            self._text = "\n".join(parts).lower()
        return self._text
