"""Control points, items and how an item is decided: values read from the catalogue's documents.

Numbers follow GB/T 22239-2019 (clause, item letter) and the units of GB/T 28448-2019 (L3-CES1-01); all texts are our own.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from kernel.errors import NotFound
from kernel.evidence.model import EvidenceKind
from kernel.i18n import N_, current_language


class Automation(StrEnum):
    """How far evidence of this suite decides an item: alone, as a proposal to a person, or not at all."""

    FULL = "full"
    PARTIAL = "partial"
    MANUAL = "manual"


class Method(StrEnum):
    """Ways of assessing, GB/T 28448-2019 section 5: 访谈, 核查, 测试."""

    INTERVIEW = "interview"
    EXAMINE = "examine"
    TEST = "test"


class ObjectKind(StrEnum):
    """What an item is judged on: each device of the system, or the system as a whole."""

    DEVICE = "device"
    SYSTEM = "system"


@dataclass(frozen=True)
class Text:
    """The same in Chinese and English."""

    zh: str
    en: str

    def of(self, language: str) -> str:
        return self.en if language == "en" else self.zh

    @property
    def here(self) -> str:
        """In the reader's language."""
        return self.of(current_language())


@dataclass(frozen=True)
class Decision:
    """Which evidence speaks to an item and how it is read: ``test`` names a function of assessment.rules.

    ``field`` is a field of the record's summary, ``value`` what it is compared with, ``where`` fields and the values that
    a record must have for it to be looked at, ``per`` fields by which records of one subject stand side by side.
    """

    kind: EvidenceKind
    test: str
    field: str = ""
    value: Any = None
    where: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    per: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step of assessing an item."""

    method: Method
    text: Text


@dataclass(frozen=True)
class Item:
    """One item: ``id`` such as L3-8.1.4.1-a, ``unit`` such as L3-CES1-01."""

    id: str
    unit: str
    point: str
    letter: str
    text: Text
    automation: Automation
    object: ObjectKind
    steps: tuple[Step, ...] = ()
    decisions: tuple[Decision, ...] = ()
    not_on: frozenset[str] = frozenset()  # platforms of devices that the item is not judged on


@dataclass(frozen=True)
class Point:
    """A control point: clause such as 8.1.4.1 and its items."""

    clause: str
    title: Text
    items: tuple[Item, ...]


@dataclass(frozen=True)
class ControlClass:
    """A class of control points: clause such as 8.1.4, unit code such as CES."""

    clause: str
    code: str
    title: Text
    points: tuple[Point, ...]

    @property
    def items(self) -> Iterator[Item]:
        return (item for point in self.points for item in point.items)


@dataclass(frozen=True)
class Place:
    """An item with the class (its chapter) and the point that it stands in."""

    group: ControlClass
    point: Point
    item: Item


@dataclass(frozen=True)
class Catalogue:
    """The classes of one level and part, in clause order; ``version`` is the policy data's digest."""

    edition: str
    level: int
    part: str
    classes: tuple[ControlClass, ...]
    version: str

    @property
    def items(self) -> Iterator[Item]:
        return (item for group in self.classes for item in group.items)

    @cached_property
    def places(self) -> Mapping[str, "Place"]:
        """Every item with its class and point, by id and by unit."""
        found = [
            Place(group, point, item)
            for group in self.classes
            for point in group.points
            for item in point.items
        ]
        return {name: place for place in found for name in (place.item.id, place.item.unit)}

    def place(self, item_id: str) -> "Place":
        """Where the item of that id or unit stands; NotFound."""
        if item_id not in self.places:
            raise NotFound(N_("There is no control item %(id)s."), id=item_id[:60])
        return self.places[item_id]

    def item(self, item_id: str) -> Item:
        """The item of that id or unit; NotFound."""
        return self.place(item_id).item

    def kinds(self) -> frozenset[EvidenceKind]:
        """The kinds of evidence that any item asks for."""
        return frozenset(decision.kind for item in self.items for decision in item.decisions)


def catalogue_from(values: Iterable[Mapping[str, Any]], version: str) -> Catalogue:
    """Build from the values of the catalogue's documents, which the schema has checked."""
    listed = sorted(values, key=lambda value: _number(value["clause"]))
    first = listed[0]
    classes = tuple(_class(value) for value in listed)
    return Catalogue(first["edition"], first["level"], first["part"], classes, version)


def _number(clause: str) -> tuple[int, ...]:
    return tuple(int(part) for part in clause.split("."))


def _class(value: Mapping[str, Any]) -> ControlClass:
    prefix = f"L{value['level']}-"
    points = tuple(_point(point, prefix, value["code"]) for point in value["points"])
    return ControlClass(value["clause"], value["code"], _text(value["title"]), points)


def _point(value: Mapping[str, Any], prefix: str, code: str) -> Point:
    details = {detail["letter"]: detail for detail in value.get("details", ())}
    title = _text(value["title"])
    items = tuple(
        _item(
            f"{prefix}{value['clause']}",
            f"{prefix}{code}1-{value['unit'] + place:02d}",
            letter,
            title,
            details.get(letter),
        )
        for place, letter in enumerate("abcdefghijklmnop"[: value["items"]])
    )
    return Point(value["clause"], title, items)


def _item(point: str, unit: str, letter: str, title: Text, detail: Mapping[str, Any] | None) -> Item:
    item_id = f"{point}-{letter}"
    if detail is None:  # judged by people alone, from the standard's own text
        text = Text(f"{title.zh}（{letter} 项）", f"{title.en} (item {letter})")
        return Item(item_id, unit, point, letter, text, Automation.MANUAL, ObjectKind.SYSTEM)
    return Item(
        item_id,
        unit,
        point,
        letter,
        _text(detail["text"]),
        Automation(detail["automation"]),
        ObjectKind(detail["object"]),
        tuple(Step(Method(step["method"]), _text(step)) for step in detail["steps"]),
        tuple(_decision(decision) for decision in detail["decide"]),
        frozenset(detail.get("not_on", ())),
    )


def _decision(value: Mapping[str, Any]) -> Decision:
    where = {key: tuple(wanted) for key, wanted in value.get("where", {}).items()}
    return Decision(
        EvidenceKind(value["kind"]),
        value["test"],
        value.get("field", ""),
        value.get("value"),
        where,
        tuple(value.get("per", ())),
    )


def _text(value: Mapping[str, Any]) -> Text:
    return Text(value["zh"], value["en"])
