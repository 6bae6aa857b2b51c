"""Renewals found in time: each told once, gone from the list when it is renewed, revoked or over, seen by its own unit."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from ca.model import Certificate, Reason
from kernel.clock import FixedClock
from kernel.errors import Conflict, NotFound
from kernel.events import event_outbox
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both


def window(world: World) -> timedelta:
    profile = world.ca.profiles.get("person")
    return profile.validity - profile.renewal


def to(clock: FixedClock, moment: datetime) -> None:
    clock.advance(seconds=(moment - clock.now()).total_seconds())


def told(world: World) -> list[str]:
    with world.ca.database.read() as connection:
        kind = event_outbox.c.kind == "ca:certificate:renewal-due"
        return list(connection.execute(select(event_outbox.c.subject).where(kind)).scalars())


def due(world: World, who: Principal) -> list[str]:
    return [one.serial for one in world.ca.renewals.page(who, Ask()).items]


@on_both
def test_what_comes_into_its_window_is_told_once_and_listed_for_its_unit(
    world: World, clock: FixedClock, other_registrar: Principal
) -> None:
    issued = world.issue()
    to(clock, issued.not_before + window(world) - timedelta(hours=1))
    assert world.ca.renewals.remind() == 0
    clock.advance(hours=2)
    assert world.ca.renewals.remind() == 1
    assert world.ca.renewals.remind() == 0
    assert told(world) == [f"certificate:{issued.serial}"]
    assert due(world, world.registrar) == [issued.serial]
    assert due(world, world.officer) == [issued.serial]
    assert due(world, other_registrar) == []
    with pytest.raises(NotFound):
        world.ca.renewals.get(other_registrar, issued.serial)


def test_what_is_renewed_held_revoked_or_over_is_neither_told_nor_listed(
    world: World, clock: FixedClock
) -> None:
    renewed, revoked, over, asked = (world.issue() for _ in range(4))
    to(clock, renewed.not_before + window(world) + timedelta(minutes=5))
    world.issue(replaces=renewed.serial)
    world.ca.lifecycle.revoke(world.officer, revoked.serial, Reason.UNSPECIFIED, "离职")
    assert world.ca.renewals.remind() == 2
    assert set(due(world, world.registrar)) == {over.serial, asked.serial}
    renewal = world.ca.registration.renew(world.registrar, asked.serial, evidence="身份证原件")
    assert due(world, world.registrar) == [over.serial]
    world.ca.registration.reject(world.officer, renewal.id, "照片不清")
    assert set(due(world, world.registrar)) == {over.serial, asked.serial}
    to(clock, over.not_after + timedelta(minutes=1))
    assert due(world, world.registrar) == []
    assert len(told(world)) == 2


def test_one_click_files_the_renewal_and_a_second_one_is_refused(world: World, clock: FixedClock) -> None:
    issued = world.issue()
    to(clock, issued.not_before + window(world) + timedelta(minutes=5))
    world.ca.renewals.remind()
    renewal = world.ca.registration.renew(world.registrar, issued.serial, evidence="身份证原件")
    with pytest.raises(Conflict, match="waits already"):
        world.ca.registration.renew(world.registrar, issued.serial, evidence="身份证原件")
    assert isinstance(world.ca.registration.approve(world.officer, renewal.id), Certificate)


def test_certificates_of_the_suite_itself_are_the_workers_business(world: World, clock: FixedClock) -> None:
    clock.advance(days=365 * 9)
    assert world.ca.renewals.remind() == 0
