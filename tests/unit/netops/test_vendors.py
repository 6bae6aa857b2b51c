"""The platform files as data: complete, consistent, and leaving no secret behind."""

import re
from pathlib import Path

import pytest

from kernel.errors import Invalid, WeichengError
from netops.config.masking import Masker
from netops.config.text import clean
from netops.vendors import Vendor, load_vendors
from netops.vendors.model import FOLDER

VENDORS = load_vendors()
DATA = Path(__file__).parent.parent.parent / "data" / "netops" / "secrets"
MASKER = Masker(b"a key of thirty-two octets at least")
PLATFORMS = (
    "cisco_asa",
    "cisco_ios",
    "frr",
    "h3c_comware",
    "huawei_vrp",
    "isolation_gateway",
    "linux",
    "topsec_tos",
)
PROMPTS = {
    "cisco_ios": (["r1>", "r1#", "core-1(config)#"], ["", "#", "r1 text#x", "<r1>"]),
    "cisco_asa": (["fw>", "fw/admin#", "fw(config)#"], ["", "#", "<fw>"]),
    "huawei_vrp": (["<r1>", "[r1]", "[~r1]", "[*r1]", "HRP_M<usg>"], ["#", "[V200R009] text", "r1>", ""]),
    "h3c_comware": (["<s1>", "[s1]", "RBM_P<s1>"], ["#", "s1#", ""]),
    "topsec_tos": (["exit-fw% ", "TopsecOS# "], ["#", ""]),
    "isolation_gateway": (["gap-in> ", "gap-in# "], ["#", ""]),
    "frr": (["r1#", "r1>"], ["#", "<r1>"]),
    "linux": (["weicheng@host:~$", "[root@host ~]#"], [""]),
}


def test_the_platforms_of_the_government_network_are_there() -> None:
    assert tuple(VENDORS) == PLATFORMS


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_line_with_a_secret_is_masked(platform: str) -> None:
    lines = (DATA / f"{platform}.txt").read_text("utf-8").splitlines()
    with_secret, kept = lines[: lines.index("# keep")], lines[lines.index("# keep") + 1 :]
    masked = MASKER.mask(with_secret, VENDORS[platform])
    assert [line for line in masked.lines if "Geheim" in line] == []
    assert all("<masked:" in line for line in masked.lines)
    assert list(MASKER.mask(kept, VENDORS[platform]).lines) == kept


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_secret_pattern_is_exercised(platform: str) -> None:
    lines = (DATA / f"{platform}.txt").read_text("utf-8").splitlines()
    unused = [
        pattern.line
        for pattern in VENDORS[platform].secrets
        if not any(re.search(pattern.line, line) for line in lines)
    ]
    assert len(unused) <= 3, unused


@pytest.mark.parametrize("platform", PLATFORMS)
def test_prompts(platform: str) -> None:
    good, bad = PROMPTS[platform]
    vendor = VENDORS[platform]
    assert [prompt for prompt in good if not vendor.prompt_regex.search(prompt.strip())] == []
    assert [prompt for prompt in bad if vendor.prompt_regex.search(prompt.strip())] == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_netmiko_has_the_driver(platform: str) -> None:
    from netops.collection.drivers import connection_class

    assert connection_class(VENDORS[platform])


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_title_in_both_languages(platform: str) -> None:
    assert VENDORS[platform].title.zh
    assert VENDORS[platform].title.en


@pytest.mark.parametrize(
    ("old", "new"),
    [("syntax: block", "syntax: odd"), ("driver:", "diver:"), ("'^return$'", "'^ret(urn$'"), ("{zh", "[zh")],
)
def test_a_wrong_platform_file_is_told(tmp_path: Path, old: str, new: str) -> None:
    text = (FOLDER / "huawei_vrp.yaml").read_text("utf-8")
    (tmp_path / "huawei_vrp.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(Invalid) as told:
        load_vendors(tmp_path)
    assert told.value.place == "huawei_vrp.yaml"


def test_a_file_under_a_wrong_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text((FOLDER / "frr.yaml").read_text("utf-8"))
    with pytest.raises(Invalid):
        load_vendors(tmp_path)


IOS: Vendor = VENDORS["cisco_ios"]
WHOLE = "version 15.2\nhostname r1\n!\ninterface Vlan1\n no ip address\n!\nline vty 0 4\n login\nend\n"


def test_noise_is_taken_off_and_nothing_else() -> None:
    body = WHOLE.replace("\n", "\r\n")
    screen = f"\r\nBuilding configuration...\r\n\r\nCurrent configuration : 99 bytes\r\n{body}\r\n"
    assert clean(screen, IOS).text == WHOLE
    assert clean("\x1b[42D" + WHOLE, IOS).text == WHOLE


@pytest.mark.parametrize(
    "screen",
    [
        "",
        "\n\n\n",
        WHOLE.removesuffix("end\n"),
        WHOLE.replace("end\n", "en"),
        WHOLE.replace("line vty", " --More-- \nline vty"),
        "hostname r1\nend\n",
        WHOLE.replace("version 15.2\nhostname r1\n", ""),
        "show running-config\n  ^\n% Invalid input detected at '^' marker.\n",
    ],
)
def test_what_is_not_whole_is_refused(screen: str) -> None:
    with pytest.raises(WeichengError) as told:
        clean(screen, IOS)
    assert told.value.text("en") != told.value.message or "%" not in told.value.message


def test_a_configuration_may_quote_a_refusal() -> None:
    banner = WHOLE.replace("!\nline", "banner login ^C\n% Invalid input will be logged\n^C\nline")
    assert clean(banner, IOS).text == banner
