"""Use cases of detection rules: read them, test them on their examples, see how the last test went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import NotFound, WeichengError
from kernel.i18n import LANGUAGES, N_, current_language, translate
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Page, page_of
from siem.intake import RuleFolder
from siem.model import SEVERITY
from siem.store import rule_tests, upsert

TEST = "siem.test-rules"  # the job's kind
_BROKEN_FIRST = 1_000


@dataclass(frozen=True)
class RuleView:
    """A rule as it is shown. ``tested``: right, wrong, changed (since the test), untested, or broken: not in use, ``detail``
    says why; ``kind``: event, correlation or, where it is broken, ""."""

    info: Any  # siem.detection.rules.Info
    kind: str
    alerts: bool
    tested: str
    detail: str = ""
    tested_at: datetime | None = None

    @property
    def title(self) -> str:
        return str(self.info.titles.get(current_language(), self.info.name))


class RuleService:
    """The rules in use, read only: they are kept as files."""

    def __init__(self, database: Database, clock: Clock, access: Access, folder: RuleFolder) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._folder = folder
        self._loaded: tuple[object, Any] = (None, None)

    def all(self, principal: Principal) -> Any:
        """The rule set (siem.detection.rules.RuleSet): usable rules and the errors of the others."""
        self._access.require(principal, Permission.SIEM_RULE_READ)
        return self.load()

    def load(self) -> Any:
        """The rule set as the files are now; read again only when one of them has changed."""
        state = self._folder.state()
        if self._loaded[0] != state:
            from siem.detection.rules import load_rules

            self._loaded = (state, load_rules(self._folder.files()))
        return self._loaded[1]

    def page(self, principal: Principal, ask: Ask) -> Page[RuleView]:
        """Broken ones first, then the gravest; filters level, tested, kind."""
        return page_of(
            self._views(principal),
            ask,
            key=lambda rule: str(rule.info.name),
            text=lambda rule: (
                rule.info.name,
                *rule.info.titles.values(),
                *rule.info.why.values(),
                *rule.info.tags,
            ),
            filters={
                "level": lambda rule: str(rule.info.level),
                "kind": lambda rule: rule.kind,
                "tested": lambda rule: rule.tested,
            },
            orders={
                "level": lambda rule: SEVERITY.get(rule.info.level, _BROKEN_FIRST),
                "name": lambda rule: rule.info.name,
            },
            default="-level",
            facets=("tested",),
        )

    def rule(self, principal: Principal, name: str) -> RuleView:
        """By name or id."""
        found = (rule for rule in self._views(principal) if name in (rule.info.name, rule.info.id))
        view = next(found, None)
        if view is None:
            raise NotFound(N_("There is no rule %(name)s."), name=name[:80])
        return view

    def test(self, principal: Principal) -> list[Any]:
        """Every rule on its examples (list of siem.detection.examples.ExampleResult), now."""
        from siem.detection.examples import run_examples

        self._access.require(principal, Permission.SIEM_RULE_READ)
        return run_examples(self.load(), self._folder.examples())

    def ask_test(self, principal: Principal) -> str:
        """Have the worker test them and keep how it went; the job's id."""
        self._access.require(principal, Permission.SIEM_RULE_READ)
        with self._database.begin() as uow:
            job = uow.enqueue(JobRequest(TEST, key=TEST, requested_by=principal.id))
            uow.audit(principal, AuditAction.JOB_ENQUEUE, job, details={"kind": TEST})
        return job

    def keep(self, uow: UnitOfWork, results: Sequence[Any]) -> dict[str, Any]:
        """Write down how each rule's test went; the numbers of it."""
        digests = {rule.info.name: _digest(rule.info) for rule in _everything(self.load())}
        wrong: dict[str, list[str]] = {name: [] for name in (one.rule for one in results)}
        for one in results:
            if not one.ok:
                wrong[one.rule].append(f"{one.place} {one.kind}: {', '.join(one.fired) or '-'}")
        for name, faults in wrong.items():
            row = {"rule": name, "digest": digests.get(name, ""), "passed": not faults}
            told = {"detail": "\n".join(faults), "tested_at": self._clock.now()}
            upsert(uow.connection, rule_tests, ("rule",), row | told)
        return {"rules": len(wrong), "wrong": sorted(name for name, faults in wrong.items() if faults)}

    def _views(self, principal: Principal) -> list[RuleView]:
        rules = self.all(principal)
        with self._database.read() as connection:
            tests = {row.rule: row for row in connection.execute(rule_tests.select())}
        quiet = {rule.info.id for rule in rules.rules if not rule.alerts}
        single = {rule.info.id for rule in rules.rules}
        broken = [RuleView(_info_of(error), "", False, "broken", error.text()) for error in rules.errors]
        return broken + [
            RuleView(
                rule.info,
                "event" if rule.info.id in single else "correlation",
                rule.info.id not in quiet,
                *_tested(rule.info, tests.get(rule.info.name)),
            )
            for rule in _everything(rules)
        ]


def _info_of(error: WeichengError) -> Any:
    """A broken rule under the name of its place, since its own may be what is broken."""
    from siem.detection.rules import Info

    titles = {language: translate(error.message, language, **error.params) for language in LANGUAGES}
    return Info(f"broken:{error.place}", error.place, titles, "", (), error.place)


def _everything(rules: Any) -> list[Any]:
    return [*rules.rules, *rules.correlations]


def _digest(info: Any) -> str:
    return sha256_hex(info.text.encode())


def _tested(info: Any, row: Any) -> tuple[str, str, datetime | None]:
    if row is None:
        return "untested", "", None
    if row.digest != _digest(info):
        return "changed", "", row.tested_at
    return ("right" if row.passed else "wrong"), row.detail, row.tested_at
