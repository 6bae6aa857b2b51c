"""Tables of systems, assessments, remediations and packages, and the statements on them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import Column, Connection, ForeignKey, Index, Integer, Row, String, Table, Text, func, select

from kernel.identity.store import units
from kernel.store.base import Json, UtcDateTime, metadata
from policies.assessment.conclusion import Tally
from policies.assessment.model import (
    Assessment,
    Outcome,
    Reason,
    Remediation,
    RemediationState,
    Result,
    ResultState,
)
from policies.catalogue.model import ObjectKind
from policies.package.state import PackageRow, PackageState
from policies.systems.model import System, SystemState, parse_level

systems = Table(
    "policies_systems",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("unit", String(80), nullable=False, index=True),
    Column("level", String(10), nullable=False),
    Column("owner", String(200), nullable=False),
    Column("boundary", Json, nullable=False),
    Column("state", String(20), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("filing_number", String(60), nullable=False),
    Column("filed_on", String(10)),
    Column("documents", Json, nullable=False),
)

assessments = Table(
    "policies_assessments",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("system", String(60), ForeignKey("policies_systems.id"), nullable=False, index=True),
    Column("edition", String(20), nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("unit", String(80), nullable=False),
)

results = Table(
    "policies_results",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("assessment", String(60), ForeignKey("policies_assessments.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("item", String(40), nullable=False, index=True),
    Column("unit_id", String(40), nullable=False),
    Column("object_kind", String(20), nullable=False),
    Column("object_id", String(80), nullable=False),
    Column("object_name", String(200), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("proposed", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reasons", Json, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("note", Text, nullable=False),
    Column("confirmed_by", String(80), nullable=False),
    Column("confirmed_at", UtcDateTime),
    # one assessment's list in catalogue order, that of several, and the counts of outcomes
    Index("ix_policies_results_listed", "assessment", "position", "id"),
    Index("ix_policies_results_position", "position", "id"),
    Index("ix_policies_results_outcome", "assessment", "outcome", "state", "item"),
)

remediations = Table(
    "policies_remediations",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("result", String(60), ForeignKey("policies_results.id"), nullable=False, index=True),
    Column("owner", String(200), nullable=False),
    Column("due", UtcDateTime, nullable=False, index=True),
    Column("action", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
)

packages = Table(
    "policies_packages",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("assessment", String(60), ForeignKey("policies_assessments.id"), nullable=False, index=True),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("filters", Json, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("unit", String(80), nullable=False),
    Column("state", String(20), nullable=False, server_default="ready"),
    Column("error", Text, nullable=False, server_default=""),
)


# --- systems
def put_system(connection: Connection, system: System) -> None:
    """Insert or replace."""
    row = asdict(system) | {
        "level": str(system.level),
        "boundary": list(system.boundary),
        "state": str(system.state),
        "filed_on": system.filed_on.isoformat() if system.filed_on else None,
    }
    known = systems.update().where(systems.c.id == system.id).values(row)
    if connection.execute(known).rowcount == 0:
        connection.execute(systems.insert().values(row))


def get_system(connection: Connection, id_or_name: str, *, lock: bool = False) -> System | None:
    query = select(systems).where((systems.c.id == id_or_name) | (systems.c.name == id_or_name))
    row = connection.execute(query.with_for_update() if lock else query).first()
    return system_of(row) if row else None


def line_of_units(connection: Connection, unit: str) -> frozenset[str]:
    """The unit, those above it and those below it: whose evidence may speak of its systems."""
    paths = {row.id: row.path for row in connection.execute(select(units.c.id, units.c.path))}
    own = paths.get(unit, "")
    return frozenset(
        name for name, path in paths.items() if own and (path.startswith(own) or own.startswith(path))
    )


# --- assessments and results
def put_assessment(connection: Connection, assessment: Assessment, listed: Sequence[Result]) -> None:
    connection.execute(assessments.insert().values(vars(assessment)))
    rows = [_result_row(result) | {"position": place} for place, result in enumerate(listed)]
    connection.execute(results.insert(), rows)


def get_assessment(connection: Connection, assessment_id: str) -> Assessment | None:
    row = connection.execute(select(assessments).where(assessments.c.id == assessment_id)).one_or_none()
    return assessment_of(row) if row else None


def list_results(connection: Connection, assessment_id: str) -> list[Result]:
    """In catalogue order."""
    query = select(results).where(results.c.assessment == assessment_id).order_by(results.c.position)
    return [result_of(row) for row in connection.execute(query)]


def get_result(connection: Connection, result_id: str, *, lock: bool = False) -> Result | None:
    query = select(results).where(results.c.id == result_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return result_of(row) if row else None


def replace_result(connection: Connection, result: Result) -> None:
    connection.execute(results.update().where(results.c.id == result.id).values(_result_row(result)))


# --- remediations and packages
def put_remediation(connection: Connection, remediation: Remediation) -> None:
    row = vars(remediation) | {"state": str(remediation.state)}
    known = remediations.update().where(remediations.c.id == remediation.id).values(row)
    if connection.execute(known).rowcount == 0:
        connection.execute(remediations.insert().values(row))


def get_remediation(connection: Connection, remediation_id: str) -> Remediation | None:
    query = select(remediations).where(remediations.c.id == remediation_id).with_for_update()
    row = connection.execute(query).one_or_none()
    return remediation_of(row) if row else None


def list_remediations(connection: Connection, assessment_id: str) -> list[Remediation]:
    """By due date."""
    query = (
        select(remediations)
        .join(results, results.c.id == remediations.c.result)
        .where(results.c.assessment == assessment_id)
        .order_by(remediations.c.due, remediations.c.id)
    )
    return [remediation_of(row) for row in connection.execute(query)]


def put_package(connection: Connection, row: PackageRow) -> None:
    connection.execute(packages.insert().values(vars(row) | {"state": str(row.state)}))


def change_package(connection: Connection, package_id: str, values: Mapping[str, Any]) -> None:
    connection.execute(packages.update().where(packages.c.id == package_id).values(values))


def get_package(connection: Connection, package_id: str) -> PackageRow | None:
    row = connection.execute(select(packages).where(packages.c.id == package_id)).one_or_none()
    return package_of(row) if row else None


def tallies_of(connection: Connection, assessment_ids: Collection[str]) -> dict[str, list[Tally]]:
    """The results of assessments, counted."""
    columns = (results.c.assessment, results.c.item, results.c.outcome, results.c.state)
    query = select(*columns, func.count().label("number")).where(results.c.assessment.in_(assessment_ids))
    found: dict[str, list[Tally]] = {name: [] for name in assessment_ids}
    for row in connection.execute(query.group_by(*columns)):
        one = Tally(row.item, Outcome(row.outcome), ResultState(row.state), row.number)
        found[row.assessment].append(one)
    return found


def package_of(row: Row[Any]) -> PackageRow:
    values = {column.name: getattr(row, column.name) for column in packages.c}
    return PackageRow(**values | {"state": PackageState(row.state)})


def assessment_of(row: Row[Any]) -> Assessment:
    return Assessment(**{column.name: getattr(row, column.name) for column in assessments.c})


def system_of(row: Row[Any]) -> System:
    values = {column.name: getattr(row, column.name) for column in systems.c}
    filed = date.fromisoformat(row.filed_on) if row.filed_on else None
    return System(
        **values
        | {
            "level": parse_level(row.level),
            "boundary": tuple(row.boundary),
            "state": SystemState(row.state),
            "filed_on": filed,
        }
    )


def _result_row(result: Result) -> dict[str, Any]:
    return vars(result) | {
        "object_kind": str(result.object_kind),
        "outcome": str(result.outcome),
        "proposed": str(result.proposed),
        "state": str(result.state),
        "reasons": [asdict(reason) for reason in result.reasons],
        "evidence": list(result.evidence),
    }


def result_of(row: Row[Any]) -> Result:
    values = {column.name: getattr(row, column.name) for column in results.c if column.name != "position"}
    return Result(
        **values
        | {
            "object_kind": ObjectKind(row.object_kind),
            "outcome": Outcome(row.outcome),
            "proposed": Outcome(row.proposed),
            "state": ResultState(row.state),
            "reasons": tuple(Reason(**reason) for reason in row.reasons),
            "evidence": tuple(row.evidence),
        }
    )


def remediation_of(row: Row[Any]) -> Remediation:
    values = {column.name: getattr(row, column.name) for column in remediations.c}
    return Remediation(**values | {"state": RemediationState(row.state)})
