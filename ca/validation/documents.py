"""Signed documents: CMS with the content inside or beside it, PDF, and time-stamps over any file."""

from asn1crypto import cms, pem, tsp

from ca.validation import reading
from ca.validation.content import Content, digest_of
from ca.validation.found import Found, require_signatures
from ca.validation.model import Question
from ca.validation.signatures import Brought, Digest, Trusting, certificates_in, judge, judge_stamp
from kernel.errors import Invalid
from kernel.i18n import N_


def verify(content: Content, signature: bytes, trusting: Trusting, question: Question) -> Found:
    """All signatures in the file, or (``signature``) those of a detached CMS over it. Invalid when there is none."""
    if signature:
        return _cms(_content_info(signature, "signature"), content.digest, trusting, question, detached=True)
    if content.begins_with(b"%PDF-"):
        from ca.validation import pdf

        return pdf.verify(content.whole(), trusting, question)
    return _cms(_content_info(content.whole(), ""), None, trusting, question, detached=False)


def verify_timestamp(content: Content, token: bytes, trusting: Trusting, question: Question) -> Found:
    """A token, or a response with one in it, over the content."""
    stamp = judge_stamp(_token(token), content.digest, Brought(), trusting, question)
    return Found("timestamp", stamps=(stamp,))


def _token(data: bytes) -> bytes:
    try:
        response = tsp.TimeStampResp.load(data, strict=True)
        if response["status"]["status"].native in ("granted", "granted_with_mods"):
            return bytes(response["time_stamp_token"].dump())
    except reading.BROKEN:
        return data  # no response, so a token by itself
    raise Invalid(N_("The time-stamping authority has refused: there is no time-stamp in it."), place="token")


def _content_info(data: bytes, place: str) -> cms.SignedData:
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            _label, _headers, data = pem.unarmor(data)
        info = cms.ContentInfo.load(data, strict=True)
        if info["content_type"].native != "signed_data":
            raise ValueError(info["content_type"].native)
        signed: cms.SignedData = info["content"]
        _ = (len(signed["signer_infos"]), signed["encap_content_info"]["content_type"].native)
    except reading.BROKEN as error:
        raise Invalid(
            N_("This is no signed document: neither PDF nor CMS (PKCS#7)."),
            mend=N_("A detached signature is given beside its file."),
            place=place,
        ) from error
    return signed


def _cms(
    signed: cms.SignedData, digest: Digest | None, trusting: Trusting, question: Question, *, detached: bool
) -> Found:
    """``digest`` is that of the content beside it."""
    try:
        inside = signed["encap_content_info"]["content"]
        octets = bytes(inside) if inside.native is not None else None
        content_type = signed["encap_content_info"]["content_type"].native
        infos = list(signed["signer_infos"])
        brought = Brought(certificates_in(signed), _crls_in(signed))
    except reading.BROKEN as error:
        raise Invalid(N_("The signature is malformed: %(detail)s"), detail=str(error)[:200]) from error
    require_signatures(len(infos))
    over = _over(octets, digest)
    signatures = []
    for number, info in enumerate(infos, 1):
        try:
            signatures.append(judge(str(number), info, content_type, over, brought, trusting, question))
        except reading.BROKEN as error:
            raise Invalid(N_("The signature is malformed: %(detail)s"), detail=str(error)[:200]) from error
    form = "cms-detached" if detached else "cms"
    return Found(
        form, tuple(signatures), facts={"content_octets": len(octets) if octets is not None else None}
    )


def _over(octets: bytes | None, digest: Digest | None) -> Digest:
    """The digest of what is signed: inside, beside, or both, which then have to be the same."""
    if octets is None and digest is None:
        raise Invalid(N_("The signed document is missing."), mend=N_("Give it beside its signature."))
    if octets is None:
        assert digest is not None
        return digest
    inner = octets
    if digest is not None and digest("sha256") != digest_of("sha256", inner):
        return digest  # the file beside it is what is asked for
    return lambda by: digest_of(by, inner)


def _crls_in(signed: cms.SignedData) -> tuple[bytes, ...]:
    return tuple(one.chosen.dump() for one in signed["crls"] or () if one.name == "certificate_list")
