"""After a clock that was ahead nothing is signed until two officers agree; then lists, certificates and answers go on."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from sqlalchemy import select

from ca.model import Certificate, ProposalState, Reason, State
from ca.resources.resumptions import RESUMPTIONS
from ca.resumption.store import Resumption
from ca.resumption.tables import resumptions
from ca.scopes import ListKind, Scope
from ca.signer.model import KeyRole
from kernel.clock import FixedClock
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotPermitted, Unavailable
from kernel.events import event_outbox
from kernel.identity.model import Principal
from kernel.pki import tsp
from kernel.store.listing import Ask
from tests.support.statements import counting
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.relying import ask, crl_of

AHEAD = timedelta(days=500)
WHY = "时钟曾快 500 天，已与北斗授时核对"


@pytest.fixture
def true_time(world: World, clock: FixedClock) -> datetime:
    """The clock was ahead for an hour in which the CA worked, and is right again; this is the time then."""
    world.ca.services.provision(world.officer, KeyRole.TIMESTAMP)
    world.ca.publication.publish("issuing", world.officer)
    clock.advance(seconds=AHEAD.total_seconds())
    world.ca.services.renew()
    world.ca.publication.refresh()
    world.issue()
    world.ca.timestamps.token(bytes(32))
    clock.advance(minutes=60)
    world.ca.publication.publish("issuing", world.officer)
    world.ca.preparation.all(lambda _done: None)
    clock.advance(seconds=-AHEAD.total_seconds())
    return clock.now()


def agreed(world: World, authority: str = "issuing") -> Resumption:
    proposed = world.ca.resumptions.propose(world.officer, authority, WHY)
    return world.ca.resumptions.perform(world.second, proposed.id)


def refresh(world: World, clock: FixedClock) -> None:
    """What the worker does within the day."""
    world.ca.services.renew()
    clock.advance(minutes=2)
    world.ca.publication.refresh()


@on_both
def test_two_officers_have_it_sign_again(world: World, clock: FixedClock, true_time: datetime) -> None:
    with pytest.raises(Unavailable, match="two officers agree"):
        world.issue()
    with pytest.raises(Unavailable, match="two officers agree"):
        world.ca.publication.publish("issuing", world.officer)
    false = crl_of(world)
    done = agreed(world)
    assert done.state is ProposalState.PERFORMED
    assert done.ahead_until == true_time + AHEAD
    assert done.certificates >= 1
    now = crl_of(world)
    assert number(now) > number(false)
    assert now.last_update_utc == true_time
    assert world.issue().not_before <= clock.now()
    refresh(world, clock)
    assert number(crl_of(world)) >= number(now)


def test_an_officer_sees_which_cas_wait_and_until_when(world: World, true_time: datetime, at: Any) -> None:
    ahead = {one.authority: one for one in world.ca.resumptions.ahead(world.officer)}
    assert ahead["issuing"].until == true_time + AHEAD
    assert ahead["issuing"].certificates >= 1
    rows = at(world.officer).run("clock", "ahead")
    assert {row["authority"] for row in rows} == set(ahead)
    agreed(world)
    assert "issuing" not in {one.authority for one in world.ca.resumptions.ahead(world.officer)}


def test_nothing_waits_while_the_clock_is_right(world: World, clock: FixedClock) -> None:
    world.issue()
    assert world.ca.resumptions.ahead(world.officer) == []


def number(found: x509.CertificateRevocationList) -> int:
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_one_officer_alone_can_not(world: World, true_time: datetime) -> None:
    proposed = world.ca.resumptions.propose(world.officer, "issuing", WHY)
    with pytest.raises(NotPermitted):
        world.ca.resumptions.perform(world.officer, proposed.id)
    with pytest.raises(NotPermitted):
        world.ca.resumptions.propose(world.registrar, "issuing", WHY)
    with pytest.raises(Conflict, match="proposed already"):
        world.ca.resumptions.propose(world.second, "issuing", WHY)
    with pytest.raises(Unavailable):
        world.issue()
    turned_down = world.ca.resumptions.reject(world.second, proposed.id, "先查明原因")
    assert (turned_down.decided_by, turned_down.decision) == (world.second.id, "先查明原因")
    with pytest.raises(Unavailable):
        world.issue()
    with pytest.raises(Conflict, match="decided already"):
        world.ca.resumptions.perform(world.second, proposed.id)


def test_it_is_for_one_ca(world: World, clock: FixedClock, true_time: datetime) -> None:
    clock.advance(seconds=AHEAD.total_seconds())
    world.ca.publication.publish("root", world.officer)
    clock.advance(seconds=-AHEAD.total_seconds())
    agreed(world)
    with pytest.raises(Unavailable):
        world.ca.publication.publish("root", world.officer)
    agreed(world, "root")
    assert world.ca.publication.publish("root", world.officer)


def test_the_moment_is_named_and_it_signs_from_then_on(
    world: World, clock: FixedClock, true_time: datetime
) -> None:
    moment = clock.now() + timedelta(hours=6)
    proposed = world.ca.resumptions.propose(world.officer, "issuing", WHY, moment)
    world.ca.resumptions.perform(world.second, proposed.id)
    with pytest.raises(Unavailable):
        world.issue()
    clock.advance(minutes=6 * 60 + 1)
    world.ca.publication.refresh()
    assert crl_of(world).last_update_utc > moment
    assert world.issue().state is State.ISSUED


def test_what_is_not_ahead_or_long_ago_is_not_overruled(world: World, clock: FixedClock) -> None:
    clock.advance(minutes=5)
    with pytest.raises(Conflict, match="nothing after"):
        world.ca.resumptions.propose(world.officer, "issuing", WHY)
    with pytest.raises(Invalid, match="more than a day"):
        world.ca.resumptions.propose(world.officer, "issuing", WHY, clock.now() - timedelta(days=2))


def test_a_clock_that_is_set_back_again_stops_it_again(
    world: World, clock: FixedClock, true_time: datetime
) -> None:
    agreed(world)
    clock.advance(minutes=10)
    world.ca.publication.publish("issuing", world.officer)
    clock.advance(minutes=-5)
    with pytest.raises(Unavailable):
        world.ca.publication.publish("issuing", world.officer)
    clock.advance(minutes=-10)  # before the moment that was agreed on
    with pytest.raises(Unavailable):
        world.issue()


def test_a_clock_that_is_ahead_again_is_agreed_on_again(
    world: World, clock: FixedClock, true_time: datetime
) -> None:
    agreed(world)
    for days in (900, 20):
        clock.advance(minutes=days * 24 * 60)
        world.ca.publication.publish("issuing", world.officer)
        clock.advance(minutes=-days * 24 * 60)
        with pytest.raises(Unavailable):
            world.ca.publication.publish("issuing", world.officer)
        before = number(crl_of(world))
        agreed(world)
        assert number(crl_of(world)) > before


@on_both
def test_what_the_false_time_has_ended_is_put_back(world: World, clock: FixedClock) -> None:
    """Revoked, suspended and good certificates that end in the false time; the lists had forgotten the first two."""
    revoked, held, good, renewed = (world.issue() for _ in range(4))
    world.ca.lifecycle.revoke(world.officer, revoked.serial, Reason.KEY_COMPROMISE, "丢失")
    world.ca.lifecycle.hold(world.officer, held.serial, "出差")
    world.issue(replaces=renewed.serial)
    for _ in range(3):  # so that lists have borne what ended, and the worker has pruned it
        clock.advance(minutes=400 * 24 * 60)
        world.ca.services.renew()
        world.ca.lifecycle.expire()
        world.ca.publication.refresh()
        world.ca.publication.publish("issuing", world.officer)
    assert world.ca.lifecycle.show(world.officer, good.serial).state is State.EXPIRED
    clock.advance(minutes=-1200 * 24 * 60)
    assert crl_of(world).get_revoked_certificate_by_serial_number(int(revoked.serial, 16)) is None
    agreed(world)
    states = {one: world.ca.lifecycle.show(world.officer, one.serial).state for one in (good, held, renewed)}
    assert list(states.values()) == [State.ISSUED, State.HELD, State.SUPERSEDED]
    reasons = [reason_in(crl_of(world), one) for one in (revoked, held, good)]
    assert reasons == [x509.ReasonFlags.key_compromise, x509.ReasonFlags.certificate_hold, None]
    listed = world.ca.publication.newest(Scope("issuing"), ListKind.DELTA).path.read_bytes()
    delta = x509.load_der_x509_crl(listed)
    assert reason_in(delta, revoked) is x509.ReasonFlags.key_compromise
    refresh(world, clock)
    world.ca.publication.publish("issuing", world.officer)
    assert reason_in(crl_of(world), revoked) is x509.ReasonFlags.key_compromise


def test_it_takes_as_many_statements_for_many_as_for_one(world: World, clock: FixedClock) -> None:
    def performed(count: int) -> int:
        for number in range(count):
            revoked, held, _ = (world.issue() for _ in range(3))
            world.ca.lifecycle.revoke(world.officer, revoked.serial, Reason.KEY_COMPROMISE, f"丢失 {number}")
            world.ca.lifecycle.hold(world.officer, held.serial, "出差")
        clock.advance(minutes=1200 * 24 * 60)
        world.ca.lifecycle.expire()
        world.ca.publication.publish("issuing", world.officer)
        clock.advance(minutes=-1200 * 24 * 60)
        proposed = world.ca.resumptions.propose(world.officer, "issuing", WHY)
        with counting(world.ca.database) as asked:
            world.ca.resumptions.perform(world.second, proposed.id)
        assert {reason_in(crl_of(world), one) for one in (revoked, held)} == LISTED
        clock.advance(minutes=2)
        return len(asked)

    for _ in range(3):  # until lists of before are cleared away each time
        performed(1)
    assert performed(1) == performed(4)


LISTED = {x509.ReasonFlags.key_compromise, x509.ReasonFlags.certificate_hold}


def reason_in(found: x509.CertificateRevocationList, one: Certificate) -> x509.ReasonFlags | None:
    entry = found.get_revoked_certificate_by_serial_number(int(one.serial, 16))
    return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason if entry else None


def test_answers_and_stamps_go_on(world: World, clock: FixedClock, true_time: datetime) -> None:
    agreed(world)
    issued = world.issue()
    refresh(world, clock)
    answer = ask(world, int(issued.serial, 16))
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert answer.this_update_utc <= clock.now()
    responder = answer.certificates[0]
    assert responder.not_valid_before_utc <= clock.now() < responder.not_valid_after_utc
    with pytest.raises(tsp.TimeStampRefused):  # the clock was set a moment ago
        world.ca.timestamps.token(bytes(32))
    clock.advance(minutes=2)
    assert world.ca.timestamps.token(bytes(32))


def test_it_is_audited_and_told_and_bound_to_what_was_proposed(
    world: World, clock: FixedClock, true_time: datetime
) -> None:
    proposed = world.ca.resumptions.propose(world.officer, "issuing", WHY)
    with world.ca.database.begin() as uow:
        later = proposed.moment - timedelta(hours=1)
        uow.execute(resumptions.update().values(moment=later))
    with pytest.raises(IntegrityFailed):
        world.ca.resumptions.perform(world.second, proposed.id)
    with world.ca.database.begin() as uow:
        uow.execute(resumptions.update().values(moment=proposed.moment))
    world.ca.resumptions.perform(world.second, proposed.id)
    with world.ca.database.read() as connection:
        kinds = connection.execute(select(event_outbox.c.kind, event_outbox.c.severity)).all()
    assert ("ca:clock:overruled", "high") in [tuple(row) for row in kinds]


def test_what_was_signed_since_is_looked_at_anew(
    world: World, clock: FixedClock, true_time: datetime
) -> None:
    proposed = world.ca.resumptions.propose(world.officer, "issuing", WHY)
    clock.advance(seconds=AHEAD.total_seconds() + 60)
    world.ca.publication.publish("issuing", world.officer)
    clock.advance(seconds=-AHEAD.total_seconds())
    with pytest.raises(Conflict, match="signed more"):
        world.ca.resumptions.perform(world.second, proposed.id)


def test_at_two_terminals(world: World, at: Any, true_time: datetime, other_registrar: Principal) -> None:
    first, second = at(world.officer), at(world.second)
    proposed = first.run("clock", "propose", "issuing", "--reason", WHY)
    (row,) = first.run("clock", "list")
    assert (row["id"], row["state"]) == (proposed["id"], "proposed")
    record = RESUMPTIONS.item(second, world.second, proposed["id"])  # type: ignore[misc]
    assert {verb.name for verb in RESUMPTIONS.verbs if verb.when(record)} >= {"perform", "reject"}
    assert second.run("clock", "perform", proposed["id"])["state"] == "performed"
    assert world.ca.resumptions.page(world.officer, Ask(filters={"state": ("performed",)})).total == 1
