"""Signatures of a PDF (ISO 32000-2 section 12.8, PAdES) by pyHanko: all of them, what each covers, what was changed afterwards,
document time-stamps, and the validation data that the file brings (DSS)."""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation import DocumentSecurityStore, SignatureCoverageLevel
from pyhanko.sign.validation.errors import (
    NoDSSFoundError,
    SignatureValidationError,
    ValidationInfoReadingError,
)
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from ca.validation import reading
from ca.validation.found import Found, require_signatures
from ca.validation.model import Question, Refusal, Verdict, Why
from ca.validation.signatures import Brought, Signature, Stamp, Trusting, certificates_in, judge, judge_stamp
from kernel.errors import Invalid
from kernel.i18n import N_

_FAULTS = (PdfError, SigningError, SignatureValidationError, ValidationInfoReadingError, *reading.BROKEN)


def verify(data: bytes, trusting: Trusting, question: Question) -> Found:
    """Every signature and document time-stamp of the file. Invalid when there is none, or when it can not be read."""
    try:
        reader = PdfFileReader(io.BytesIO(data))
        embedded = list(reader.embedded_signatures)
        dss = _dss(reader)
    except _FAULTS as error:
        raise Invalid(N_("This PDF can not be read: %(detail)s"), detail=str(error)[:200]) from error
    require_signatures(len(embedded))
    return _found(embedded, dss, trusting, question, reader.xrefs.total_revisions)


def _found(
    embedded: Sequence[EmbeddedPdfSignature],
    dss: Brought,
    trusting: Trusting,
    question: Question,
    revisions: int,
) -> Found:
    stamps = [(one, _document_stamp(one, dss, trusting, question)) for one in embedded if _is_stamp(one)]
    signatures = [
        _signature(
            one,
            dss,
            trusting,
            question,
            [stamp for by, stamp in stamps if by.signed_revision > one.signed_revision],
        )
        for one in embedded
        if not _is_stamp(one)
    ]
    facts = {
        "revisions": revisions,
        "validation_data": {"certificates": len(dss.certificates), "crls": len(dss.crls)},
    }
    return Found("pdf", tuple(signatures), tuple(stamp for _, stamp in stamps), facts)


def _is_stamp(one: EmbeddedPdfSignature) -> bool:
    return one.sig_object_type == "/DocTimeStamp"


def _signature(
    one: EmbeddedPdfSignature, dss: Brought, trusting: Trusting, question: Question, later: Sequence[Stamp]
) -> Signature:
    try:
        covers, refusal = _coverage(one)
        brought = Brought((*certificates_in(one.signed_data), *dss.certificates), dss.crls)
        kind = one.signed_data["encap_content_info"]["content_type"].native
        judged = judge(
            one.field_name, one.signer_info, kind, one.compute_digest, brought, trusting, question, later
        )
    except _FAULTS as error:
        fault = Refusal(Why.MALFORMED, params={"detail": str(error)[:200]})
        return Signature(str(one.field_name), Verdict.INVALID, fault, question.at, "now")
    judged = replace(judged, facts={**judged.facts, **covers})
    if judged.verdict is Verdict.INVALID or refusal is None:
        return judged
    return replace(judged, verdict=Verdict.INVALID, refusal=refusal)


def _document_stamp(one: EmbeddedPdfSignature, dss: Brought, trusting: Trusting, question: Question) -> Stamp:
    try:
        covers, refusal = _coverage(one)
        token = one.pkcs7_content
        judged = judge_stamp(_unpadded(token), one.compute_digest, dss, trusting, question)
    except _FAULTS as error:
        return Stamp(Verdict.INVALID, Refusal(Why.MALFORMED, params={"detail": str(error)[:200]}))
    judged = replace(judged, facts={**judged.facts, **covers, "label": one.field_name})
    if judged.verdict is Verdict.INVALID or refusal is None:
        return judged
    return replace(judged, verdict=Verdict.INVALID, refusal=refusal)


def _unpadded(token: bytes) -> bytes:
    """The DER at the beginning: a PDF fills the room it had set aside with zeros."""
    from asn1crypto import cms

    return bytes(cms.ContentInfo.load(token).dump())


def _coverage(one: EmbeddedPdfSignature) -> tuple[dict[str, Any], Refusal | None]:
    """(what it covers and what was changed since, why that is not acceptable)."""
    one.compute_integrity_info()  # type: ignore[no-untyped-call]
    about = one.summarise_integrity_info()
    coverage = about["coverage"]
    changed = about["diff_result"]
    level = changed.modification_level if isinstance(changed, DiffResult) else _without_difference(changed)
    facts = {"coverage": coverage.name.lower(), "changed_after": level.name.lower()}
    if coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        return facts, Refusal(Why.NOT_COVERED)
    if not about["docmdp_ok"] or level is ModificationLevel.OTHER:
        return facts, Refusal(Why.CHANGED_AFTER)
    return facts, None


def _without_difference(changed: object) -> ModificationLevel:
    return ModificationLevel.NONE if changed is None else ModificationLevel.OTHER


def _dss(reader: PdfFileReader) -> Brought:
    try:
        dss = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return Brought()
    certificates = tuple(one.dump() for one in dss.load_certs())
    crls = tuple(ref.get_object().data for ref in dss.crls)
    return Brought(certificates[: reading.MOST_CERTIFICATES], crls[: reading.MOST_CERTIFICATES])
