"""The command line of the CA: what each person gets, as data that can be piped."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ca.cli import commands
from ca.model import Reason
from console.resources import words_of
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.errors import NeedsApproval, NotPermitted
from kernel.i18n import speaking
from tests.unit.ca.conftest import Terminal, World

ROOT = Path(__file__).parents[3]
_COMMANDS = sorted([*ROOT.glob("*/cli.py"), *ROOT.glob("*/cli/*.py"), *ROOT.glob("console/commands/*.py")])


def test_from_request_to_revocation(world: World, at: Any, tmp_path: Path) -> None:
    registrar, officer = at(world.registrar), at(world.officer)
    (tmp_path / "csr").write_bytes(
        subprocess.run(
            [
                "openssl",
                "req",
                "-new",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-keyout",
                "/dev/null",
                "-subj",
                "/CN=x",
            ],
            capture_output=True,
            check=True,
        ).stdout
    )
    who = ("--subject", "O=临江县大数据中心", "--subject", "CN=陈晓明", "--unit", "u_county")
    filed = registrar.run("request", "person", *who, "--evidence", "身份证", "--csr", str(tmp_path / "csr"))
    assert [one["id"] for one in officer.run("requests", "--state", "requested")] == [filed["id"]]
    issued = officer.run("approve", filed["id"])
    assert (issued["state"], issued["reason"]) == ("issued", None)
    assert registrar.run("list", "--find", "陈晓明")[0]["serial"] == issued["serial"]
    assert officer.run("hold", issued["serial"], "--reason", "挂失")["state"] == "held"
    assert officer.run("release", issued["serial"], "--reason", "找回")["state"] == "issued"
    revoked = officer.run("revoke", issued["serial"], "--code", "key_compromise", "--reason", "丢失")
    assert (revoked["state"], revoked["reason"]) == ("revoked", "key_compromise")
    files = ("--pem", str(tmp_path / "one.pem"), "--chain", str(tmp_path / "chain.pem"))
    registrar.run("show", issued["serial"], *files)
    chain = (tmp_path / "chain.pem").read_bytes()
    assert chain.startswith((tmp_path / "one.pem").read_bytes())  # as TLS servers take it: the leaf first
    assert chain.count(b"BEGIN CERTIFICATE") == 3
    officer.run("crl", "issuing", str(tmp_path / "issuing.crl"))
    listed = ["openssl", "crl", "-inform", "DER", "-noout", "-text", "-in", str(tmp_path / "issuing.crl")]
    text = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    assert issued["serial"].upper() in text


def test_a_key_made_here_is_delivered_to_a_private_file(world: World, at: Any, tmp_path: Path) -> None:
    who = ("-s", "O=临江县大数据中心", "-s", "CN=陈晓明", "--unit", "u_county", "--evidence", "身份证")
    filed = at(world.registrar).run("request", "person", *who)
    assert (filed["key_waiting"], filed["own_key"], filed["unit_name"] != "") == (True, False, True)
    at(world.officer).run("approve", filed["id"])
    at(world.registrar).run("deliver", filed["id"], str(tmp_path / "chen.p12"))
    told = at(world.officer).run("password", filed["id"])
    assert (tmp_path / "chen.p12").stat().st_mode & 0o077 == 0
    opened = ["openssl", "pkcs12", "-in", str(tmp_path / "chen.p12"), "-passin", "stdin", "-nokeys"]
    done = subprocess.run(opened, input=told["password"].encode(), capture_output=True, check=True)
    assert b"BEGIN CERTIFICATE" in done.stdout


def test_rejecting_needs_a_reason_and_officers_rights(world: World, at: Any) -> None:
    filed = world.request()
    missing = CliRunner().invoke(commands, ["reject", filed.id], obj=at(world.officer))
    assert missing.exit_code == 2
    with pytest.raises(NotPermitted):
        at(world.registrar).run("reject", filed.id, "--reason", "不符")
    assert at(world.officer).run("reject", filed.id, "--reason", "不符")["state"] == "rejected"


def test_authorities_profiles_and_services(world: World, at: Any, tmp_path: Path) -> None:
    officer = at(world.officer)
    assert [one["id"] for one in officer.run("authorities", "--pem", str(tmp_path / "ca.pem"))] == [
        "root",
        "issuing",
    ]
    assert (tmp_path / "ca.pem").read_text().count("BEGIN CERTIFICATE") == 2
    assert {one["id"] for one in officer.run("profile", "list")} >= {
        "person",
        "device",
        "tls-server",
        "software",
    }
    (made,) = officer.run("provision", "ocsp")
    assert (made["authority"], len(made["serial"])) == ("issuing", 32)


def test_a_cas_certificate_is_revoked_at_two_terminals(world: World, at: Any) -> None:
    own = at(world.officer).run("list", "--profile", "issuing-ca")[0]["serial"]
    why = ("--code", "ca_compromise", "--reason", "泄露")
    with pytest.raises(NeedsApproval):
        at(world.officer).run("revoke", own, *why)
    proposed = at(world.officer).run("revocation", "propose", own, *why)
    assert [one["id"] for one in at(world.second).run("revocation", "list")] == [proposed["id"]]
    assert at(world.second).run("revocation", "perform", proposed["id"])["state"] == "revoked"


def test_a_long_list_is_read_page_by_page(world: World, at: Any) -> None:
    filed = [world.request().id for _ in range(3)]
    officer = at(world.officer)
    first = CliRunner().invoke(commands, ["requests", "--waiting", "--limit", "2"], obj=officer)
    assert [one["id"] for one in json.loads(first.stdout)] == filed[:0:-1]
    cursor = first.stderr.split("--after ")[1].split()[0]
    assert [one["id"] for one in officer.run("requests", "--waiting", "--after", cursor)] == [filed[0]]


def test_a_renewal_waits_for_its_approval(world: World, at: Any) -> None:
    issued = world.issue()
    renewal = at(world.registrar).run("renew", issued.serial, "--evidence", "身份证")
    assert (renewal["state"], renewal["replaces"]) == ("requested", issued.serial)


def test_a_subject_without_a_value_is_a_usage_error(world: World, at: Any) -> None:
    wrong = ["request", "person", "--subject", "CN", "--unit", "u_county", "--evidence", "x"]
    done = CliRunner().invoke(commands, wrong, obj=at(world.registrar))
    assert done.exit_code == 2
    assert "KEY=VALUE" in done.output


def test_tables_speak_to_people_and_data_to_programs(world: World, clock: FixedClock) -> None:
    certificate = world.issue()
    world.ca.lifecycle.revoke(world.officer, certificate.serial, Reason.KEY_COMPROMISE, "丢失")

    def told(form: str, *arguments: str) -> str:
        at = Terminal(world.ca, clock, world.officer, Output(form, words_of))
        return str(at.run(*arguments))

    table = told("table", "list", "--profile", "person")
    assert "已吊销" in table
    assert "revoked" not in table
    assert "密钥泄露" in told("table", "show", certificate.serial)
    assert "revoked" in told("csv", "list", "--profile", "person")
    with speaking("en"):
        assert "revoked for good" in told("table", "list", "--profile", "person")


@pytest.mark.parametrize("file", _COMMANDS, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_commands_tell_of_is_declared(file: Path) -> None:
    for name in re.findall(r'\bof="([a-z.-]+)"', file.read_text()):
        assert words_of(name) is not None
