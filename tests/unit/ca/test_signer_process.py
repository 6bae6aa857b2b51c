"""The signer's process with an HSM and officers: started, killed, started again, asked over its socket."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ca.signer.client import SocketSigner
from ca.signer.control import SignerControl
from ca.signer.keyfile import KeyFileSigner
from ca.signer.model import KeyRole, NotActivated, Purpose
from ca.signer.shares import Share, ShareRefused, seal, unseal
from ca.signer.warrant import Credential
from kernel.errors import Conflict, IntegrityFailed, NotPermitted, Unavailable
from tests.contract.test_signer import attributes
from tests.support.softhsm import SoftToken, new_token

PASSPHRASE, SECRET = "the-first-passphrase", "the secret of the processes that prepare"
HOLDERS = {"usr_wang": "王建国", "usr_li": "李红", "usr_zhao": "赵敏"}


class Process:
    """``weicheng serve signer``: root and issuing keys on a token, others in the key file."""

    def __init__(self, folder: Path, token: SoftToken) -> None:
        self.folder, self.token = folder, token
        (folder / "secrets").mkdir()
        self.secret("signer__passphrase", PASSPHRASE)
        self.secret("signer__hsm__pin", token.pin)
        self.secret("signer__token_key", SECRET)
        self.process: subprocess.Popen[bytes] | None = None

    def secret(self, name: str, text: str) -> None:
        (self.folder / "secrets" / name).write_text(text)

    @property
    def log(self) -> Path:
        return self.folder / "signer.log"

    def start(self) -> "Process":
        environment = {
            **os.environ,
            "WEICHENG_DATA_DIR": str(self.folder),
            "WEICHENG_SECRETS_DIR": str(self.folder / "secrets"),
            "WEICHENG_SIGNER__HSM__MODULE": str(self.token.module),
            "WEICHENG_SIGNER__HSM__LABEL": self.token.label,
            "WEICHENG_SIGNER__HSM__ROLES": '["root", "issuing"]',
        }
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "console.main", "serve", "signer"]
            self.process = subprocess.Popen(command, env=environment, stderr=log, stdout=log)
        deadline = time.monotonic() + 30
        while not (self.folder / "signer.sock").is_socket():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return self

    def kill(self) -> None:
        """As a power failure does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        (self.folder / "signer.sock").unlink(missing_ok=True)

    def client(self) -> SocketSigner:
        return SocketSigner(self.folder / "signer.sock", Credential(SECRET.encode))


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    made = Process(tmp_path, new_token(tmp_path / "soft", monkeypatch)).start()
    yield made
    assert made.process is not None
    if made.process.poll() is None:
        made.process.send_signal(signal.SIGTERM)
        assert made.process.wait(20) == 0


def handed_out(control: SignerControl) -> dict[str, Share]:
    control.begin(2, HOLDERS)
    made = {account: control.collect(account) for account in HOLDERS}
    assert [control.confirm(account, share) for account, share in made.items()] == [False, False, True]
    return made


def test_from_passphrase_to_shares_over_kills_and_restarts(process: Process) -> None:
    with closing(process.client()) as client:
        control = SignerControl(client)
        root = client.generate("root", KeyRole.ROOT, "p384")
        client.generate("evidence", KeyRole.EVIDENCE, "p256")
        status = control.status()
        assert (status.state, status.shares) == ("active", None)
        assert {key.name: key.place for key in status.keys} == {"root": "token", "evidence": "file"}
        first = handed_out(control)
        assert control.status().state == "active"
        process.kill()
        process.start()
        with pytest.raises(NotActivated, match="0 of 2 shares"):
            client.sign("evidence", Purpose.EVIDENCE, attributes())
        with pytest.raises(NotPermitted):
            control.present("usr_li", first["usr_wang"])
        assert not control.present("usr_wang", first["usr_wang"])
        assert [share.there for share in control.status().shares.shares] == [True, False, False]  # type: ignore[union-attr]
        assert control.present("usr_zhao", first["usr_zhao"])
        assert client.sign("evidence", Purpose.EVIDENCE, attributes())
        assert root in client.keys()

        control.begin(2, {**HOLDERS, "usr_chen": "陈静"})
        control.present("usr_wang", first["usr_wang"])
        control.present("usr_li", first["usr_li"])
        control.collect("usr_chen")
        control.cancel()
        control.deactivate()
        with pytest.raises(NotActivated):
            client.keys()
        with pytest.raises(ShareRefused):
            unseal(seal(first["usr_li"], "words of one's own"), "words of another")


def test_what_opened_the_keys_before_opens_nothing_once_officers_hold_shares(process: Process) -> None:
    with closing(process.client()) as client:
        client.generate("root", KeyRole.ROOT, "p256")
        client.generate("evidence", KeyRole.EVIDENCE, "p256")
        handed_out(SignerControl(client))
    with pytest.raises(IntegrityFailed):
        KeyFileSigner(process.folder / "keys" / "signer.keys", PASSPHRASE).keys()
    refused = subprocess.run(
        [
            *("pkcs11-tool", "--module", str(process.token.module), "--token-label", process.token.label),
            *("--login", "--pin", process.token.pin, "--list-objects"),
        ],
        env={**os.environ, **process.token.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "CKR_PIN_INCORRECT" in refused.stderr


def test_only_processes_with_the_secret_steer_it_and_anybody_may_look(process: Process) -> None:
    with closing(SocketSigner(process.folder / "signer.sock")) as stranger:
        control = SignerControl(stranger)
        assert control.status().state == "active"
        for act in (control.deactivate, control.cancel, lambda: control.begin(2, HOLDERS)):
            with pytest.raises(NotPermitted):
                act()
    wrong = SocketSigner(process.folder / "signer.sock", Credential((b"x" * 40).__bytes__))
    with closing(wrong), pytest.raises(NotPermitted):
        SignerControl(wrong).deactivate()
    with closing(process.client()) as client, pytest.raises(Conflict):
        SignerControl(client).deactivate()


def test_a_token_that_is_away_is_shown_and_other_keys_go_on(process: Process) -> None:
    with closing(process.client()) as client:
        client.generate("issuing", KeyRole.ISSUING, "p256")
        client.generate("evidence", KeyRole.EVIDENCE, "p256")
        away = process.token.folder / "away"
        process.token.tokens.rename(away)
        process.kill()
        process.start()
        status = SignerControl(client).status()
        assert status.state == "faulty"
        fault = next(one.fault for one in status.places if one.place == "token")
        assert isinstance(fault, Unavailable)
        assert "does not answer" in str(fault)
        assert client.sign("evidence", Purpose.EVIDENCE, attributes())
        away.rename(process.token.tokens)
        time.sleep(1.1)  # it looks for the token once a second
        assert SignerControl(client).status().state == "active"


def test_the_process_is_closed_and_its_secrets_are_nowhere_to_be_read(process: Process) -> None:
    assert process.process is not None
    own = Path(f"/proc/{process.process.pid}")
    limits = next(line for line in (own / "limits").read_text().splitlines() if "core file" in line)
    assert limits.split()[4:6] == ["0", "0"]
    with closing(process.client()) as client:
        status = SignerControl(client).status()
        client.generate("evidence", KeyRole.EVIDENCE, "p256")
        made = handed_out(SignerControl(client))
        with pytest.raises(Conflict):
            SignerControl(client).present("usr_li", made["usr_li"])
    assert status.no_core_dump
    if os.geteuid() == 0:
        assert (own / "mem").stat().st_uid == 0
    told = (own / "cmdline").read_bytes() + (own / "environ").read_bytes() + process.log.read_bytes()
    for secret in (PASSPHRASE, process.token.pin, SECRET, made["usr_li"].value.hex()):
        assert secret.encode() not in told
    assert "share presented" not in process.log.read_text()
    assert "new shares in force" in process.log.read_text()
