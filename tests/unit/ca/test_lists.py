"""Lists of requests and certificates: pages, filters, quick find, whose rows one sees; on both databases."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from ca import listing
from ca.model import Certificate, Reason
from kernel.clock import FixedClock
from kernel.errors import Invalid
from kernel.identity.model import Principal
from kernel.store.listing import Ask, every
from tests.unit.ca.conftest import World, on_both

PEOPLE = ("陈晓明", "王伟", "李娜")


@pytest.fixture
def people(world: World, clock: FixedClock) -> dict[str, Certificate]:
    """Three persons' certificates, a minute between each."""
    issued = {}
    for number, name in enumerate(PEOPLE):
        clock.advance(minutes=1)
        subject = {"O": "临江县大数据中心", "CN": name}
        issued[name] = world.issue(subject=subject, names=(f"email:p{number}@city.gov.cn",))
    return issued


def serials(world: World, who: Principal, text: str = "", **filters: str) -> set[str]:
    asked = Ask(text, {name: (value,) for name, value in filters.items()})
    return {one.serial for one in world.ca.lifecycle.page(who, asked).items}


@on_both
def test_pages_show_every_certificate_once_the_newest_first(
    world: World, people: Mapping[str, Certificate]
) -> None:
    asked = Ask(filters={"profile": ("person",)}, limit=2)
    first = world.ca.lifecycle.page(world.officer, asked)
    assert [one.serial for one in first.items] == [people["李娜"].serial, people["王伟"].serial]
    assert (first.total, first.facets["state"]) == (3, {"issued": 3})
    assert first.next_cursor is not None
    second = world.ca.lifecycle.page(
        world.officer, Ask(filters=asked.filters, limit=2, cursor=first.next_cursor)
    )
    assert [one.serial for one in second.items] == [people["陈晓明"].serial]
    assert second.next_cursor is None
    assert {one.unit_name for one in first.items} == {"临江县大数据中心"}
    assert {one.authority_name for one in first.items} == {"测试签发 CA"}


@on_both
def test_sorted_by_their_end_and_filtered_by_it(
    world: World, people: Mapping[str, Certificate], clock: FixedClock
) -> None:
    found = world.ca.lifecycle.page(world.officer, Ask(filters={"profile": ("person",)}, sort="expires"))
    assert [one.serial for one in found.items] == [people[name].serial for name in PEOPLE]
    between = people["王伟"].not_after.isoformat()
    assert serials(world, world.officer, profile="person", expires_before=between) == {
        people["陈晓明"].serial
    }
    assert serials(world, world.officer, profile="person", expires_after=between) == {
        people["王伟"].serial,
        people["李娜"].serial,
    }


@on_both
def test_filters_of_state_reason_time_and_authority(world: World, people: Mapping[str, Certificate]) -> None:
    gone = people["王伟"]
    revoked = world.ca.lifecycle.revoke(world.officer, gone.serial, Reason.SUPERSEDED, "更换")
    assert revoked.revoked_at is not None
    assert serials(world, world.officer, state="revoked") == {gone.serial}
    assert serials(world, world.officer, revoked_since=revoked.revoked_at.isoformat()) == {gone.serial}
    later = (revoked.revoked_at + timedelta(seconds=1)).isoformat()
    assert serials(world, world.officer, revoked_since=later) == set()
    assert serials(world, world.officer, request=gone.request or "") == {gone.serial}
    below_root = world.ca.lifecycle.page(world.officer, Ask(filters={"authority": ("root",)}))
    assert [one.profile for one in below_root.items] == ["issuing-ca"]
    facets = world.ca.lifecycle.page(
        world.officer, Ask(filters={"profile": ("person",), "state": ("revoked",)})
    )
    assert facets.facets["state"] == {"issued": 2, "revoked": 1}  # what choosing another state would show


@on_both
@pytest.mark.parametrize("typed", ["晓明", "p0@city", "CN=陈晓明", "陈晓明 临江"])
def test_quick_find_by_names(world: World, people: Mapping[str, Certificate], typed: str) -> None:
    assert serials(world, world.officer, typed) == {people["陈晓明"].serial}


@on_both
def test_quick_find_by_serial_and_digest_as_browsers_show_them(
    world: World, people: Mapping[str, Certificate]
) -> None:
    wanted = people["李娜"]
    octets = ":".join(wanted.serial[at : at + 2] for at in range(0, 32, 2)).upper()
    for typed in (wanted.serial, wanted.serial[:9].upper(), octets, wanted.fingerprint):
        assert serials(world, world.officer, typed) == {wanted.serial}
    for typed in ("不存在", "%", "_", "'; DROP TABLE ca_certificates; --"):
        assert serials(world, world.officer, typed) == set()


@on_both
def test_what_many_have_is_found_too(
    world: World, people: Mapping[str, Certificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = serials(world, world.officer, "临江县大数据 city.gov")
    monkeypatch.setattr(listing, "_FEW", 1)
    assert (
        serials(world, world.officer, "临江县大数据 city.gov")
        == few
        == {one.serial for one in people.values()}
    )


@on_both
def test_other_units_rows_are_neither_listed_nor_counted_nor_found(
    world: World, people: Mapping[str, Certificate], other_registrar: Principal
) -> None:
    page = world.ca.lifecycle.page(other_registrar, Ask())
    assert (page.items, page.total, page.facets) == ((), 0, {"state": {}})
    assert serials(world, other_registrar, people["李娜"].serial) == set()
    assert serials(world, other_registrar, unit="u_county") == set()
    assert world.ca.registration.page(other_registrar, Ask("李娜")).items == ()
    assert serials(world, world.registrar) == {one.serial for one in people.values()}


@on_both
def test_requests_by_state_person_and_name(world: World, people: Mapping[str, Certificate]) -> None:
    filed = world.request(subject={"O": "临江县大数据中心", "CN": "赵敏"})
    page = world.ca.registration.page
    assert [one.id for one in page(world.officer, Ask(filters={"state": ("requested",)})).items] == [filed.id]
    assert [one.id for one in page(world.officer, Ask("赵敏")).items] == [filed.id]
    assert page(world.officer, Ask(filters={"requested_by": (world.registrar.id,)})).total == 4
    assert page(world.officer, Ask(filters={"profile": ("device",)})).total == 0
    assert page(world.officer, Ask()).facets["state"] == {"issued": 3, "requested": 1}


@on_both
def test_what_waits_for_my_decision(world: World, people: Mapping[str, Certificate]) -> None:
    filed = world.request(subject={"O": "临江县大数据中心", "CN": "赵敏"})
    waiting = Ask(filters={"waiting": ("me",)})
    assert [one.id for one in world.ca.registration.page(world.officer, waiting).items] == [filed.id]
    assert world.ca.registration.page(world.registrar, waiting).items == ()
    world.ca.registration.reject(world.officer, filed.id, "不符")
    assert world.ca.registration.page(world.second, waiting).items == ()


@pytest.mark.parametrize(
    "ask",
    [
        Ask("x" * 10_000),
        Ask(filters={"colour": ("red",)}),
        Ask(filters={"expires_before": ("tomorrow",)}),
        Ask(sort="colour"),
        Ask(cursor="WyJ4Il0"),
        Ask(cursor="☃"),
    ],
)
def test_what_can_not_be_asked_is_told(world: World, ask: Ask) -> None:
    with pytest.raises(Invalid):
        world.ca.lifecycle.page(world.officer, ask)


def test_waiting_has_one_value(world: World) -> None:
    with pytest.raises(Invalid, match="me"):
        world.ca.registration.page(world.officer, Ask(filters={"waiting": ("you",)}))


@on_both
def test_a_list_is_walked_whole(world: World, people: Mapping[str, Certificate]) -> None:
    whole = list(every(lambda ask: world.ca.lifecycle.page(world.officer, ask)))
    assert len(whole) == len({one.serial for one in whole}) == sum(world.ca.counts().values())
