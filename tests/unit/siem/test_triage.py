"""Alerts page by page, in the order of work; given to somebody, opened again, told where they were seen before."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from kernel.audit.chain import audit_records
from kernel.clock import FixedClock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.identity.model import Principal, Role
from kernel.identity.store import user_roles, users
from kernel.store import Database
from kernel.store.listing import Ask
from siem.adapters.memory_events import MemoryEvents
from siem.model import AlertState, Verdict
from siem.store import alerts
from tests.unit.siem.conftest import Centre, failed, make_centre


@pytest.fixture
def busy(centre: Centre) -> Centre:
    """Five alerts of different addresses, four of the city and one of the county."""
    for number in range(1, 5):
        centre.take(*failed(10, f"203.0.113.{number}"))
    centre.take(*failed(10, "203.0.113.9"), source="10.10.20.1")
    return centre


def add_person(database: Database, login: str, unit: str, role: Role = Role.SOC_ANALYST) -> Principal:
    with database.begin() as uow:
        row = {"id": f"usr_{login}", "login": login, "name": login.title(), "unit": unit, "state": "active"}
        uow.execute(users.insert().values(**row, password_hash="", created_at=database.clock.now()))
        uow.execute(user_roles.insert().values(user=row["id"], role=str(role)))
    return Principal(row["id"], row["name"], frozenset({role}), unit, "password")


def shown(centre: Centre, who: Principal, text: str = "", sort: str = "", **filters: str) -> list[str]:
    """Last digits of the addresses, in the list's order."""
    ask = Ask(text, {name: tuple(value.split("|")) for name, value in filters.items()}, sort)
    items = centre.service.triage.page(who, ask).items
    return [alert.group["source.ip"].rsplit(".", 1)[1] for alert in items]


def of(centre: Centre, who: Principal, digit: str) -> str:
    """The id of the alert of that address."""
    items = centre.service.triage.page(who, Ask()).items
    return next(alert.id for alert in items if alert.group["source.ip"].endswith(f".{digit}"))


def test_untouched_alerts_come_first_and_closed_ones_last(busy: Centre, analyst: Principal) -> None:
    triage = busy.service.triage
    triage.close(analyst, of(busy, analyst, "4"), Verdict.FALSE, "演练")
    triage.acknowledge(analyst, of(busy, analyst, "3"))
    order = shown(busy, analyst)
    assert set(order[:3]) == {"1", "2", "9"}
    assert order[3:] == ["3", "4"]
    page = triage.page(analyst, Ask(filters={"state": ("new",)}))
    assert page.total == 3
    assert page.facets["state"] == {"new": 3, "acknowledged": 1, "closed": 1}


def test_filters_and_quick_find(busy: Centre, analyst: Principal) -> None:
    triage = busy.service.triage
    triage.acknowledge(analyst, of(busy, analyst, "2"))
    triage.close(analyst, of(busy, analyst, "1"), Verdict.BENIGN, "漏洞扫描")
    assert shown(busy, analyst, assignee="me") == ["2"]
    assert set(shown(busy, analyst, assignee="nobody")) == {"1", "3", "4", "9"}
    assert shown(busy, analyst, verdict="benign") == ["1"]
    assert shown(busy, analyst, unit="u_county") == ["9"]
    assert shown(busy, analyst, text="暴力破解", state="acknowledged|closed") == ["2", "1"]
    assert shown(busy, analyst, text="BRUTE-force", asset="ast_county") == ["9"]
    assert shown(busy, analyst, text="203.0.113.3") == ["3"]
    assert shown(busy, analyst, text="nw-srv-linux", state="new") == ["4", "3"]
    assert shown(busy, analyst, level="low") == []
    newest = busy.clock.now().isoformat()
    assert shown(busy, analyst, since=newest) == []
    assert shown(busy, analyst, sort="last_seen", until=newest)[0] == "1"
    with pytest.raises(Invalid, match="no filter colour"):
        shown(busy, analyst, colour="red")


def test_pages_follow_one_another_without_gap(busy: Centre, analyst: Principal) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = busy.service.triage.page(analyst, Ask(sort="-risk", cursor=cursor, limit=2))
        seen += [alert.id for alert in page.items]
        cursor = page.next_cursor
    assert len(seen) == len(set(seen)) == 5


def test_a_county_counts_its_own(busy: Centre) -> None:
    county = add_person(busy.database, "county", "u_county")
    page = busy.service.triage.page(county, Ask())
    assert (page.total, page.facets["state"]) == (1, {"new": 1})
    assert page.items[0].asset_name == ""  # the register of this test is not the database's
    assert page.items[0].unit_name == "临江县大数据中心"


def test_an_alert_is_given_to_somebody_of_the_unit_or_a_superior_one(
    busy: Centre, analyst: Principal
) -> None:
    colleague = add_person(busy.database, "ma", "u_city")
    county = add_person(busy.database, "xia", "u_county")
    add_person(busy.database, "nora", "u_city", Role.NETWORK_ADMINISTRATOR)
    triage = busy.service.triage
    city, of_county = of(busy, analyst, "1"), of(busy, analyst, "9")
    assert [person.id for person in triage.people(analyst, city)] == [colleague.id]
    assert {person.id for person in triage.people(analyst, of_county)} == {colleague.id, county.id}
    given = triage.assign(analyst, city, colleague.id, "请核查")
    assert (given.assignee_name, given.state) == ("Ma", AlertState.NEW)
    assert triage.assign(analyst, city, analyst.id).assignee == analyst.id
    with pytest.raises(Invalid, match="may not work on alerts of this unit"):
        triage.assign(analyst, city, county.id)
    assert [entry.kind for entry in triage.timeline(analyst, city)] == ["assigned", "assigned"]
    assert triage.timeline(analyst, city)[0].text == "Ma · 请核查"


def test_a_closed_alert_is_opened_again_with_a_reason_only(busy: Centre, analyst: Principal) -> None:
    triage, alert = busy.service.triage, of(busy, analyst, "1")
    with pytest.raises(Conflict, match="not closed"):
        triage.reopen(analyst, alert, "x")
    triage.close(analyst, alert, Verdict.FALSE, "误判")
    acts: tuple[Callable[[], object], ...] = (
        lambda: triage.acknowledge(analyst, alert),
        lambda: triage.assign(analyst, alert, analyst.id),
    )
    for act in acts:
        with pytest.raises(Conflict, match="is closed"):
            act()
    with pytest.raises(Invalid, match="Say why"):
        triage.reopen(analyst, alert, " ")
    again = triage.reopen(analyst, alert, "又出现成功登录")
    assert (again.state, again.verdict, again.assignee) == (AlertState.ACKNOWLEDGED, None, analyst.id)
    told = [(entry.kind, entry.text) for entry in triage.timeline(analyst, alert)]
    assert told == [("closed", "误判"), ("reopened", "又出现成功登录")]
    with busy.database.read() as connection:
        actions = connection.execute(select(audit_records.c.action).order_by(audit_records.c.seq)).scalars()
        assert list(actions)[-2:] == ["siem:alert:close", "siem:alert:reopen"]


def test_two_people_at_once_are_told(busy: Centre, analyst: Principal) -> None:
    from siem.moves import change_alert

    alert = busy.service.triage.alert(analyst, of(busy, analyst, "1"))
    busy.service.triage.assign(analyst, alert.id, analyst.id)
    with pytest.raises(Conflict, match="Somebody else"), busy.database.begin() as uow:
        change_alert(uow, alert, {"assignee": "usr_other"})


def test_what_was_seen_before_is_told(centre: Centre, analyst: Principal) -> None:
    centre.take(*failed(10))
    [first] = centre.service.triage.page(analyst, Ask()).items
    centre.service.triage.close(analyst, first.id, Verdict.FALSE, "扫描器")
    centre.clock.advance(hours=2)
    centre.take(*failed(10), *failed(10, "203.0.113.99"))
    again = centre.service.triage.page(analyst, Ask("203.0.113.50", {"state": ("new",)}))
    [newest] = again.items
    [earlier] = centre.service.triage.earlier(analyst, newest.id)
    assert (earlier.id, earlier.verdict) == (first.id, Verdict.FALSE)
    assert centre.service.triage.earlier(analyst, first.id) == []


def test_others_units_alerts_do_not_exist(busy: Centre, analyst: Principal, assessor: Principal) -> None:
    county, triage = add_person(busy.database, "county", "u_county"), busy.service.triage
    city = of(busy, analyst, "1")
    for act in (triage.alert, triage.timeline, triage.earlier, triage.evidence_of, triage.people):
        with pytest.raises(NotFound):
            act(county, city)
    with pytest.raises(NotPermitted):
        triage.assign(assessor, city, assessor.id)
    with pytest.raises(NotPermitted):
        triage.reopen(assessor, city, "x")


def test_the_list_on_both_databases(tmp_path: Path, any_database: Database, clock: FixedClock) -> None:
    centre = make_centre(tmp_path, any_database, clock, MemoryEvents())
    system = Principal.system("test")
    for number in range(3):
        centre.take(*failed(10, f"203.0.113.{number}"))
    with any_database.begin() as uow:
        uow.execute(update(alerts).where(alerts.c.words.contains("113.1")).values(words="100%_满 O'Neil"))
    assert shown(centre, system, text="0%_满 O'") == ["1"]
    assert sorted(shown(centre, system, sort="-count")) == ["0", "1", "2"]
    page = centre.service.triage.page(system, Ask("暴力", limit=1))
    assert (page.total, len(page.items)) == (2, 1)
    after = centre.service.triage.page(system, Ask("暴力", cursor=page.next_cursor or "", limit=1))
    assert after.items[0].id != page.items[0].id
    assert centre.service.triage.page(system, Ask(filters={"state": ("new",)})).total == 3
    centre.service.close()
