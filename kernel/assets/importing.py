"""How a table of entries, zones or links is taken over, whichever of them it is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kernel.assets import store
from kernel.assets.changing import Ground
from kernel.assets.rows import Known, RowReader
from kernel.assets.tables import Columns, RowError, TableFile, read_table
from kernel.errors import Invalid, WeichengError
from kernel.i18n import N_
from kernel.store import Database, UnitOfWork


@dataclass(frozen=True)
class ImportReport:
    """What an import did: how many rows are good, every fault of the others, and whether the good ones were stored."""

    rows_ok: int
    rows_bad: tuple[RowError, ...]
    stored: bool


@dataclass(frozen=True)
class Import:
    """How one kind of table is taken over."""

    columns: Columns
    read: RowReader
    put: Callable[[UnitOfWork, Any, Ground], None]
    key: Callable[[Any], Any]
    column: str

    def refuse_repeated(self, value: Any, number: int, seen: dict[Any, int]) -> None:
        first = seen.setdefault(self.key(value), number)
        if first != number:
            raise Invalid(
                N_("The same entry stands in row %(row)s."),
                mend=N_("Delete one of the two rows."),
                place=self.column,
                row=first,
            )


class _Undo(Exception):
    """Ends a unit of work that shall leave nothing behind."""


def import_rows(
    database: Database,
    file: TableFile,
    plan: Import,
    ground_of: Callable[[UnitOfWork], Ground],
    imported: Callable[[UnitOfWork, int, int], None] | None,
    *,
    all_or_nothing: bool,
) -> ImportReport:
    """Take over the good rows in one transaction. ``imported`` (rows, bad) records it; None: only try, and store nothing."""
    rows, faults, heads = read_table(file, plan.columns)
    done = 0
    seen: dict[Any, int] = {}
    try:
        with database.begin() as uow:
            known, ground = known_names(uow), ground_of(uow)
            for row in rows:
                try:
                    value = plan.read(row, known)
                    plan.refuse_repeated(value, row.number, seen)
                    plan.put(uow, value, ground)
                    done += 1
                except WeichengError as error:
                    faults.append(row_error(row.number, error, heads))
            if imported is None or not done or (all_or_nothing and faults):
                raise _Undo
            imported(uow, done, len(faults))
    except _Undo:
        return ImportReport(done, in_order(faults), stored=False)
    return ImportReport(done, in_order(faults), stored=True)


def known_names(uow: UnitOfWork) -> Known:
    units = {name: unit for unit, title in store.read_units(uow.connection).items() for name in (title, unit)}
    zones = {name: zone.id for zone in store.read_zones(uow.connection) for name in (zone.name, zone.id)}
    assets = {
        name: asset.id for asset in store.read_assets(uow.connection) for name in (asset.name, asset.id)
    }
    return Known(units, zones, assets)


def row_error(number: int, error: WeichengError, heads: Mapping[str, str]) -> RowError:
    return RowError(number, heads.get(error.place, error.place), error.message, error.mend, error.params)


def in_order(faults: Iterable[RowError]) -> tuple[RowError, ...]:
    return tuple(sorted(faults, key=lambda fault: fault.row))
