"""Plans and level tables as data: documents in, values out, or the typed error that names file and entry. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import yaml

from backup.levels import Bound, DrLevel, LevelTable
from backup.model import (
    Aims,
    Keep,
    Layer,
    Plan,
    PlannedSet,
    PlannedSite,
    Schedule,
    SiteKind,
    Text,
)
from kernel.errors import Invalid, WeichengError
from kernel.i18n import N_


@dataclass(frozen=True)
class PlanBook:
    """All plans and level tables, and the faults of the files that could not be used."""

    plans: Mapping[str, Plan]
    levels: Mapping[str, LevelTable]
    faults: tuple[WeichengError, ...]


def load_document(text: str, place: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The YAML document, checked against its JSON schema; Invalid names the entry."""
    from jsonschema import Draft202012Validator

    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{place}:{mark.line + 1}" if mark else place
        raise Invalid(N_("This is no YAML."), mend=N_("Correct the file."), place=line) from error
    faults = sorted(Draft202012Validator(schema).iter_errors(document), key=lambda fault: list(fault.path))
    if faults:
        entry = "/".join(str(part) for part in faults[0].path) or "-"
        raise Invalid(
            N_("Entry %(entry)s is wrong: %(fault)s"),
            mend=N_("The schema beside the file says what is allowed."),
            place=place,
            entry=entry,
            fault=faults[0].message[:300],
        )
    loaded: dict[str, Any] = document
    return loaded


def parse_plan(document: Mapping[str, Any], place: str, tables: Mapping[str, LevelTable]) -> Plan:
    """A plan of a document that its schema accepts; Invalid for what a schema can not see."""
    plan = Plan(
        id=document["id"],
        title=_text(document["title"]),
        unit=document["unit"],
        engine=document["engine"],
        sets=tuple(PlannedSet(entry["source"], Layer(entry["layer"])) for entry in document["sets"]),
        sites=tuple(PlannedSite(entry["name"], SiteKind(entry["kind"])) for entry in document["sites"]),
        schedule=Schedule(**document["schedule"]),
        keep=Keep(**document["keep"]),
        aims=_aims(document["aims"]),
        checks=tuple(document["checks"]),
        coverage=timedelta(days=document["coverage_days"]),
    )
    _check_unique([entry.source for entry in plan.sets], "sets", place)
    _check_unique([site.name for site in plan.sites], "sites", place)
    _check_schedule(plan.schedule, place)
    if plan.aims.edition not in tables:
        raise Invalid(
            N_("There is no level table of %(edition)s."),
            mend=N_("Known editions: %(known)s."),
            place=f"{place}: aims/edition",
            edition=plan.aims.edition,
            known=", ".join(sorted(tables)),
        )
    return plan


def parse_levels(document: Mapping[str, Any], place: str) -> LevelTable:
    """One edition's table."""
    levels = {
        entry["number"]: DrLevel(
            entry["number"], _text(entry["name"]), _bound(entry["rto"]), _bound(entry["rpo"])
        )
        for entry in document["levels"]
    }
    if sorted(levels) != list(range(1, 7)):
        raise Invalid(N_("The levels have to be 1 to 6, each once."), place=f"{place}: levels")
    return LevelTable(
        edition=document["edition"],
        title=_text(document["title"]),
        in_force=document["in_force"],
        confidence=document["confidence"],
        source=_text(document["source"]),
        elements=tuple(_text(element) for element in document["elements"]),
        levels=levels,
    )


def longest_gap(cron: str, timezone: str = "UTC") -> timedelta:
    """The longest time between two runs of a schedule, over its next 400 occasions: the RPO it can promise at best."""
    from zoneinfo import ZoneInfo

    from kernel.jobs.queue import next_cron_time

    moments = [datetime(2026, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(timezone))]
    for _ in range(400):
        moments.append(next_cron_time(cron, moments[-1]))
    return max(later - earlier for earlier, later in pairwise(moments[1:]))


def _aims(entry: Mapping[str, Any]) -> Aims:
    return Aims(
        rpo=timedelta(minutes=entry["rpo_minutes"]),
        rto=timedelta(minutes=entry["rto_minutes"]),
        level=entry["level"],
        edition=entry["edition"],
    )


def _bound(entry: Mapping[str, Any]) -> Bound:
    minutes = entry["at_most_minutes"]
    at_most = None if minutes is None else timedelta(minutes=minutes)
    return Bound(at_most, _text(entry["text"]), entry.get("exact", True))


def _text(entry: Mapping[str, str]) -> Text:
    return Text(entry["zh"], entry["en"])


def _check_unique(names: Collection[str], entry: str, place: str) -> None:
    if len(set(names)) != len(names):
        raise Invalid(N_("A name appears twice."), place=f"{place}: {entry}")


def _check_schedule(schedule: Schedule, place: str) -> None:
    from kernel.jobs.queue import next_cron_time

    for entry, cron in vars(schedule).items():
        if cron:
            try:
                next_cron_time(cron, datetime(2026, 1, 1, tzinfo=UTC))
            except Invalid as error:
                error.place = f"{place}: schedule/{entry}"
                raise
