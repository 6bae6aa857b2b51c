"""The ends of CAs and services: found in time, told at each stage, listed for officers, seen by the health check."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import select

from ca.jobs import SCHEDULES, handlers
from ca.resources.ends import ENDS
from ca.signer.model import KeyRole
from console.health import Probe, check_ends
from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.errors import NotFound, NotPermitted, Unavailable
from kernel.events import event_outbox
from kernel.identity.model import Principal
from kernel.store import Database
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both


def to(clock: FixedClock, world: World, authority: str, days: float) -> None:
    """So many days before the CA's end."""
    own = x509.load_der_x509_certificate(world.ca.authority(authority).certificate)
    moment = own.not_valid_after_utc - timedelta(days=days)
    clock.advance(seconds=(moment - clock.now()).total_seconds())


def told(world: World) -> list[tuple[str, str, int]]:
    query = select(event_outbox).where(event_outbox.c.kind == "ca:authority:ending")
    with world.ca.database.read() as connection:
        return [(row.subject, row.severity, row.data["days"]) for row in connection.execute(query)]


def listed(world: World) -> dict[str, str]:
    return {one.id: str(one.state) for one in world.ca.ends.page(world.officer, Ask()).items}


@on_both
def test_a_ca_is_told_of_a_year_before_and_once_at_each_stage(world: World, clock: FixedClock) -> None:
    assert world.ca.ends.remind() == 0
    to(clock, world, "issuing", 366)
    world.ca.services.renew()
    assert world.ca.ends.remind() == 0
    stages = [(364, "due"), (89, "due"), (29, "soon"), (6, "soon"), (-1, "ended")]
    for days, state in stages:
        to(clock, world, "issuing", days)
        assert listed(world)["issuing"] == state
        world.ca.ends.remind()
        assert world.ca.ends.remind() == 0
    mine = [(severity, days) for subject, severity, days in told(world) if subject == "authority:issuing"]
    assert mine == [("medium", 365), ("medium", 90), ("high", 30), ("high", 7), ("critical", 0)]


def test_a_service_that_the_worker_could_not_renew_is_told(world: World, clock: FixedClock) -> None:
    world.ca.services.provision(world.officer, KeyRole.OCSP)
    (service,) = (one for one in world.ca.overview.services(world.officer, Ask()).items if one.role == "ocsp")
    assert service.not_after is not None
    clock.advance(seconds=(service.not_after - timedelta(days=20) - clock.now()).total_seconds())
    assert world.ca.ends.remind() == 0
    clock.advance(days=7)
    assert world.ca.ends.remind() == 1
    assert listed(world) == {"ocsp-issuing": "soon"}
    world.ca.services.renew()
    assert listed(world) == {}
    assert world.ca.ends.remind() == 0


def test_the_worker_looks_every_day(world: World) -> None:
    assert SCHEDULES["ca.ends"][1] in handlers(world.ca)


def test_health_tells_of_what_ends_within_a_month(world: World, clock: FixedClock) -> None:
    probe = Probe(Settings(), clock, lambda: world.ca.database)
    check_ends(probe)
    to(clock, world, "issuing", 60)
    world.ca.services.renew()
    check_ends(probe)
    to(clock, world, "issuing", 10)
    with pytest.raises(Unavailable, match="ends on"):
        check_ends(probe)
    empty = Database("sqlite://", clock)
    with pytest.raises(Unavailable, match="database"):
        check_ends(Probe(Settings(), clock, lambda: empty))
    empty.close()


def test_officers_see_it_with_the_page_where_it_is_renewed(world: World, clock: FixedClock, at: Any) -> None:
    officer = at(world.officer)
    assert officer.run("ends") == []
    to(clock, world, "issuing", 80)
    (row,) = [one for one in officer.run("ends") if one["kind"] == "authority"]
    assert (row["id"], row["state"]) == ("issuing", "due")
    record = ENDS.item(officer, world.officer, "issuing")  # type: ignore[misc]
    assert (record.resource, record.id, record.name) == ("ca.authorities", "issuing", "测试签发 CA")
    with pytest.raises(NotFound):
        world.ca.ends.get(world.officer, "root")
    nobody = Principal("usr_x", "x", frozenset(), "u_city", "password")
    with pytest.raises(NotPermitted):
        world.ca.ends.page(nobody, Ask())
