"""Signed documents: OpenSSL's CMS, pyHanko's PDF, our own time-stamps, and what somebody changed in them."""

from pathlib import Path

import pytest

from ca.model import Reason
from ca.validation.content import Content
from ca.validation.service import Asked
from ca.validation.store import Validation
from kernel.clock import FixedClock
from kernel.errors import Invalid
from tests.unit.ca.conftest import World
from tests.unit.ca.signing import OwnTsa, blank_pdf, cms, make_signer, signed_pdf, with_another_page_content


def verify(world: World, data: bytes, *, signature: bytes = b"", **asked: object) -> Validation:
    wanted = Asked(**asked)  # type: ignore[arg-type]
    return world.ca.validations.document(world.registrar, Content.of(data), wanted, signature=signature)


def test_a_detached_signature_is_over_this_file_and_no_other(world: World, tmp_path: Path) -> None:
    signer = make_signer(world, tmp_path)
    document = tmp_path / "公文.txt"
    document.write_bytes("关于开展等级测评的通知".encode())
    signature = cms(signer, document)
    found = verify(world, document.read_bytes(), signature=signature)
    assert found.verdict == "valid", found.report
    [one] = found.report["signatures"]
    assert "陈晓明" in one["signer"]
    assert one["basis"] == "now"
    assert one["claimed_at"]
    assert verify(world, document.read_bytes() + b" ", signature=signature).reason == "altered"


def test_a_large_file_is_read_piece_by_piece(world: World, tmp_path: Path) -> None:
    signer = make_signer(world, tmp_path)
    document = tmp_path / "large"
    document.write_bytes(bytes(3 * 2**20))
    signature = cms(signer, document)
    content = Content.of_file(document)
    found = world.ca.validations.document(world.registrar, content, Asked(), signature=signature)
    assert found.verdict == "valid"
    assert found.digest == content.sha256


def test_an_attached_document_and_two_signers(world: World, tmp_path: Path) -> None:
    first, second = make_signer(world, tmp_path), make_signer(world, tmp_path, "林海")
    document = tmp_path / "a"
    document.write_bytes(b"content")
    both = cms(first, document, "-nodetach", "-signer", str(second.pem), "-inkey", str(second.key))
    found = verify(world, both)
    assert found.verdict == "valid"
    assert len(found.report["signatures"]) == 2
    world.ca.lifecycle.revoke(world.officer, second.certificate.serial, Reason.KEY_COMPROMISE, "失窃")
    found = verify(world, both)
    judged = {one["certificate"]: one["verdict"] for one in found.report["signatures"]}
    assert judged == {first.certificate.fingerprint: "valid", second.certificate.fingerprint: "invalid"}
    assert (found.verdict, found.reason) == ("invalid", "revoked")
    tampered = both.replace(b"content", b"contents"[:7].upper())
    assert verify(world, tampered).reason == "altered"


def test_a_flipped_bit_in_the_signature_is_seen(world: World, tmp_path: Path) -> None:
    signer = make_signer(world, tmp_path)
    (tmp_path / "a").write_bytes(b"content")
    signature = bytearray(cms(signer, tmp_path / "a"))
    signature[-3] ^= 1
    assert verify(world, b"content", signature=bytes(signature)).reason == "bad_document_signature"


def test_without_the_signers_certificate_nothing_can_be_said(world: World, tmp_path: Path) -> None:
    signer = make_signer(world, tmp_path)
    (tmp_path / "a").write_bytes(b"content")
    signature = cms(signer, tmp_path / "a", "-nocerts")
    assert (verify(world, b"content", signature=signature).verdict) == "unknown"
    assert (
        verify(world, b"content", signature=signature, intermediates=signer.certificate.der).verdict
        == "valid"
    )


def test_a_weak_digest_is_refused(world: World, tmp_path: Path) -> None:
    signer = make_signer(world, tmp_path)
    (tmp_path / "a").write_bytes(b"content")
    assert verify(world, b"content", signature=cms(signer, tmp_path / "a", "-md", "sha1")).reason == "weak"


def test_a_signed_pdf_is_whole_and_a_changed_one_is_not(world: World, tmp_path: Path) -> None:
    signer = make_signer(world, tmp_path)
    signed = signed_pdf(signer, blank_pdf())
    found = verify(world, signed)
    assert found.verdict == "valid", found.report
    [one] = found.report["signatures"]
    assert (one["label"], one["coverage"], one["changed_after"]) == ("Signature1", "entire_file", "none")
    twice = signed_pdf(make_signer(world, tmp_path, "林海"), signed, "Signature2")
    found = verify(world, twice)
    assert [one["coverage"] for one in found.report["signatures"]] == ["entire_revision", "entire_file"]
    assert found.verdict == "valid", found.report
    assert verify(world, with_another_page_content(signed)).reason == "changed_after"
    position = signed.index(b"/MediaBox")
    broken = signed[:position] + signed[position:].replace(b"842", b"841", 1)
    assert verify(world, broken).reason == "altered"


def test_a_trusted_time_stamp_outlives_the_certificate(
    world: World, tmp_path: Path, clock: FixedClock
) -> None:
    signer = make_signer(world, tmp_path)
    clock.advance(hours=1)
    stamped = signed_pdf(signer, blank_pdf(), tsa=OwnTsa(world))
    plain = signed_pdf(signer, blank_pdf())
    clock.advance(hours=1)
    world.ca.lifecycle.revoke(world.officer, signer.certificate.serial, Reason.AFFILIATION_CHANGED, "调离")
    clock.advance(hours=1)
    found = verify(world, stamped)
    assert found.verdict == "valid", found.report
    [one] = found.report["signatures"]
    assert one["basis"] == "stamp"
    assert one["timestamps"][0]["verdict"] == "valid"
    assert verify(world, plain).reason == "revoked"


def test_a_time_stamp_over_any_file(world: World) -> None:
    import hashlib

    data = b"minutes of the meeting"
    token = world.ca.timestamps.token(hashlib.sha256(data).digest())
    ask = world.ca.validations.timestamp
    found = ask(world.registrar, Content.of(data), token, Asked())
    assert (found.verdict, found.kind) == ("valid", "timestamp"), found.report
    assert ask(world.registrar, Content.of(b"other"), token, Asked()).reason == "other_imprint"
    flipped = token[:-3] + bytes([token[-3] ^ 1]) + token[-2:]
    assert ask(world.registrar, Content.of(data), flipped, Asked()).reason == "bad_stamp"


@pytest.mark.parametrize(
    "data", [b"", b"nothing", b"%PDF-1.7 broken", b"%PDF-1.7\n%%EOF", b"\x30\x80", blank_pdf()]
)
def test_what_is_no_signed_document_is_said_to_be_none(world: World, data: bytes) -> None:
    with pytest.raises(Invalid):
        verify(world, data)
