"""A sealed document is accepted by OpenSSL, and every change to it is noticed."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.pki import chain, cms
from tests.support.pki import END, START, LocalKey, make_issuing, make_leaf, make_root

ROOT = make_root()
ISSUING = make_issuing(ROOT)
CONTENT = "备份核验结果\r\n第二行".encode() + bytes(range(256))


def openssl_verifies(
    folder: Path, der: bytes, anchor: LocalKey, content: bytes | None
) -> subprocess.CompletedProcess[bytes]:
    (folder / "sealed.p7s").write_bytes(der)
    (folder / "root.pem").write_bytes(anchor.certificate_pem)
    command = [
        "openssl",
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "sealed.p7s",
        "-CAfile",
        "root.pem",
    ]
    command += ["-purpose", "any", "-attime", str(int(START.timestamp()) + 86400)]
    if content is not None:
        (folder / "content").write_bytes(content)
        command += ["-content", "content"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False)


@pytest.mark.parametrize("algorithm", ["p256", "p384", "rsa2048"])
@pytest.mark.parametrize("detached", [True, False])
def test_openssl_accepts_what_we_sealed(tmp_path: Path, algorithm: str, detached: bool) -> None:
    key = make_leaf(ISSUING, "Sealing", algorithm)
    der = cms.sign(key, CONTENT, detached=detached, signing_time=START)
    seen = openssl_verifies(tmp_path, der, ROOT, CONTENT if detached else None)
    assert seen.returncode == 0, seen.stderr
    assert seen.stdout == CONTENT
    read = cms.verify(der, CONTENT if detached else None)
    assert read.content == CONTENT
    assert read.signing_time == START
    assert chain.verify_chain(read.signer_der, read.certificates_der, [ROOT.certificate_der], START)


def test_ed25519_seals_too() -> None:
    """RFC 8419; OpenSSL 3.0 has no EdDSA in CMS, so only our own reading judges here."""
    read = cms.verify(cms.sign(make_leaf(ISSUING, "Sealing", "ed25519"), CONTENT), CONTENT)
    assert read.content == CONTENT


def test_openssl_and_we_refuse_another_document(tmp_path: Path) -> None:
    der = cms.sign(make_leaf(ISSUING, "Sealing"), CONTENT)
    assert openssl_verifies(tmp_path, der, ROOT, CONTENT + b"!").returncode != 0
    with pytest.raises(cms.CmsRefused):
        cms.verify(der, CONTENT + b"!")


def test_we_read_what_openssl_signed(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = make_leaf(ROOT, "Foreign", "rsa2048")
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "certificate.pem").write_bytes(key.certificate_pem)
    (tmp_path / "content").write_bytes(CONTENT)
    command = (
        "openssl cms -sign -binary -outform DER -md sha256 -in content -signer certificate.pem -inkey key.pem"
    )
    der = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=True).stdout
    assert cms.verify(der, CONTENT).signer_der == key.certificate_der


def test_a_foreign_root_is_refused() -> None:
    key = make_leaf(ISSUING, "Sealing")
    with pytest.raises(chain.ChainRefused):
        chain.verify_chain(key.certificate_der, key.chain_der, [make_root("Other").certificate_der], START)
    with pytest.raises(chain.ChainRefused):
        chain.verify_chain(key.certificate_der, key.chain_der, [ROOT.certificate_der], END)


def test_a_signature_for_another_purpose_is_refused() -> None:
    der = cms.sign(make_leaf(ISSUING, "Sealing"), CONTENT, detached=False)
    with pytest.raises(cms.CmsRefused):
        cms.verify(der, content_type=cms.TST_INFO)


def test_a_missing_document_or_certificate_is_named() -> None:
    key = make_leaf(ISSUING, "Sealing")
    with pytest.raises(cms.CmsRefused, match="missing"):
        cms.verify(cms.sign(key, CONTENT))
    bare = cms.sign(key, CONTENT, certificates=[])
    with pytest.raises(cms.CmsRefused, match="certificate"):
        cms.verify(bare, CONTENT)
    assert cms.verify(bare, CONTENT, signer_der=key.certificate_der).signer_der == key.certificate_der


SEALED = cms.sign(make_leaf(ISSUING, "Sealing"), CONTENT, detached=False)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_changed_byte_never_passes_as_other_content(at: int, flip: int) -> None:
    changed = bytearray(SEALED)
    changed[at] ^= flip
    try:
        read = cms.verify(bytes(changed))
    except (cms.MalformedCms, cms.CmsRefused):
        return
    assert read.content == CONTENT  # only bytes that nothing signs (the bag of certificates) may differ


@given(st.binary(max_size=400))
def test_garbage_is_a_typed_error(data: bytes) -> None:
    with pytest.raises((cms.MalformedCms, cms.CmsRefused)):
        cms.verify(data, b"")


def test_a_process_that_has_loaded_nothing_else_verifies(tmp_path: Path) -> None:
    """What reads the attribute signing-certificate-v2 is loaded with the verifier, not by chance with something else."""
    (tmp_path / "sealed").write_bytes(cms.sign(make_leaf(ISSUING, "Sealing", "p256"), b"content"))
    program = "import sys; from pathlib import Path; from kernel.pki import cms; "
    program += "cms.verify(Path(sys.argv[1]).read_bytes(), b'content')"
    command = [sys.executable, "-c", program, str(tmp_path / "sealed")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
