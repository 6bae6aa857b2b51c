"""One signature of a CMS SignedData (RFC 5652): is it over this content, by whom, when, and is that to be believed?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from asn1crypto import cms, x509
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity

from ca.validation import paths, reading
from ca.validation.content import digest_of
from ca.validation.model import Material, PathReport, Purpose, Question, Refusal, Verdict, Why
from kernel.canonical import iso_utc
from kernel.errors import Invalid

ACCEPTED = frozenset({"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512"})
_MOST_STAMPS = 10
_CHECKED = ("rsassa_pkcs1v15", "rsassa_pss", "ecdsa", "ed25519", "ed448", "dsa")
STAMP_ATTRIBUTE = "1.2.840.113549.1.9.16.2.14"  # id-aa-timeStampToken, RFC 3161 appendix A
# (certificates, CRLs that the file brings) -> what paths may be made of
Trusting = Callable[[Sequence[bytes], Sequence[bytes]], Material]
Digest = Callable[[str], bytes]


@dataclass(frozen=True)
class Brought:
    """What the file itself offers for validation: certificates and CRLs (DER)."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Stamp:
    """A time-stamp that was looked at; ``at`` is what it says, None when it can not be read."""

    verdict: Verdict
    refusal: Refusal | None
    at: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    path: PathReport | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "verdict": str(self.verdict),
            "refusal": self.refusal.as_dict() if self.refusal else None,
            "at": iso_utc(self.at) if self.at else None,
            **self.facts,
            "path": self.path.as_dict() if self.path else None,
        }


@dataclass(frozen=True)
class Signature:
    """A signature that was looked at. ``at`` is the time at which its certificates were judged, ``basis`` where that is known
    from: "stamp" (a trusted time-stamp), "asked" or "now"."""

    label: str
    verdict: Verdict
    refusal: Refusal | None
    at: datetime
    basis: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    stamps: tuple[Stamp, ...] = ()
    path: PathReport | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "verdict": str(self.verdict),
            "refusal": self.refusal.as_dict() if self.refusal else None,
            "at": iso_utc(self.at),
            "basis": self.basis,
            **self.facts,
            "timestamps": [one.as_dict() for one in self.stamps],
            "path": self.path.as_dict() if self.path else None,
        }


def certificates_in(signed: cms.SignedData) -> tuple[bytes, ...]:
    """DER of the certificates that come with a SignedData, those that can be read."""
    found = [choice.chosen.dump() for choice in signed["certificates"] or () if choice.name == "certificate"]
    return tuple(found[: reading.MOST_CERTIFICATES])


def judge(
    label: str,
    info: cms.SignerInfo,
    content_type: str,
    digest: Digest,
    brought: Brought,
    trusting: Trusting,
    question: Question,
    later_stamps: Sequence[Stamp] = (),
) -> Signature:
    """``digest`` gives the digest of what is signed by an algorithm's name; ``later_stamps`` are time-stamps over more than
    this signature, such as a PDF's document time-stamps."""
    material = trusting(brought.certificates, brought.crls)
    stamps = (*_own_stamps(info, brought, trusting, question), *later_stamps)
    trusted = [one.at for one in stamps if one.verdict is Verdict.VALID and one.at is not None]
    at = min(trusted) if trusted else question.at
    basis = "stamp" if trusted else "asked" if question.past else "now"
    facts, signer, refusal = _examined(info, content_type, digest, material)
    if signer is None or refusal is not None:
        return Signature(label, _verdict(refusal), refusal, at, basis, facts, stamps)
    asked = replace(question, at=at, past=bool(trusted) or question.past, later_lists=bool(trusted))
    path = paths.validate(signer, material, _for(asked, Purpose.DOCUMENT))
    return Signature(label, path.verdict, path.refusal, at, basis, facts, stamps, path)


def judge_stamp(
    token: bytes, digest: Digest, brought: Brought, trusting: Trusting, question: Question
) -> Stamp:
    """Whether an RFC 3161 token (DER ContentInfo) is over the content and of a trusted authority at the time it names."""
    try:
        return _stamp(token, digest, brought, trusting, question)
    except reading.BROKEN as error:
        return Stamp(Verdict.INVALID, Refusal(Why.MALFORMED, params={"detail": str(error)[:200]}))


def _stamp(token: bytes, digest: Digest, brought: Brought, trusting: Trusting, question: Question) -> Stamp:
    signed = cms.ContentInfo.load(token, strict=True)["content"]
    inside = signed["encap_content_info"]["content"]
    about = inside.parsed
    at = about["gen_time"].native
    imprint = about["message_imprint"]
    name = imprint["hash_algorithm"]["algorithm"].native
    facts = {"policy": about["policy"].dotted, "serial": f"{about['serial_number'].native:x}", "digest": name}
    if digest(name) != imprint["hashed_message"].native:
        return Stamp(Verdict.INVALID, Refusal(Why.OTHER_IMPRINT), at, facts)
    own = Brought((*certificates_in(signed), *brought.certificates), brought.crls)
    material = trusting(own.certificates, own.crls)
    octets = bytes(inside)
    examined, signer, refusal = _examined(
        signed["signer_infos"][0], "tst_info", lambda by: digest_of(by, octets), material
    )
    facts |= {"signer": examined.get("signer", "")}
    if signer is None or refusal is not None:
        altered = refusal is not None and refusal.why in (Why.ALTERED, Why.BAD_DOCUMENT_SIGNATURE)
        why = Refusal(Why.BAD_STAMP) if altered else refusal
        return Stamp(_verdict(why), why, at, facts)
    asked = replace(question, at=at, past=True, later_lists=True, purpose=Purpose.TIMESTAMP, host="")
    path = paths.validate(signer, material, asked)
    return Stamp(path.verdict, path.refusal, at, facts, path)


def _own_stamps(
    info: cms.SignerInfo, brought: Brought, trusting: Trusting, question: Question
) -> list[Stamp]:
    """The time-stamps over this signature's value, among its unsigned attributes."""
    signature = info["signature"].native
    tokens = [
        value.dump()
        for attribute in info["unsigned_attrs"] or ()
        if attribute["type"].dotted == STAMP_ATTRIBUTE
        for value in attribute["values"]
    ]
    return [
        judge_stamp(token, lambda by: digest_of(by, signature), brought, trusting, question)
        for token in tokens[:_MOST_STAMPS]
    ]


def _examined(
    info: cms.SignerInfo, content_type: str, digest: Digest, material: Material
) -> tuple[dict[str, Any], bytes | None, Refusal | None]:
    """(what is told of the signature, its signer's certificate, why it is not over the content)."""
    name = info["digest_algorithm"]["algorithm"].native
    algorithm = info["signature_algorithm"]["algorithm"].native
    facts: dict[str, Any] = {"digest": name, "algorithm": algorithm, "claimed_at": _claimed(info)}
    signer = _signer(info, material.intermediates)
    if signer is None:
        return facts, None, Refusal(Why.NO_SIGNER)
    facts |= {"signer": reading.name_text(signer.subject), "certificate": signer.sha256.hex()}
    if not _known(info):
        return facts, signer.dump(), Refusal(Why.UNSUPPORTED, params={"algorithm": f"{algorithm}, {name}"})
    if name not in ACCEPTED:
        return facts, signer.dump(), Refusal(Why.WEAK, params={"algorithm": f"{algorithm}, {name}"})
    return facts, signer.dump(), _integrity(info, signer, content_type, digest(name))


def _integrity(
    info: cms.SignerInfo, signer: x509.Certificate, content_type: str, digest: bytes
) -> Refusal | None:
    try:
        intact, valid = validate_sig_integrity(info, signer, content_type, digest)
    except (SignatureValidationError, SigningError) as error:
        return Refusal(Why.MALFORMED, params={"detail": str(error)[:200]})
    if not intact:
        return Refusal(Why.ALTERED)
    return None if valid else Refusal(Why.BAD_DOCUMENT_SIGNATURE)


def _known(info: cms.SignerInfo) -> bool:
    """Whether the algorithm is one that the library can check; SM2 is not yet among them."""
    try:
        return info["signature_algorithm"].signature_algo in (
            "rsassa_pkcs1v15",
            "rsassa_pss",
            "ecdsa",
            "ed25519",
            "ed448",
            "dsa",
        )
    except ValueError:
        return False


def _signer(info: cms.SignerInfo, candidates: Sequence[bytes]) -> x509.Certificate | None:
    wanted = info["sid"].chosen
    for one in _readable(candidates):
        if info["sid"].name == "subject_key_identifier":
            found = one.key_identifier == wanted.native
        else:
            same = one.issuer.dump() == wanted["issuer"].dump()
            found = same and one.serial_number == wanted["serial_number"].native
        if found:
            return one
    return None


def _readable(candidates: Sequence[bytes]) -> Iterator[x509.Certificate]:
    for der in candidates:
        try:
            yield reading.certificate(der)
        except Invalid:  # the file brought something else
            continue


def _claimed(info: cms.SignerInfo) -> str | None:
    """When the signer says to have signed; nothing proves it."""
    for attribute in info["signed_attrs"] or ():
        if attribute["type"].native == "signing_time":
            return iso_utc(attribute["values"][0].native)
    return None


def _for(question: Question, purpose: Purpose) -> Question:
    return replace(question, purpose=purpose) if question.purpose is Purpose.ANY else question


def _verdict(refusal: Refusal | None) -> Verdict:
    if refusal is None:
        return Verdict.VALID
    return (
        Verdict.UNKNOWN if refusal.why in (Why.NO_SIGNER, Why.UNSUPPORTED, Why.NO_STATUS) else Verdict.INVALID
    )
