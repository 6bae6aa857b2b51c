"""What a network administrator gets from devices that answer, refuse, break off, fall silent or are impostors."""

import re
from collections.abc import Iterator

import pytest

from kernel.credentials import Credential
from netops.collection.model import (
    Fetched,
    HostKeyChanged,
    LegacyAlgorithmsOnly,
    LoginFailed,
    NotFetched,
    SessionBroken,
    Target,
    Unreachable,
    WrongPlatform,
)
from netops.collection.netmiko_collector import NetmikoCollector
from netops.config.text import IncompleteConfig, clean
from netops.vendors import load_vendors
from tests.support.ssh_device import Behaviour, SshDevice

VENDORS = load_vendors()
BODY = "\n".join(f"interface Vlan{n}\n description area {n}\n!" for n in range(200))
IOS = f"Building configuration...\n\nversion 15.2\nhostname r1\n!\n{BODY}\nend\n"
VRP = (
    "!Software Version V200R019\n#\nsysname r1\n#\n"
    + "#\n".join(f"vlan {n}\n" for n in range(300))
    + "#\nreturn\n"
)
PASSWORD = "right-Password-1"


@pytest.fixture
def device() -> Iterator[SshDevice]:
    with SshDevice(Behaviour(config=IOS)) as running:
        yield running


def target(device: SshDevice, platform: str = "cisco_ios", **changes: object) -> Target:
    values: dict[str, object] = {
        "device_id": "dev_1", "name": "r1", "address": "127.0.0.1", "port": device.port, "vendor": VENDORS[platform],
        "credential": Credential(username="weicheng", password=PASSWORD), "timeout": 4.0,
    }  # fmt: skip
    return Target(**(values | changes))  # type: ignore[arg-type]


def fetch(*targets: Target) -> list[object]:
    return list(NetmikoCollector(connect_seconds=4.0).fetch(targets))


def error_of(*targets: Target) -> object:
    outcome = fetch(*targets)[0]
    assert isinstance(outcome, NotFetched), outcome
    assert outcome.error.place
    assert PASSWORD not in str(outcome.error)
    return outcome.error


def test_the_whole_configuration_arrives_and_the_session_closes_fast(device: SshDevice) -> None:
    outcome = fetch(target(device))[0]
    assert isinstance(outcome, Fetched)
    assert clean(outcome.screen, VENDORS["cisco_ios"]).text == IOS.removeprefix(
        "Building configuration...\n\n"
    )
    assert outcome.host_key.fingerprint.startswith("SHA256:")
    assert outcome.seconds < 6


def test_a_hash_alone_on_a_line_is_no_prompt() -> None:
    with SshDevice(Behaviour(config=VRP, prompt="<r1>", command="display current-configuration")) as vrp:
        outcome = fetch(target(vrp, "huawei_vrp"))[0]
    assert isinstance(outcome, Fetched)
    assert clean(outcome.screen, VENDORS["huawei_vrp"]).text == VRP


def test_a_question_at_login_is_never_answered_with_yes() -> None:
    question = "\r\nThe password needs to be changed. Change now? [Y/N]:"
    behaviour = Behaviour(
        config=VRP, prompt="<r1>", command="display current-configuration", login_question=question
    )
    with SshDevice(behaviour) as vrp:
        outcome = fetch(target(vrp, "huawei_vrp"))[0]
    assert isinstance(outcome, Fetched)
    assert behaviour.commands_seen[0] == "N"
    assert "Y" not in behaviour.commands_seen


def test_a_wrong_password_is_told_and_not_tried_again(device: SshDevice) -> None:
    wrong = Credential(username="weicheng", password="wrong-Password-1")
    outcome = fetch(target(device, credential=wrong))[0]
    assert isinstance(outcome, NotFetched)
    assert isinstance(outcome.error, LoginFailed)
    assert len(device.behaviour.passwords_seen) == 1


def test_an_address_nobody_answers_at(device: SshDevice) -> None:
    assert isinstance(error_of(target(device, port=1)), Unreachable)


def test_a_session_that_breaks_off(device: SshDevice) -> None:
    device.behaviour.kind = "cut"
    assert isinstance(error_of(target(device)), SessionBroken)


def test_a_device_that_falls_silent_costs_no_more_than_its_time_limit(device: SshDevice) -> None:
    device.behaviour.kind = "hang"
    outcome = fetch(target(device, timeout=1.5))[0]
    assert isinstance(outcome, NotFetched)
    assert isinstance(outcome.error, SessionBroken)
    assert outcome.seconds < 8


def test_another_host_key_stops_before_the_password_is_sent(device: SshDevice) -> None:
    first = fetch(target(device))[0]
    assert isinstance(first, Fetched)
    device.new_host_key()
    device.behaviour.passwords_seen.clear()
    error = error_of(target(device, pinned=first.host_key))
    assert isinstance(error, HostKeyChanged)
    assert error.shown.fingerprint != first.host_key.fingerprint
    assert device.behaviour.passwords_seen == []


def test_the_pinned_host_key_is_let_through(device: SshDevice) -> None:
    first = fetch(target(device))[0]
    assert isinstance(first, Fetched)
    assert isinstance(fetch(target(device, pinned=first.host_key))[0], Fetched)


def test_the_prompt_of_another_platform_is_told(device: SshDevice) -> None:
    device.behaviour.prompt = "<r1>"
    assert isinstance(error_of(target(device)), WrongPlatform)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_outdated_algorithms_are_an_opt_in() -> None:
    with SshDevice(Behaviour(config=IOS), legacy=True) as old:
        assert isinstance(error_of(target(old)), LegacyAlgorithmsOnly)
        assert isinstance(fetch(target(old, legacy=True))[0], Fetched)


def test_one_bad_device_stops_no_other(device: SshDevice) -> None:
    outcomes = fetch(target(device), target(device, name="r2", port=1), target(device, name="r3"))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Fetched", "Fetched", "NotFetched"]


def test_chinese_text_arrives_whole_in_both_encodings() -> None:
    config = IOS.replace("description area 7\n", "description 政务外网" + "数据中心" * 40 + "\n")
    with SshDevice(Behaviour(config=config, piece=7)) as utf8:
        outcome = fetch(target(utf8))[0]
    with SshDevice(Behaviour(config=config, piece=7, encoding="gb18030")) as old:
        other = fetch(target(old))[0]
    assert isinstance(outcome, Fetched)
    assert isinstance(other, Fetched)
    assert "description 政务外网" + "数据中心" * 40 in outcome.screen
    assert outcome.screen == other.screen


def test_a_pager_that_stays_on_is_told_at_once(device: SshDevice) -> None:
    device.behaviour.kind = "paged"
    outcome = fetch(target(device))[0]
    assert isinstance(outcome, NotFetched)
    assert isinstance(outcome.error, IncompleteConfig)
    assert outcome.seconds < 3


def test_no_command_that_changes_the_device_is_ever_sent() -> None:
    sent = []
    for platform, prompt in (
        ("cisco_ios", "r1#"),
        ("cisco_asa", "r1#"),
        ("huawei_vrp", "<r1>"),
        ("h3c_comware", "<r1>"),
    ):
        behaviour = Behaviour(config=IOS, prompt=prompt, command=VENDORS[platform].config_command)
        with SshDevice(behaviour) as running:
            assert isinstance(fetch(target(running, platform))[0], Fetched)
        sent += behaviour.commands_seen
    reading = re.compile(
        r"show |display |terminal (?:length|width|pager) |screen-length (?:0 temporary|disable)$"
    )
    assert [command for command in sent if not reading.match(command)] == []
