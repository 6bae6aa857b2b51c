"""A CA's certificate is revoked by two officers, never by one."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from ca.model import IllegalMove, ProposalState, Reason, State
from ca.tables import revocations
from kernel.audit.trail import verify_chain
from kernel.clock import FixedClock
from kernel.errors import Conflict, IntegrityFailed, Invalid, NeedsApproval, NotFound, NotPermitted
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both


@pytest.fixture
def issuing(world: World) -> str:
    """The serial of the issuing CA's certificate."""
    return world.ca.overview.authority(world.officer, "issuing").serial


def test_one_officer_alone_can_not(world: World, issuing: str) -> None:
    with pytest.raises(NeedsApproval, match="two officers"):
        world.ca.lifecycle.revoke(world.officer, issuing, Reason.CA_COMPROMISE, "泄露")
    proposed = world.ca.revocations.propose(world.officer, issuing, Reason.CA_COMPROMISE, "泄露")
    with pytest.raises(NotPermitted):
        world.ca.revocations.perform(world.officer, proposed.id)
    assert world.ca.lifecycle.show(world.officer, issuing).state is State.ISSUED


@on_both
def test_two_officers_can_and_it_is_on_the_roots_list(world: World, issuing: str, clock: FixedClock) -> None:
    since = clock.now() - timedelta(days=1)
    proposed = world.ca.revocations.propose(
        world.officer, issuing, Reason.CA_COMPROMISE, "泄露", invalid_since=since
    )
    assert world.ca.revocations.perform(world.second, proposed.id).state is State.REVOKED
    listed = x509.load_der_x509_crl(world.ca.publication.crl("root"))
    entry = listed.get_revoked_certificate_by_serial_number(int(issuing, 16))
    assert entry is not None
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.ca_compromise
    done = world.ca.revocations.show(world.officer, proposed.id)
    assert (done.state, done.decided_at) == (ProposalState.PERFORMED, clock.now())
    with pytest.raises(Conflict):
        world.ca.revocations.perform(world.second, proposed.id)
    with world.ca.database.read() as connection:
        assert verify_chain(connection).intact


@on_both
def test_a_rejected_proposal_leaves_the_ca_as_it_is(world: World, issuing: str) -> None:
    proposed = world.ca.revocations.propose(world.officer, issuing, Reason.SUPERSEDED, "换代")
    with pytest.raises(Conflict, match="proposed already"):
        world.ca.revocations.propose(world.second, issuing, Reason.SUPERSEDED, "换代")
    with pytest.raises(Invalid, match="reason"):
        world.ca.revocations.reject(world.second, proposed.id, " ")
    rejected = world.ca.revocations.reject(world.second, proposed.id, "尚未到期")
    assert rejected.state is ProposalState.REJECTED
    assert world.ca.lifecycle.show(world.officer, issuing).state is State.ISSUED
    again = world.ca.revocations.propose(world.officer, issuing, Reason.SUPERSEDED, "换代")
    page = world.ca.revocations.page(world.officer, Ask(filters={"state": ("proposed",)}))
    assert [one.id for one in page.items] == [again.id]
    assert page.facets["state"] == {"proposed": 1, "rejected": 1}


@on_both
def test_what_was_changed_after_the_proposal_is_not_performed(world: World, issuing: str) -> None:
    proposed = world.ca.revocations.propose(world.officer, issuing, Reason.SUPERSEDED, "换代")
    with world.ca.database.begin() as uow:
        uow.execute(revocations.update().values(reason=int(Reason.KEY_COMPROMISE)))
    with pytest.raises(IntegrityFailed):
        world.ca.revocations.perform(world.second, proposed.id)
    assert world.ca.lifecycle.show(world.officer, issuing).state is State.ISSUED


def test_only_a_cas_living_certificate(world: World, issuing: str, registrar: Principal) -> None:
    person = world.issue()
    with pytest.raises(Invalid, match="no certificate of a CA"):
        world.ca.revocations.propose(world.officer, person.serial, Reason.SUPERSEDED, "x")
    with pytest.raises(Invalid, match="hold"):
        world.ca.revocations.propose(world.officer, issuing, Reason.CERTIFICATE_HOLD, "x")
    with pytest.raises(NotPermitted):
        world.ca.revocations.propose(registrar, issuing, Reason.SUPERSEDED, "x")
    elsewhere = replace(world.officer, id="usr_elsewhere", unit="u_county")
    with pytest.raises(NotFound):
        world.ca.revocations.propose(elsewhere, issuing, Reason.SUPERSEDED, "x")
    proposed = world.ca.revocations.propose(world.officer, issuing, Reason.SUPERSEDED, "x")
    with pytest.raises(NotPermitted):
        world.ca.revocations.perform(elsewhere, proposed.id)
    world.ca.revocations.perform(world.second, proposed.id)
    with pytest.raises(IllegalMove):
        world.ca.revocations.propose(world.officer, issuing, Reason.SUPERSEDED, "x")


def test_the_impact_is_told_before(world: World, issuing: str) -> None:
    world.issue()
    impact = world.ca.impacts.show(world.officer, issuing)
    assert (impact.authority, impact.service) == ("issuing", None)
    assert impact.subordinates == 5  # four services and one person
    ocsp = world.ca.overview.service(world.officer, "ocsp-issuing").serial
    assert world.ca.impacts.show(world.officer, ocsp).service == "ocsp"


@on_both
def test_a_renewed_certificates_successor_is_told(world: World) -> None:
    old = world.issue()
    renewal = world.ca.registration.renew(world.registrar, old.serial, evidence="身份证原件")
    new = world.ca.registration.approve(world.officer, renewal.id)
    assert world.ca.impacts.show(world.officer, old.serial).successor == new.serial  # type: ignore[union-attr]
    assert world.ca.lifecycle.show(world.officer, old.serial).state is State.SUPERSEDED
    with pytest.raises(Conflict, match="not renewed by a request"):
        world.ca.registration.renew(
            replace(world.registrar, unit="u_city"), issuing_of(world), evidence="身份证原件"
        )


def issuing_of(world: World) -> str:
    return world.ca.overview.authority(world.officer, "issuing").serial


# --- the end of a suspension
def test_one_officer_suspends_a_ca_and_two_release_it(world: World, issuing: str) -> None:
    assert world.ca.lifecycle.hold(world.officer, issuing, "疑似泄露").state is State.HELD
    for alone in (world.officer, world.second):
        with pytest.raises(NeedsApproval, match="ended by two officers"):
            world.ca.lifecycle.release(alone, issuing, "误报")
    (refused,) = world.ca.lifecycle.release_many(world.officer, [issuing], "误报").values()
    assert isinstance(refused, NeedsApproval)
    proposed = world.ca.revocations.propose_release(world.officer, issuing, "误报")
    with pytest.raises(Conflict, match="proposed already"):
        world.ca.revocations.propose(world.second, issuing, Reason.CA_COMPROMISE, "泄露")
    with pytest.raises(NotPermitted, match="can not approve it"):
        world.ca.revocations.perform(world.officer, proposed.id)
    with pytest.raises(Conflict, match="signs no more"):
        world.issue()
    assert world.ca.revocations.perform(world.second, proposed.id).state is State.ISSUED
    assert world.ca.revocations.show(world.officer, proposed.id).state is ProposalState.PERFORMED
    listed = x509.load_der_x509_crl(world.ca.publication.crl("root"))
    assert listed.get_revoked_certificate_by_serial_number(int(issuing, 16)) is None
    assert world.issue().state is State.ISSUED


def test_what_is_not_suspended_or_no_ca_s_is_not_proposed_for_release(world: World, issuing: str) -> None:
    with pytest.raises(IllegalMove):
        world.ca.revocations.propose_release(world.officer, issuing, "误报")
    person = world.issue()
    world.ca.lifecycle.hold(world.officer, person.serial, "遗失")
    with pytest.raises(Invalid, match="no certificate of a CA"):
        world.ca.revocations.propose_release(world.officer, person.serial, "找回")
    with pytest.raises(Invalid):
        world.ca.revocations.propose(world.officer, issuing, Reason.REMOVE_FROM_CRL, "误报")
    with pytest.raises(NotPermitted):
        world.ca.revocations.propose_release(world.registrar, issuing, "误报")


def test_a_release_that_was_turned_into_something_else_is_not_performed(world: World, issuing: str) -> None:
    world.ca.lifecycle.hold(world.officer, issuing, "疑似泄露")
    proposed = world.ca.revocations.propose(world.officer, issuing, Reason.CA_COMPROMISE, "泄露")
    with world.ca.database.begin() as uow:
        changed = revocations.update().where(revocations.c.id == proposed.id)
        uow.execute(changed.values(reason=int(Reason.REMOVE_FROM_CRL)))
    with pytest.raises(IntegrityFailed, match="not the one that was proposed"):
        world.ca.revocations.perform(world.second, proposed.id)
    assert world.ca.lifecycle.show(world.officer, issuing).state is State.HELD
