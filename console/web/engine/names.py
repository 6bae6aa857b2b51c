"""What people call things: names in place of the ids of units and people, and an object's own headline."""

from collections.abc import Mapping, Sequence
from typing import Any

from console.compose.app import App
from kernel.edges.resources import Cell, Column, Resource
from kernel.i18n import translate
from kernel.identity.model import Principal

_NAMED = (Cell.UNIT, Cell.PERSON)


Names = Mapping[str, Mapping[str, str]]  # by the column's name: value -> what it is called


def names_in(app: App, principal: Principal, columns: Sequence[Column], records: Sequence[Any]) -> Names:
    """What the columns' values are called: units and people by one query, none where no column holds any."""
    named = [column.name for column in columns if column.cell in _NAMED]
    ids = {value for record in records for value in (getattr(record, name) for name in named) if value}
    known = app.identity.names(ids) if ids else {}
    asked = {column.name: column.choices(app, principal) for column in columns if column.choices is not None}
    return {**dict.fromkeys(named, known), **asked}


def value_of(column: Column, record: Any, names: Names) -> Any:
    """The column's value as it is shown; one without a name stays as it is."""
    value, known = getattr(record, column.name), names.get(column.name, {})
    if isinstance(value, tuple):
        return tuple(known.get(one, one) for one in value) if known else value
    return known.get(value, value)


def entitled(resource: Resource, record: Any) -> str:
    """The heading of the object's page: a number or a code alone would not tell what it is."""
    name = resource.headline or resource.key
    cell = next((column.cell for column in resource.columns if column.name == name), Cell.CODE)
    text = called(resource, record)
    return f"{translate(resource.one)} {text}" if cell in (Cell.NUMBER, Cell.CODE) else text


def called(resource: Resource, record: Any) -> str:
    """What the object is called, translated where its headline is one of a few known values."""
    name = resource.headline or resource.key
    value = str(getattr(record, name))
    labels = next((column.labels for column in resource.columns if column.name == name), {})
    return translate(labels[value].text) if value in labels else value
