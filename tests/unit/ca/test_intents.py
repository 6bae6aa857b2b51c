"""What is approved and not signed: officers see what the signer said, have it tried again, or give it up."""

import base64
import json
from typing import Any

import pytest
from cryptography.x509 import ocsp
from sqlalchemy import select

from ca.intents import IntentState
from ca.model import Certificate, State
from ca.refusals import refusals
from ca.resources.intents import INTENTS
from ca.signer.model import SigningRefused
from ca.tables import certificates
from kernel.audit.chain import audit_records
from kernel.clock import FixedClock
from kernel.errors import Conflict, IntegrityFailed, NotFound, NotPermitted, Unavailable
from kernel.events import event_outbox
from kernel.i18n import speaking
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.relying import ask, crl_of


def refuse(world: World, patched: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> bytes:
        raise SigningRefused("An officer's approval does not hold.", mend="See docs/operate/signer.md.")

    patched.setattr(world.signer, "sign", refused)


@pytest.fixture
def refused(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """The serial of a certificate that was approved and that the signer refused twice."""
    with monkeypatch.context() as patched:
        refuse(world, patched)
        with pytest.raises(SigningRefused):
            world.ca.registration.approve(world.officer, world.request().id)
        assert world.ca.issuance.recover() == 0
    (found,) = world.ca.intents.page(world.officer, Ask()).items
    return found.serial


def audited(world: World, serial: str) -> dict[str, tuple[str, str | None]]:
    query = select(audit_records).where(audit_records.c.target == f"certificate:{serial}")
    with world.ca.database.read() as connection:
        return {
            row.action: (row.outcome, json.loads(row.body)["reason"]) for row in connection.execute(query)
        }


@on_both
def test_a_refusal_is_seen_with_its_reason_and_told_once(
    world: World, clock: FixedClock, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = world.ca.intents.get(world.officer, refused)
    assert (found.state, found.attempts) == (IntentState.REFUSED, 1)
    assert found.refusal is not None
    assert "批准无效" in found.refusal.sentence()
    with speaking("en"):
        assert "does not hold" in found.refusal.sentence()
    tried = 0

    def counting(*_: object) -> bytes:
        nonlocal tried
        tried += 1
        raise SigningRefused("An officer's approval does not hold.")

    with monkeypatch.context() as patched:
        patched.setattr(world.signer, "sign", counting)
        world.ca.issuance.recover()
        assert tried == 0  # not each minute
        clock.advance(minutes=61)
        assert world.ca.issuance.recover() == 0
    assert (tried, world.ca.intents.get(world.officer, refused).attempts) == (1, 2)
    assert audited(world, refused)["ca:certificate:refuse"][0] == "failure"
    with world.ca.database.read() as connection:
        told = select(event_outbox.c.subject).where(event_outbox.c.kind == "ca:certificate:refused")
        assert connection.execute(told).scalars().all() == [f"certificate:{refused}"]


def test_what_is_mended_is_signed_by_itself_within_the_hour(
    world: World, clock: FixedClock, refused: str
) -> None:
    clock.advance(minutes=61)
    assert world.ca.issuance.recover() == 1
    assert world.ca.lifecycle.show(world.officer, refused).state is State.ISSUED
    assert not world.ca.intents.page(world.officer, Ask()).items
    with world.ca.database.read() as connection:
        assert connection.execute(select(refusals)).all() == []


@on_both
def test_an_officer_has_it_tried_at_once(world: World, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        refuse(world, patched)
        with pytest.raises(SigningRefused):
            world.ca.intents.again(world.officer, refused)
    assert world.ca.intents.get(world.officer, refused).attempts == 2
    made = world.ca.intents.again(world.officer, refused)
    assert isinstance(made, Certificate)
    assert (made.serial, made.state) == (refused, State.ISSUED)
    with pytest.raises(NotFound):
        world.ca.intents.again(world.officer, refused)


@on_both
def test_what_is_given_up_keeps_its_serial_and_is_told_as_never_issued(world: World, refused: str) -> None:
    given = world.ca.intents.give_up(world.officer, refused, "批准人证书已吊销，重新提交")
    assert given.state is IntentState.GIVEN_UP
    assert world.ca.issuance.recover() == 0
    assert world.ca.lifecycle.show(world.officer, refused).state is State.GIVEN_UP
    answer = ask(world, int(refused, 16))
    assert answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    world.ca.publication.publish(given.authority, world.officer)
    world.ca.preparation.all(lambda _done: None)
    assert ask(world, int(refused, 16)).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    listed = crl_of(world)
    assert listed.get_revoked_certificate_by_serial_number(int(refused, 16)) is None
    world.ca.log.sequencer.run()
    assert world.ca.log.check.run().findings == ()
    assert audited(world, refused)["ca:certificate:give-up"] == ("success", "批准人证书已吊销，重新提交")
    with world.ca.database.read() as connection:
        assert (
            connection.execute(
                select(certificates.c.warrant).where(certificates.c.warrant.is_not(None))
            ).all()
            == []
        )
        kept = connection.execute(
            select(certificates.c.tbs).where(certificates.c.serial == refused)
        ).scalar_one()
    assert len(kept) > 100


def test_its_request_is_over_and_is_filed_anew(world: World, refused: str) -> None:
    request = world.ca.intents.get(world.officer, refused).request
    world.ca.intents.give_up(world.officer, refused, "改用新密钥")
    assert world.ca.registration.show(world.registrar, request).state is State.GIVEN_UP
    with pytest.raises(Conflict, match="decided already"):
        world.ca.registration.reject(world.officer, request, "晚了")
    assert world.issue().state is State.ISSUED
    with pytest.raises(Conflict, match="given up"):
        world.ca.intents.give_up(world.officer, refused, "又一次")
    with pytest.raises(Conflict, match="given up"):
        world.ca.intents.again(world.officer, refused)


def test_what_the_signer_has_not_refused_is_not_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bytes:
        raise Unavailable("The signer does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(world.signer, "sign", away)
        with pytest.raises(Unavailable):
            world.ca.registration.approve(world.officer, world.request().id)
        (found,) = world.ca.intents.page(world.officer, Ask()).items
        assert found.state is IntentState.WAITING
        with pytest.raises(Conflict, match="has not refused"):
            world.ca.intents.give_up(world.officer, found.serial, "太久")
    assert world.ca.issuance.recover() == 1


def test_who_may_not_decide_may_not_give_up_and_others_do_not_see_it(
    world: World, refused: str, other_registrar: Principal
) -> None:
    assert world.ca.intents.get(world.registrar, refused).serial == refused
    for act in (world.ca.intents.again, lambda who, one: world.ca.intents.give_up(who, one, "不应允许")):
        with pytest.raises(NotPermitted):
            act(world.registrar, refused)
    with pytest.raises(NotFound):
        world.ca.intents.get(other_registrar, refused)
    assert not world.ca.intents.page(other_registrar, Ask()).items


def test_a_warrant_that_was_spoilt_is_a_refusal_too(
    world: World, monkeypatch: pytest.MonkeyPatch, clock: FixedClock
) -> None:
    def away(*_: object) -> bytes:
        raise Unavailable("The signer does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(world.signer, "sign", away)
        with pytest.raises(Unavailable):
            world.ca.registration.approve(world.officer, world.request().id)
    with world.ca.database.begin() as uow:
        intended = certificates.update().where(certificates.c.warrant.is_not(None))
        uow.execute(intended.values(warrant=base64.b64encode(b"nonsense").decode()))
    assert world.ca.issuance.recover() == 0
    (found,) = world.ca.intents.page(world.officer, Ask(filters={"state": ("refused",)})).items
    assert isinstance(found.refusal, IntegrityFailed)
    assert world.ca.intents.give_up(world.officer, found.serial, "登记被改动").state is IntentState.GIVEN_UP


def test_at_the_terminal_and_in_the_console(world: World, at: Any, refused: str) -> None:
    officer = at(world.officer)
    (row,) = officer.run("intent", "list", "--state", "refused")
    assert row["serial"] == refused
    assert "批准无效" in row["refusal"]
    assert officer.run("intent", "show", refused)["attempts"] == 1
    record = INTENTS.item(officer, world.officer, refused)  # type: ignore[misc]
    offered = {verb.name for verb in INTENTS.verbs if verb.when(record)}
    assert offered == {"again", "give-up"}
    assert officer.run("intent", "give-up", refused, "--reason", "改用新密钥")["state"] == "given_up"
    record = INTENTS.item(officer, world.officer, refused)  # type: ignore[misc]
    assert not [verb for verb in INTENTS.verbs if verb.when(record)]
    again = world.issue()
    assert officer.run("show", again.serial)["state"] == "issued"
