"""A scripted ceremony: items confirmed one by one before witnesses, taken up after a kill, minutes that OpenSSL verifies."""

import json
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ca.cli import commands
from ca.hierarchy.model import Ceremony, CeremonyState
from ca.hierarchy.plan import CeremonyPlan, plan_from_file
from ca.service import CaService
from ca.signer.memory import MemorySigner
from ca.signer.model import KeyRole
from kernel.canonical import sha256_hex
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotPermitted, Unavailable
from kernel.evidence.model import EvidenceKind
from kernel.evidence.service import EvidenceService
from kernel.identity.model import Principal
from kernel.store import Database
from kernel.store.listing import Ask
from tests.support.hierarchy import confirm_all
from tests.unit.ca.conftest import build

WITNESS = "张敏"


@pytest.fixture
def built(database: Database, clock: FixedClock, tmp_path: Path) -> tuple[CaService, EvidenceService]:
    return build(database, clock, MemorySigner(clock=clock), tmp_path / "ca")


@pytest.fixture
def ca(built: tuple[CaService, EvidenceService]) -> CaService:
    return built[0]


def plan(ca: CaService, officer: Principal) -> CeremonyPlan:
    """The government's hierarchy, its root's key in the signer."""
    found = ca.ceremonies.plan(officer, "卫城市大数据局", (WITNESS, "吴静"), "government")
    return replace(found, root=replace(found.root, offline=False))


@pytest.fixture
def begun(ca: CaService, officer: Principal, second_officer: Principal) -> str:
    ceremony = ca.ceremonies.propose(officer, plan(ca, officer))
    ca.ceremonies.perform(second_officer, ceremony)
    return ceremony


def next_number(ca: CaService, officer: Principal, ceremony: str) -> int:
    step = ca.ceremonies.show(officer, ceremony).next
    assert step is not None
    return step.number


def test_nothing_is_made_before_the_room_is_ready(ca: CaService, begun: str, officer: Principal) -> None:
    found = ca.ceremonies.show(officer, begun)
    assert found.state is CeremonyState.RUNNING
    assert (found.next.number, found.next.act) == (1, "confirm")  # type: ignore[union-attr]
    assert ca.authorities() == []


def test_items_are_confirmed_in_order_by_who_is_there(
    ca: CaService, begun: str, officer: Principal, second_officer: Principal, registrar: Principal
) -> None:
    confirm = ca.ceremonies.confirm
    with pytest.raises(Conflict, match="next is 1"):
        confirm(second_officer, begun, 2, WITNESS)
    with pytest.raises(Invalid, match="takes no part"):
        confirm(second_officer, begun, 1, "路人")
    with pytest.raises(NotPermitted):
        confirm(registrar, begun, 1, WITNESS)
    after = confirm(second_officer, begun, 1, WITNESS, remark="门锁编号 17")
    assert (after.steps[0].person, after.steps[0].remark, after.steps[0].done_by) == (
        WITNESS,
        "门锁编号 17",
        second_officer.name,
    )
    with pytest.raises(Conflict, match="next is 2"):
        confirm(second_officer, begun, 1, WITNESS)


def test_a_digest_that_was_read_wrong_stops_it(
    ca: CaService, begun: str, officer: Principal, second_officer: Principal
) -> None:
    for number in range(1, 5):
        ca.ceremonies.confirm(second_officer, begun, number, WITNESS)
    (root,) = ca.authorities()
    number = next_number(ca, officer, begun)
    with pytest.raises(Invalid, match="that was read aloud"):
        ca.ceremonies.confirm(second_officer, begun, number, WITNESS)
    for wrong in ("ab", "0" * 16, "z" * 64):
        with pytest.raises(IntegrityFailed, match="read aloud"):
            ca.ceremonies.confirm(second_officer, begun, number, WITNESS, digest=wrong)
    seen = sha256_hex(root.certificate).upper()
    spoken = ":".join(seen[at : at + 2] for at in range(0, 20, 2))
    ca.ceremonies.confirm(second_officer, begun, number, WITNESS, digest=spoken)
    assert [one.id for one in ca.authorities()] == ["root", "devices", "people", "servers", "software"]


def test_the_whole_ceremony_leaves_minutes_as_evidence(
    built: tuple[CaService, EvidenceService], begun: str, officer: Principal, second_officer: Principal
) -> None:
    ca, evidence = built
    confirm_all(ca, second_officer, begun, WITNESS)
    found = ca.ceremonies.show(officer, begun)
    assert found.state is CeremonyState.PERFORMED
    text = ca.hierarchy.minutes.text(officer, begun).decode()
    for expected in (found.digest, WITNESS, "吴静", *_digests(found)):
        assert expected in text
    page = ca.hierarchy.minutes.html(officer, begun).decode()
    assert all(digest in page for digest in _digests(found))
    (record,) = evidence.find(EvidenceKind.CA_CEREMONY)
    assert record.summary["witnesses"] == [WITNESS, "吴静"]
    assert set(record.summary["authorities"]) == {"root", "people", "devices", "servers", "software"}


def test_minutes_are_signed_and_stamped_and_openssl_alone_verifies_them(
    ca: CaService,
    begun: str,
    officer: Principal,
    second_officer: Principal,
    tmp_path: Path,
    clock: FixedClock,
) -> None:
    confirm_all(ca, second_officer, begun, WITNESS)
    with pytest.raises(Unavailable, match="no keys yet"):
        ca.hierarchy.minutes.seal(officer)
    with pytest.raises(Conflict, match="not signed"):
        ca.hierarchy.minutes.package(officer, begun)
    assert ca.hierarchy.minutes.seal_waiting() == 0
    for role in (KeyRole.EVIDENCE, KeyRole.TIMESTAMP):
        ca.services.provision(officer, role)
    assert ca.hierarchy.minutes.seal_waiting() == 1
    with zipfile.ZipFile(BytesIO(ca.hierarchy.minutes.package(officer, begun))) as archive:
        archive.extractall(tmp_path / "minutes")
    commands_told = (tmp_path / "minutes" / "verify.txt").read_text().splitlines()
    assert len(commands_told) == 2
    for command in commands_told:
        at = ["-attime", str(int(clock.now().timestamp()))]
        done = subprocess.run(
            [*command.split(), *at], cwd=tmp_path / "minutes", capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    (tmp_path / "minutes" / "minutes.txt").write_text("别的")
    for command in commands_told:
        done = subprocess.run(
            [*command.split(), *at], cwd=tmp_path / "minutes", capture_output=True, check=False
        )
        assert done.returncode != 0


class Killed(BaseException):
    """The process ends where no handler catches it."""


@pytest.mark.parametrize("call", range(1, 12))
def test_killed_at_any_write_it_goes_on_where_it_stopped(
    ca: CaService,
    database: Database,
    begun: str,
    officer: Principal,
    second_officer: Principal,
    monkeypatch: pytest.MonkeyPatch,
    call: int,
) -> None:
    """The steps that make root and issuing CAs, killed before each of their transactions in turn."""
    for number in range(1, 4):
        ca.ceremonies.confirm(second_officer, begun, number, WITNESS)
    real, calls = Database.begin, []

    def dies(self: Database) -> Any:
        calls.append(1)
        if len(calls) == call + 1:  # the first is the confirmation itself
            raise Killed
        return real(self)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "begin", dies)
        with suppress(Killed):
            ca.ceremonies.confirm(second_officer, begun, 4, WITNESS)
    if ca.ceremonies.show(officer, begun).state is CeremonyState.RUNNING:
        ca.ceremonies.perform(second_officer, begun)
    confirm_all(ca, second_officer, begun, WITNESS)
    assert [one.id for one in ca.authorities()] == ["root", "devices", "people", "servers", "software"]
    assert ca.issuance.recover() == 0
    listed = ca.lifecycle.page(officer, Ask(filters={"profile": ("issuing-ca",)})).items
    assert len(listed) == 4
    assert {one.state for one in listed} == {"issued"}
    assert {one.certificate for one in ca.authorities() if one.parent} == {one.der for one in listed}


def test_a_ceremony_that_is_broken_off_is_over(
    ca: CaService, begun: str, officer: Principal, second_officer: Principal
) -> None:
    ca.ceremonies.reject(second_officer, begun, "停电")
    with pytest.raises(Conflict, match="is over"):
        ca.ceremonies.confirm(second_officer, begun, 1, WITNESS)
    with pytest.raises(Conflict, match="not over yet"):
        ca.hierarchy.minutes.text(officer, begun)
    assert ca.ceremonies.propose(officer, plan(ca, officer)) != begun


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "root: x\nissuing: []",
        "root: {id: root, name: R, algorithm: p384, years: 20}",
        "root: {id: 1, name: R, algorithm: p384, years: 20}\nissuing: [{id: a, name: A, algorithm: p256, years: 5}]",
        "root: {id: r, name: R, algorithm: p384, years: soon}\nissuing: [{id: a, name: A, algorithm: p256, years: 5}]",
        "\xff: [",
        "a: &x [*x]",
        "x" * 70_000,
    ],
)
def test_a_plan_of_ones_own_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        plan_from_file(text.encode("latin-1"), "局", (WITNESS,))


CHECKLIST = [
    {"do": "root", "title": {"zh": "根", "en": "root"}},
    {"do": "issuing", "title": {"zh": "签发", "en": "issuing"}},
]


@pytest.mark.parametrize(
    "change",
    [
        lambda items: items[::-1],
        lambda items: items[:1],
        lambda items: [*items, items[0]],
        lambda items: [{"do": "read", "of": "root", "title": items[0]["title"]}, *items],
        lambda items: [*items, {"do": "read", "title": items[0]["title"]}],
        lambda items: [*items, {"do": "renew", "title": items[0]["title"]}],
        lambda items: [*items, {"do": "confirm"}],
        lambda items: [*items, {"do": "confirm", "title": {"zh": "一"}}],
        lambda items: ["root", "issuing"],
        lambda items: [*items, {**items[0], "do": "confirm", "also": [["x"] * 9] * 9}],
        lambda items: [*items, {"do": "confirm", "title": {**items[0]["title"], "fr": [["x"] * 9] * 9}}],
        lambda items: [*items, {**items[0], "do": "confirm", "of": [["x"] * 9] * 9}],
    ],
)
def test_a_checklist_that_can_not_be_followed_is_refused(
    ca: CaService, officer: Principal, change: Callable[[Any], Any]
) -> None:
    with pytest.raises(Invalid, match="checklist"):
        ca.ceremonies.propose(officer, replace(plan(ca, officer), checklist=tuple(change(CHECKLIST))))


# --- the command line
@pytest.fixture
def at(ca: CaService, clock: FixedClock) -> Callable[..., Any]:
    """A person at a terminal."""

    class Terminal:
        def __init__(self, principal: Principal) -> None:
            self.ca, self.clock, self.principal, self.out = ca, clock, principal, Output("json")

        def run(self, *arguments: str) -> Any:
            done = CliRunner().invoke(commands, arguments, obj=self, catch_exceptions=False)
            assert done.exit_code == 0, done.output
            return json.loads(done.stdout)

    return Terminal


def test_a_ceremony_at_two_terminals(
    ca: CaService, at: Callable[..., Any], officer: Principal, second_officer: Principal, tmp_path: Path
) -> None:
    own = tmp_path / "plan.yaml"
    own.write_text(
        "root: {id: root, name: '{organisation}根', algorithm: p384, years: 20}\n"
        "issuing: [{id: all, name: 签发, algorithm: p256, years: 9, profiles: ['*']}]\n"
        "checklist:\n"
        "  - {do: confirm, title: {zh: 清场, en: cleared}}\n"
        "  - {do: root, title: {zh: 根, en: root}}\n"
        "  - {do: read, of: root, title: {zh: 宣读, en: read}}\n"
        "  - {do: issuing, title: {zh: 签发, en: issuing}}\n"
    )
    first, second = at(officer), at(second_officer)
    ceremony = first.run(
        "ceremony", "propose", "--organisation", "局", "--plan", str(own), "--witness", WITNESS
    )["ceremony"]
    assert second.run("ceremony", "perform", ceremony) == []
    second.run("ceremony", "confirm", ceremony, "1", "--person", WITNESS)
    steps = first.run("ceremony", "show", ceremony)
    assert [one["done_at"] is not None for one in steps] == [True, True, False, False]
    digest = first.run("authorities")[0]["sha256"]
    second.run("ceremony", "confirm", ceremony, "3", "--person", WITNESS, "--digest", digest[:16])
    assert [one["id"] for one in first.run("authorities")] == ["root", "all"]
    assert first.run("ceremony", "list", "--state", "performed")[0]["id"] == ceremony
    first.run("ceremony", "minutes", ceremony, str(tmp_path / "minutes.txt"))
    assert digest in (tmp_path / "minutes.txt").read_text()
    renewal = first.run("ceremony", "renew", "all", "--years", "8")["ceremony"]
    assert second.run("ceremony", "perform", renewal)[0]["id"] == "all"
    rollover = first.run("ceremony", "roll-over", "all", "--algorithm", "p384")["ceremony"]
    assert second.run("ceremony", "perform", rollover)[0]["id"] == "all-g2"
    rejected = first.run("ceremony", "assign", "all-g2", "person")["ceremony"]
    assert second.run("ceremony", "reject", rejected, "--reason", "改期")["state"] == "rejected"
    first.run("cross", "request", "root", str(tmp_path / "root.p10"))
    subprocess.run(
        ["openssl", "req", "-inform", "DER", "-in", str(tmp_path / "root.p10"), "-verify", "-noout"],
        check=True,
    )
    listed = first.run("cross", "certificates", "all", "--bundle", str(tmp_path / "all.p7c"))
    assert [one["kind"] for one in listed] == ["own", "own"]
    assert (tmp_path / "all.p7c").stat().st_size > 500


def _digests(found: Ceremony) -> list[str]:
    results = [step.result or {} for step in found.steps]
    return [digest for one in results for digest in one.get("authorities", {}).values()]
