"""A time-stamp is accepted by openssl ts and by rfc3161-client; anything else is refused with a reason."""

import hashlib
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.pki import chain, cms, tsp
from kernel.pki.der import MalformedDer
from tests.support.pki import START, make_issuing, make_leaf, make_root, make_tsa

ROOT = make_root()
ISSUING = make_issuing(ROOT)
TSA = make_tsa(ISSUING)
POLICY = "1.3.6.1.4.1.59999.1.3.1"
CONTENT = "证据清单".encode()
IMPRINT = hashlib.sha256(CONTENT).digest()
AT = START + timedelta(days=30)


def answer(query: bytes) -> bytes:
    return tsp.grant(TSA, tsp.parse_request(query), policy=POLICY, serial=2**127 + 5, at=AT)


def openssl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", "ts", *arguments], cwd=folder, capture_output=True, check=False)


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512", "sm3"])
@pytest.mark.parametrize("with_certificate", [True, False])
def test_openssl_asks_and_verifies(tmp_path: Path, digest: str, with_certificate: bool) -> None:
    (tmp_path / "content").write_bytes(CONTENT)
    (tmp_path / "root.pem").write_bytes(ROOT.certificate_pem)
    (tmp_path / "chain.pem").write_bytes(TSA.certificate_pem + ISSUING.certificate_pem)
    extra = ["-cert"] if with_certificate else []
    openssl(tmp_path, "-query", "-data", "content", f"-{digest}", *extra, "-out", "query.tsq")
    (tmp_path / "answer.tsr").write_bytes(answer((tmp_path / "query.tsq").read_bytes()))
    verify = ["-verify", "-queryfile", "query.tsq", "-in", "answer.tsr", "-CAfile", "root.pem"]
    seen = openssl(tmp_path, *verify, "-untrusted", "chain.pem", "-attime", str(int(AT.timestamp())))
    assert seen.returncode == 0, seen.stderr
    (tmp_path / "content").write_bytes(CONTENT + b"!")
    refused = openssl(tmp_path, "-verify", "-data", "content", *verify[3:], "-untrusted", "chain.pem")
    assert refused.returncode != 0


@pytest.mark.parametrize("algorithm", ["p256", "rsa3072"])
def test_rfc3161_client_verifies(algorithm: str) -> None:
    from cryptography import x509
    from rfc3161_client import TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response

    tsa = make_tsa(ISSUING, algorithm)
    query = TimestampRequestBuilder().data(CONTENT).nonce(nonce=True).build()
    asked = tsp.parse_request(query.as_bytes())
    response = decode_timestamp_response(tsp.grant(tsa, asked, policy=POLICY, serial=7, at=AT))
    verifier = VerifierBuilder.from_request(query).add_root_certificate(ROOT.certificate)
    verifier = verifier.add_intermediate_certificate(x509.load_der_x509_certificate(ISSUING.certificate_der))
    assert verifier.build().verify_message(response, CONTENT)


def test_we_verify_our_own_and_read_what_it_says() -> None:
    token = tsp.token_of(answer(tsp.request(IMPRINT, nonce=99)))
    stamp = tsp.verify_token(
        token, IMPRINT, anchors=[ROOT.certificate_der], intermediates=[ISSUING.certificate_der], nonce=99
    )
    assert (stamp.at, stamp.policy, stamp.serial) == (AT, POLICY, 2**127 + 5)


def test_without_the_certificate_inside_it_is_found_among_those_given() -> None:
    token = tsp.token_of(answer(tsp.request(IMPRINT, certificate=False)))
    with pytest.raises(cms.CmsRefused):
        tsp.verify_token(token, IMPRINT, anchors=[ROOT.certificate_der])
    known = [ISSUING.certificate_der, TSA.certificate_der]
    assert tsp.verify_token(token, IMPRINT, anchors=[ROOT.certificate_der], intermediates=known)


def test_what_does_not_prove_it_is_refused() -> None:
    token = tsp.token_of(answer(tsp.request(IMPRINT, nonce=1)))
    trust = {"anchors": [ROOT.certificate_der], "intermediates": [ISSUING.certificate_der]}
    with pytest.raises(tsp.TimeStampRefused, match="other data"):
        tsp.verify_token(token, hashlib.sha256(b"other").digest(), **trust)
    with pytest.raises(tsp.TimeStampRefused, match="another request"):
        tsp.verify_token(token, IMPRINT, nonce=2, **trust)
    with pytest.raises(chain.ChainRefused):
        tsp.verify_token(token, IMPRINT, anchors=[make_root("Other").certificate_der])


def test_a_signer_that_is_no_time_stamping_authority_is_refused() -> None:
    key = make_leaf(ISSUING, "Not a TSA")
    token = tsp.token_of(
        tsp.grant(key, tsp.parse_request(tsp.request(IMPRINT)), policy=POLICY, serial=1, at=AT)
    )
    with pytest.raises(tsp.TimeStampRefused, match="no time-stamping authority"):
        tsp.verify_token(
            token, IMPRINT, anchors=[ROOT.certificate_der], intermediates=[ISSUING.certificate_der]
        )


@pytest.mark.parametrize("failure", [tsp.BAD_ALGORITHM, tsp.BAD_FORMAT, tsp.SYSTEM_FAILURE])
def test_openssl_reads_a_rejection(tmp_path: Path, failure: int) -> None:
    (tmp_path / "answer.tsr").write_bytes(tsp.reject(failure, "no"))
    seen = openssl(tmp_path, "-reply", "-in", "answer.tsr", "-text")
    assert b"Rejected" in seen.stdout
    words = {
        tsp.BAD_ALGORITHM: b"algorithm",
        tsp.BAD_FORMAT: b"format",
        tsp.SYSTEM_FAILURE: b"system failure",
    }
    assert words[failure] in seen.stdout
    with pytest.raises(tsp.TimeStampRefused):
        tsp.token_of((tmp_path / "answer.tsr").read_bytes())


def test_an_unknown_digest_is_refused_as_such(tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(CONTENT)
    openssl(tmp_path, "-query", "-data", "content", "-sha1", "-out", "query.tsq")
    with pytest.raises(tsp.MalformedRequest) as refused:
        tsp.parse_request((tmp_path / "query.tsq").read_bytes())
    assert refused.value.failure == tsp.BAD_ALGORITHM


QUERY = tsp.request(IMPRINT, nonce=12345)


@given(st.integers(0, len(QUERY) - 1), st.integers(0, 255))
def test_a_damaged_request_is_a_request_or_a_typed_error(at: int, value: int) -> None:
    changed = bytearray(QUERY)
    changed[at] = value
    try:
        asked = tsp.parse_request(bytes(changed))
    except tsp.MalformedRequest:
        return
    assert len(asked.imprint) in (32, 48, 64)
    assert tsp.grant(TSA, asked, policy=POLICY, serial=1, at=AT)


@given(st.binary(max_size=300))
def test_garbage_is_a_typed_error(data: bytes) -> None:
    with pytest.raises(tsp.MalformedRequest):
        tsp.parse_request(data)
    with pytest.raises((tsp.TimeStampRefused, MalformedDer)):
        tsp.token_of(data)
