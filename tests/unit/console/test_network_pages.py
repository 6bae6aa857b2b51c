"""Pages of devices, configurations, findings and the live network, as the people who work with them meet them."""

import re
from collections.abc import Callable
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from werkzeug.test import TestResponse

from console.api.app import create_api
from console.resources import resources
from kernel.assets import AssetKind
from kernel.identity.model import Principal, Role
from kernel.store.listing import Ask
from monitor.model import Problem
from netops.compliance.model import FindingState
from tests.support.network import COLLECTED, Network
from tests.unit.console.api.conftest import Desk
from tests.unit.console.conftest import BASE, Browser, Console
from tests.unit.monitor.conftest import neighbour, system

SignedIn = Callable[[Role], Browser]
HOSTILE = "\x1b[2J<script>alert(1)</script>\u202egnp.exe" + "x" * 10_000


@pytest.fixture
def network(console: Console) -> Network:
    account = console.accounts[Role.NETWORK_ADMINISTRATOR].user
    admin = Principal(account.id, account.name, frozenset({Role.NETWORK_ADMINISTRATOR}), "u_city", "password")
    return Network(console.app, admin)


@pytest.fixture
def admin(network: Network, signed_in: SignedIn) -> Browser:
    return signed_in(Role.NETWORK_ADMINISTRATOR)


def page(browser: Browser, path: str) -> str:
    response = browser.get(path)
    assert response.status_code == 200, re.sub(r"(?s).*<main|<[^>]+>|\s+", " ", response.text)[:500]
    return response.text


def finding(network: Network, rule: str) -> str:
    asked = Ask().narrowed(rule=rule, device=COLLECTED)
    return network.app.netops.findings.page(network.admin, asked).items[0].id


# --- configurations
def test_each_device_with_its_last_collection_and_findings(network: Network, admin: Browser) -> None:
    network.collect()
    text = page(admin, "/netops/devices?limit=100")
    assert COLLECTED in text
    assert "首次采集" in text
    assert "采集失败" in text
    assert COLLECTED not in page(admin, "/netops/devices?filter[state]=failed")
    detail = page(admin, f"/netops/devices/{network.id(COLLECTED)}")
    assert "SHA256:" in detail
    assert "snmp-server community public RO 20" in detail  # among its findings


def test_a_version_shows_its_findings_beside_their_lines(network: Network, admin: Browser) -> None:
    network.collect(COLLECTED)
    version = network.app.netops.versions.page(network.admin, Ask()).items[0]
    text = page(admin, f"/netops/versions/{version.id}")
    public = network.app.netops.findings.get(network.admin, finding(network, "snmp-public"))
    row = re.search(rf'<tr id="L{public.line}".*?</tr>', text, re.S)
    assert row is not None
    assert public.text in row[0]
    assert f"/netops/findings/{public.id}" in row[0]
    assert "&lt;masked:" in text
    downloaded = admin.get(f"/netops/versions/{version.id}/download/text")
    assert public.text in downloaded.text
    assert downloaded.headers["Content-Disposition"].startswith("attachment")


def test_two_versions_side_by_side_and_one_below_the_other(
    network: Network, admin: Browser, console: Console
) -> None:
    network.collect(COLLECTED)
    network.change(COLLECTED, "logging trap informational", "logging trap warnings")
    console.clock.advance(minutes=5)
    network.collect(COLLECTED)
    text = page(admin, f"/netops/devices/{network.id(COLLECTED)}/diff")
    assert text.count("logging trap informational") == text.count("logging trap warnings") == 2  # both views
    assert "data-change" in text
    unified = page(admin, f"/netops/devices/{COLLECTED}/diff?view=unified")
    assert unified.index("logging trap informational") < unified.index("logging trap warnings")
    old, new = (one.version for one in reversed(network.app.netops.versions.page(network.admin, Ask()).items))
    turned = page(admin, f"/netops/devices/{COLLECTED}/diff?view=unified&from={new[:8]}&to={old[:8]}")
    assert turned.index("logging trap warnings") < turned.index("logging trap informational")
    assert "两个版本完全相同" in page(admin, f"/netops/devices/{COLLECTED}/diff?from={new}&to={new}")
    assert admin.get(f"/netops/devices/{COLLECTED}/diff?from=zzzz").status_code == 422
    assert admin.get(f"/netops/devices/{COLLECTED}/diff?from=abcdef99").status_code == 404
    assert admin.get("/netops/devices/nobody/diff").status_code == 404


def test_a_finding_shows_its_line_in_context_and_how_to_mend_it(network: Network, admin: Browser) -> None:
    network.collect(COLLECTED)
    text = page(admin, f"/netops/findings/{finding(network, 'snmp-public')}")
    assert "no snmp-server community public" in text
    assert "config-noted" in text
    assert "L3-8.1.4.2-b" in text


def test_a_finding_is_taken_on_accepted_and_confirmed_each_by_the_right_person(
    network: Network, signed_in: SignedIn
) -> None:
    network.collect(COLLECTED)
    public, weak = finding(network, "snmp-public"), finding(network, "weak-hash")
    admin, officer = signed_in(Role.NETWORK_ADMINISTRATOR), signed_in(Role.SECURITY_OFFICER)
    assert act(admin, f"/netops/findings/{public}/acknowledge", reason="周五整改").status_code == 303
    assert "已受理" in page(admin, f"/netops/findings/{public}")
    until = (network.app.clock.now() + timedelta(days=30)).date().isoformat()
    given = {"owner": "李娜", "until": until, "reason": "等待更换设备"}
    assert act(admin, f"/netops/findings/{weak}/except", **given).status_code == 403
    assert act(officer, f"/netops/findings/{weak}/except", **given).status_code == 303
    kept = network.app.netops.findings.get(network.admin, weak)
    assert kept.until is not None
    assert kept.until.isoformat() == f"{until}T16:00:00+00:00"  # that day is over in China
    network.change(COLLECTED, "snmp-server community public RO 20\n", "")
    network.collect(COLLECTED)
    assert act(admin, f"/netops/findings/{public}/confirm", reason="已核对").status_code == 403
    assert act(officer, f"/netops/findings/{public}/confirm", reason="已核对").status_code == 303
    assert "已确认整改" in page(officer, f"/netops/findings/{public}")


def act(browser: Browser, path: str, **fields: str) -> TestResponse:
    """Opens the form of a verb and sends it back filled in."""
    form = browser.get(path)
    hidden = {name: re.search(rf'name="{name}" value="([^"]*)"', form.text) for name in ("number", "tag")}
    return browser.post(path, None, **{name: found[1] for name, found in hidden.items() if found}, **fields)


def test_collecting_polling_and_checking_are_jobs_of_the_worker(network: Network, admin: Browser) -> None:
    device = network.id(COLLECTED)
    for path in (
        f"/netops/devices/{device}/collect",
        "/netops/devices/-/collect-all",
        "/netops/versions/-/verify",
        f"/monitor/devices/{device}/poll",
        "/monitor/devices/-/poll-all",
        "/monitor/devices/-/record",
        "/monitor/findings/-/compare",
    ):
        done = act(admin, path)
        assert done.status_code == 303, path
        assert "/jobs/jobs/job_" in done.headers["Location"], path
    jobs = network.app.jobs.page(network.admin, Ask()).items
    assert {job.kind for job in jobs} >= {
        "netops.collect",
        "netops.verify",
        "monitor.poll",
        "monitor.topology",
    }


def test_asking_twice_gives_the_same_job_and_an_empty_choice_none(network: Network) -> None:
    collection, polling = network.app.netops.collection, network.app.monitor.polling
    assert collection.request(network.admin, [COLLECTED]) == collection.request(network.admin, [COLLECTED])
    county = Principal("usr_c", "c", frozenset({Role.NETWORK_ADMINISTRATOR}), "u_nowhere", "password")
    for ask in (collection.request, polling.request):
        with pytest.raises(Exception, match="There is no"):
            ask(county)


def test_rules_and_a_configuration_that_is_handed_in(network: Network, admin: Browser) -> None:
    assert "gateway-bypass" in page(admin, "/netops/rules?filter[platform]=huawei_vrp")
    text = network.collector.screens[COLLECTED]
    done = act(admin, "/netops/rules/-/check", platform="cisco_ios", text=text)
    assert "snmp-server community public RO 20" in done.text
    assert network.app.netops.versions.page(network.admin, Ask()).total == 0


# --- the live network
def answering(network: Network) -> None:
    """Two devices answer; the access switch sees somebody who is not registered, whose name is hostile."""
    network.agents.agents[network.id("nw-core-vrp")] = system("nw-core-vrp", 1) | neighbour(
        1, "GigabitEthernet0/0/1", 2, "GigabitEthernet1/0/24", "nw-acc-h3c"
    )
    network.agents.agents[network.id("nw-acc-h3c")] = (
        system(HOSTILE, 2)
        | neighbour(24, "GigabitEthernet1/0/24", 1, "GigabitEthernet0/0/1", "nw-core-vrp")
        | neighbour(10, "GE1/0/10", 99, HOSTILE, HOSTILE, "127.10.20.66")
    )
    network.agents.agents[network.id("gap-in")] = Problem.TIMEOUT
    network.link("nw-core-vrp", "GigabitEthernet0/0/1", "nw-acc-h3c", "GigabitEthernet1/0/24")
    network.link("nw-core-vrp", "GigabitEthernet0/0/9", "nw-acc-h3c", "GigabitEthernet1/0/9")


def polled(network: Network, console: Console, times: int = 3) -> None:
    for _time in range(times):
        network.app.monitor.polling.poll(network.admin)
        console.clock.advance(minutes=5)
    network.app.monitor.network.check(network.admin)


def test_the_live_list_tells_state_and_availability(
    network: Network, signed_in: SignedIn, console: Console
) -> None:
    answering(network)
    polled(network, console)
    network.agents.agents[network.id("nw-core-vrp")] = Problem.TIMEOUT
    polled(network, console, 1)
    core = network.app.monitor.polling.get(network.admin, "nw-core-vrp")
    assert core.availability == 0.75
    admin = signed_in(Role.NETWORK_ADMINISTRATOR)
    text = page(admin, "/monitor/devices")
    assert "data-live" in text
    assert "75" in text
    assert "无应答" in page(admin, "/monitor/devices?filter[state]=down")


def test_a_device_has_graphs_tables_and_pictures_of_them(
    network: Network, admin: Browser, console: Console
) -> None:
    answering(network)
    polled(network, console)
    device = network.id("nw-core-vrp")
    for wanted in ("hour", "day", "week", "nonsense"):
        text = page(admin, f"/monitor/devices/{device}?range={wanted}")
        assert 'data-picture="chart"' in text
    assert "GigabitEthernet1/0/24" in text
    for name in ("latency", "load", "answered"):
        drawn = admin.get(f"/monitor/devices/{device}/graphs/{name}.svg?range=hour")
        assert drawn.mimetype == "image/svg+xml"
        assert ElementTree.fromstring(drawn.data).tag.endswith("svg")
    assert admin.get(f"/monitor/devices/{device}/graphs/other.svg").status_code == 404


def test_the_network_picture_tells_what_is_wrong_by_word_sign_and_line(
    network: Network, admin: Browser, console: Console
) -> None:
    answering(network)
    polled(network, console)
    text = page(admin, "/monitor/topology")
    assert "连接未登记设备" in text
    assert "已登记链路缺失" in text
    assert f'href="/monitor/devices/{network.id("nw-core-vrp")}"' in text
    within = page(admin, "/monitor/topology?zone=extranet")
    assert "ww-core-ios" in within
    assert "nw-acc-h3c" not in within
    picture = admin.get("/monitor/topology.svg")
    assert ElementTree.fromstring(picture.data).tag.endswith("svg")


def test_what_a_hostile_device_says_is_harmless_and_readable(
    network: Network, admin: Browser, console: Console
) -> None:
    answering(network)
    polled(network, console)
    network.change(
        COLLECTED, "logging trap informational", "logging trap informational\n! \u202egnp.exe <b>x</b>"
    )
    network.collect(COLLECTED)
    version = network.app.netops.versions.page(network.admin, Ask()).items[0]
    found = network.app.monitor.findings.page(
        network.admin, Ask().narrowed(kind="unregistered-device")
    ).items[0]
    for path in (
        f"/monitor/devices/{network.id('nw-acc-h3c')}",
        "/monitor/devices",
        "/monitor/topology",
        "/monitor/topology.svg",
        "/monitor/findings",
        f"/monitor/findings/{found.finding.id}",
        f"/netops/versions/{version.id}",
        f"/netops/devices/{network.id(COLLECTED)}/diff",
    ):
        text = page(admin, path)
        assert "<script>alert" not in text, path
        assert "<b>x</b>" not in text, path
        assert not set(text) & set("\x1b\u202e\u2066\x07"), path
        assert len(max(text.split(), key=len)) < 2_000 or path.endswith("svg"), path
    assert "alert(1)" in page(admin, f"/monitor/findings/{found.finding.id}")  # still there to be read
    assert "gnp.exe" in page(admin, f"/netops/versions/{version.id}")


def test_endpoints_and_notifications_have_lists(network: Network, admin: Browser) -> None:
    network.register("portal", AssetKind.SERVICE, "intranet", "127.10.10.99", tls_port=8443)
    assert "从未检查" in page(admin, "/monitor/endpoints?q=portal")
    network.app.monitor.endpoints.check(network.admin, ("portal",))
    assert "服务不可达" in page(admin, f"/monitor/endpoints/{network.id('portal')}")
    page(admin, "/monitor/notifications")
    assert act(admin, "/monitor/endpoints/-/check-all").status_code == 303


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.REGISTRAR, Role.SYSTEM_ADMINISTRATOR])
def test_who_may_not_look(network: Network, signed_in: SignedIn, role: Role) -> None:
    browser = signed_in(role)
    for path in (
        "/netops/devices",
        "/netops/versions",
        "/monitor/topology",
        f"/netops/devices/{COLLECTED}/diff",
    ):
        assert browser.get(path).status_code == 403, path


# --- programs
def test_a_program_collects_takes_findings_on_and_reads_them(network: Network, console: Console) -> None:
    network.collect(COLLECTED)
    program = Desk(console, create_api(console.app, resources()), notes=None).program(
        Role.NETWORK_ADMINISTRATOR
    )  # type: ignore[arg-type]
    listed = program.get(f"/api/v1/netops/findings?filter[device]={COLLECTED}").get_json()
    ids = [item["id"] for item in listed["items"]]
    assert len(ids) == 2
    done = program.post("/api/v1/netops/findings/acknowledge", {"ids": ids, "reason": "planned"}).get_json()
    assert (done["done"], done["failed"]) == (2, 0)
    states = {program.get(f"/api/v1/netops/findings/{one}").get_json()["state"] for one in ids}
    assert states == {"acknowledged"}
    queued = program.post(f"/api/v1/netops/devices/{network.id(COLLECTED)}/collect", {})
    assert (queued.status_code, queued.headers["Location"].startswith("/api/v1/jobs/jobs/")) == (202, True)
    for path in ("devices", "findings", "endpoints", "notifications"):
        assert program.get(f"/api/v1/monitor/{path}").status_code == 200
    for path in ("devices", "versions", "rules"):
        assert program.get(f"/api/v1/netops/{path}").status_code == 200
    assert program.get("/api/v1/netops/findings?sort=-text").status_code == 422


def test_many_findings_are_taken_on_at_once_in_the_console(network: Network, admin: Browser) -> None:
    network.collect(COLLECTED)
    ids = [one.id for one in network.app.netops.findings.page(network.admin, Ask()).items]
    path = "/netops/findings/-/bulk/acknowledge"
    form = admin.client.post(
        path, data={"id": ids, "csrf_token": admin.token()}, base_url=BASE, headers={"Referer": f"{BASE}/"}
    )
    number = re.search(r'name="number" value="([^"]*)"', form.text)
    assert number is not None
    sent = {"id": ids, "csrf_token": admin.token(), "number": number[1], "reason": "周五整改"}
    admin.client.post(path, data=sent, base_url=BASE, headers={"Referer": f"{BASE}/"})
    states = {network.app.netops.findings.get(network.admin, one).state for one in ids}
    assert states == {FindingState.ACKNOWLEDGED}
