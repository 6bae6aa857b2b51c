"""Names in place of ids and codes: people, units and kinds of jobs, on the object's page, in its list and in files of it."""

from datetime import timedelta

import pytest

from console.resources import resources
from console.resources.acts import ACTS
from console.resources.job_names import JOB_KINDS
from console.worker import register_work
from kernel.assets.model import Asset, AssetKind
from kernel.audit.model import AuditAction
from kernel.i18n import LANGUAGES, translate
from kernel.identity.model import Role
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from tests.unit.console.conftest import Console
from tests.unit.console.test_kernel_pages import enter, person


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_work_has_a_name(console: Console, language: str) -> None:
    register_work(console.app)
    kinds = console.app.jobs.kinds()
    assert len(kinds) > 20
    assert set(kinds) == set(JOB_KINDS)
    names = {translate(label.text, language) for label in JOB_KINDS.values()}
    assert not names & set(kinds)


def test_a_job_is_called_by_its_name(console: Console) -> None:
    browser = enter(console, Role.NETWORK_ADMINISTRATOR)
    job = console.app.jobs.enqueue(person(console, browser), JobRequest("netops.collect", {}))
    shown = browser.get(f"/jobs/jobs/{job}").text
    assert "采集配置" in shown.partition("<h1")[2].partition("</h1>")[0]
    assert "采集配置" in browser.get("/jobs/jobs?filter[kind]=netops.collect").text


def test_units_and_people_are_shown_by_their_names(console: Console) -> None:
    browser = enter(console, Role.NETWORK_ADMINISTRATOR)
    me = person(console, browser)
    unit = console.app.identity.units(me)[0]
    until = console.app.clock.now() + timedelta(days=30)
    console.app.floor.tokens.create(
        me, "巡检程序", frozenset({Permission.NETOPS_CONFIG_READ}), unit.id, until
    )
    listed = browser.get("/identity/tokens").text.partition("<tbody")[2]
    assert f">{unit.name}</span>" in listed
    assert unit.name in browser.get("/identity/tokens?format=csv").text
    assert console.app.identity.names([me.id, unit.id, "usr_nobody"]) == {
        me.id: me.name,
        unit.id: unit.name,
    }


MEANINGS = {
    "a": {"acknowledge", "approve", "confirm", "accept"},
    "x": {"close", "reject", "except", "void", "deactivate"},
    "m": {"assign-to-me", "take"},
    "c": {"case", "remediate"},
    "o": {"assess", "check", "collect", "poll", "run", "scan"},
    "e": {"change", "decide", "propose"},
    "d": {"done", "finish", "fixed"},
    "h": {"hold"},
    "l": {"release"},
    "r": {"revoke"},
    "v": {"verify"},
    "w": {"note"},
}


def test_a_key_means_the_same_on_every_page() -> None:
    keyed = [(verb.key, verb.name) for one in resources().values() for verb in one.verbs if verb.key]
    assert len(keyed) > 20
    for key, name in keyed:
        assert name in MEANINGS.get(key, set()), f"{key} is no key for {name}"


def test_no_verb_takes_a_key_that_the_pages_need_themselves() -> None:
    for one in resources().values():
        keys = [verb.key for verb in one.verbs if verb.key]
        assert len(keys) == len(set(keys)), one.name
        assert not set(keys) & set("jkfnpt/?"), one.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_act_of_the_trail_has_a_name(language: str) -> None:
    names = {action: translate(ACTS[str(action)].text, language) for action in AuditAction}
    assert not [str(action) for action, name in names.items() if name == str(action)]


def test_a_platform_is_called_by_its_makers_name(console: Console) -> None:
    browser = enter(console, Role.NETWORK_ADMINISTRATOR)
    me = person(console, browser)
    made = Asset("", AssetKind.DEVICE, "核心交换机", me.unit, platform="huawei_vrp", address="10.0.0.1")
    asset = console.app.assets.put_asset(me, made, "new")
    title = console.app.netops.vendors["huawei_vrp"].title.text("zh_CN")
    for path in (
        "/assets/assets",
        f"/assets/assets/{asset.id}",
        "/netops/devices",
        "/assets/assets?format=csv",
    ):
        assert title in browser.get(path).text, path
