"""Which addresses the certificate inventory looks at."""

from datetime import datetime
from typing import Any

from pydantic import Field

from ca.inventory.model import Range
from kernel.edges.resources import Cell, Column, Done, Input, On, Record, Resource, Verb
from kernel.edges.shared import UNIT, Reason, reason_field, unit_names
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page

_P = Permission


class RangeRecord(Record):
    id: str
    name: str
    network: str
    ports: tuple[int, ...]
    unit: str
    unit_name: str
    enabled: bool
    changed_by: str
    changed_at: datetime | None


class AddRange(Input):
    name: str = Field(min_length=1, max_length=200, title=N_("Name"))
    network: str = Field(
        max_length=60,
        title=N_("Address range"),
        description=N_(
            "Such as 10.1.2.0/24: private, or within a zone of the register; at most 4,096 addresses."
        ),
    )
    ports: tuple[int, ...] = Field((443,), max_length=16, title=N_("Ports"), description=N_("One a line."))
    unit: str = Field(max_length=80, title=N_("Unit that answers for it"))
    reason: str = reason_field()


class ChangeRange(Input):
    name: str = Field(min_length=1, max_length=200, title=N_("Name"))
    ports: tuple[int, ...] = Field(max_length=16, title=N_("Ports"), description=N_("One a line."))
    enabled: bool = Field(True, title=N_("Is looked at"))
    reason: str = reason_field()


def range_record(found: Range) -> RangeRecord:
    return RangeRecord(**vars(found))


def _ranges(app: Any, principal: Principal, ask: Ask) -> Page[RangeRecord]:
    return app.ca.inventory.ranges.page(principal, ask).map(range_record)  # type: ignore[no-any-return]


def _range(app: Any, principal: Principal, range_id: str) -> RangeRecord:
    return range_record(app.ca.inventory.ranges.show(principal, range_id))


def _add(app: Any, principal: Principal, _id: str, given: AddRange) -> Done:
    made = app.ca.inventory.ranges.add(principal, **given.model_dump())
    return Done(
        N_("%(network)s is looked at from the next scan on."),
        {"network": made.network},
        range_record(made),
        made.id,
    )


def _change(app: Any, principal: Principal, range_id: str, given: ChangeRange) -> Done:
    made = app.ca.inventory.ranges.change(principal, range_id, **given.model_dump())
    return Done(N_("The range is changed."), record=range_record(made), id=range_id)


def _remove(app: Any, principal: Principal, range_id: str, given: Reason) -> Done:
    app.ca.inventory.ranges.remove(principal, range_id, given.reason)
    return Done(N_("The range is looked at no more."))


def _as_it_is(app: Any, principal: Principal, range_id: str) -> dict[str, Any]:
    found = app.ca.inventory.ranges.show(principal, range_id)
    return {"name": found.name, "ports": found.ports, "enabled": found.enabled}


def _scan_one(app: Any, principal: Principal, range_id: str, _given: Any) -> Done:
    job = app.ca.inventory.request(principal, (range_id,))
    return Done(N_("The network is being scanned."), job=job, id=range_id)


RANGES = Resource(
    name="ca.ranges",
    title=N_("Ranges of the certificate inventory"),
    one=N_("Range of the certificate inventory"),
    permission=_P.CA_INVENTORY_READ,
    record=RangeRecord,
    page=_ranges,
    item=_range,
    headline="name",
    columns=(
        Column("name", N_("Name")),
        Column("network", N_("Address range"), Cell.CODE),
        Column("ports", N_("Ports"), Cell.LIST),
        Column("unit_name", N_("Unit that answers for it")),
        Column("enabled", N_("Is looked at"), Cell.FLAG),
        Column("changed_by", N_("Changed by"), Cell.PERSON, shown=False),
        Column("changed_at", N_("Changed at"), Cell.TIME, shown=False),
        Column("id", N_("Range number"), Cell.CODE, shown=False),
    ),
    filters=(UNIT,),
    verbs=(
        Verb(
            "add",
            N_("Add a range"),
            _P.CA_INVENTORY_WORK,
            _add,
            AddRange,
            On.NEW,
            choices={"unit": unit_names},
            explain=N_(
                "TLS endpoints at these addresses and ports are asked for their certificates every night."
            ),
        ),
        Verb(
            "change",
            N_("Change the range"),
            _P.CA_INVENTORY_WORK,
            _change,
            ChangeRange,
            key="e",
            initial=_as_it_is,
        ),
        Verb(
            "scan",
            N_("Scan this range now"),
            _P.CA_INVENTORY_WORK,
            _scan_one,
            key="o",
            when=lambda record: record.enabled,
        ),
        Verb("remove", N_("Remove the range"), _P.CA_INVENTORY_WORK, _remove, Reason, danger=True),
    ),
    sort="-made",
    empty=N_("No range is looked at yet. Add one; it is scanned every night."),
)
