"""Revocation shows its own proof: what a relying party saw, when, and what happens when it sees nothing."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ca.model import Certificate, Reason
from ca.status import publication
from ca.status.model import ProofState
from ca.status.proofs import Proofs
from ca.web import StatusSite
from kernel.clock import FixedClock
from kernel.edges.public import Asked
from kernel.errors import NotFound, NotPermitted
from kernel.events import EventKind, event_outbox
from kernel.evidence.model import EvidenceKind
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from tests.support.public import served
from tests.unit.ca.conftest import World, on_both


@pytest.fixture
def proofs(world: World, clock: FixedClock) -> Proofs:
    """The CA's own, whose requests come to the status service by a shorter way than HTTP."""
    site = StatusSite(world.ca)

    def fetched(url: str, body: bytes | None) -> bytes:
        asked = Asked("GET" if body is None else "POST", urlsplit(url).path, body or b"")
        answer = site.answer([asked])[0]
        if answer.status != 200:
            raise OSError(f"HTTP {answer.status}")
        return answer.body.read_bytes() if isinstance(answer.body, Path) else answer.body

    database = world.ca.database
    return Proofs(database, clock, Access(database), world.evidence, fetched)


def revoked(world: World, reason: Reason = Reason.KEY_COMPROMISE) -> Certificate:
    issued = world.issue()
    return world.ca.lifecycle.revoke(world.officer, issued.serial, reason, "丢失")


@on_both
def test_a_revocation_is_seen_everywhere_and_that_is_evidence(
    world: World, proofs: Proofs, clock: FixedClock
) -> None:
    serial = revoked(world).serial
    assert proofs.of(world.officer, serial)[0].state is ProofState.WAITING
    clock.advance(seconds=2)
    assert proofs.look() == (1, None)
    (proof,) = proofs.of(world.officer, serial)
    assert (proof.state, proof.seconds, proof.fault) == (ProofState.VISIBLE, 2, "")
    assert proof.crl_seen == proof.delta_seen == proof.ocsp_seen == clock.now()
    found = world.evidence.page(world.officer, Ask(filters={"kind": (str(EvidenceKind.STATUS_VISIBLE),)}))
    assert found.items[0].record.subject == f"certificate:{serial}"
    assert found.items[0].record.summary["seen"] == ["crl", "delta", "ocsp"]


@on_both
def test_a_hold_and_its_release_are_seen_each(world: World, proofs: Proofs, clock: FixedClock) -> None:
    issued = world.issue()
    world.ca.lifecycle.hold(world.officer, issued.serial, "送修")
    clock.advance(seconds=1)
    assert proofs.look()[0] == 1
    world.ca.lifecycle.release(world.officer, issued.serial, "修复")
    clock.advance(seconds=3)
    assert proofs.look()[0] == 1
    released, held = proofs.of(world.officer, issued.serial)
    assert (released.revoked, released.state, released.seconds) == (False, ProofState.VISIBLE, 3)
    assert (held.revoked, held.state, held.seconds) == (True, ProofState.VISIBLE, 1)


def test_what_is_not_seen_in_time_is_an_event_once_and_is_looked_at_until_it_is_seen(
    world: World, proofs: Proofs, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = revoked(world, Reason.SUPERSEDED)
    clock.advance(seconds=2)
    proofs.look()
    monkeypatch.setattr(publication, "AT_ONCE", 0)  # the list is long, and no worker runs
    late = revoked(world, Reason.SUPERSEDED)
    waited = timedelta()
    while waited < timedelta(minutes=20):
        clock.advance(minutes=1)
        waited += timedelta(minutes=1)
        proofs.look()
    (proof,) = proofs.of(world.officer, late.serial)
    assert proof.state is ProofState.LATE
    assert proof.ocsp_seen is not None
    assert proof.crl_seen is None
    worst = proofs.worst(world.officer, clock.now() - timedelta(days=1))
    assert worst is not None
    assert worst.serial == late.serial != first.serial
    with world.ca.database.read() as connection:
        kinds = connection.execute(event_outbox.select()).all()
    told = [one for one in kinds if one.kind == EventKind.STATUS_LATE]
    assert [(one.subject, one.severity) for one in told] == [(f"certificate:{late.serial}", "high")]
    world.ca.publication.refresh()
    clock.advance(hours=1)
    assert proofs.look()[0] == 1
    (proof,) = proofs.of(world.officer, late.serial)
    assert proof.state is ProofState.LATE
    assert proof.seconds == 4800


def test_a_service_that_is_away_is_told_and_tried_again(
    world: World, proofs: Proofs, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial = revoked(world).serial

    def away(_url: str, _body: bytes | None) -> bytes:
        raise OSError("Connection refused")

    clock.advance(seconds=2)
    with monkeypatch.context() as patched:
        patched.setattr(proofs, "_fetch", away)
        seen, again = proofs.look()
    assert seen == 0
    assert again == clock.now() + timedelta(seconds=2)
    (proof,) = proofs.of(world.officer, serial)
    assert "crl: Connection refused" in proof.fault
    (proof,) = proofs.check(world.officer, serial)
    assert proof.state is ProofState.VISIBLE


def test_a_list_that_somebody_else_signed_is_not_believed(
    world: World, proofs: Proofs, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial = revoked(world).serial
    foreign = world.ca.publication.crl("root")
    monkeypatch.setattr(proofs, "_fetch", lambda _url, _body: foreign)
    clock.advance(seconds=2)
    assert proofs.look()[0] == 0
    (proof,) = proofs.of(world.officer, serial)
    assert "signature is not the CA's" in proof.fault


def test_only_an_officer_has_it_looked_at_and_only_ones_own_is_seen(
    world: World, proofs: Proofs, other_registrar: Principal
) -> None:
    serial = revoked(world).serial
    with pytest.raises(NotFound):
        proofs.of(other_registrar, serial)
    with pytest.raises(NotPermitted):
        proofs.check(world.registrar, serial)
    month_ago = world.ca.clock.now() - timedelta(days=30)
    assert proofs.worst(other_registrar, month_ago) is None
    assert proofs.worst(world.registrar, month_ago) is not None


def test_over_http_as_it_is_in_life(world: World, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses in the certificate lead to the status service; here to the one that this test serves."""
    from ca.status import outside

    serial = revoked(world).serial
    clock.advance(seconds=2)
    with served(StatusSite(world.ca)) as url:
        real = outside.fetch
        there = Proofs(
            world.ca.database,
            clock,
            Access(world.ca.database),
            world.evidence,
            lambda asked, body: real(asked.replace("http://127.0.0.1:8080", url), body),
        )
        assert there.look() == (1, None)
    assert there.of(world.officer, serial)[0].state is ProofState.VISIBLE
    with pytest.raises(OSError, match="no address for HTTP"):
        outside.fetch("file:///etc/passwd")
