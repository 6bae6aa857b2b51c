"""Search over everything: what one may see, by kind, with the way to each list; and nothing else."""

from collections.abc import Callable

import pytest

from kernel.assets.model import Asset, AssetKind, Network, Zone
from kernel.errors import Unavailable
from kernel.identity.model import Principal, Role
from tests.unit.console.conftest import Browser, Console

SignedIn = Callable[[Role], Browser]


@pytest.fixture
def stocked(console: Console) -> Console:
    """Seven devices of the county, one of another county."""
    admin = Principal("usr_net", "net", frozenset({Role.NETWORK_ADMINISTRATOR}), "u_city", "password")
    register = console.app.assets
    register.put_zone(admin, Zone("intranet", "政务内网", Network.INTRANET, ("10.10.0.0/16",), 3))
    for number in range(7):
        address = f"10.10.1.{number}"
        register.put_asset(
            admin,
            Asset("", AssetKind.DEVICE, f"边界防火墙-{number}", "u_county", "intranet", address, "linux", 1),
        )
    register.put_asset(
        admin, Asset("", AssetKind.DEVICE, "边界防火墙-市", "u_city", "intranet", "10.10.9.9", "linux", 1)
    )
    return console


def test_the_first_finds_of_a_kind_lead_to_them_and_to_the_list(
    stocked: Console, signed_in: SignedIn
) -> None:
    browser = signed_in(Role.NETWORK_ADMINISTRATOR)
    text = browser.get("/search?q=边界防火墙").text
    assert text.count('href="/assets/assets/') == 5
    assert "在列表中查看全部 8 条" in text
    assert browser.get("/assets/assets?q=边界防火墙").text.count("<tr id=") == 8


def test_an_address_is_found_too(stocked: Console, signed_in: SignedIn) -> None:
    assert "边界防火墙-市" in signed_in(Role.NETWORK_ADMINISTRATOR).get("/search?q=10.10.9.9").text


def test_what_belongs_to_other_units_is_not_found(stocked: Console, signed_in: SignedIn) -> None:
    text = signed_in(Role.REGISTRAR).get("/search?q=边界防火墙").text
    assert "边界防火墙-1" in text
    assert "边界防火墙-市" not in text


def test_what_a_role_may_not_see_is_not_found(stocked: Console, signed_in: SignedIn) -> None:
    text = signed_in(Role.AUDITOR).get("/search?q=边界防火墙").text
    assert "/assets/assets" not in text
    assert "未找到结果" in text


def test_nothing_asked_and_nothing_found_say_what_to_do(signed_in: SignedIn) -> None:
    browser = signed_in(Role.SOC_ANALYST)
    assert "请在上方输入" in browser.get("/search").text
    assert "未找到结果" in browser.get("/search?q=不存在的东西").text


@pytest.mark.parametrize(
    "sought", ["<script>alert(1)</script>", "%", "_", "'; drop table x; --", "长" * 5000, "\x00"]
)
def test_whatever_is_sought_is_text(signed_in: SignedIn, sought: str) -> None:
    answer = signed_in(Role.SOC_ANALYST).client.get(
        "/search", query_string={"q": sought}, base_url="https://127.0.0.1:8443"
    )
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


def test_a_kind_whose_service_fails_says_so_and_hides_no_other(
    stocked: Console, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = signed_in(Role.NETWORK_ADMINISTRATOR)

    def away(*_arguments: object, **_named: object) -> None:
        raise Unavailable("The database does not answer.")

    monkeypatch.setattr(type(browser.console.app.netops.devices), "page", away)
    text = browser.get("/search?q=边界防火墙").text
    assert "边界防火墙-1" in text
    assert "数据库没有响应" in text
