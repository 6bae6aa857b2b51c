"""What people call things: names in place of the ids of units and people, and an object's own headline."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from console.compose.app import App
from kernel.edges.resources import Cell, Column, Resource
from kernel.i18n import translate

_NAMED = (Cell.UNIT, Cell.PERSON)


def names_in(app: App, columns: Sequence[Column], records: Iterable[Any]) -> Mapping[str, str]:
    """Id -> name of the units and people in these columns: one query, none where no column holds any."""
    fields = [column.name for column in columns if column.cell in _NAMED]
    ids = {value for record in records for value in (getattr(record, name) for name in fields) if value}
    return app.identity.names(ids) if ids else {}


def value_of(column: Column, record: Any, names: Mapping[str, str]) -> Any:
    """The column's value as it is shown; an id without a name stays as it is."""
    value = getattr(record, column.name)
    return names.get(value, value) if column.cell in _NAMED else value


def called(resource: Resource, record: Any) -> str:
    """What the object is called, translated where its headline is one of a few known values."""
    name = resource.headline or resource.key
    value = str(getattr(record, name))
    labels = next((column.labels for column in resource.columns if column.name == name), {})
    return translate(labels[value].text) if value in labels else value
