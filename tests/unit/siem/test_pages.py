"""The room's pages and its part of the API over a real installation: few questions asked, nothing hostile let through."""

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from kernel.identity.model import Principal, Role
from kernel.store.listing import Ask
from tests.support.statements import counting
from tests.unit.console.conftest import (
    Browser,
    Console,
    console,  # noqa: F401 - a fixture
    installation,  # noqa: F401
    signed_in,  # noqa: F401
)
from tests.unit.siem.conftest import failed

SYSTEM = Principal.system("test")
HOSTILE = [
    b"<script>alert(1)</script><a href=javascript:alert(1)>",
    b"\x1b[2J\x1b]0;owned\x07",
    "\u202egnp.exe \u2066x".encode(),
    b"nul\0inside",
    b"x" * 1_000_000,
    "lone \ud800 surrogate".encode("utf-8", "surrogatepass"),
    b"{{ 7*7 }} {% raw %}",
    b'"></textarea><svg onload=alert(1)>',
]


@pytest.fixture
def analyst_at(console: Console, signed_in: Callable[[Role], Browser]) -> Browser:  # noqa: F811
    """Thirteen alerts, hostile lines of a device, and an analyst at the browser."""
    siem = console.app.siem
    writer = siem.intake.writer()
    for number in range(13):
        for line in failed(10, f"203.0.113.{number}"):
            writer.append("udp", "10.10.10.5", line.encode())
    for octets in HOSTILE:
        writer.append("udp", "10.10.10.6", b"<13>evil: " + octets)
    writer.close()
    siem.process()
    return signed_in(Role.SOC_ANALYST)


@pytest.mark.parametrize(
    "path",
    ["alerts", "cases", "tasks", "observables", "events", "rules", "sources", "losses"],
)
def test_each_list_asks_little(console: Console, analyst_at: Browser, path: str) -> None:  # noqa: F811
    analyst_at.get(f"/siem/{path}")  # what is read once a process is read
    with counting(console.app.floor.database) as asked:
        assert analyst_at.get(f"/siem/{path}").status_code == 200
    assert len(asked) <= 12, "\n".join(asked)


def test_hostile_lines_do_nothing_on_any_page(console: Console, analyst_at: Browser) -> None:  # noqa: F811
    found = console.app.siem.events.page(SYSTEM, Ask("log.source.ip:10.10.10.6", limit=50)).items
    assert len(found) >= len(HOSTILE) - 1
    pages = ["/siem/events?" + quote("q=log.source.ip:10.10.10.6", safe="=")]
    pages += [f"/siem/events/{quote(one['event.id'])}" for one in found]
    pages += [f"/siem/events/{quote(one['event.id'])}/fields" for one in found]
    for path in pages:
        page = analyst_at.get(path)
        assert page.status_code == 200, path
        body = page.text
        assert len(body) < 700_000, path
        for sign in (
            "<script>alert",
            "<svg onload",
            "<a href=javascript",
            "\x1b",
            "\u202e",
            "\u2066",
            "\0",
            "\x07",
        ):
            assert sign not in body, (path, sign)
        assert "{{ 7*7 }}" in body or "7*7" not in body


def test_hostile_lines_come_whole_through_the_api(console: Console, analyst_at: Browser) -> None:  # noqa: F811
    answer = analyst_at.get("/api/v1/siem/events?q=" + quote("log.source.ip:10.10.10.6") + "&limit=50")
    assert answer.status_code == 200, answer.text
    items = json.loads(answer.text)["items"]
    assert any("<script>alert(1)</script>" in item["message"] for item in items)
    assert {len(item["message"]) for item in items if item["message"].startswith("x" * 100)} == {64_000}
    one = analyst_at.get(f"/api/v1/siem/events/{quote(items[0]['id'])}")
    assert one.status_code == 200
    wrong = analyst_at.get("/api/v1/siem/events?q=" + quote('user.name:"'))
    assert (wrong.status_code, wrong.content_type.split(";")[0]) == (422, "application/problem+json")


def test_what_is_exported_is_what_is_shown_and_is_audited(console: Console, analyst_at: Browser) -> None:  # noqa: F811
    search = "/siem/events?q=" + quote('source.ip:"203.0.113.4"') + "&filter%5Brange%5D=30d"
    table = analyst_at.get(search + "&format=csv").text.splitlines()
    assert len(table) == 11
    told = json.loads(analyst_at.get(search + "&format=json").text)
    assert {one["source"] for one in told} == {"203.0.113.4"}
    newest = console.app.audit.page(SYSTEM, Ask(filters={"action": ("suite:list:export",)})).items
    assert [record.target for record in newest] == ["siem.events", "siem.events"]
    assert "203.0.113.4" in str(newest[0].details)


def test_alerts_are_found_by_the_search_over_everything(analyst_at: Browser) -> None:
    page = analyst_at.get("/search?q=" + quote("203.0.113.7"))
    assert page.status_code == 200
    assert "同一地址暴力破解登录口令" in page.text


def test_a_growing_count_refuses_no_act(console: Console, analyst_at: Browser) -> None:  # noqa: F811
    import re

    alert = console.app.siem.triage.page(SYSTEM, Ask("203.0.113.3")).items[0]
    form = analyst_at.get(f"/siem/alerts/{alert.id}/acknowledge").text
    fields = {name: re.search(f'name="{name}" value="([^"]*)"', form) for name in ("tag", "number")}
    writer = console.app.siem.intake.writer()
    for line in failed(5, "203.0.113.3"):
        writer.append("udp", "10.10.10.5", line.encode())
    writer.close()
    console.app.siem.process()
    assert console.app.siem.triage.alert(SYSTEM, alert.id).count == alert.count + 5
    sent = {name: found[1] for name, found in fields.items() if found}
    done = analyst_at.post(f"/siem/alerts/{alert.id}/acknowledge", None, note="", **sent)
    assert done.status_code == 303, done.text[:300]
    assert console.app.siem.triage.alert(SYSTEM, alert.id).state == "acknowledged"
    again = analyst_at.post(
        f"/siem/alerts/{alert.id}/acknowledge", None, note="", **{**sent, "number": "form_x1"}
    )
    assert again.status_code in (409, 412)


def test_who_may_not_see_events_sees_none(signed_in: Callable[[Role], Browser]) -> None:  # noqa: F811
    assessor = signed_in(Role.ASSESSOR)
    for path in ("/siem/events", "/siem/events/e1", "/siem/events/e1/fields", "/siem/sources"):
        assert assessor.get(path).status_code == 403, path
    assert assessor.get("/siem/alerts").status_code == 200
    assert "事件检索" not in assessor.get("/siem/alerts").text
