"""Suspending by telephone: the phrase that was agreed on, as it is heard; wrong ones are counted, recorded and cut off."""

import pytest
from sqlalchemy import select

from ca.model import Certificate, State
from ca.registration.phrases import CLOSED, TRIES
from ca.registration.tables import phrases
from kernel.audit.chain import audit_records
from kernel.clock import FixedClock
from kernel.errors import Invalid, LimitExceeded, NotFound, NotPermitted
from kernel.identity.model import Principal
from tests.unit.ca.conftest import World, on_both

PHRASE = "海内存知己 天涯若比邻"


def outcomes(world: World) -> list[str]:
    with world.ca.database.read() as connection:
        query = select(audit_records.c.outcome).where(audit_records.c.action == "ca:phrase:try")
        return list(connection.execute(query.order_by(audit_records.c.seq)).scalars())


@on_both
def test_the_phrase_suspends_at_once_however_it_is_written_down(world: World) -> None:
    issued = world.issue(phrase=PHRASE)
    held = world.ca.telephone.suspend(world.registrar, issued.serial, "海内存知己，天涯若比邻！", "电话挂失")
    assert held.state is State.HELD
    assert world.ca.responder is not None
    with world.ca.database.read() as connection:
        kept = connection.execute(select(phrases.c.hash)).scalar_one()
    assert kept.startswith("$argon2id$")
    assert outcomes(world) == ["success"]


def test_a_phrase_made_here_is_shown_once_and_works_when_read_out(world: World) -> None:
    request = world.request()
    made = world.ca.telephone.set(world.registrar, request.id)
    issued = world.ca.registration.approve(world.officer, request.id)
    assert isinstance(issued, Certificate)
    held = world.ca.telephone.suspend(world.registrar, issued.serial, made.replace(" ", ""), "电话挂失")
    assert held.state is State.HELD


def test_after_a_few_wrong_phrases_the_right_one_waits_too(world: World, clock: FixedClock) -> None:
    issued = world.issue(phrase=PHRASE)
    for _ in range(TRIES):
        with pytest.raises(Invalid, match="do not go together"):
            world.ca.telephone.suspend(world.registrar, issued.serial, "天涯海角无知己", "电话")
    clock.advance(minutes=2)
    with pytest.raises(LimitExceeded, match="wrong pass-phrases") as closed:
        world.ca.telephone.suspend(world.registrar, issued.serial, PHRASE, "电话")
    assert "in 28 minutes" in closed.value.text("en")  # one knows when to call again
    assert world.ca.lifecycle.show(world.officer, issued.serial).state is State.ISSUED
    assert outcomes(world) == ["failure"] * (TRIES + 1)
    clock.advance(minutes=CLOSED.total_seconds() / 60 + 1)
    assert world.ca.telephone.suspend(world.registrar, issued.serial, PHRASE, "电话").state is State.HELD


def test_without_a_phrase_nothing_that_is_said_is_right(world: World) -> None:
    issued = world.issue()
    for heard in ("", PHRASE):
        with pytest.raises(Invalid, match="do not go together"):
            world.ca.telephone.suspend(world.registrar, issued.serial, heard, "电话")


def test_another_unit_and_other_roles_do_not_answer_that_telephone(
    world: World, other_registrar: Principal, network_admin: Principal
) -> None:
    issued = world.issue(phrase=PHRASE)
    with pytest.raises(NotFound):
        world.ca.telephone.suspend(other_registrar, issued.serial, PHRASE, "电话")
    with pytest.raises(NotPermitted):
        world.ca.telephone.suspend(network_admin, issued.serial, PHRASE, "电话")
    with pytest.raises(NotFound):
        world.ca.telephone.set(other_registrar, issued.request or "", PHRASE)


@pytest.mark.parametrize("weak", ["", "短语", "1111111111", "！！！！！！！！！！", "a" * 101, "12121212"])
def test_a_phrase_that_is_soon_guessed_is_refused(world: World, weak: str) -> None:
    request = world.request()
    with pytest.raises(Invalid, match="pass-phrase"):
        world.ca.telephone.set(world.registrar, request.id, weak)


def test_a_renewed_certificate_keeps_its_phrase(world: World) -> None:
    old = world.issue(phrase=PHRASE)
    renewal = world.ca.registration.renew(world.registrar, old.serial, evidence="身份证原件")
    new = world.ca.registration.approve(world.officer, renewal.id)
    assert isinstance(new, Certificate)
    assert world.ca.telephone.suspend(world.registrar, new.serial, PHRASE, "电话挂失").state is State.HELD
