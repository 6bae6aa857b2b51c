"""Requests to a CA whose key is on another machine, and its answers, as files that are carried. Pure.

JSON. A request's digest is over all of it and is what people compare on both machines; an answer names request and digest.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509

from ca.hierarchy.orders import Order, OrderKind, order_of
from kernel.canonical import canonical_json, iso_utc, sha256_hex
from kernel.errors import IntegrityFailed, Invalid
from kernel.i18n import N_, translate
from kernel.pki import der
from kernel.pki.algorithms import algorithm
from kernel.pki.names import name_text

REQUEST_FORMAT, ANSWER_FORMAT = "weicheng-offline-request-1", "weicheng-offline-answer-1"
LARGEST = 16 * 1024 * 1024  # octets of a file
_FAULTS = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class OfflineRequest:
    """``about``: why, who proposed and who approved, when it was made; ``digest``: SHA-256 (hex) over all of it."""

    id: str
    orders: tuple[Order, ...]
    about: Mapping[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        orders = [order.as_dict() for order in self.orders]
        return {"format": REQUEST_FORMAT, "id": self.id, "orders": orders, "about": dict(self.about)}

    @property
    def digest(self) -> str:
        return sha256_hex(canonical_json(self.body))

    def encode(self) -> bytes:
        """The file."""
        return _file({**self.body, "digest": self.digest})


@dataclass(frozen=True)
class OfflineAnswer:
    """Signatures (certificates for new roots) in the order of the request, and who had them made when."""

    request: str
    digest: str
    answers: tuple[bytes, ...]
    signed_by: str
    signed_at: datetime

    def encode(self) -> bytes:
        """The file."""
        found = {"format": ANSWER_FORMAT, "request": self.request, "digest": self.digest}
        found |= {"signed_by": self.signed_by, "signed_at": iso_utc(self.signed_at)}
        return _file({**found, "answers": [b64encode(one).decode() for one in self.answers]})


def read_request(data: bytes) -> OfflineRequest:
    """Invalid for what is no request, IntegrityFailed for one that was changed."""
    try:
        found = _content(data, REQUEST_FORMAT)
        request = OfflineRequest(
            str(found["id"]), tuple(order_of(one) for one in found["orders"]), dict(found["about"])
        )
        digest = str(found["digest"])
    except _FAULTS as error:
        raise _malformed(N_("This is no request to an offline CA.")) from error
    if request.digest != digest or not request.orders:
        raise IntegrityFailed(
            N_("The request was changed after it was made."),
            mend=N_("Export it again, and look for who changed it."),
            place=request.id[:60],
        )
    return request


def read_answer(data: bytes) -> OfflineAnswer:
    """Invalid for what is no answer."""
    try:
        found = _content(data, ANSWER_FORMAT)
        return OfflineAnswer(
            str(found["request"]),
            str(found["digest"]),
            tuple(b64decode(one, validate=True) for one in found["answers"]),
            str(found["signed_by"])[:200],
            _moment(found["signed_at"]),
        )
    except _FAULTS as error:
        raise Invalid(
            N_("This is no answer of an offline CA."),
            mend=N_("Use the file that was signed on the other machine."),
            place="file",
        ) from error


def described(order: Order) -> list[str]:
    """What will be signed, read from the bytes themselves, for people to compare; Invalid when they can not be read."""
    try:
        lines = _READERS[order.kind](order)
    except (*_FAULTS, x509.InvalidVersion, der.MalformedDer) as error:
        raise _malformed(N_("What is to be signed can not be read.")) from error
    key = translate(N_("Key: %(key)s (%(algorithm)s)"), key=order.key, algorithm=order.algorithm)
    return [*lines, key, f"SHA-256: {order.digest}"]


def _root(order: Order) -> list[str]:
    from asn1crypto import x509 as asn1

    assert order.root is not None
    shape = order.root
    return [
        translate(N_("A new root with a new key: %(name)s"), name=_name(shape.subject)),
        translate(N_("Serial number: %(serial)s"), serial=f"{shape.serial:032x}"),
        _period(shape.not_before, shape.not_after),
        *_extensions(asn1.Extensions.load(der.sequence(shape.extensions), strict=True)),
    ]


def _certificate(order: Order) -> list[str]:
    from asn1crypto import x509 as asn1

    read = x509.load_der_x509_certificate(_signed(order))
    lines = [
        translate(N_("Certificate for: %(name)s"), name=name_text(read.subject)),
        translate(N_("Issuer: %(name)s"), name=name_text(read.issuer)),
        translate(N_("Serial number: %(serial)s"), serial=f"{read.serial_number:032x}"),
        _period(read.not_valid_before_utc, read.not_valid_after_utc),
    ]
    return lines + _extensions(asn1.TbsCertificate.load(order.tbs, strict=True)["extensions"])


def _list(order: Order) -> list[str]:
    read = x509.load_der_x509_crl(_signed(order))
    number = read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    revoked = [f"{one.serial_number:032x}" for one in read]
    return [
        translate(
            N_("Revocation list number %(number)s of: %(name)s"),
            number=number,
            name=name_text(read.issuer),
        ),
        _period(read.last_update_utc, read.next_update_utc),
        translate(
            N_("Revoked: %(count)s (%(serials)s)"), count=len(revoked), serials=", ".join(revoked[:20]) or "–"
        ),
    ]


def _request(order: Order) -> list[str]:
    read = x509.load_der_x509_csr(_signed(order))
    return [
        translate(N_("Signing request (PKCS#10) of: %(name)s"), name=name_text(read.subject)),
    ]


_READERS = {
    OrderKind.ROOT: _root,
    OrderKind.CERTIFICATE: _certificate,
    OrderKind.CRL: _list,
    OrderKind.REQUEST: _request,
}


def _signed(order: Order) -> bytes:
    """The bytes with an empty signature, so that ``cryptography`` reads them."""
    return der.sequence(order.tbs, algorithm(order.algorithm).identifier, der.bit_string(b""))


def _extensions(decoded: Any) -> list[str]:
    """Each of asn1crypto's ``Extensions`` in a line, by the names that RFC 5280 gives it and its parts."""
    marks = {True: " (critical)", False: ""}
    return [
        f"{one['extn_id']}{marks[one['critical']]}: {_plain(one['extn_value'])}" for one in decoded.native
    ]


def _plain(value: Any) -> str:
    """A decoded ASN.1 value as people compare it; parts that are absent are left out."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items() if part is not None)
    if isinstance(value, set):
        return ", ".join(sorted(map(_plain, value)))
    return "; ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def _name(encoded: bytes) -> str:
    from asn1crypto import x509 as asn1

    return str(asn1.Name.load(encoded, strict=True).human_friendly)


def _period(start: Any, end: Any) -> str:
    return translate(
        N_("Valid from %(start)s to %(end)s"), start=start.isoformat(), end=end.isoformat() if end else "–"
    )


def _content(data: bytes, form: str) -> Mapping[str, Any]:
    if len(data) > LARGEST:
        raise ValueError("too large")
    found = json.loads(data.decode())
    if found["format"] != form:
        raise ValueError("another format")
    return dict(found)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without its zone")
    return moment


def _malformed(message: str) -> Invalid:
    return Invalid(message, mend=N_("Take the file that was exported."), place="file")


def _file(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def answers_of(request: OfflineRequest, answer: OfflineAnswer) -> Sequence[bytes]:
    """The answers, if they are to exactly this request; IntegrityFailed otherwise."""
    same = (answer.request, answer.digest, len(answer.answers))
    if same != (request.id, request.digest, len(request.orders)):
        raise IntegrityFailed(
            N_("The answer is not to this request."),
            mend=N_("Look for who changed it on the way."),
            place=request.id[:60],
        )
    return answer.answers
