"""A disaster-recovery administrator, a security officer and an assessor do their day's work in the browser."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from backup import jobs as backup_jobs
from console.compose.app import App
from console.compose.floor import build_floor
from console.compose.tables import import_all_tables
from console.web.security import COOKIE
from kernel.assets.model import Asset, AssetKind, Network, Zone
from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.evidence.model import EvidenceKind
from kernel.identity.model import Principal, Role
from kernel.store.listing import Ask
from policies import jobs as policies_jobs
from policies.package.service import require_intact
from policies.systems.model import System
from tests.support.console import ServedConsole, answered, drawn, serve
from tests.support.plain_engine import PlainEngine
from tests.unit.backup.world import World, build, make_sources
from tests.unit.console.conftest import START, Issued, make_accounts
from tests.unit.evidence.conftest import LocalSealer
from tests.unit.policies.conftest import RULES, finding, record

pytestmark = pytest.mark.web


@dataclass
class City(ServedConsole):
    """A city's console, served over TLS from this process, over a quick engine and a sealer with real keys."""

    world: World
    sealer: LocalSealer
    system: System


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("city")
    (folder / "data").mkdir(mode=0o700)
    import_all_tables()
    clock = FixedClock(START - timedelta(minutes=1))
    settings, sealer = Settings(data_dir=folder / "data"), LocalSealer(clock)
    app = App(settings, clock)
    app.__dict__["floor"] = build_floor(settings, clock, Issued(), sealer)
    app.floor.database.create_all()
    accounts = make_accounts(app)
    clock.advance(minutes=1)
    make_sources(folder)
    world = build(folder, app.floor.database, clock, PlainEngine())
    app.__dict__["backup"] = world.service
    system = _assessed_system(app)
    for handlers in (backup_jobs.handlers(app.backup), policies_jobs.handlers(app.policies)):
        app.jobs.register(handlers)
    server, url = serve(app, folder)
    try:
        yield City(app, url, clock, accounts, world, sealer, system)
    finally:
        server.shutdown()
        app.floor.database.close()


def _assessed_system(app: App) -> System:
    """A level-3 system of two devices, one with Telnet open, assessed from evidence."""
    admin = Principal("usr_net", "net", frozenset({Role.NETWORK_ADMINISTRATOR}), "u_city", "password")
    officer = Principal("usr_off", "off", frozenset({Role.SECURITY_OFFICER}), "u_city", "password")
    app.assets.put_zone(admin, Zone("intranet", "政务内网", Network.INTRANET, ("10.10.0.0/16",), 3))
    for name, address, faults in (("nw-core", "10.10.0.1", []), ("nw-acc", "10.10.0.2", ["telnet-open"])):
        asset = Asset("", AssetKind.DEVICE, name, "u_city", "intranet", address, "huawei_vrp", 3)
        found = [finding(rule) for rule in faults]
        summary = {"rules": RULES, "findings": found, "device": name}
        made = app.assets.put_asset(admin, asset)
        record(app.evidence, app.floor.database, EvidenceKind.CONFIG_CHECKED, made.id, summary)
    system = app.policies.systems.propose(
        officer,
        name="政务服务平台",
        unit="u_city",
        level="S3A3G3",
        owner="周主任",
        boundary=["nw-core", "nw-acc"],
    )
    app.policies.assessments.assess(officer, system.id)
    return system


@pytest.fixture
def enter(chromium: Browser, city: City) -> Iterator[Callable[..., Page]]:
    """Pages of somebody of a role; at the end no script may have complained, no other origin have been asked."""
    complaints: list[str] = []
    contexts = []

    def errors(said: ConsoleMessage, expected: str) -> None:
        if said.type == "error" and expected not in said.text:
            complaints.append(said.text)

    def walk_in(role: Role, *, script: bool = True, expected: str = "a script's error") -> Page:
        context = chromium.new_context(ignore_https_errors=True, locale="zh-CN", java_script_enabled=script)
        context.add_cookies([{"name": COOKIE, "value": city.token(role), "url": city.url, "secure": True}])
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: errors(said, expected))
        page.on("pageerror", lambda error: complaints.append(str(error)))
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
        control = form.locator(f"[name={field}]")
        if control.evaluate("one => one.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)
    form.get_by_role("button", name=label).click()
    answered(page)


def fetched(page: Page, link: Locator, city: City) -> bytes:
    """What the link downloads, in the same session: Chromium itself saves no file from a host whose CA it does not know."""
    answer = page.request.get(city.url + (link.get_attribute("href") or ""))
    assert answer.ok, answer.status
    return answer.body()


def states(page: Page, site: str) -> list[str]:
    """How the sets stand at a site, as the matrix tells in words."""
    row = page.locator("tr", has=page.get_by_role("link", name=site, exact=True))
    return [text.strip() for text in row.locator("td a .state").all_inner_texts()][:3]


# --- disaster recovery
def test_the_dr_administrator_proves_a_replica_and_mends_it(enter: Callable[..., Page], city: City) -> None:
    page = enter(Role.DR_ADMINISTRATOR)
    page.goto(f"{city.url}/backup/matrix")
    assert states(page, "异地") == ["此处无备份"] * 3
    page.get_by_role("link", name="卫城自身数据").or_(page.get_by_role("link", name="市级数据")).click()
    act(page, "立即备份")
    expect(page).to_have_url(re.compile("/jobs/jobs/job_"))
    city.work()
    page.goto(f"{city.url}/backup/matrix")
    assert states(page, "异地") == ["未校验"] * 3  # stored, but nothing is green before a verification
    page.locator("tr", has_text="remote").locator("td a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("city.remote")
    act(page, "校验副本", level="V2")
    city.work()
    page.goto(f"{city.url}/backup/matrix")
    assert states(page, "异地") == ["已校验"] * 3
    city.world.flip(city.world.largest_pack("remote"))
    city.app.backup.verify(_dr(city), "city", "remote")
    page.goto(f"{city.url}/backup/matrix")
    assert states(page, "异地") == ["损坏或无法恢复"] * 3
    page.goto(f"{city.url}/backup/verifications?filter[verdict]=fail")
    page.locator("tbody tr a").first.click()
    expect(page.get_by_text("字节被改动")).to_be_visible()
    page.goto(f"{city.url}/backup/replicas/city.remote")
    act(page, "修复副本", reason="异地磁盘坏块，已更换")
    city.work()
    page.goto(f"{city.url}/backup/matrix")
    assert states(page, "异地") == ["已校验"] * 3


def test_a_drill_is_held_and_compared_with_the_plan(enter: Callable[..., Page], city: City) -> None:
    city.app.backup.run(_dr(city), "city")
    page = enter(Role.DR_ADMINISTRATOR)
    page.goto(f"{city.url}/backup/replicas/city.provincial")
    act(page, "开始演练")
    city.work()
    page.goto(f"{city.url}/backup/drills")
    page.locator("tbody tr a").first.click()
    expect(page.get_by_text("GB/T 20988-2025").first).to_be_visible()
    expect(page.get_by_role("rowheader", name="RTO")).to_be_visible()


def test_the_history_of_runs_is_a_picture_a_table_and_a_file(
    enter: Callable[..., Page], city: City, tmp_path: Path
) -> None:
    city.app.backup.run(_dr(city), "city")
    page = enter(Role.ASSESSOR)
    page.goto(f"{city.url}/backup/plans/city")
    expect(page.locator("#history-city canvas, #history-city svg").first).to_be_visible()
    page.locator("#history-city summary").click()
    expect(page.locator("#history-city td").first).to_be_visible()
    file = fetched(page, page.locator("#history-city").get_by_role("link", name="SVG"), city)
    assert file.startswith(b"<svg")
    still = enter(Role.ASSESSOR, script=False)
    still.goto(f"{city.url}/backup/matrix")
    expect(still.locator("#history-city img")).to_be_visible()  # without script the file itself is shown
    expect(page.get_by_role("link", name="立即备份")).to_have_count(0)  # who only reads is offered no act


# --- graded protection
def test_the_officer_decides_with_an_attachment_and_has_it_mended(
    enter: Callable[..., Page], city: City, tmp_path: Path
) -> None:
    photo = tmp_path / "机房照片（一）.png"
    photo.write_bytes(b"\x89PNG\r\n\x1a\n" + b"picture" * 20)
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{city.url}/policies/results?filter[outcome]=unproven&q=L3-8.1.1")
    page.locator("tbody tr a").first.click()
    page.get_by_role("link", name=re.compile("^判定结果")).first.click()
    form = page.locator("form[enctype]").last
    form.locator("[name=outcome]").select_option("conforms")
    form.locator("[name=note]").fill("现场查看机房，门禁与监控齐备")
    form.locator("[name=attachment]").set_input_files(photo)
    form.get_by_role("button", name="判定结果").click()
    expect(page.locator(".state", has_text="人工确认").first).to_be_visible()
    page.get_by_role("link", name="人工核查结论").or_(
        page.locator("a[href*='/evidence/records/']")
    ).first.click()
    expect(page.get_by_role("link", name="机房照片_一_.png")).to_be_visible()
    page.goto(f"{city.url}/policies/results?filter[outcome]=fails")
    page.locator("tbody tr a").first.click()
    act(page, "下达整改", owner="黄强", due="2027-01-31", action="关闭 Telnet，改用 SSH")
    page.goto(f"{city.url}/policies/remediations")
    expect(page.locator("tbody tr").first).to_contain_text("黄强")


def test_two_results_are_confirmed_at_once(enter: Callable[..., Page], city: City) -> None:
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{city.url}/policies/results?filter[outcome]=conforms&filter[state]=decided")
    ticks = page.locator("tbody input[name=id]")
    ids = [str(ticks.nth(number).get_attribute("value")) for number in range(2)]
    for number in range(2):
        ticks.nth(number).check()
    page.locator(".bulk-bar").get_by_role("button", name="确认").click()
    form = page.locator("form[enctype]").last
    form.locator("[name=note]").fill("已核对证据")
    form.get_by_role("button", name="确认").click()
    expect(page.get_by_text("已确认：").first).to_be_visible()
    found = [city.app.policies.lists.result(_officer(), result_id).result for result_id in ids]
    assert [(str(one.state), one.note) for one in found] == [("confirmed", "已核对证据")] * 2


def test_who_proposed_is_told_that_somebody_else_approves(enter: Callable[..., Page], city: City) -> None:
    page = enter(Role.SECURITY_OFFICER, expected="403 (FORBIDDEN)")
    page.goto(f"{city.url}/policies/systems")
    act(
        page,
        "登记系统",
        name="城市运行平台",
        unit="u_city",
        level="S3A3G3",
        owner="孙主任",
        boundary="nw-core",
    )
    expect(page.get_by_role("heading", level=1)).to_contain_text("城市运行平台")
    act(page, "登记专家评审", document="评审意见〔2026〕5号")
    act(page, "登记核准", document="核准函〔2026〕9号")
    expect(page.get_by_role("alert").first).to_contain_text("不能自行核准")


def test_the_assessor_reads_opens_evidence_and_takes_a_package_away(
    enter: Callable[..., Page], city: City
) -> None:
    page = enter(Role.ASSESSOR)
    page.goto(f"{city.url}/policies/posture")
    expect(page.get_by_role("heading", name="政务服务平台")).to_be_visible()
    expect(page.locator("#outcomes canvas, #outcomes svg").first).to_be_visible()
    page.get_by_role("link", name="L3-CES1-03").click()  # a gap leads to its results
    page.locator("tbody tr", has_text="nw-acc").locator("a").first.click()
    page.get_by_role("link", name="配置基线核查").or_(
        page.locator("a[href*='/evidence/records/']")
    ).first.click()
    expect(page.get_by_text("telnet-open").first).to_be_visible()
    page.goto(f"{city.url}/policies/packages")
    assessment = city.app.policies.lists.latest(_officer())[city.system.id][0].id
    act(page, "导出证据包", assessment=assessment)
    expect(page.locator(".state", has_text="正在生成").first).to_be_visible()
    city.work()
    page.reload()
    expect(page.locator(".state", has_text="可下载").first).to_be_visible()
    page.locator("summary", has_text="导出").click()
    data = fetched(page, page.get_by_role("link", name="证据包（ZIP）"), city)
    report = require_intact(data, city.sealer.root.certificate_pem)
    assert report.manifest is not None
    assert report.manifest.made_by == city.accounts[Role.ASSESSOR].user.name


def test_the_matrix_fits_a_sheet_of_paper(enter: Callable[..., Page], city: City) -> None:
    city.app.backup.run(_dr(city), "city")
    page = enter(Role.ASSESSOR)
    page.set_viewport_size({"width": 720, "height": 1000})  # A4 upright, less its margins
    page.emulate_media(media="print")
    page.goto(f"{city.url}/backup/matrix")
    table = page.locator("table.matrix")
    assert table.evaluate("one => one.scrollWidth <= one.parentElement.clientWidth")


@pytest.mark.parametrize("path", ["/backup/matrix", "/backup/replicas/city.remote", "/policies/posture"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_stands_in_anybodys_way(
    enter: Callable[..., Page], city: City, path: str, scheme: Literal["light", "dark"]
) -> None:
    city.app.backup.run(_dr(city), "city")
    page = enter(Role.SECURITY_OFFICER)
    page.emulate_media(color_scheme=scheme)
    page.goto(city.url + path)
    drawn(page)
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_the_pages_speak_english_too(enter: Callable[..., Page], city: City) -> None:
    """Every list, detail and own page of both rooms opens in English without a word of Chinese in its frame."""
    city.app.backup.run(_dr(city), "city")
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{city.url}/backup/matrix")
    page.get_by_role("button", name="English").click()
    result = city.app.policies.lists.results(_officer(), Ask(limit=1)).items[0].result.id
    for path in ("/backup/matrix", "/policies/posture", f"/policies/results/{result}", "/backup/replicas"):
        page.goto(city.url + path)
        expect(page.locator("html")).to_have_attribute("lang", "en")
        heads = " ".join(page.locator("h1, h2, th[scope=col]").all_inner_texts())
        named = heads.replace("政务服务平台", "").replace("城市运行平台", "")
        assert not re.search(r"[\u4e00-\u9fff]", named), f"{path}: {named}"


def _dr(city: City) -> Principal:
    return Principal("usr_dr", "dr", frozenset({Role.DR_ADMINISTRATOR}), "u_city", "password")


def _officer() -> Principal:
    return Principal("usr_off", "off", frozenset({Role.SECURITY_OFFICER}), "u_city", "password")
