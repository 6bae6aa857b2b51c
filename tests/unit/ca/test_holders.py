"""Self-service: one's own certificates and nobody else's, by any sign-in; a renewal by the certificate itself."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ca.model import Certificate, IllegalMove, Reason, State
from kernel.errors import Conflict, NotFound, NotPermitted, WeichengError
from kernel.identity.model import Principal
from kernel.identity.store import user_certificates, users
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.test_registration import csr

HOLDER = Principal("usr_chen", "陈晓明", frozenset(), "u_county", "certificate")


def bind(world: World, certificate: Certificate, person: str = "usr_chen") -> None:
    with world.ca.database.begin() as uow:
        now = world.ca.clock.now()
        if not uow.execute(users.select().where(users.c.id == person)).first():
            uow.execute(
                users.insert().values(
                    id=person,
                    login=person,
                    name="陈晓明",
                    unit="u_county",
                    state="active",
                    password_hash="-",
                    created_at=now,
                )
            )
        row = {"fingerprint": certificate.fingerprint, "user": person, "certificate": certificate.der}
        uow.execute(user_certificates.insert().values(**row, bound_at=now))


def new_csr() -> bytes:
    return csr(ec.generate_private_key(ec.SECP256R1()))


@on_both
def test_a_person_without_any_role_sees_their_own_and_nobody_elses(world: World) -> None:
    mine, other = world.issue(), world.issue()
    bind(world, mine)
    bind(world, other, "usr_other_person")
    assert [one.serial for one in world.ca.holders.page(HOLDER, Ask()).items] == [mine.serial]
    assert world.ca.holders.get(HOLDER, mine.serial).serial == mine.serial
    for act in (
        lambda: world.ca.holders.get(HOLDER, other.serial),
        lambda: world.ca.holders.suspend(HOLDER, other.serial, "不是我的"),
        lambda: world.ca.holders.renew(HOLDER, other.serial, new_csr()),
    ):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(NotPermitted):
        world.ca.lifecycle.show(HOLDER, mine.serial)


@on_both
def test_a_renewal_by_certificate_waits_for_the_officer_and_follows_the_person(world: World) -> None:
    old = world.issue()
    bind(world, old)
    request = world.ca.holders.renew(HOLDER, old.serial, new_csr())
    assert (request.requested_by, request.subject["CN"]) == ("usr_chen", "陈晓明")
    assert request.own_key
    with pytest.raises(Conflict, match="waits already"):
        world.ca.holders.renew(HOLDER, old.serial, new_csr())
    new = world.ca.registration.approve(world.officer, request.id)
    assert isinstance(new, Certificate)
    states = {one.serial: one.state for one in world.ca.holders.page(HOLDER, Ask()).items}
    assert states == {old.serial: State.SUPERSEDED, new.serial: State.ISSUED}


@pytest.mark.parametrize("act", ["suspend", "revoke"])
def test_a_renewal_that_a_thief_has_asked_for_ends_with_the_stolen_certificate(
    world: World, act: str
) -> None:
    stolen = world.issue()
    bind(world, stolen)
    asked = world.ca.holders.renew(HOLDER, stolen.serial, new_csr())
    if act == "suspend":
        world.ca.holders.suspend(replace(HOLDER, method="password"), stolen.serial, "令牌被盗")
    else:
        world.ca.lifecycle.revoke(world.officer, stolen.serial, Reason.KEY_COMPROMISE, "令牌被盗")
    with pytest.raises(Conflict, match="suspended or revoked meanwhile"):
        world.ca.registration.approve(world.officer, asked.id)
    assert world.ca.registration.show(world.officer, asked.id).state is State.REQUESTED
    assert not world.ca.lifecycle.page(world.officer, Ask(filters={"request": (asked.id,)})).items
    assert world.ca.registration.reject(world.officer, asked.id, "非本人申请").state is State.REJECTED


def test_a_suspension_that_ended_lets_the_renewal_go_on(world: World) -> None:
    mine = world.issue()
    bind(world, mine)
    asked = world.ca.holders.renew(HOLDER, mine.serial, new_csr())
    world.ca.lifecycle.hold(world.officer, mine.serial, "核实")
    world.ca.lifecycle.release(world.officer, mine.serial, "无误")
    assert isinstance(world.ca.registration.approve(world.officer, asked.id), Certificate)


def test_a_password_or_a_program_asks_for_no_renewal(world: World) -> None:
    old = world.issue()
    bind(world, old)
    for method in ("password", "token"):
        with pytest.raises(NotPermitted):
            world.ca.holders.renew(replace(HOLDER, method=method), old.serial, new_csr())
    with pytest.raises(NotPermitted):
        world.ca.holders.suspend(replace(HOLDER, method="token"), old.serial, "程序")


def test_a_lost_token_is_suspended_at_once_by_its_holder_and_released_by_an_officer_only(
    world: World,
) -> None:
    mine = world.issue()
    bind(world, mine)
    signed_in = replace(HOLDER, method="password")
    assert world.ca.holders.suspend(signed_in, mine.serial, "令牌遗失").state is State.HELD
    assert not world.ca.is_good(mine.der)
    with pytest.raises(IllegalMove):
        world.ca.holders.suspend(signed_in, mine.serial, "再次")
    with pytest.raises(NotPermitted):
        world.ca.lifecycle.release(signed_in, mine.serial, "找到了")
    assert world.ca.lifecycle.release(world.officer, mine.serial, "找到了").state is State.ISSUED


def test_a_csr_that_will_not_do_files_nothing(world: World) -> None:
    mine = world.issue()
    bind(world, mine)
    with pytest.raises(WeichengError):
        world.ca.holders.renew(HOLDER, mine.serial, b"no csr")
    assert world.ca.registration.page(world.officer, Ask(filters={"state": ("requested",)})).total == 0
