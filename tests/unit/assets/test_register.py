"""The ONE register as its users meet it: look up, change, retire."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from kernel.assets import Asset, AssetKind, Link, Network, Zone
from kernel.assets.model import zone_of
from kernel.assets.service import Register
from kernel.audit.chain import audit_records
from kernel.clock import FixedClock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.events import event_outbox
from kernel.identity.access import Access
from kernel.identity.model import Principal, Role
from kernel.store import Database
from kernel.store.listing import Ask
from tests.conftest import on_sqlite

CORE = Zone("intranet-core", "内网核心区", Network.INTRANET, ("10.1.0.0/24",), 3)
WIDE = Zone("intranet", "内网", Network.INTRANET, ("10.1.0.0/16", "2001:db8:1::/48"), 3)


@pytest.fixture
def register(any_database: Database, clock: FixedClock, network_admin: Principal) -> Register:
    made = Register(any_database, clock, Access(any_database))
    for zone in (CORE, WIDE):
        made.put_zone(network_admin, zone)
    return made


def switch(name: str = "nw-core", address: str = "10.1.0.1", **more: object) -> Asset:
    fields = {"zone": "intranet-core", "platform": "huawei_vrp", "level": 3, **more}
    return Asset("", AssetKind.DEVICE, name, "u_city", address=address, **fields)  # type: ignore[arg-type]


def test_an_entry_is_found_by_name_and_by_id(register: Register, network_admin: Principal) -> None:
    made = register.put_asset(network_admin, switch(attributes={"snmp_port": 1161, "site": "一号机房"}))
    assert made.version == 1
    assert register.asset("nw-core") == register.asset(made.id) == made
    assert register.assets(AssetKind.GATEWAY) == register.gateways() == []
    with pytest.raises(NotFound):
        register.asset("nowhere")


def test_who_changed_it_in_the_meantime_is_not_overwritten(
    register: Register, network_admin: Principal
) -> None:
    read = register.put_asset(network_admin, switch())
    changed = register.put_asset(network_admin, replace(read, level=2))
    assert changed.version == 2
    with pytest.raises(Conflict, match="somebody else"):
        register.put_asset(network_admin, replace(read, level=1))
    assert register.asset("nw-core").level == 2


def test_a_change_is_audited_and_announced_in_one_transaction(
    register: Register, any_database: Database, network_admin: Principal
) -> None:
    made = register.put_asset(network_admin, switch())
    with pytest.raises(Conflict):
        register.put_asset(network_admin, switch("other"))  # the same address
    with any_database.read() as connection:
        audited = connection.execute(
            select(audit_records.c.target).where(audit_records.c.action == "assets:asset:put")
        )
        assert audited.scalars().all() == [f"asset:{made.id}"]
        told = connection.execute(
            select(event_outbox.c.subject).where(event_outbox.c.kind == "assets:asset:changed")
        )
        assert told.scalars().all() == [made.id]


@on_sqlite
@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": "a b"}, "name"),
        ({"name": ""}, "name"),
        ({"level": 9}, "level"),
        ({"zone": "nowhere"}, "zone"),
        ({"unit": "u_nowhere"}, "unit"),
        ({"address": "10.1.0.300"}, "address"),
        ({"address": "10.9.0.1"}, "address"),
        ({"platform": "Cisco IOS"}, "platform"),
        ({"attributes": {"ssh_port": 70000}}, "ssh_port"),
        ({"attributes": {"ssh_port": True}}, "ssh_port"),
        ({"attributes": {"snmp_community": "public"}}, "snmp_community"),
    ],
)
def test_a_wrong_entry_names_the_wrong_field(
    register: Register, change: dict[str, object], place: str
) -> None:
    with pytest.raises(Invalid) as fault:
        register.put_asset(Principal.system("test"), replace(switch(), **change))  # type: ignore[arg-type]
    assert fault.value.place == place
    assert register.assets() == []


def test_a_retired_name_is_free_again_and_its_links_go(register: Register, network_admin: Principal) -> None:
    old = register.put_asset(network_admin, switch())
    peer = register.put_asset(network_admin, switch("nw-acc", "10.1.0.2"))
    register.put_link(network_admin, Link(peer.id, "GE1/0/1", old.id, "GE0/0/1"))
    assert len(register.links()) == 1
    register.retire(network_admin, "nw-core", version=old.version, reason="scrapped")
    assert register.links() == []
    assert [asset.name for asset in register.assets()] == ["nw-acc"]
    assert register.asset(old.id).retired_at is not None
    again = register.put_asset(network_admin, switch())
    assert register.asset("nw-core").id == again.id != old.id
    with pytest.raises(Conflict):
        register.retire(network_admin, old.id, version=2, reason="twice")


def test_whose_address_it_is(register: Register, network_admin: Principal) -> None:
    made = register.put_asset(network_admin, switch())
    page = Asset("", AssetKind.SERVICE, "a-page", "u_city", address="10.1.0.1", attributes={"tls_port": 443})
    register.put_asset(network_admin, page)
    assert register.asset_at("10.1.0.1") == made
    register.retire(network_admin, made.id, version=1, reason="scrapped")
    found = register.asset_at("10.1.0.1")
    assert found is not None
    assert found.name == "a-page"
    assert register.asset_at("10.1.0.99") is None


def test_of_many_who_register_the_same_at_once_one_succeeds(
    register: Register, network_admin: Principal
) -> None:
    def put(_number: int) -> str:
        try:
            register.put_asset(network_admin, switch(address=""))
            register.put_zone(network_admin, replace(CORE, id="new"))
        except Conflict:
            return "conflict"
        return "stored"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(put, range(8)))
    assert sorted(outcomes) == ["conflict"] * 7 + ["stored"]


def test_a_link_is_the_same_from_both_ends(register: Register, network_admin: Principal) -> None:
    a = register.put_asset(network_admin, switch())
    b = register.put_asset(network_admin, switch("nw-acc", "10.1.0.2"))
    register.put_link(network_admin, Link(a.id, "1", b.id, "2"))
    with pytest.raises(Conflict):
        register.put_link(network_admin, Link(b.id, "2", a.id, "1"))
    with pytest.raises(Invalid):
        register.put_link(network_admin, Link(a.id, "1", "asset_unknown", "1"))
    register.remove_link(network_admin, Link(b.id, "2", a.id, "1"), "moved")
    assert register.links_page(network_admin, Ask()).items == ()


def test_the_zone_with_the_longest_prefix_holds_an_address(register: Register) -> None:
    expected = {"10.1.0.7": "intranet-core", "10.1.9.7": "intranet", "2001:db8:1::5": "intranet"}
    for address, zone in expected.items():
        found = register.zone_of(address)
        assert found is not None
        assert found.id == zone
    assert zone_of(register.zones(), "192.0.2.1") is None


@on_sqlite
@pytest.mark.parametrize(
    "change",
    [
        {"prefixes": ("10.1.0.1/16",)},
        {"id": "Not Good"},
        {"level": 7},
        {"name": " "},
    ],
)
def test_a_wrong_zone_is_refused(
    register: Register, network_admin: Principal, change: dict[str, object]
) -> None:
    with pytest.raises(Invalid):
        register.put_zone(network_admin, replace(CORE, version=1, **change))  # type: ignore[arg-type]
    assert {zone.id for zone in register.zones()} == {"intranet", "intranet-core"}


def test_a_county_sees_and_changes_its_own_entries_only(register: Register, network_admin: Principal) -> None:
    local = Principal("usr_local", "local", frozenset({Role.NETWORK_ADMINISTRATOR}), "u_county", "password")
    register.put_asset(network_admin, switch())
    own = register.put_asset(local, replace(switch("county-sw", "10.1.0.9"), unit="u_county"))
    assert [asset.name for asset in register.page(local, Ask()).items] == ["county-sw"]
    assert register.page(network_admin, Ask()).total == 2
    with pytest.raises(NotFound):
        register.show(local, "nw-core")
    for act in (
        lambda: register.put_asset(local, switch("more", "10.1.0.8")),
        lambda: register.put_asset(local, replace(own, unit="u_other")),
    ):
        with pytest.raises(NotPermitted):
            act()
    with pytest.raises(NotFound):
        register.retire(local, "nw-core", version=1, reason="mine")
    with pytest.raises(NotFound):
        register.put_asset(local, replace(register.asset("nw-core"), unit="u_county"))
    assert register.page(local, Ask().narrowed(unit="u_city")).items == ()


@on_sqlite
def test_without_the_permission_nothing_is_changed(
    register: Register, any_database: Database, analyst: Principal, auditor: Principal
) -> None:
    assert register.page(analyst, Ask()).items == ()
    with pytest.raises(NotPermitted):
        register.put_asset(analyst, switch())
    with pytest.raises(NotPermitted):
        register.page(auditor, Ask())
    with any_database.read() as connection:
        denied = select(audit_records.c.actor).where(audit_records.c.outcome == "denied")
        assert connection.execute(denied).scalars().all() == [analyst.id, auditor.id]


def test_a_subordinate_unit_sends_no_credential_to_a_host_of_its_own(
    database: Database, clock: FixedClock, network_admin: Principal
) -> None:
    """Whoever names credential and address could have the suite log in to a machine of theirs."""
    from dataclasses import replace as changed

    register = Register(database, clock, Access(database))
    local = changed(network_admin, id="usr_local", unit="u_county")
    register.put_zone(network_admin, Zone("intranet", "政务内网", Network.INTRANET, ("10.0.0.0/8",), 3))
    named = Asset(
        "",
        AssetKind.DEVICE,
        "sw-1",
        "u_county",
        "intranet",
        "10.1.0.1",
        "cisco_ios",
        3,
        {"credential": "city"},
    )
    with pytest.raises(NotPermitted):
        register.put_asset(local, named)
    with pytest.raises(NotPermitted):
        register.put_zone(local, Zone("mine", "本县", Network.INTRANET, ("10.9.0.0/16",), 3))
    plain = register.put_asset(local, changed(named, attributes={}))
    with pytest.raises(NotPermitted):
        register.put_asset(local, changed(plain, attributes={"credential": "city"}))
    entrusted = register.put_asset(network_admin, changed(plain, attributes={"credential": "city"}))
    with pytest.raises(NotPermitted):
        register.put_asset(local, changed(entrusted, address="10.1.0.66"))
    assert register.put_asset(local, changed(entrusted, level=2)).level == 2


# --- lists
def test_the_register_is_looked_through_by_what_entries_are(
    register: Register, network_admin: Principal
) -> None:
    for number in range(5):
        register.put_asset(network_admin, switch(f"nw-{number}", f"10.1.0.{9 - number}", level=number % 2))
    gone = register.put_asset(network_admin, switch("nw-old", "10.1.0.77"))
    register.retire(network_admin, gone.id, version=None, reason="scrapped")

    def names(**asked: Any) -> list[str]:
        return [asset.name for asset in register.page(network_admin, Ask(**asked)).items]

    assert names() == [f"nw-{number}" for number in range(5)]
    assert names(sort="-address") == [f"nw-{number}" for number in range(5)]
    assert names(filters={"level": ("1",)}) == ["nw-1", "nw-3"]
    assert names(filters={"state": ("retired",)}) == ["nw-old"]
    assert names(text="10.1.0.9") == ["nw-0"]
    first = register.page(network_admin, Ask(limit=2))
    assert (first.total, first.facets["kind"]) == (5, {"device": 5})
    assert names(limit=10, cursor=first.next_cursor) == ["nw-2", "nw-3", "nw-4"]
    for wrong in ({"level": ("x",)}, {"state": ("new",)}):
        with pytest.raises(Invalid):
            names(filters=wrong)


def test_a_zone_goes_when_nothing_in_use_lies_in_it(register: Register, network_admin: Principal) -> None:
    made = register.put_asset(network_admin, switch())
    with pytest.raises(Conflict, match="1 entries"):
        register.remove_zone(network_admin, CORE.id, "divided anew")
    register.retire(network_admin, made.id, version=1, reason="scrapped")
    register.remove_zone(network_admin, CORE.id, "divided anew")
    assert [zone.id for zone in register.zones_page(network_admin, Ask()).items] == ["intranet"]
    assert register.asset(made.id).zone == ""
    with pytest.raises(NotFound):
        register.remove_zone(network_admin, CORE.id, "twice")


def test_a_link_has_an_id_and_is_seen_by_the_units_of_its_ends(
    register: Register, network_admin: Principal
) -> None:
    counties = [replace(network_admin, id=f"usr_{unit}", unit=unit) for unit in ("u_county", "u_other")]
    core = register.put_asset(network_admin, switch())
    for number, county in enumerate(counties):
        register.put_asset(
            county, replace(switch(f"edge-{number}", f"10.1.0.{20 + number}"), unit=county.unit)
        )
        register.put_link(county, Link(f"edge-{number}", "GE1", "nw-core", f"GE0/0/{number}"))
    (own,) = register.links_page(counties[0], Ask()).items
    assert {own.a_name, own.b_name} == {"edge-0", "nw-core"}
    assert register.link(counties[0], own.id) == own
    assert own.link.id == own.id
    with pytest.raises(NotFound):
        register.link(counties[1], own.id)
    asked = Ask(filters={"asset": (core.id,)})
    assert register.links_page(network_admin, asked).total == 2
