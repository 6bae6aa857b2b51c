"""What the signer signs, for whom: requests of processes that prepare, lists that pass by, one certificate a serial."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.encoding import certificate as writer
from ca.model import Reason
from ca.ports import Signer
from ca.signer.client import SocketSigner
from ca.signer.guard import Guarded
from ca.signer.memory import MemoryKeys
from ca.signer.model import KeyInfo, KeyRole, Purpose, SigningRefused
from ca.signer.protocol import Channel, MalformedMessage, framed
from ca.signer.server import SignerServer
from ca.signer.warrant import Credential
from kernel.errors import IntegrityFailed, Invalid, Unavailable
from kernel.pki import der
from kernel.pki.algorithms import algorithm, generate, verify

PREPARES, OTHER = (Credential(secret.encode) for secret in ("p" * 40, "q" * 40))
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "签发 CA")]).public_bytes()


@pytest.fixture(scope="module")
def keys() -> MemoryKeys:
    made = MemoryKeys()
    made.generate("issuing", KeyRole.ISSUING, "p256")
    made.generate("issuing-384", KeyRole.ISSUING, "p384")
    made.generate("issuing-rsa", KeyRole.ISSUING, "rsa2048")
    made.generate("issuing-ed", KeyRole.ISSUING, "ed25519")
    for role in (KeyRole.OCSP, KeyRole.TIMESTAMP, KeyRole.EVIDENCE):
        made.generate(str(role), role, "p256")
    return made


@pytest.fixture(scope="module")
def path(keys: MemoryKeys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A served signer."""
    path = tmp_path_factory.mktemp("guard") / "s.sock"
    server = SignerServer(keys, path, PREPARES)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield path
    server.stop()
    thread.join()


@pytest.fixture(params=["in process", "socket"])
def signer(request: pytest.FixtureRequest, keys: MemoryKeys, path: Path) -> Iterator[Signer]:
    if request.param == "in process":
        yield Guarded(keys, PREPARES)
        return
    client = SocketSigner(path, PREPARES)
    yield client
    client.close()


def key_of(keys: MemoryKeys, name: str = "issuing") -> KeyInfo:
    return next(key for key in keys.keys() if key.name == name)


def certificate(key: KeyInfo, serial: int, common_name: str = "x", algorithm_name: str = "p256") -> bytes:
    """A tbsCertificate of a subject with a key of its own."""
    row = algorithm(algorithm_name)
    extensions: list[tuple[x509.ExtensionType, bool]] = [(x509.BasicConstraints(False, None), True)]
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = generate(algorithm("p256")).public_key()
    return writer.tbs_certificate(
        writer.compile_template(row, NAME, key.spki, extensions),
        serial=serial,
        subject=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)]).public_bytes(),
        spki=public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        not_before=NOW,
        not_after=NOW + timedelta(days=30),
    )


def entry(serial: int, reason: Reason = Reason.UNSPECIFIED, since: datetime | None = None) -> bytes:
    extensions = b""
    if reason is not Reason.UNSPECIFIED:
        extensions += der.extension("2.5.29.21", der.enumerated(int(reason)))
    if since is not None:
        extensions += der.extension("2.5.29.24", der.generalized_time(since))
    parts = (der.integer(serial), der.time(NOW), der.sequence(extensions) if extensions else b"")
    return der.sequence(*parts)


def crl(
    key: KeyInfo, entries: bytes = b"", *, number: bytes | None = None, key_id: bytes | None = None
) -> bytes:
    """A tbsCertList of this key."""
    number = der.integer(7) if number is None else number
    identifier = (
        writer.authority_key_id(key.spki)
        if key_id is None
        else x509.AuthorityKeyIdentifier(key_id, None, None)
    )
    extensions = writer.encode_extension(identifier, False)
    extensions += der.extension("2.5.29.20", number) if number else b""
    return der.sequence(
        der.integer(1),
        algorithm(key.algorithm).identifier,
        NAME,
        der.time(NOW),
        der.time(NOW + timedelta(days=7)),
        der.sequence(entries) if entries else b"",
        der.explicit(0, der.sequence(extensions)),
    )


# --- who may ask
@pytest.mark.parametrize("credential", [None, OTHER])
def test_without_the_secret_nothing_but_answers_to_anybody_is_signed(
    path: Path, keys: MemoryKeys, credential: Credential | None
) -> None:
    from tests.contract.test_signer import attributes

    key = key_of(keys)
    with closing(SocketSigner(path, credential)) as status:
        assert status.sign("timestamp", Purpose.TIMESTAMP, attributes("1.2.840.113549.1.9.16.1.4"))
        assert [one.name for one in status.keys()] == sorted(one.name for one in keys.keys())
        for name, purpose, tbs in (
            ("issuing", Purpose.CERTIFICATE, certificate(key, 1)),
            ("issuing", Purpose.CRL, crl(key)),
            ("evidence", Purpose.EVIDENCE, attributes()),
        ):
            with pytest.raises(SigningRefused):
                status.sign(name, purpose, tbs)
        with pytest.raises(SigningRefused):
            status.generate("mine", KeyRole.ISSUING, "p256")


def test_a_public_purpose_opens_no_other_key(path: Path, keys: MemoryKeys) -> None:
    with closing(SocketSigner(path)) as status:
        for purpose in (Purpose.OCSP, Purpose.TIMESTAMP):
            with pytest.raises(SigningRefused):
                status.sign("issuing", purpose, certificate(key_of(keys), 1))


def raw(path: Path, header: dict[str, object], body: bytes = b"") -> dict[str, object]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        channel = Channel(connection)
        channel.send(framed(header, body))
        reply = channel.header()
        channel.drain()
        return reply


@pytest.mark.parametrize(
    "change",
    [
        {"mac": ""},
        {"mac": "0" * 64},
        {"mac": None},
        {"mac": ["a"]},
        {"name": "issuing-384"},
        {"serial": "00"},
        {"digest": "0" * 64},
        {"more": 1},
    ],
)
def test_a_request_that_was_changed_on_its_way_is_refused(
    path: Path, keys: MemoryKeys, change: dict[str, object]
) -> None:
    serial = int.from_bytes(os.urandom(8), "big")
    tbs = certificate(key_of(keys), serial)
    header = json.loads(Guarded(keys, PREPARES).warrant("issuing", Purpose.CERTIFICATE, tbs, serial="1"))
    assert "error" not in raw(path, header, tbs)
    assert raw(path, {**header, **change}, tbs)["kind"] == "SigningRefused"
    assert (
        raw(path, header, certificate(key_of(keys), serial))["error"] == "invalid"
    )  # the MAC is of other bytes


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=20), max_size=5))
@settings(max_examples=60, deadline=None)
def test_whatever_the_header_holds_there_is_an_answer(path: Path, header: dict[str, object]) -> None:
    assert "error" in raw(path, {"operation": "sign", **header}, b"x")


def test_a_secret_that_is_too_short_is_none(path: Path, keys: MemoryKeys) -> None:
    with closing(SocketSigner(path, Credential(lambda: b"short"))) as client, pytest.raises(Unavailable):
        client.sign("issuing", Purpose.CRL, crl(key_of(keys)))


def test_a_message_that_is_too_large_is_refused_before_it_is_sent(path: Path) -> None:
    with closing(SocketSigner(path, PREPARES)) as client, pytest.raises(MalformedMessage):
        client.sign("issuing", Purpose.CRL, [bytes(1 << 20)] * 81)


# --- warrants
def test_a_warrant_has_the_same_bytes_signed_again_and_no_others(signer: Signer, keys: MemoryKeys) -> None:
    key = key_of(keys)
    serial = int.from_bytes(os.urandom(8), "big")
    tbs = certificate(key, serial)
    warrant = signer.warrant("issuing", Purpose.CERTIFICATE, tbs, serial=f"{serial:032x}")
    for _ in range(2):  # after a crash it is asked again
        verify(key.spki, "sha256", signer.sign("issuing", Purpose.CERTIFICATE, tbs, warrant), tbs)
    with pytest.raises(Invalid):
        signer.sign("issuing", Purpose.CERTIFICATE, certificate(key, serial, "y"), warrant)


@pytest.mark.parametrize(
    "warrant", ["", "{}", "[1]", "nonsense", '{"operation":"sign","name":"other","purpose":"crl"}']
)
def test_a_warrant_that_was_spoiled_is_found_out(signer: Signer, keys: MemoryKeys, warrant: str) -> None:
    with pytest.raises(IntegrityFailed, match="not what was prepared"):
        signer.sign("issuing", Purpose.CERTIFICATE, certificate(key_of(keys), 5), warrant)


def test_a_warrant_whose_text_was_changed_is_refused(signer: Signer, keys: MemoryKeys) -> None:
    tbs = certificate(key_of(keys), 6)
    warrant = json.loads(signer.warrant("issuing", Purpose.CERTIFICATE, tbs, profile="person"))
    with pytest.raises(SigningRefused):
        signer.sign("issuing", Purpose.CERTIFICATE, tbs, json.dumps({**warrant, "profile": "tls-server"}))


def test_a_serial_stands_for_one_certificate_of_a_ca(signer: Signer, keys: MemoryKeys) -> None:
    key, other = key_of(keys), key_of(keys, "issuing-384")
    serial = int.from_bytes(os.urandom(8), "big")
    first = certificate(key, serial)
    assert signer.sign("issuing", Purpose.CERTIFICATE, first)
    with pytest.raises(SigningRefused, match="serial"):
        signer.sign("issuing", Purpose.CERTIFICATE, certificate(key, serial, "another"))
    assert signer.sign("issuing", Purpose.CERTIFICATE, first)
    assert signer.sign("issuing-384", Purpose.CERTIFICATE, certificate(other, serial, algorithm_name="p384"))


# --- lists
@pytest.mark.parametrize("name", ["issuing", "issuing-384", "issuing-rsa", "issuing-ed"])
@pytest.mark.parametrize("count", [0, 1, 400, 30_000])
def test_a_list_is_signed_whatever_its_length_and_algorithm(
    signer: Signer, keys: MemoryKeys, name: str, count: int
) -> None:
    key = key_of(keys, name)
    tbs = crl(key, b"".join(entry(1 << 126 | number, Reason(number % 7)) for number in range(count)))
    signature = signer.sign(name, Purpose.CRL, tbs)
    verify(key.spki, algorithm(key.algorithm).digest, signature, tbs)
    loaded = x509.load_der_x509_crl(writer.signed(tbs, algorithm(key.algorithm).identifier, signature))
    assert len(loaded) == count


def test_a_list_may_be_given_in_many_buffers(signer: Signer, keys: MemoryKeys) -> None:
    key = key_of(keys)
    tbs = crl(key, b"".join(entry(1 << 126 | number) for number in range(50_000)))
    parts = [memoryview(tbs)[at : at + 1_000] for at in range(0, len(tbs), 1_000)]
    verify(key.spki, "sha256", signer.sign("issuing", Purpose.CRL, parts), tbs)


def test_a_connection_serves_on_after_a_large_refusal(path: Path, keys: MemoryKeys) -> None:
    key = key_of(keys)
    long = crl(key, b"".join(entry(1 << 126 | number) for number in range(60_000)))
    with closing(SocketSigner(path, PREPARES)) as client:
        with pytest.raises(SigningRefused):
            client.sign("issuing", Purpose.CRL, b"\x31" + long[1:])
        assert client.sign("issuing", Purpose.CRL, crl(key))


def _version(tbs: bytes, key: KeyInfo) -> bytes:
    return tbs.replace(b"\x02\x01\x01", b"\x02\x01\x00", 1)


def _no_number(_tbs: bytes, key: KeyInfo) -> bytes:
    return crl(key, entry(5), number=b"")


def _zero(_tbs: bytes, key: KeyInfo) -> bytes:
    return crl(key, entry(5), number=der.integer(0))


def _foreign(_tbs: bytes, key: KeyInfo) -> bytes:
    return crl(key, entry(5), key_id=b"k" * 20)


def _negative(_tbs: bytes, key: KeyInfo) -> bytes:
    return crl(key, entry(-5))


def _no_time(_tbs: bytes, key: KeyInfo) -> bytes:
    return crl(key, der.sequence(der.integer(5), der.integer(6)))


def _short(tbs: bytes, _key: KeyInfo) -> bytes:
    return tbs[:-1]


def _long(tbs: bytes, _key: KeyInfo) -> bytes:
    return tbs + b"\0"


def _huge_entry(_tbs: bytes, key: KeyInfo) -> bytes:
    return crl(key, der.sequence(der.integer(5), der.time(NOW), der.sequence(bytes(200_000))))


def _algorithm(tbs: bytes, _key: KeyInfo) -> bytes:
    return tbs.replace(algorithm("p256").identifier, algorithm("p384").identifier, 1)


def _certificate(_tbs: bytes, key: KeyInfo) -> bytes:
    return certificate(key, 7)


@pytest.mark.parametrize(
    "spoil",
    [
        _version,
        _no_number,
        _zero,
        _foreign,
        _negative,
        _no_time,
        _short,
        _long,
        _huge_entry,
        _algorithm,
        _certificate,
    ],
)
def test_what_is_no_list_of_this_ca_is_refused(
    signer: Signer, keys: MemoryKeys, spoil: Callable[[bytes, KeyInfo], bytes]
) -> None:
    key = key_of(keys)
    with pytest.raises(SigningRefused):
        signer.sign("issuing", Purpose.CRL, spoil(crl(key, entry(5)), key))
