"""Detection rules, read only: they are kept as files; their test is a job."""

from datetime import datetime
from typing import Any

from kernel.edges.resources import Cell, Column, Done, Filter, Nothing, On, Record, Related, Resource, Verb
from kernel.i18n import N_, current_language
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from siem.resources.labels import LEVELS, RULE_KINDS, TESTED
from siem.rulebook import RuleView


class RuleRecord(Record):
    name: str
    title: str
    level: str
    kind: str
    alerts: bool
    tags: tuple[str, ...]
    why: str
    harmless: tuple[str, ...]
    tested: str
    tested_at: datetime | None
    test_detail: str
    place: str
    text: str
    number: str


def record_of(rule: RuleView) -> RuleRecord:
    info, language = rule.info, current_language()
    return RuleRecord(
        name=info.name,
        title=rule.title,
        level=info.level,
        kind=rule.kind,
        alerts=rule.alerts,
        tags=info.tags,
        why=info.why.get(language, ""),
        harmless=info.harmless.get(language, ()),
        tested=rule.tested,
        tested_at=rule.tested_at,
        test_detail=rule.detail,
        place=info.place,
        text=info.text,
        number=info.id,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[RuleView] = app.siem.rules.page(principal, ask)
    return page.map(record_of)


def _item(app: Any, principal: Principal, name: str) -> RuleRecord:
    return record_of(app.siem.rules.rule(principal, name))


def _test(app: Any, principal: Principal, _id: str, _given: Nothing) -> Done:
    return Done(N_("The rules are being tested."), job=app.siem.rules.ask_test(principal))


RULES = Resource(
    name="siem.rules",
    title=N_("Detection rules"),
    one=N_("Detection rule"),
    permission=Permission.SIEM_RULE_READ,
    record=RuleRecord,
    page=_page,
    item=_item,
    key="name",
    headline="title",
    sort="-level",
    facet="tested",
    searched=True,
    audited=False,
    empty=N_("There is no rule that fits."),
    columns=(
        Column("level", N_("Level"), Cell.STATE, LEVELS, sort="level"),
        Column("title", N_("Name of the rule")),
        Column("name", N_("Rule"), Cell.CODE, sort="name"),
        Column("why", N_("What it means and what to do"), Cell.LONG, shown=False),
        Column("harmless", N_("What may set it off without harm"), Cell.LIST, shown=False),
        Column("tags", N_("Tags"), Cell.LIST),
        Column("kind", N_("Works on"), Cell.STATE, RULE_KINDS),
        Column("alerts", N_("Raises alerts of its own"), Cell.FLAG),
        Column("tested", N_("Examples"), Cell.STATE, TESTED),
        Column("tested_at", N_("Tested"), Cell.TIME, shown=False),
        Column("test_detail", N_("What the test found"), Cell.LONG, shown=False),
        Column("place", N_("File and line"), Cell.CODE, shown=False),
        Column("number", N_("Number"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("level", N_("Level"), labels=LEVELS),
        Filter("kind", N_("Works on"), labels=RULE_KINDS),
        Filter("tested", N_("Examples"), labels=TESTED),
    ),
    verbs=(
        Verb(
            "test",
            N_("Test the rules"),
            Permission.SIEM_RULE_READ,
            _test,
            on=On.LIST,
            explain=N_("Every rule is tried on lines that must set it off and on lines that must not."),
        ),
    ),
    related=(Related(N_("Alerts of this rule"), "siem.alerts", lambda rule: {"rule": rule.name}),),
)
