"""The baseline rules in force, to look at."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    Input,
    On,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import SEVERITIES
from kernel.i18n import N_, current_language
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from netops.compliance.rules import Rule
from netops.resources.labels import platforms


class RuleRecord(Record):
    id: str
    title: str
    severity: str
    controls: tuple[str, ...]
    platforms: tuple[str, ...]
    standard: str
    rationale: str


class Configuration(Input):
    platform: str = Field(title=N_("Platform"))
    text: str = Field(
        title=N_("The whole configuration"), max_length=800_000, json_schema_extra={"widget": "area"}
    )


def _record(rule: Rule) -> RuleRecord:
    language = current_language()
    return RuleRecord(
        id=rule.id,
        title=rule.title.text(language),
        severity=rule.severity.value,
        controls=rule.controls,
        platforms=tuple(sorted(rule.platforms)),
        standard=rule.standard,
        rationale=rule.rationale.text(language),
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Rule] = app.netops.rules.page(principal, ask)
    return page.map(_record)


def _item(app: Any, principal: Principal, rule: str) -> RuleRecord:
    return _record(app.netops.rules.get(principal, rule))


def _check(app: Any, _principal: Principal, _id: str, given: Configuration) -> Done:
    report = app.netops.check_text(given.text, given.platform)
    rows: list[Mapping[str, Any]] = [
        {
            N_("Line number"): one.line or "",
            N_("Severity"): one.severity.value,
            N_("Finding"): app.netops.rules.title(one.rule),
            N_("Line of the configuration"): one.text,
            N_("Commands that mend it"): "\n".join(one.mend),
        }
        for one in report.deviations
    ]
    numbers = {"rules": report.rules_run, "lines": report.lines, "unread": len(report.unread)}
    return Done(
        N_("%(rules)d rules, %(lines)d lines, %(unread)d of them not understood."), params=numbers, rows=rows
    )


RULES = Resource(
    name="netops.rules",
    title=N_("Baseline rules"),
    one=N_("Baseline rule"),
    permission=Permission.NETOPS_FINDING_READ,
    record=RuleRecord,
    page=_page,
    item=_item,
    headline="title",
    sort="rule",
    facet="severity",
    columns=(
        Column("id", N_("Rule"), Cell.CODE, sort="rule"),
        Column("title", N_("Title")),
        Column("severity", N_("Severity"), Cell.STATE, labels=SEVERITIES, sort="severity"),
        Column("controls", N_("Control items"), Cell.LIST),
        Column("platforms", N_("Platforms"), Cell.LIST, choices=platforms),
        Column("rationale", N_("Why it matters"), Cell.LONG, shown=False),
        Column("standard", N_("Standard"), shown=False),
    ),
    filters=(
        Filter("severity", N_("Severity"), labels=SEVERITIES),
        Filter("platform", N_("Platform"), choices=platforms),
    ),
    verbs=(
        Verb(
            "check",
            N_("Check a configuration"),
            Permission.NETOPS_FINDING_READ,
            _check,
            Configuration,
            on=On.LIST,
            choices={"platform": platforms},
            explain=N_("Nothing is stored and no device is asked."),
        ),
    ),
    related=(Related(N_("Findings"), "netops.findings", lambda rule: {"rule": rule.id}),),
    audited=False,
)
