"""A CA whose keys are in an HSM, and officers who hold the shares: real token, real processes, the command line, OpenSSL."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from ca.model import Certificate, Reason, State
from console.compose.app import App
from console.compose.tables import import_all_tables
from kernel.audit.chain import audit_records
from kernel.clock import SystemClock
from kernel.config import Settings, Signer
from kernel.errors import Unavailable, WeichengError
from kernel.identity.model import Principal, Role
from kernel.identity.passwords import totp_code
from kernel.pki.pem import certificate_pem
from kernel.store.listing import Ask
from tests.contract.test_signer import SECRET, start
from tests.support.softhsm import SoftToken, new_token
from tests.unit.ca.office import OFFICER, found

REGISTRAR = Principal("usr_3", "registrar", frozenset({Role.REGISTRAR}), "u_city", "password")
OFFICERS = ("wang.min", "li.na", "zhao.jun")


@dataclass
class City:
    """A founded CA over a signer process over a token; officers at terminals of their own."""

    folder: Path
    token: SoftToken
    app: App
    process: subprocess.Popen[bytes]
    sessions: dict[str, Path] = field(default_factory=dict)

    def file(self, name: str) -> str:
        return self.app.ca.registration.file(
            REGISTRAR,
            profile="person",
            subject={"O": "市大数据局", "CN": name},
            names=(),
            unit="u_city",
            evidence="身份证原件",
        ).id

    def issue(self, name: str) -> Certificate:
        issued = self.app.ca.registration.approve(OFFICER, self.file(name))
        assert isinstance(issued, Certificate)
        return issued

    def states(self) -> list[State]:
        return [
            one.state for one in self.app.ca.lifecycle.page(OFFICER, Ask()).items if one.profile == "person"
        ]

    def weicheng(self, who: str, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "WEICHENG_DATA_DIR": str(self.folder / "data"),
            "WEICHENG_SIGNER__SOCKET": str(self.folder / "signer.sock"),
            "WEICHENG_SECRETS_DIR": str(self.folder / "secrets"),
            "WEICHENG_SESSION_FILE": str(self.sessions[who]),
        }
        return subprocess.run(
            [sys.executable, "-m", "console.main", "--lang", "en", "-o", "json", *arguments],
            env=environment,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    def did(self, who: str, *arguments: str, typed: str = "") -> dict[str, object]:
        done = self.weicheng(who, *arguments, typed=typed)
        assert done.returncode == 0, done.stderr
        told: dict[str, object] = json.loads(done.stdout)
        return told

    def restart(self) -> None:
        """As after a power failure."""
        self.process.kill()
        self.process.wait()
        (self.folder / "signer.sock").unlink(missing_ok=True)
        self.process = start(self.folder, self.token)


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[City]:
    token = new_token(tmp_path / "soft", monkeypatch)
    process = start(tmp_path, token)
    (tmp_path / "data").mkdir()
    import_all_tables()
    section = Signer(socket=tmp_path / "signer.sock", token_key=SecretStr(SECRET))
    app = App(Settings(data_dir=tmp_path / "data", signer=section), SystemClock())
    app.floor.database.create_all()
    made = City(tmp_path, token, app, process)
    try:
        _people(made)
        found(app)
        yield made
    finally:
        made.process.send_signal(signal.SIGTERM)
        assert made.process.wait(20) == 0
        app.ca.issuance._signer.close()  # its idle connections would outlive the test
        app.floor.database.close()


def _people(city: City) -> None:
    """Three officers, each signed in at a terminal."""
    identity, sign_in = city.app.identity, city.app.floor.sign_in
    three = identity.set_up(
        "卫城市大数据局",
        {
            Role.SYSTEM_ADMINISTRATOR: ("chen.lei", "陈磊"),
            Role.SECURITY_OFFICER: (OFFICERS[0], "王敏"),
            Role.AUDITOR: ("sun.yan", "孙燕"),
        },
    )
    accounts = {one.user.login: one for one in three}
    sessions = {}
    for login in ("chen.lei", OFFICERS[0], *OFFICERS[1:]):
        if login not in accounts:
            accounts[login] = identity.create_user(sessions["chen.lei"], login, login, "u_city")
            identity.grant_roles(sessions[OFFICERS[0]], login, [Role.SECURITY_OFFICER], "第二、第三位管理员")
        account = accounts[login]
        code = totp_code(account.totp_secret, city.app.clock.now().timestamp())
        signed = sign_in.with_password(login, account.password, code, origin="command line")
        sign_in.change_password(signed.principal, account.password, "Quiet-River-2026 flows")
        sessions[login] = sign_in.principal(signed.token)
        city.sessions[login] = city.folder / f"{login}.session"
        city.sessions[login].write_text(signed.token)


def test_certificates_signed_by_the_hsm_verify_and_what_it_can_not_sign_waits(city: City) -> None:
    issued = city.issue("陈晓明")
    for authority in city.app.ca.authorities():
        (city.folder / f"{authority.id}.pem").write_bytes(certificate_pem(authority.certificate))
    (city.folder / "leaf.pem").write_bytes(certificate_pem(issued.der))
    verified = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuing.pem", "leaf.pem"],
        cwd=city.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.stdout.strip() == "leaf.pem: OK", verified.stderr
    listed = city.token.pkcs11_tool("--list-objects", "--type", "privkey")
    assert "weicheng:root:" in listed
    assert "weicheng:issuing:" in listed

    waiting = city.file("陈晓东")
    city.token.tokens.rename(city.token.folder / "away")
    with pytest.raises(Unavailable, match="does not answer"):
        city.app.ca.registration.approve(OFFICER, waiting)
    with pytest.raises(WeichengError):  # stored, its list follows
        city.app.ca.lifecycle.revoke(OFFICER, issued.serial, Reason.KEY_COMPROMISE, "密钥泄露")
    assert sorted(city.states()) == [State.APPROVED, State.REVOKED]
    told = city.did(OFFICERS[1], "ca", "signer", "status")
    assert told["state"] == "faulty"
    assert "does not answer" in str(told["places"])
    (city.token.folder / "away").rename(city.token.tokens)
    assert city.did(OFFICERS[1], "ca", "signer", "status")["state"] == "active"
    assert city.app.ca.issuance.recover() == 1
    assert sorted(city.states()) == [State.ISSUED, State.REVOKED]


def test_officers_bring_the_ca_back_after_a_power_failure(city: City) -> None:
    before = city.issue("陈晓明")
    words = {login: f"own words of {login}" for login in OFFICERS}
    officers = [part for login in OFFICERS for part in ("--officer", login)]
    city.did(
        OFFICERS[0], "ca", "signer", "shares", "begin", "--threshold", "2", "--reason", "分发份额", *officers
    )
    for login in OFFICERS:
        typed = f"{words[login]}\n{words[login]}\n"
        city.did(login, "ca", "signer", "shares", "collect", str(city.folder / f"{login}.share"), typed=typed)
    assert city.issue("陈晓东").state is State.ISSUED

    city.restart()
    waiting = city.file("陈晓南")
    with pytest.raises(Unavailable, match="0 of 2 shares"):
        city.app.ca.registration.approve(OFFICER, waiting)
    refused = city.weicheng(
        OFFICERS[2], "ca", "signer", "activate", str(city.folder / "li.na.share"), typed=words["li.na"] + "\n"
    )
    assert refused.returncode == 5
    assert "another officer" in refused.stderr
    for login, state in ((OFFICERS[1], "waiting"), (OFFICERS[2], "active")):
        file = city.folder / f"{login}.share"
        done = city.did(login, "ca", "signer", "activate", str(file), typed=words[login] + "\n")
        assert done["state"] == state
    assert city.app.ca.issuance.recover() == 1
    assert city.states() == [State.ISSUED] * 3
    assert city.app.ca.is_good(before.der)
    with city.app.floor.database.read() as connection:
        acts = [
            row.action for row in connection.execute(audit_records.select().order_by(audit_records.c.seq))
        ]
    assert acts.count("ca:signer:confirm-share") == 3
    assert acts[-6:].count("ca:signer:activate") == 1
