"""One suite for every signer: in memory, over a key file, over a token, and both behind the socket of a real process."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.encoding import ocsp
from ca.ports import Signer
from ca.signer.client import SocketSigner
from ca.signer.guard import Guarded
from ca.signer.keyfile import KeyFileSigner
from ca.signer.memory import MemorySigner
from ca.signer.model import KeyRole, Purpose, SigningRefused
from ca.signer.pkcs11 import TokenKeys
from ca.signer.protocol import MANY, MalformedMessage, packed, unpacked
from ca.signer.warrant import Credential
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotFound, Unavailable
from kernel.pki.algorithms import ALGORITHMS, algorithm, verify
from tests.support.softhsm import SoftToken, new_token

PASSPHRASE = "a-long-enough-passphrase"
SECRET = "the secret of the processes that prepare"
PREPARES = Credential(SECRET.encode)


def start(folder: Path, token: SoftToken | None = None) -> subprocess.Popen[bytes]:
    """A signer process over a key file, or over a token."""
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets" / "signer__passphrase").write_text(PASSPHRASE)
    (folder / "secrets" / "signer__token_key").write_text(SECRET)
    environment = {
        **os.environ,
        "WEICHENG_DATA_DIR": str(folder),
        "WEICHENG_SECRETS_DIR": str(folder / "secrets"),
    }
    if token is not None:
        (folder / "secrets" / "signer__hsm__pin").write_text(token.pin)
        environment["WEICHENG_SIGNER__HSM__MODULE"] = str(token.module)
        environment["WEICHENG_SIGNER__HSM__LABEL"] = token.label
    command = [sys.executable, "-m", "console.main", "serve", "signer"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not (folder / "signer.sock").is_socket():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.fixture(params=["memory", "key file", "token", "key file by socket", "token by socket"])
def signer(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Signer]:
    if request.param == "memory":
        yield MemorySigner()
    elif request.param == "key file":
        yield Guarded(KeyFileSigner(tmp_path / "signer.keys", PASSPHRASE), PREPARES)
    elif request.param == "token":
        token = new_token(tmp_path / "soft", monkeypatch)
        keys = TokenKeys(token.module, token.label, token.pin, tmp_path / "token.index")
        yield Guarded(keys, PREPARES)
        keys.close()
    else:
        token_or_none = new_token(tmp_path / "soft", monkeypatch) if "token" in request.param else None
        process = start(tmp_path, token_or_none)
        client = SocketSigner(tmp_path / "signer.sock", PREPARES)
        yield client
        client.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert not (tmp_path / "signer.sock").exists()


def attributes(content_type: str = "1.2.840.113549.1.7.1") -> bytes:
    """Signed attributes of a CMS over something."""
    from asn1crypto import cms

    made = cms.CMSAttributes(
        [
            {"type": "content_type", "values": [content_type]},
            {"type": "message_digest", "values": [b"d" * 32]},
        ]
    )
    return bytes(made.dump())


@pytest.mark.parametrize("name", sorted(set(ALGORITHMS) - {"rsa3072", "rsa4096"}))
def test_what_is_signed_verifies(signer: Signer, name: str) -> None:
    key = signer.generate("evidence-1", KeyRole.EVIDENCE, name)
    signature = signer.sign("evidence-1", Purpose.EVIDENCE, attributes())
    verify(key.spki, algorithm(name).digest, signature, attributes())


def test_keys_are_listed_by_name_without_their_secrets(signer: Signer) -> None:
    signer.generate("b", KeyRole.ROOT, "p256")
    signer.generate("a", KeyRole.OCSP, "p256")
    assert [(key.name, key.role) for key in signer.keys()] == [("a", KeyRole.OCSP), ("b", KeyRole.ROOT)]
    with pytest.raises(Conflict):
        signer.generate("a", KeyRole.OCSP, "p256")


def answer(serial: int) -> bytes:
    """ResponseData about one certificate."""
    now = datetime.now(UTC).replace(microsecond=0)
    single = ocsp.Single(ocsp.cert_id("sha1", (b"n" * 20, b"k" * 20), serial), b"\x80\x00")
    return ocsp.response_data(
        ocsp.responder_id(b"k"), [single], produced_at=now, next_update=now + timedelta(hours=1), nonce=None
    )


def test_many_answers_are_signed_at_once_and_all_or_none(signer: Signer) -> None:
    key = signer.generate("ocsp", KeyRole.OCSP, "p256")
    many = [answer(serial) for serial in range(1, 101)]
    for tbs, signature in zip(many, signer.sign_many("ocsp", Purpose.OCSP, many), strict=True):
        verify(key.spki, "sha256", signature, tbs)
    assert signer.sign_many("ocsp", Purpose.OCSP, []) == []
    for bad in ([*many, attributes()], [b""]):
        with pytest.raises(SigningRefused):
            signer.sign_many("ocsp", Purpose.OCSP, bad)
    with pytest.raises(NotFound):
        signer.sign_many("none", Purpose.OCSP, many)


def test_what_needs_a_warrant_is_not_signed_many_at_once(signer: Signer) -> None:
    signer.generate("evidence", KeyRole.EVIDENCE, "p256")
    with pytest.raises(SigningRefused):
        signer.sign_many("evidence", Purpose.EVIDENCE, [attributes()])


@given(st.lists(st.binary(max_size=300), max_size=20), st.binary(max_size=40))
def test_many_small_bodies_are_one_and_many_again(many: list[bytes], garbage: bytes) -> None:
    body = b"".join(packed(many))
    assert unpacked(body) == many
    try:
        assert b"".join(packed(unpacked(garbage))) == garbage
    except MalformedMessage:
        return


def test_a_message_has_no_more_parts_than_are_read() -> None:
    with pytest.raises(MalformedMessage):
        packed([b""] * (MANY + 1))
    with pytest.raises(MalformedMessage):
        unpacked(bytes(4) * (MANY + 1))


@pytest.mark.parametrize(
    ("role", "purpose", "tbs"),
    [
        (KeyRole.EVIDENCE, Purpose.CERTIFICATE, attributes()),
        (KeyRole.EVIDENCE, Purpose.EVIDENCE, b"not what it should be"),
        (KeyRole.EVIDENCE, Purpose.EVIDENCE, attributes("1.2.840.113549.1.9.16.1.4")),
        (KeyRole.ISSUING, Purpose.CERTIFICATE, b"\x30\x00"),
        (KeyRole.OCSP, Purpose.CRL, b""),
    ],
)
def test_a_key_refuses_what_it_is_not_for(
    signer: Signer, role: KeyRole, purpose: Purpose, tbs: bytes
) -> None:
    signer.generate("k", role, "p256")
    with pytest.raises(SigningRefused):
        signer.sign("k", purpose, tbs)


def test_missing_keys_and_bad_names_are_typed_errors(signer: Signer) -> None:
    with pytest.raises(NotFound):
        signer.sign("nobody", Purpose.CRL, b"x")
    for name in ("", "../x", "A", "x" * 61):
        with pytest.raises(Invalid):
            signer.generate(name, KeyRole.ROOT, "p256")


# --- the key file
def test_the_key_file_is_private_encrypted_and_survives(tmp_path: Path) -> None:
    path = tmp_path / "signer.keys"
    KeyFileSigner(path, PASSPHRASE).generate("evidence", KeyRole.EVIDENCE, "p256")
    assert path.stat().st_mode & 0o077 == 0
    assert b"PRIVATE" not in path.read_bytes()
    assert KeyFileSigner(path, PASSPHRASE).sign("evidence", Purpose.EVIDENCE, attributes())


def test_a_wrong_passphrase_a_changed_file_and_an_open_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "signer.keys"
    KeyFileSigner(path, PASSPHRASE).generate("evidence", KeyRole.EVIDENCE, "p256")
    with pytest.raises(IntegrityFailed):
        KeyFileSigner(path, "another-passphrase").keys()
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes((data[middle] ^ 1,)) + data[middle + 1 :])
    with pytest.raises(IntegrityFailed):
        KeyFileSigner(path, PASSPHRASE).keys()
    path.write_bytes(data)
    path.chmod(0o644)
    with pytest.raises(Unavailable):
        KeyFileSigner(path, PASSPHRASE).keys()
    with pytest.raises(Invalid):
        KeyFileSigner(path, "short")


# --- the process
@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("signer")
    running = start(folder)
    yield folder
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 0


@given(data=st.binary(min_size=1, max_size=300))
@settings(max_examples=60, deadline=None)
def test_garbage_on_the_socket_ends_the_connection_and_nothing_else(process: Path, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(process / "signer.sock"))
        with suppress(ConnectionError):  # the server may hang up on what it has not read
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
    with closing(SocketSigner(process / "signer.sock", PREPARES)) as asking:
        assert asking.keys() == []


def test_the_socket_is_private_and_the_process_has_no_network(process: Path) -> None:
    assert (process / "signer.sock").stat().st_mode & 0o077 == 0
    if os.geteuid() != 0:
        return
    ours = (Path("/proc/self/ns/net")).readlink()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(process / "signer.sock"))
        pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    assert Path(f"/proc/{pid}/ns/net").readlink() != ours


def test_nobody_answers_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        SocketSigner(tmp_path / "none.sock").keys()


def test_a_killed_signer_loses_no_key_it_has_told_of(tmp_path: Path) -> None:
    first = start(tmp_path)
    with closing(SocketSigner(tmp_path / "signer.sock", PREPARES)) as client:
        key = client.generate("evidence", KeyRole.EVIDENCE, "p256")
    first.kill()
    first.wait()
    (tmp_path / "signer.sock").unlink()
    second = start(tmp_path)
    with closing(SocketSigner(tmp_path / "signer.sock", PREPARES)) as client:
        assert list(client.keys()) == [key]
    second.terminate()
    assert second.wait(20) == 0


def test_a_client_outlives_the_signer_it_was_talking_to(tmp_path: Path) -> None:
    first = start(tmp_path)
    with closing(SocketSigner(tmp_path / "signer.sock", PREPARES)) as client:
        client.generate("evidence", KeyRole.EVIDENCE, "p256")
        first.terminate()
        assert first.wait(20) == 0
        with pytest.raises(Unavailable):
            client.keys()
        second = start(tmp_path)
        assert client.sign("evidence", Purpose.EVIDENCE, attributes())
        second.terminate()
        assert second.wait(20) == 0
        third = start(tmp_path)
        assert client.generate("another", KeyRole.EVIDENCE, "p256").name == "another"
    third.terminate()
    assert third.wait(20) == 0
