"""A network administrator and a security officer do their day's work on configurations and the live network in the browser."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from console.compose.app import App
from console.compose.floor import build_floor
from console.compose.tables import import_all_tables
from console.web.security import COOKIE
from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.evidence.ports import NullSealer
from kernel.identity.model import Principal, Role
from kernel.store.listing import Ask
from monitor import jobs as monitor_jobs
from monitor import mib
from monitor.model import Oid, Problem, Value
from netops import jobs as netops_jobs
from tests.support.console import ServedConsole, answered, drawn, serve
from tests.support.network import COLLECTED, RANGE, Network
from tests.unit.console.conftest import START, Issued, make_accounts
from tests.unit.monitor.conftest import neighbour, system

pytestmark = pytest.mark.web
HOSTILE = "\x1b[2J<script>alert(1)</script>\u202egnp.exe" + "边界" * 5_000


@dataclass
class City(ServedConsole):
    """A city's console over a network of memory, served over TLS from this process."""

    network: Network


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("city")
    (folder / "data").mkdir(mode=0o700)
    import_all_tables()
    clock = FixedClock(START - timedelta(minutes=1))
    settings = Settings(data_dir=folder / "data")
    app = App(settings, clock)
    app.__dict__["floor"] = build_floor(settings, clock, Issued(), NullSealer())
    app.floor.database.create_all()
    accounts = make_accounts(app)
    clock.advance(minutes=1)
    account = accounts[Role.NETWORK_ADMINISTRATOR].user
    admin = Principal(account.id, account.name, frozenset({Role.NETWORK_ADMINISTRATOR}), "u_city", "password")
    network = Network(app, admin)
    _live(network, clock)
    for handlers in (netops_jobs.handlers(app.netops), monitor_jobs.handlers(app.monitor)):
        app.jobs.register(handlers)
    server, url = serve(app, folder)
    try:
        yield City(app, url, clock, accounts, network)
    finally:
        server.shutdown()
        app.floor.database.close()


def _live(network: Network, clock: FixedClock) -> None:
    """Two hours of polls; one device silent, one that nobody registered, two versions of one configuration."""
    network.app.assets.import_links(network.admin, RANGE / "links.csv", all_or_nothing=True)
    network.collect()
    network.change(COLLECTED, "logging trap informational", "logging trap warnings\nlogging buffered 4096")
    network.change(COLLECTED, "ntp server 127.20.0.13\n", "")
    acc = system(HOSTILE, 2) | neighbour(
        24, "GigabitEthernet1/0/24", 1, "GigabitEthernet0/0/1", "nw-core-vrp"
    )
    network.agents.agents[network.id("nw-acc-h3c")] = acc | neighbour(
        10, "GE1/0/10", 99, HOSTILE, HOSTILE, "127.10.20.66"
    )
    network.agents.agents[network.id("gap-in")] = Problem.TIMEOUT
    for step in range(24):
        network.agents.agents[network.id("nw-core-vrp")] = _core(step)
        network.app.monitor.polling.poll(network.admin)
        clock.advance(minutes=5)
    network.app.monitor.network.check(network.admin)
    network.collect(COLLECTED)


def _core(step: int) -> dict[Oid, Value]:
    """The core switch after so many polls: one interface that carries traffic, and its neighbour."""
    index = (1,)
    return {
        **system("nw-core-vrp", 1, uptime=360_000 + step * 30_000),
        **neighbour(1, "GigabitEthernet0/0/1", 2, "GigabitEthernet1/0/24", "nw-acc-h3c"),
        mib.IF_NAME + index: b"GigabitEthernet0/0/1",
        mib.IF_ALIAS + index: "至临江县".encode(),
        mib.IF_HIGH_SPEED + index: 1000,
        mib.IF_ADMIN + index: 1,
        mib.IF_OPER + index: 1,
        mib.IF_HC_IN + index: step * step * 400_000_000,
        mib.IF_HC_OUT + index: step * 900_000_000,
    }


Enter = Callable[..., Page]


@pytest.fixture
def enter(chromium: Browser, city: City) -> Iterator[Enter]:
    """Pages of somebody of a role; at the end no script may have complained, no other origin have been asked."""
    complaints: list[str] = []
    contexts = []

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def walk_in(role: Role, *, script: bool = True, size: tuple[int, int] = (1440, 900)) -> Page:
        context = chromium.new_context(
            ignore_https_errors=True,
            locale="zh-CN",
            java_script_enabled=script,
            viewport={"width": size[0], "height": size[1]},
        )
        context.add_cookies([{"name": COOKIE, "value": city.token(role), "url": city.url, "secure": True}])
        contexts.append(context)
        page = context.new_page()
        page.on("console", said)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda asked: None if _ours(asked.url, city) else complaints.append(asked.url))
        return page

    yield walk_in
    for context in contexts:
        context.close()
    assert complaints == []


def _ours(url: str, city: City) -> bool:
    return url.startswith((f"{city.url}/", "data:", "blob:"))


def act(page: Page, label: str, **fields: str) -> None:
    """Open a verb by its button, fill its form in and send it."""
    page.locator("main").get_by_role("link", name=re.compile(f"^{label}")).first.click()
    form = page.locator("form[enctype]").last
    expect(form).to_be_visible()
    for field, value in fields.items():
        form.locator(f"[name={field}]").fill(value)
    form.get_by_role("button", name=label).click()
    answered(page)


def serious(page: Page) -> list[str]:
    """What axe-core finds serious or critical: rule, and the first element."""
    found = Axe().run(page).response["violations"]
    heavy = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in heavy]


# --- configurations
def test_the_administrator_collects_reads_and_takes_a_finding_on(enter: Enter, city: City) -> None:
    page = enter(Role.NETWORK_ADMINISTRATOR)
    page.goto(f"{city.url}/netops/devices")
    page.get_by_role("link", name=COLLECTED).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(COLLECTED)
    act(page, "立即采集")
    expect(page).to_have_url(re.compile("/jobs/jobs/job_"))
    city.work()
    page.reload()
    expect(page.locator(".state-good").first).to_be_visible()
    page.goto(f"{city.url}/netops/findings?filter[device]={COLLECTED}&filter[state]=open")
    page.get_by_role("row", name=re.compile("snmp-server community public")).get_by_role("link").first.click()
    expect(page.locator(".config-noted")).to_contain_text("snmp-server community public RO 20")
    expect(page.get_by_text("no snmp-server community public")).to_be_visible()
    act(page, "受理", reason="周五窗口整改")
    expect(page.get_by_text("已受理").first).to_be_visible()


def test_two_versions_are_compared_by_form_and_by_keys(enter: Enter, city: City) -> None:
    page = enter(Role.NETWORK_ADMINISTRATOR)
    page.goto(f"{city.url}/netops/devices/{COLLECTED}/diff")
    split, unified = page.locator(".diff-wide"), page.locator(".diff-narrow")
    expect(split).to_be_visible()
    expect(unified).to_be_hidden()
    expect(split.locator(".diff-changed")).to_contain_text("logging trap informational")
    page.keyboard.press("n")
    first = page.evaluate("document.activeElement.innerText")
    page.keyboard.press("n")
    second = page.evaluate("document.activeElement.innerText")
    page.keyboard.press("p")
    assert page.evaluate("document.activeElement.innerText") == first != second
    page.set_viewport_size({"width": 600, "height": 900})
    expect(unified).to_be_visible()
    expect(split).to_be_hidden()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("视图").select_option("unified")
    page.get_by_role("button", name="比较").click()
    expect(page.locator(".diff-unified")).to_be_visible()
    expect(page.locator(".diff-split")).to_have_count(0)


def test_without_scripts_versions_are_compared_and_pictures_are_shown(enter: Enter, city: City) -> None:
    page = enter(Role.NETWORK_ADMINISTRATOR, script=False)
    page.goto(f"{city.url}/netops/devices/{COLLECTED}/diff")
    options = page.get_by_label("旧版本").locator("option")
    page.get_by_label("旧版本").select_option(index=0)
    page.get_by_role("button", name="比较").click()
    expect(page.get_by_text("两个版本完全相同")).to_be_visible()
    assert options.count() == 2
    page.goto(f"{city.url}/monitor/topology")
    still = page.locator("img.picture-still")
    expect(still).to_be_visible()
    assert still.evaluate("one => one.complete && one.offsetWidth") > 600


def test_the_officer_accepts_a_finding_until_a_day(enter: Enter, city: City) -> None:
    asked = Ask().narrowed(device=COLLECTED, rule="weak-hash")
    (finding,) = city.app.netops.findings.page(city.network.admin, asked).items
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{city.url}/netops/findings/{finding.id}")
    until = (city.clock.now() + timedelta(days=30)).date().isoformat()
    act(page, "限期例外", owner="李娜", until=until, reason="待设备更换")
    expect(page.get_by_text("限期例外").first).to_be_visible()
    expect(page.get_by_text("李娜").first).to_be_visible()


# --- the live network
def test_a_device_shows_its_measurements(enter: Enter, city: City) -> None:
    page = enter(Role.NETWORK_ADMINISTRATOR)
    page.goto(f"{city.url}/monitor/devices/{city.network.id('nw-core-vrp')}")
    expect(page.locator("#graph-traffic canvas").first).to_be_visible()
    expect(page.locator("#graph-latency canvas").first).to_be_visible()
    page.get_by_label("时段").select_option("hour")
    page.get_by_role("button", name="显示", exact=True).first.click()
    expect(page).to_have_url(re.compile("range=hour"))
    expect(page.locator("#graph-traffic canvas").first).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("至临江县"))).to_contain_text("链路正常")


def test_the_picture_of_the_network_is_drawn_and_its_links_told(enter: Enter, city: City) -> None:
    page = enter(Role.NETWORK_ADMINISTRATOR)
    page.goto(f"{city.url}/monitor/topology")
    expect(page.locator("#network canvas").first).to_be_visible()
    row = page.get_by_role("row", name=re.compile("连接未登记设备"))
    expect(row).to_be_visible()
    row.get_by_role("link", name="nw-acc-h3c").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("nw-acc-h3c")


PAGES = (
    "/netops/devices",
    "/netops/findings",
    "/netops/versions",
    "/netops/rules",
    f"/netops/devices/{COLLECTED}/diff",
    "/netops/devices/{device}",
    "/netops/versions/{version}",
    "/netops/findings/{finding}",
    "/monitor/devices",
    "/monitor/devices/{hostile}",
    "/monitor/devices/{core}",
    "/monitor/findings",
    "/monitor/endpoints",
    "/monitor/notifications",
    "/monitor/topology",
)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_readable_and_fits_desk_and_phone_though_devices_are_hostile(
    enter: Enter, city: City, path: str
) -> None:
    network = city.network
    names = {
        "device": network.id(COLLECTED),
        "version": city.app.netops.versions.page(network.admin, Ask()).items[0].id,
        "finding": city.app.netops.findings.page(network.admin, Ask()).items[0].id,
        "hostile": network.id("nw-acc-h3c"),
        "core": network.id("nw-core-vrp"),
    }
    page = enter(Role.NETWORK_ADMINISTRATOR)
    for width, height in ((1440, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        answer = page.goto(city.url + path.format(**names))
        assert answer is not None
        assert answer.ok
        drawn(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert serious(page) == []
        assert page.locator("h1").count() == 1
        if shots := os.environ.get("WEICHENG_SHOTS"):
            name = path.strip("/").replace("/", "-").translate(str.maketrans("", "", "{}"))
            page.screenshot(path=f"{shots}/{name}-{width}.png", full_page=True)
