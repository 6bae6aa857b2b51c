"""Reads plans and level tables from the policy folder; a broken file is reported and leaves the others usable."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from backup.levels import LevelTable
from backup.model import Plan
from backup.plans import PlanBook, load_document, parse_levels, parse_plan
from kernel.errors import Invalid, WeichengError
from kernel.i18n import N_

T = TypeVar("T")


def read_plan_book(folder: Path) -> PlanBook:
    """Everything below ``folder``: ``*.yaml`` are plans, ``levels/*.yaml`` editions, ``schema/*.json`` their schemas."""
    faults: list[WeichengError] = []
    levels_schema, plan_schema = (_schema(folder, name) for name in ("levels", "plan"))

    def levels_of(path: Path) -> LevelTable:
        return parse_levels(_document(path, levels_schema), path.name)

    tables = {table.edition: table for table in _each(folder / "levels", levels_of, faults)}

    def plan_of(path: Path) -> Plan:
        return parse_plan(_document(path, plan_schema), path.name, tables)

    plans: dict[str, Plan] = {}
    for plan in _each(folder, plan_of, faults):
        if plan.id in plans:
            faults.append(Invalid(N_("There are two plans %(plan)s."), place=str(folder), plan=plan.id))
        plans.setdefault(plan.id, plan)
    return PlanBook(plans, tables, tuple(faults))


def _each(folder: Path, parse: Callable[[Path], T], faults: list[WeichengError]) -> Iterator[T]:
    for path in sorted(folder.glob("*.yaml")):
        try:
            yield parse(path)
        except WeichengError as error:
            faults.append(error)


def _document(path: Path, schema: Mapping[str, Any]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(N_("This file can not be read."), place=path.name) from error
    return load_document(text, path.name, schema)


def _schema(folder: Path, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "schema" / f"{name}.json").read_text(encoding="utf-8"))
    return loaded
