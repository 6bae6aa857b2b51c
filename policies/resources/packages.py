"""Evidence packages: asked for, made by the worker, taken away."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Download,
    File,
    Filter,
    Input,
    Link,
    On,
    Record,
    Resource,
    Verb,
)
from kernel.edges.shared import SINCE, UNTIL
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from policies.assessment.model import OUTCOME_TEXTS, Outcome
from policies.package.model import Filters
from policies.package.state import PackageRow, PackageState
from policies.resources.labels import ASSESSMENT, PACKAGE_STATES, assessment_choices, chapter_choices

_OUTCOMES: Any = {"labels": {str(one): text for one, text in OUTCOME_TEXTS.items()}}


class PackageRecord(Record):
    id: str
    assessment: str
    unit: str
    state: str
    error: str
    made_at: datetime
    made_by: str
    size: int
    sha256: str
    masking: str
    controls: tuple[str, ...]
    outcomes: tuple[str, ...]
    objects: tuple[str, ...]
    sample: int
    seed: str


class Export(Input):
    assessment: str = Field(min_length=1, max_length=60, title=N_("Assessment"))
    chapters: tuple[str, ...] = Field(
        (), max_length=50, title=N_("Chapters"), description=N_("None: all of them.")
    )
    outcomes: tuple[Literal["conforms", "partly", "fails", "not_applicable", "unproven"], ...] = Field(
        (), title=N_("Outcomes"), description=N_("None: all of them."), json_schema_extra=_OUTCOMES
    )
    objects: tuple[str, ...] = Field(
        (),
        max_length=500,
        title=N_("Devices or systems"),
        description=N_("Names or ids, one a line; none: all of them."),
    )
    sample: int = Field(
        0,
        ge=0,
        le=100_000,
        title=N_("Sample"),
        description=N_("Draw so many of the results; 0: all of them."),
    )
    seed: str = Field(
        "",
        max_length=60,
        title=N_("Seed of the sample"),
        description=N_("The same seed draws the same again."),
    )
    masking: str = Field(
        "", max_length=60, title=N_("Masking"), description=N_("What is hidden in what leaves the suite.")
    )


def package_record(row: PackageRow) -> PackageRecord:
    values = {name: value for name, value in vars(row).items() if name != "filters"}
    return PackageRecord(**values | {"state": str(row.state)}, **row.filters)


def _page(app: Any, principal: Principal, ask: Ask) -> Page[PackageRecord]:
    return app.policies.lists.packages(principal, ask).map(package_record)  # type: ignore[no-any-return]


def _item(app: Any, principal: Principal, package_id: str) -> PackageRecord:
    return package_record(app.policies.lists.package(principal, package_id))


def _profiles(app: Any, _principal: Principal) -> Mapping[str, str]:
    return {profile.id: profile.title.here for profile in app.policies.packages.profiles.values()}


def _newest(app: Any, principal: Principal, _id: str) -> Mapping[str, Any]:
    return {"assessment": next(iter(assessment_choices(app, principal)), "")}


def _export(app: Any, principal: Principal, _id: str, given: Export) -> Done:
    level = app.policies.assessments.catalogue.level
    filters = Filters(
        controls=tuple(f"L{level}-{clause}" for clause in given.chapters),
        outcomes=tuple(Outcome(outcome) for outcome in given.outcomes),
        objects=given.objects,
        sample=given.sample,
        seed=given.seed,
    )
    row = app.policies.packages.request(principal, given.assessment, filters, given.masking)
    return Done(N_("The package is being made; take it away from its page."), {}, package_record(row), row.id)


def _zip(app: Any, principal: Principal, package_id: str) -> File:
    return File(f"{package_id}.zip", "application/zip", app.policies.packages.download(principal, package_id))


_P = Permission
_EXPLAIN = N_(
    "A sealed ZIP of results and evidence with a verifier that needs OpenSSL alone. That it leaves the suite is audited."
)
_CHOICES = {"assessment": assessment_choices, "chapters": chapter_choices, "masking": _profiles}
PACKAGES = Resource(
    name="policies.packages",
    title=N_("Evidence packages"),
    one=N_("Evidence package"),
    permission=_P.POLICIES_READ,
    record=PackageRecord,
    page=_page,
    item=_item,
    underway=lambda package: package.state == PackageState.MAKING,
    columns=(
        Column("made_at", N_("Asked for or made at"), Cell.TIME, sort="made_at"),
        Column("id", N_("Evidence package"), Cell.CODE),
        Column("state", N_("State"), Cell.STATE, PACKAGE_STATES),
        Column("size", N_("Size"), Cell.OCTETS, sort="size"),
        Column("sha256", N_("SHA-256 of the package"), Cell.CODE),
        Column("assessment", N_("Assessment"), Cell.CODE, link=Link("policies.assessments"), shown=False),
        Column("masking", N_("Masking"), shown=False),
        Column("error", N_("Why it could not be made"), Cell.LONG, shown=False),
        Column("controls", N_("Only these controls"), Cell.LIST, shown=False),
        Column("outcomes", N_("Only these outcomes"), Cell.LIST, shown=False),
        Column("objects", N_("Only these objects"), Cell.LIST, shown=False),
        Column("sample", N_("Sample"), Cell.NUMBER, shown=False),
        Column("seed", N_("Seed of the sample"), shown=False),
        Column("made_by", N_("Asked for by"), Cell.PERSON, shown=False),
    ),
    filters=(Filter("state", N_("State"), labels=PACKAGE_STATES), ASSESSMENT, SINCE, UNTIL),
    verbs=(
        Verb(
            "export",
            N_("Export a package"),
            _P.POLICIES_EXPORT,
            _export,
            Export,
            On.NEW,
            explain=_EXPLAIN,
            choices=_CHOICES,
            initial=_newest,
        ),
    ),
    downloads=(
        Download(
            "zip",
            N_("Evidence package (ZIP)"),
            _P.POLICIES_EXPORT,
            _zip,
            when=lambda record: record.state == PackageState.READY,
        ),
    ),
    sort="-made_at",
    facet="state",
    empty=N_("No package has been exported yet. Export one of an assessment."),
    live=True,
)
