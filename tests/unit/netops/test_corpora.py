"""How well the baseline rules do on configurations that others wrote, with known truth (set WEICHENG_CORPORA to run).

The truth of the synthetic networks names some faults by its own rule names; each is compared with ours of the same meaning,
on the platforms for which the truth speaks of it at all. Found faults of other rules are not counted either way.
"""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from netops.compliance.checks import Circumstances
from netops.compliance.detect import Checker
from netops.compliance.rules import load_rules
from netops.config.masking import Masker
from netops.config.text import CleanConfig, clean
from netops.vendors import load_vendors
from tests.unit.netops.test_baseline_rules import BASELINES

CORPORA = os.environ.get("WEICHENG_CORPORA")
pytestmark = pytest.mark.skipif(not CORPORA, reason="set WEICHENG_CORPORA to the folder with the corpora")
ROOT = Path(CORPORA or ".")
VENDORS = load_vendors()
MASKER = Masker(b"a key of thirty-two octets at least")
CHECKER = Checker(load_rules(BASELINES), MASKER)
PLATFORMS = {"hp_comware": "h3c_comware"}
# truth's name -> ours; on IOS a terminal that takes Telnet is the Telnet server, there is no other switch for it
ON_IOS = {"vty_protocol_all": "telnet-open"}
SAME = {
    "telnet_enabled": "telnet-open",
    "telnet_user": "telnet-user",
    "vty_protocol_all": "telnet-vty",
    "any_any_permit": "any-any",
    "shadowed_rule": "shadowed-rule",
    "rdp_from_internet": "exposed-port",
    "no_syslog": "no-log-server",
    "no_ntp": "no-ntp",
    "snmp_default_community": "snmp-public",
    "snmp_write_community": "snmp-write",
    "plaintext_password": "weak-hash",
    "enable_password": "weak-hash",
    "password_encryption_off": "password-encryption-off",
    "http_server": "http-server",
    "vty_no_timeout": "no-idle-timeout",
    "vty_password_auth": "vty-password-auth",
}
Fault = tuple[str, str, str, str]  # network, device, our rule, platform


def networks() -> list[Path]:
    return sorted((ROOT / "net" / "configs" / "synthetic_egov").iterdir()) if CORPORA else []


def truth_of(network: Path, platforms: dict[str, str]) -> Counter[Fault]:
    faults = json.loads((network / "truth.json").read_text("utf-8"))["findings"]
    return Counter(
        (
            network.name,
            fault["device"],
            _ours(fault["rule"], platforms[fault["device"]]),
            platforms[fault["device"]],
        )
        for fault in faults
    )


def _ours(rule: str, platform: str) -> str:
    return ON_IOS.get(rule, SAME[rule]) if platform == "cisco_ios" else SAME[rule]


def found_in(network: Path, platforms: dict[str, str]) -> Counter[Fault]:
    found: Counter[Fault] = Counter()
    for path in network.glob("*.cfg"):
        device = path.name.split(".")[0]
        vendor = VENDORS[platforms[device]]
        report = CHECKER.check(clean(path.read_text("utf-8"), vendor), vendor, Circumstances())
        for deviation in report.deviations:
            found[(network.name, device, deviation.rule, vendor.platform)] += 1
    return found


def test_faults_of_the_synthetic_networks_are_found_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    truth: Counter[Fault] = Counter()
    found: Counter[Fault] = Counter()
    for network in networks():
        named = [path.name.split(".") for path in network.glob("*.cfg")]
        platforms = {device: PLATFORMS.get(platform, platform) for device, platform, _ in named}
        truth += truth_of(network, platforms)
        found += found_in(network, platforms)
    spoken_of = {(rule, platform) for _, _, rule, platform in truth}
    found = Counter({fault: n for fault, n in found.items() if (fault[2], fault[3]) in spoken_of})
    hits = sum((truth & found).values())
    recall, precision = hits / sum(truth.values()), hits / sum(found.values())
    with capsys.disabled():
        print(
            f"\nsynthetic networks: {sum(truth.values())} faults, recall {recall:.3f}, precision {precision:.3f}"
        )
        print("  missed:", sorted(truth - found))
        print("  beyond:", sorted(found - truth))
    assert len(networks()) >= 10
    assert recall >= 0.99
    assert precision >= 0.95


WHOLE = (
    ("sentriflow/cisco-ios", "cisco_ios"),
    ("sentriflow/cisco-asa", "cisco_asa"),
    ("sentriflow/huawei-vrp", "huawei_vrp"),
)
BATFISH = (("batfish/cisco", "cisco_ios"), ("batfish/cisco_asa", "cisco_asa"))


@pytest.mark.parametrize(("folder", "platform"), WHOLE + BATFISH)
def test_no_real_configuration_breaks_parser_rules_or_masking(folder: str, platform: str) -> None:
    vendor, files, lines, unread = VENDORS[platform], 0, 0, 0
    for path in sorted((ROOT / "net" / "configs" / folder).rglob("*")):
        if path.is_file() and path.stat().st_size:
            text = path.read_text("utf-8", "replace").replace("\r", "")
            report = CHECKER.check(CleanConfig(text.rstrip("\n") + "\n"), vendor, Circumstances())
            files, lines, unread = files + 1, lines + report.lines, unread + len(report.unread)
    assert files
    assert unread < lines / 5, f"{unread} of {lines} lines not understood"


def test_secrets_of_recorded_sessions_are_masked() -> None:
    import yaml

    for path in sorted((ROOT / "net" / "sessions" / "ios").glob("*__secret.yaml")):
        listed = yaml.safe_load(path.read_text("utf-8"))
        screen = path.with_name(path.name.replace("__secret", "__simulation")).read_text("utf-8")
        masked = MASKER.mask(screen.replace("\\r", "").splitlines(), VENDORS["cisco_ios"]).text
        assert listed
        for secret in listed.get("fail", []):
            if secret != "SECRET":
                assert f"community {secret}" not in masked or secret == "public"
