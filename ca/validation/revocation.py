"""Whether the certificates of a path are revoked: the register for our own, the CRLs that were given for others'."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from asn1crypto import crl, x509
from pyhanko_certvalidator._state import ValProcState
from pyhanko_certvalidator.authority import AuthorityWithCert
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import (
    CRLNoMatchesError,
    CRLValidationError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.registry import CertificateRegistry
from pyhanko_certvalidator.revinfo.validate_crl import verify_crl
from pyhanko_certvalidator.util import ConsList

from ca.validation import reading
from ca.validation.model import Material, Outcome, Question, Refusal, Status, Why
from kernel.canonical import iso_utc
from kernel.pki.der import sequence


def anchor_of(path: ValidationPath) -> x509.Certificate:
    """The anchor's certificate; every anchor of ours has one."""
    authority = path.trust_anchor.authority
    assert isinstance(authority, AuthorityWithCert)
    return authority.certificate


@dataclass(frozen=True)
class Standing:
    """What is known of one certificate's revocation, with where it is known from."""

    outcome: Outcome
    refusal: Refusal | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


def relevant(
    path: ValidationPath, registry: CertificateRegistry, crls: Sequence[bytes]
) -> list[crl.CertificateList]:
    """The CRLs that may speak of a certificate of the path or of who signs its CRLs. The library would look at every
    signer of every list it is given, and at who revokes those: what is asked for has to be bounded."""
    wanted: set[str] = set()
    open_ones = [path[place] for place in range(1, path.pkix_len + 1)]
    while open_ones:
        names = _list_issuers(open_ones.pop())
        for name in names:
            if name.hashable not in wanted:
                wanted.add(name.hashable)
                open_ones += registry.retrieve_by_name(name)
    parsed = [crl.CertificateList.load(one) for one in crls]
    found = [one for one in parsed if one.issuer.hashable in wanted]
    serials = {one["tbs_certificate"]["serial_number"].dump() for one in (*registry, path.last)}
    return [one for one in found if _fold(one, serials)]


def _fold(found: crl.CertificateList, serials: Set[bytes]) -> bool:
    """Have the library see only the entries of a long list that may matter: it unfolds each, 35 microseconds apiece. The
    octets whose signature it checks stay what they are. False for a list that is no list."""
    place = [name for name, *_ in crl.TbsCertList._fields].index("revoked_certificates")
    inner = found["tbs_cert_list"]
    listed = inner["revoked_certificates"].contents
    if not listed or len(listed) < _LONG:
        return True
    try:
        kept = [one for one in _entries(listed) if _NAMES_ISSUER in one or _serial(one) in serials]
    except IndexError:
        return False
    inner.children[place] = crl.RevokedCertificates.load(sequence(b"".join(kept)))
    return True


def _entries(octets: bytes) -> Iterator[bytes]:
    """The DER elements that stand one after another."""
    at, end = 0, len(octets)
    while at < end:
        size, head = octets[at + 1], 2
        if size & 0x80:
            head = 2 + (size & 0x7F)
            size = int.from_bytes(octets[at + 2 : at + head])
        yield octets[at : at + head + size]
        at += head + size


def _serial(entry: bytes) -> bytes:
    """The INTEGER with which an entry begins."""
    start = 2 + (entry[1] & 0x7F if entry[1] & 0x80 else 0)
    return entry[start : start + 2 + entry[start + 1]]


_LONG = 100_000  # octets
_NAMES_ISSUER = bytes.fromhex(
    "0603551d1d"
)  # certificateIssuer speaks for the entries that follow (RFC 5280 5.3.3)


def _list_issuers(certificate: x509.Certificate) -> list[x509.Name]:
    """Who may sign a CRL with the certificate in it: its issuer, and whom its distribution points name."""
    points = certificate.crl_distribution_points_value or ()
    named = [
        one.chosen for point in points for one in point["crl_issuer"] or () if one.name == "directory_name"
    ]
    return [certificate.issuer, *named]


async def status_of(
    path: ValidationPath, context: ValidationContext, material: Material, question: Question
) -> AsyncIterator[Standing]:
    """One for each certificate below the anchor, from above. What is good is recorded, for it may have signed the next CRL."""
    anchor = anchor_of(path)
    done = ValidationPath(path.trust_anchor, interm=[], leaf=None)
    context.record_validation(anchor, done)  # type: ignore[no-untyped-call]
    issuer = anchor
    for place in range(1, path.pkix_len + 1):
        certificate = path[place]
        own = material.register(certificate.dump(), issuer.dump(), question.at)
        standing = _registered(own, place) if own is not None else await _listed(path, place, context)
        yield standing
        if standing.outcome is Outcome.PASSED:
            done = done.copy_and_append(certificate)
            context.record_validation(certificate, done)  # type: ignore[no-untyped-call]
        issuer = certificate


def _registered(status: Status, place: int) -> Standing:
    if not status.known:
        return Standing(Outcome.FAILED, Refusal(Why.NEVER_ISSUED, place), {"source": status.source})
    if status.revoked_at is None:
        return Standing(Outcome.PASSED, params={"source": status.source})
    return _revoked(place, iso_utc(status.revoked_at), status.reason, status.source)


async def _listed(path: ValidationPath, place: int, context: ValidationContext) -> Standing:
    certificate: x509.Certificate = path[place]
    state = ValProcState(cert_path_stack=ConsList.sing(path), init_index=place)
    try:
        await verify_crl(certificate, path, context, proc_state=state)
    except RevokedError as error:
        return _revoked(place, iso_utc(error.revocation_dt), str(error.reason.native), "crl")
    except CRLNoMatchesError:
        return _unknown(place, "")
    except (CRLValidationError, ValidationError) as error:
        return _unknown(place, str(error.args[0])[:300])
    except reading.BROKEN as error:
        return _unknown(place, str(error)[:300])
    return Standing(Outcome.PASSED, params={"source": "crl"})


def _revoked(place: int, at: str, reason: str, source: str) -> Standing:
    params = {"at": at, "reason": reason, "source": source}
    return Standing(Outcome.FAILED, Refusal(Why.REVOKED, place, params=params), params)


def _unknown(place: int, detail: str) -> Standing:
    refusal = Refusal(Why.NO_STATUS, place, "cRLDistributionPoints", {"detail": detail})
    return Standing(Outcome.UNKNOWN, refusal, {"detail": detail} if detail else {})
