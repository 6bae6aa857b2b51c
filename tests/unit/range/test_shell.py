"""The simulated command lines, without a network: abbreviations, errors, questions, views, configuration."""

import pytest

from tests.range.ssh.dialect import load_dialect
from tests.range.ssh.shell import Device, Expect, Shell
from tests.range.ssh.terminal import Faults
from tests.unit.range.conftest import PLAN, SIMULATED


def shell(name: str) -> Shell:
    host = PLAN.host(name)
    return Shell(Device(host, load_dialect(host.platform), PLAN.neighbours(name), "open sesame"))


def enabled(name: str) -> Shell:
    made = shell(name)
    made.enter("enable")
    made.reply("open sesame")
    return made


@pytest.mark.parametrize("typed", ["display current-configuration", "disp cu", "dis cur", "DISP CURRENT"])
def test_vrp_understands_unambiguous_abbreviations(typed: str) -> None:
    assert shell("nw-core-vrp").enter(typed).text == PLAN.host("nw-core-vrp").text("running-config").rstrip(
        "\n"
    )


@pytest.mark.parametrize(
    ("name", "typed", "text"),
    [
        ("nw-core-vrp", "display c", "Ambiguous"),
        ("nw-core-vrp", "frobnicate", "Unrecognized command found at '^'"),
        ("nw-core-vrp", "display", "Incomplete command found"),
        ("nw-acc-h3c", "frobnicate", " % Unrecognized command found at '^' position."),
        ("ww-core-ios", "show running-config", "% Invalid input detected at '^' marker."),  # not enabled
        ("ww-core-ios", "show", "% Incomplete command."),
        ("ww-fw-asa", "frobnicate", "ERROR: % Invalid input detected"),
        ("exit-fw-topsec", "frobnicate", 'error -8001: unknown command "frobnicate"'),
        ("gap-in", "frobnicate", "% Unknown command: frobnicate"),
    ],
)
def test_what_a_device_does_not_understand_gets_the_vendors_words(name: str, typed: str, text: str) -> None:
    assert text in shell(name).enter(typed).text


def test_the_mark_points_at_the_wrong_word() -> None:
    made = shell("nw-core-vrp")
    mark, _ = made.enter("display nonsense").text.split("\n")
    assert mark.index("^") == len("<nw-core-vrp>display ")


def test_enable_wants_the_password_and_gives_up_after_three() -> None:
    made = shell("ww-core-ios")
    assert made.enter("en").expect is Expect.SECRET
    assert made.reply("wrong").prompt == "Password: "
    made.reply("wrong")
    refused = made.reply("wrong")
    assert "% Access denied" in refused.text
    assert refused.prompt == "ww-core-ios>"
    made.enter("enable")
    assert made.reply("open sesame").prompt == "ww-core-ios#"


def test_prompts_follow_the_views() -> None:
    vrp = shell("nw-core-vrp")
    assert vrp.prompt == "<nw-core-vrp>"
    assert vrp.enter("system-view").prompt == "[nw-core-vrp]"
    assert vrp.enter("interface GigabitEthernet0/0/23").prompt == "[nw-core-vrp-GigabitEthernet0/0/23]"
    assert vrp.enter("quit").prompt == "[nw-core-vrp]"
    assert vrp.enter("return").prompt == "<nw-core-vrp>"
    ios = enabled("ww-core-ios")
    assert ios.enter("conf t").prompt == "ww-core-ios(config)#"
    assert ios.enter("interface Vlan200").prompt == "ww-core-ios(config-if)#"
    assert ios.enter("end").prompt == "ww-core-ios#"


def test_a_mended_device_shows_the_mended_configuration() -> None:
    """The commands that a finding proposes can be typed, and the next look shows what they did."""
    vrp = shell("nw-core-vrp")
    for line in ("system-view", "interface GigabitEthernet0/0/23", "undo ip address", "shutdown", "return"):
        assert vrp.enter(line).text in ("", "Enter system view, return user view with Ctrl+Z.")
    running = vrp.enter("display current-configuration").text
    assert "127.20.0.253" not in running
    block = running.partition("interface GigabitEthernet0/0/23\n")[2].partition("#")[0]
    assert " shutdown" in block.splitlines()
    assert "127.20.0.253" in vrp.enter("display saved-configuration").text
    question = vrp.enter("save")
    assert question.prompt.endswith("[Y/N]")
    assert "successfully" in vrp.reply("y").text
    assert "127.20.0.253" not in vrp.enter("display saved-configuration").text


def test_removing_and_adding_top_level_lines() -> None:
    ios = enabled("ww-core-ios")
    for line in ("configure terminal", "no snmp-server community public", "logging host 127.20.0.99"):
        assert "%" not in ios.enter(line).text
    assert "Invalid input" in ios.enter("frobnicate the switch").text
    ios.enter("end")
    running = ios.enter("show running-config").text.splitlines()
    assert not any("community public" in line for line in running)
    assert running.index("logging host 127.20.0.99") < running.index("end")


def test_lines_inside_a_section_are_not_taken_for_top_level_ones() -> None:
    h3c = shell("nw-acc-h3c")
    h3c.enter("system-view")
    h3c.enter("undo telnet server enable")
    h3c.enter("undo description")  # only interfaces have one
    running = h3c.enter("return").text + h3c.enter("display current-configuration").text
    assert "telnet server enable" not in running
    assert running.count(" description") == PLAN.host("nw-acc-h3c").text("running-config").count(
        " description"
    )


def test_a_section_goes_with_its_lines() -> None:
    ios = enabled("ww-core-ios")
    for line in ("configure terminal", "no ip access-list extended OFFICE-IN", "end"):
        ios.enter(line)
    running = ios.enter("show running-config").text
    assert "127.20.0.53 eq domain" not in running
    assert "ip access-list extended CORE-IN" in running


def test_two_stage_configuration_waits_for_commit() -> None:
    host = PLAN.host("nw-core-vrp")
    vrp = Shell(Device(host, load_dialect("huawei_vrpv8"), [], ""))
    assert vrp.enter("system-view").prompt == "[~nw-core-vrp]"
    assert vrp.enter("undo lldp enable").prompt == "[*nw-core-vrp]"
    assert "lldp enable" in vrp.device.running
    assert vrp.enter("commit").prompt == "[~nw-core-vrp]"
    assert "lldp enable" not in vrp.device.running
    vrp.enter("undo stelnet server enable")
    vrp.enter("return")  # not committed: given up
    assert "stelnet server enable" in vrp.device.running
    assert vrp.enter("system-view").prompt == "[~nw-core-vrp]"


def test_answering_no_changes_nothing() -> None:
    vrp = shell("nw-core-vrp")
    assert vrp.enter("reboot").expect is Expect.ANSWER
    assert vrp.reply("n").prompt == "<nw-core-vrp>"
    vrp.enter("reboot")
    assert vrp.reply("y").expect is Expect.NOTHING


def test_filters_behind_a_bar() -> None:
    ios = enabled("ww-core-ios")
    assert ios.enter("show running-config | include community").text == "snmp-server community public RO 20"
    assert ios.enter("sh run | begin ^line vty 5").text.splitlines()[0] == "line vty 5 15"
    assert "community" not in ios.enter("show running-config | exclude community").text


def test_question_mark_lists_what_may_follow() -> None:
    assert shell("nw-core-vrp").help("display ").split() == [
        "clock", "current-configuration", "device", "lldp", "saved-configuration", "version",
    ]  # fmt: skip
    assert shell("nw-core-vrp").help("display cu").split() == ["current-configuration"]


@pytest.mark.parametrize("name", [n for n in SIMULATED if n not in PLAN.lldp_silent])
def test_lldp_tables_show_the_planned_cables(name: str) -> None:
    commands = {
        "huawei_vrp": "display lldp neighbor brief",
        "h3c_comware": "display lldp neighbor-information list",
        "cisco_ios": "show lldp neighbors",
        "topsec_tos": "network lldp show neighbor",
        "isolation_gateway": "show lldp neighbors",
    }
    shown = shell(name).enter(commands[PLAN.host(name).platform]).text
    for neighbour in PLAN.neighbours(name):
        line = next(line for line in shown.splitlines() if neighbour.host.name in line.split())
        assert neighbour.port in line
        assert neighbour.host_port in line


def test_faults_are_read_from_text_and_unknown_ones_refused() -> None:
    assert Faults.parse("cut_after=40,slow=0.5,password_question") == Faults(40, 0, 0.0, 0.5, True)
    assert Faults.parse("") == Faults()
    with pytest.raises(ValueError, match="explode"):
        Faults.parse("explode=1")
