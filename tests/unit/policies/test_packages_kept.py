"""Packages that are asked for, made by the worker and taken away: each step on the record."""

import pytest
from sqlalchemy import select

from kernel.audit.chain import audit_records
from kernel.clock import FixedClock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted, Unavailable
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.queue import JobQueue
from kernel.store import Database
from kernel.store.listing import Ask
from policies.assessment.model import Outcome
from policies.jobs import handlers
from policies.package.model import Filters
from policies.package.service import require_intact
from policies.package.state import PackageState
from policies.package.tables import as_csv
from policies.resources.packages import package_record
from policies.service import PoliciesService
from policies.systems.model import System
from tests.unit.evidence.conftest import LocalSealer


@pytest.fixture
def queue(policies: PoliciesService, database: Database, clock: FixedClock, access: Access) -> JobQueue:
    made = JobQueue(database, clock, access)
    made.register(handlers(policies))
    return made


def actions(database: Database) -> list[tuple[str, str, str]]:
    with database.read() as connection:
        rows = connection.execute(select(audit_records).order_by(audit_records.c.seq))
        return [(row.action, row.actor, row.outcome) for row in rows if row.target.startswith("pkg_")]


def test_a_package_is_asked_for_made_and_taken_away(
    policies: PoliciesService,
    assessment: str,
    assessor: Principal,
    queue: JobQueue,
    database: Database,
    sealer: LocalSealer,
) -> None:
    filters = Filters(outcomes=(Outcome.FAILS,))
    asked = policies.packages.request(assessor, assessment, filters, "addresses-and-accounts")
    assert asked.state is PackageState.MAKING
    with pytest.raises(Conflict, match="not ready"):
        policies.packages.download(assessor, asked.id)
    assert queue.run_next("worker")
    made = policies.lists.package(assessor, asked.id)
    assert (made.state, made.made_by) == (PackageState.READY, assessor.id)
    data = policies.packages.download(assessor, asked.id)
    report = require_intact(data, sealer.root.certificate_pem)
    assert report.manifest is not None
    assert report.manifest.id == asked.id
    assert report.manifest.filters["outcomes"] == ["fails"]
    assert len(data) == made.size
    assert actions(database) == [
        ("jobs:job:enqueue", assessor.id, "success"),
        ("policies:package:export", "system:worker", "success"),
        ("policies:package:download", assessor.id, "success"),
    ]
    shown = package_record(made)
    assert (shown.outcomes, shown.masking, shown.sha256) == (
        ("fails",),
        "addresses-and-accounts",
        made.sha256,
    )


def test_a_package_of_the_worker_names_who_asked(
    policies: PoliciesService, assessment: str, assessor: Principal, queue: JobQueue, sealer: LocalSealer
) -> None:
    asked = policies.packages.request(assessor, assessment)
    queue.run_next("worker")
    report = require_intact(policies.packages.download(assessor, asked.id), sealer.root.certificate_pem)
    assert report.manifest is not None
    assert report.manifest.made_by == assessor.name


def test_a_package_that_can_not_be_made_says_why_and_is_asked_for_anew(
    policies: PoliciesService,
    assessment: str,
    assessor: Principal,
    queue: JobQueue,
    sealer: LocalSealer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = policies.packages.request(assessor, assessment)

    def away(_data: bytes) -> bytes:
        raise Unavailable("The signer does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(sealer, "sign", away)
        queue.run_next("worker")
    failed = policies.lists.package(assessor, asked.id)
    assert failed.state is PackageState.FAILED
    assert failed.error == Unavailable("The signer does not answer.").text()
    with pytest.raises(Conflict):
        policies.packages.download(assessor, asked.id)
    again = policies.packages.request(assessor, assessment)
    queue.run_next("worker")
    assert policies.lists.package(assessor, again.id).state is PackageState.READY
    by_state = policies.lists.packages(assessor, Ask()).facets["state"]
    assert by_state == {"failed": 1, "ready": 1}


def test_what_can_not_be_made_is_refused_before_anything_is_kept(
    policies: PoliciesService,
    assessment: str,
    assessor: Principal,
    network_admin: Principal,
    sealer: LocalSealer,
) -> None:
    ask = policies.packages.request
    with pytest.raises(Invalid, match="Nothing of the assessment"):
        ask(assessor, assessment, Filters(controls=("L3-9.9",)))
    with pytest.raises(NotFound, match="masking"):
        ask(assessor, assessment, masking="none")
    with pytest.raises(NotFound):
        ask(assessor, "asm_nothing")
    with pytest.raises(NotPermitted):
        ask(network_admin, assessment)
    sealer.ready = False
    with pytest.raises(Unavailable):
        ask(assessor, assessment)
    assert policies.lists.packages(assessor, Ask()).total == 0


def test_who_may_not_export_may_not_take_away(
    policies: PoliciesService, assessment: str, assessor: Principal, network_admin: Principal
) -> None:
    package = policies.packages.export(assessor, assessment)
    assert policies.packages.download(assessor, package.id) == package.data
    with pytest.raises(NotPermitted):
        policies.packages.download(network_admin, package.id)
    stranger = Principal("usr_s", "s", assessor.roles, "u_county", "password")
    with pytest.raises(NotFound):
        policies.packages.download(stranger, package.id)


def test_a_package_of_an_earlier_release_has_no_file_here(
    policies: PoliciesService, assessment: str, assessor: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier releases kept the digest alone."""
    package = policies.packages.export(assessor, assessment)

    def lost(_digest: str) -> bytes:
        raise NotFound("There is no stored object.")

    monkeypatch.setattr(policies.packages._blobs, "get", lost)
    with pytest.raises(NotFound) as caught:
        policies.packages.download(assessor, package.id)
    assert caught.value.mend == "Export it again."


def test_an_assessment_of_the_worker_names_who_asked(
    policies: PoliciesService,
    system: System,
    collected: dict[str, str],
    officer: Principal,
    assessor: Principal,
    queue: JobQueue,
) -> None:
    job = policies.assessments.request(officer, system.id)
    assert policies.assessments.request(officer, system.name) == job  # while it is open, it is one
    with pytest.raises(NotPermitted):
        policies.assessments.request(assessor, system.id)
    assert queue.run_next("worker")
    (listed,) = policies.lists.assessments(officer, Ask()).items
    assert listed.assessment.made_by == officer.id


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t"])
def test_no_cell_of_the_tables_acts_as_a_formula(sign: str) -> None:
    row = as_csv([[f"{sign}HYPERLINK(1)", "安全"]]).decode("utf-8-sig").splitlines()[1]
    assert row.lstrip('"').startswith(f"'{sign}")
