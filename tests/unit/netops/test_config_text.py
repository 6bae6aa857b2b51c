"""The line tree, masking, facts and packet-filter rules: on whatever a device may send."""

import ipaddress
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import WeichengError
from netops.compliance.checks import Circumstances
from netops.compliance.detect import Checker
from netops.compliance.rules import load_rules
from netops.config.acl import ANY4, Box, rules_of
from netops.config.facts import extract
from netops.config.masking import Masker
from netops.config.text import CleanConfig, clean
from netops.config.tree import ConfigTree, parse
from netops.vendors import load_vendors
from tests.unit.netops.test_baseline_rules import BASELINES

VENDORS = load_vendors()
MASKER = Masker(b"a key of thirty-two octets at least")
CHECKER = Checker(load_rules(BASELINES), MASKER)
PLATFORMS = sorted(VENDORS)
WORDS = (
    "interface", "Vlan1", "ip", "address", "10.0.0.1", "255.255.255.0", "acl", "rule", "5", "permit", "any", "eq", "banner",
    "login", "^C", "#", "!", "user", "password", "7", "snmp-agent", "community", "read", "access-list", "line", "vty",
    "header", "information", '"', "certificate", "quit", "return", "end", "firewall policy add action accept src", "'",
)  # fmt: skip
config_lines = st.lists(
    st.builds(
        lambda n, words: " " * n + " ".join(words),
        st.integers(0, 3),
        st.lists(st.sampled_from(WORDS), max_size=6),
    )
    | st.text(st.characters(exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=30),
    max_size=40,
)


def tree_of(text: str, platform: str) -> ConfigTree:
    return parse(text.splitlines(), VENDORS[platform])


@given(lines=config_lines, platform=st.sampled_from(PLATFORMS))
@settings(max_examples=300, deadline=None)
def test_every_line_has_its_place_once(lines: list[str], platform: str) -> None:
    tree = parse(lines, VENDORS[platform])
    walked = [line.number for root in tree.roots for line in root.walk()]
    assert sorted(walked) == [line.number for line in tree.lines] == sorted(set(walked))
    for line in tree.lines:
        assert line.text == lines[line.number - 1].strip()
        assert all(child.parent is line and child.number > line.number for child in line.children)


@given(screen=st.text(max_size=400) | config_lines.map("\n".join), platform=st.sampled_from(PLATFORMS))
@settings(max_examples=300, deadline=None)
def test_any_screen_is_a_whole_configuration_or_a_typed_error(screen: str, platform: str) -> None:
    try:
        config = clean(screen, VENDORS[platform])
    except WeichengError:
        return
    assert config.text.endswith("\n")
    CHECKER.check(config, VENDORS[platform], Circumstances())


@given(lines=config_lines, platform=st.sampled_from(PLATFORMS))
@settings(max_examples=200, deadline=None)
def test_masking_keeps_lines_and_is_stable(lines: list[str], platform: str) -> None:
    once = MASKER.mask(lines, VENDORS[platform])
    assert len(once.lines) == len(lines)
    assert MASKER.mask(lines, VENDORS[platform]) == once


@given(lines=config_lines, platform=st.sampled_from(PLATFORMS))
@settings(max_examples=200, deadline=None)
def test_checking_any_text_never_fails(lines: list[str], platform: str) -> None:
    report = CHECKER.check(
        CleanConfig("\n".join(lines) + "\n"), VENDORS[platform], Circumstances(network="intranet")
    )
    assert all(0 <= deviation.line <= len(lines) + 1 for deviation in report.deviations)


def test_indented_text() -> None:
    tree = tree_of(
        "interface Vlan1\n ip address 1.1.1.1 255.0.0.0\n !\nrouter bgp 1\n address-family ipv4\n  neighbor x\n",
        "cisco_ios",
    )
    assert [root.text for root in tree.roots] == ["interface Vlan1", "router bgp 1"]
    assert tree.find("^neighbor")[0].path == ("router bgp 1", "address-family ipv4")


def test_hash_blocks_with_and_without_leading_blanks() -> None:
    text = (
        "#\n sysname s1\n#\n snmp-agent\n snmp-agent sys-info version v3\n#\n"
        "interface Vlan1\n ip address 1.1.1.1 24\n#\nreturn\n"
    )
    tree = tree_of(text, "h3c_comware")
    tops = ["sysname s1", "snmp-agent", "snmp-agent sys-info version v3", "interface Vlan1", "return"]
    assert [root.text for root in tree.roots] == tops
    assert tree.find("^ip address")[0].path == ("interface Vlan1",)


def test_text_in_banners_and_certificates_is_no_setting() -> None:
    text = (
        "banner login ^C\nsnmp-server community public RO\nip http server\n^C\n"
        "crypto pki certificate chain X\n certificate 01\n  30820122 snmp-server community public\n  \tquit\nip http server\n"
    )
    tree = tree_of(text, "cisco_ios")
    assert [line.number for line in tree.find("^ip http server")] == [9]
    assert tree.find("snmp-server") == []


def test_a_banner_without_end_hides_nothing() -> None:
    tree = tree_of("hostname r1\nbanner login ^C\nno end here\nip http server\n", "cisco_ios")
    assert [line.number for line in tree.find("^ip http server")] == [4]


def test_ten_thousand_lines_are_checked_in_seconds() -> None:
    body = "\n".join(
        f"interface GigabitEthernet1/0/{n}\n description port {n}\n switchport access vlan {n % 4000}\n!"
        for n in range(2500)
    )
    started = time.process_time()
    CHECKER.check(CleanConfig(f"hostname r1\n{body}\nend\n"), VENDORS["cisco_ios"], Circumstances())
    assert time.process_time() - started < 5


def test_a_line_made_to_slow_the_patterns_down_does_not() -> None:
    nasty = [
        "username " + "a " * 20_000,
        "snmp-server user " + "auth " * 20_000,
        "access-list 1 permit " + "any " * 20_000,
    ]
    started = time.process_time()
    for platform in PLATFORMS:
        CHECKER.check(CleanConfig("\n".join(nasty) + "\n"), VENDORS[platform], Circumstances())
    assert time.process_time() - started < 20


def test_secrets_look_alike_only_when_they_are() -> None:
    vendor = VENDORS["cisco_ios"]
    lines = ["username a secret 9 one", "username b secret 9 one", "username c secret 9 two"]
    masked = [line.split()[-1] for line in MASKER.mask(lines, vendor).lines]
    assert masked[0] == masked[1] != masked[2]
    assert Masker(b"another key of thirty-two octets").mark("one") not in masked


def test_a_private_key_is_masked_whole() -> None:
    lines = [
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEowIBAAKCAQEA",
        "abcd",
        "-----END RSA PRIVATE KEY-----",
        "hostname r1",
    ]
    masked = MASKER.mask(lines, VENDORS["cisco_ios"]).lines
    assert "MIIEowIBAAKCAQEA" not in "\n".join(masked)
    assert masked[4] == "hostname r1"


def boxes(text: str, platform: str) -> list[tuple[bool, Box | None]]:
    vendor = VENDORS[platform]
    return [(rule.permits, rule.box) for rule in rules_of(extract(tree_of(text, platform), vendor), vendor)]


NET = ipaddress.ip_network("10.1.0.0/16")
HOST = ipaddress.ip_network("10.2.0.5/32")
RULE = "{} permit tcp source 10.1.0.0 0.0.255.255 destination 10.2.0.5 0 destination-port eq {}"
HTTPS = Box("tcp", NET, HOST, (443, 443))


@pytest.mark.parametrize(
    ("platform", "text"),
    [
        ("cisco_ios", "ip access-list extended X\n 10 permit tcp 10.1.0.0 0.0.255.255 host 10.2.0.5 eq 443"),
        ("cisco_ios", "access-list 101 permit tcp 10.1.0.0 0.0.255.255 10.2.0.5 0.0.0.0 eq https log"),
        ("cisco_asa", "access-list X extended permit tcp 10.1.0.0 255.255.0.0 host 10.2.0.5 eq https"),
        ("cisco_asa", "access-list X line 3 extended permit tcp 10.1.0.0 255.255.0.0 host 10.2.0.5 eq 443 log"),
        ("huawei_vrp", RULE.format("acl number 3000\n rule 5", "443")),
        ("h3c_comware", RULE.format("acl advanced 3000\n rule 0", "https")),
    ],
)  # fmt: skip
def test_four_dialects_say_the_same(platform: str, text: str) -> None:
    assert boxes(text, platform) == [(True, HTTPS)]


@pytest.mark.parametrize(
    ("platform", "text"),
    [
        ("cisco_ios", "ip access-list extended X\n permit tcp 10.0.1.0 255.0.255.0 any"),
        ("cisco_ios", "ip access-list extended X\n permit tcp any any eq unheard-of"),
        ("cisco_ios", "ip access-list extended X\n permit tcp any any neq 80"),
        ("cisco_asa", "access-list X extended permit object-group SVC any any"),
        ("cisco_asa", "access-list X extended permit tcp object-group A any"),
        ("huawei_vrp", "acl number 3000\n rule 5 permit tcp source"),
        ("topsec_tos", "firewall policy add action accept src 'office ' dst 'any '"),
        ("topsec_tos", "firewall policy add action accept src 'office"),
    ],
)
def test_a_rule_that_is_not_understood_is_counted_not_guessed(platform: str, text: str) -> None:
    assert [box for _, box in boxes(text, platform)] == [None]
    report = CHECKER.check(CleanConfig(text + "\n"), VENDORS[platform], Circumstances())
    assert len(report.unread) == 1


def test_conditions_make_a_rule_narrower() -> None:
    text = "ip access-list extended X\n permit tcp any any established\n permit icmp any any echo\n permit ip any any\n"
    found = boxes(text, "cisco_ios")
    assert [box is not None and box.narrowed for _, box in found] == [True, True, False]
    assert [box is not None and box.is_everything for _, box in found] == [False, False, True]


@given(st.integers(0, 32), st.integers(0, 32), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_covering_means_every_packet(long: int, short: int, a: int, b: int) -> None:
    one, other = (
        Box("tcp", ipaddress.ip_network((bits, size), strict=False), ANY4)
        for bits, size in ((a, long), (b, short))
    )
    inside = one.source[0] in other.source and one.source[-1] in other.source
    assert other.covers(one) == inside


def test_inactive_rules_do_not_count() -> None:
    assert boxes("access-list X extended permit ip any any inactive", "cisco_asa") == []


def test_a_shut_interface_is_no_bypass() -> None:
    zones = (
        ("intranet", ipaddress.ip_network("10.10.0.0/16")),
        ("extranet", ipaddress.ip_network("10.20.0.0/16")),
    )
    text = (
        "interface Vlan1\n ip address 10.20.0.1 255.255.255.0\n"
        "interface Vlan2\n ip address 10.20.1.1 255.255.255.0\n shutdown\n"
    )
    report = CHECKER.check(CleanConfig(text), VENDORS["cisco_ios"], Circumstances("intranet", zones))
    assert [item.line for item in report.deviations if item.rule == "gateway-bypass"] == [2]
    gateway = CHECKER.check(
        CleanConfig(text), VENDORS["cisco_ios"], Circumstances("intranet", zones, gateway=True)
    )
    assert [item for item in gateway.deviations if item.rule == "gateway-bypass"] == []
