"""Whether to-be-signed bytes are what was asked for: read element by element, apart from the writer, and compared whole.

Every certificate passes here before its intent is stored. Nothing may be missing, other than asked, or more than asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1
from ipaddress import ip_address

from cryptography import x509

from ca.encoding.names import ATTRIBUTES
from kernel.pki import der

_PLACE = "tbsCertificate"
_KEY_ID, _NAMES = b"\x55\x1d\x0e", b"\x55\x1d\x11"  # 2.5.29.14 and 17: OIDs stand here as their octets
_OIDS = {key: der.oid(oid.dotted_string)[2:] for key, oid in ATTRIBUTES.items()}
_KINDS = {"email": 0x81, "dns": 0x82, "uri": 0x86, "ip": 0x87}  # GeneralName, RFC 5280 4.2.1.6
_PRINTABLE = 0x13


@dataclass(frozen=True)
class Expected:
    """What all certificates of one profile under one CA have to show; ``extensions``: octets of the OID -> (critical, DER of
    the value)."""

    signature: bytes
    issuer: bytes
    extensions: Mapping[bytes, tuple[bool, bytes]]


@dataclass(frozen=True)
class Asked:
    """What one certificate has to show. ``subject`` is complete, or the DER of a foreign Name; ``names`` are texts such as
    ``dns:host``; ``more`` are extensions of its own."""

    serial: int
    subject: Mapping[str, str] | bytes
    spki: bytes
    not_before: datetime
    not_after: datetime
    names: Sequence[str]
    more: Sequence[tuple[x509.ExtensionType, bool]] = ()


def expect(
    signature: bytes,
    issuer: bytes,
    issuer_key_id: bytes,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> Expected:
    """``issuer_key_id`` is the subject key identifier in the CA's own certificate."""
    named = x509.AuthorityKeyIdentifier(issuer_key_id, None, None)
    return Expected(signature, issuer, _encoded([*extensions, (named, False)]))


def differences(tbs: bytes, expected: Expected, asked: Asked) -> list[str]:
    """The fields that are not as expected, by their names in RFC 5280; MalformedDer for what can not be read at all."""
    outer = der.Reader(tbs, _PLACE)
    fields = outer.enter(der.SEQUENCE)
    outer.finish()
    version = fields.enter(0xA0).content(der.INTEGER)
    pairs = {
        "version": (version, b"\x02"),
        "serialNumber": (fields.positive_integer(), asked.serial),
        "signature": (fields.element(), expected.signature),
        "issuer": (fields.element(), expected.issuer),
        "validity": (_times(fields.enter(der.SEQUENCE)), (asked.not_before, asked.not_after)),
        "subject": (_subject(fields, asked.subject), True),
        "subjectPublicKeyInfo": (fields.element(), asked.spki),
    }
    wrong = [field for field, (found, wanted) in pairs.items() if found != wanted]
    extensions = _extensions(fields.enter(0xA3).enter(der.SEQUENCE))
    fields.finish()
    return wrong + _extension_differences(extensions, expected, asked)


def _extension_differences(
    found: dict[bytes, tuple[bool, bytes]] | None, expected: Expected, asked: Asked
) -> list[str]:
    if found is None:
        return ["extensions"]
    key = der.octet_string(sha1(der.key_bits(asked.spki), usedforsecurity=False).digest())
    wanted = {**expected.extensions, **_encoded(asked.more), _KEY_ID: (False, key)}
    names = found.pop(_NAMES, None)
    wrong = [] if found == wanted else [oid for oid in wanted | found if wanted.get(oid) != found.get(oid)]
    critical, listed = (names[0], _general_names(names[1])) if names else (False, [])
    if critical or listed != [_general_name(text) for text in asked.names]:
        wrong.append(_NAMES)
    return [_dotted(oid) for oid in wrong]


def _encoded(extensions: Sequence[tuple[x509.ExtensionType, bool]]) -> dict[bytes, tuple[bool, bytes]]:
    return {
        der.oid(value.oid.dotted_string)[2:]: (critical, value.public_bytes())
        for value, critical in extensions
    }


def _times(validity: der.Reader) -> tuple[datetime, datetime]:
    found = _time(validity), _time(validity)
    validity.finish()
    return found


def _time(fields: der.Reader) -> datetime:
    """UTCTime until 2049 and GeneralizedTime from 2050 (RFC 5280 4.1.2.5), both in seconds and UTC."""
    tag = fields.peek()
    text = fields.content(der.UTC_TIME if tag == der.UTC_TIME else der.GENERALIZED_TIME).decode(
        "ascii", "replace"
    )
    full = ("19" if text >= "5" else "20") + text if tag == der.UTC_TIME else text
    if (
        len(full) != 15
        or full[-1] != "Z"
        or not full[:-1].isdigit()
        or (tag != der.UTC_TIME and full < "2050")
    ):
        raise der.malformed(_PLACE)
    parts = (full[:4], full[4:6], full[6:8], full[8:10], full[10:12], full[12:14])
    try:
        return datetime(*(int(part) for part in parts), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError as error:
        raise der.malformed(_PLACE) from error


def _subject(fields: der.Reader, asked: Mapping[str, str] | bytes) -> bool:
    """Whether the next field is the subject that was asked for."""
    if isinstance(asked, bytes):
        return fields.element() == asked
    return _name(fields.enter(der.SEQUENCE)) == [
        (oid, asked[key]) for key, oid in _OIDS.items() if key in asked
    ]


def _name(names: der.Reader) -> list[tuple[bytes, str]]:
    """(OID, value) of each attribute; each stands in a set of its own."""
    found = []
    while not names.empty:
        alone = names.enter(der.SET)
        attribute = alone.enter(der.SEQUENCE)
        alone.finish()
        oid = attribute.content(der.OID)
        tag = _PRINTABLE if attribute.peek() == _PRINTABLE else der.UTF8_STRING
        found.append((oid, attribute.content(tag).decode("utf-8", "replace")))
        attribute.finish()
    return found


def _extensions(fields: der.Reader) -> dict[bytes, tuple[bool, bytes]] | None:
    """OID -> (critical, value); None when one stands there twice."""
    found: dict[bytes, tuple[bool, bytes]] = {}
    while not fields.empty:
        one = fields.enter(der.SEQUENCE)
        oid = one.content(der.OID)
        critical = one.peek() == der.BOOLEAN
        if critical and one.content(der.BOOLEAN) != b"\xff":
            raise der.malformed(_PLACE)
        value = one.content(der.OCTET_STRING)
        one.finish()
        if oid in found:
            return None
        found[oid] = (critical, value)
    return found


def _general_names(value: bytes) -> list[tuple[int, bytes]]:
    outer = der.Reader(value, _PLACE)
    names = outer.enter(der.SEQUENCE)
    outer.finish()
    found = []
    while (tag := names.peek()) is not None:
        found.append((tag, names.content(tag)))
    return found


def _general_name(text: str) -> tuple[int, bytes]:
    kind, _, value = text.partition(":")
    return _KINDS[kind], ip_address(value).packed if kind == "ip" else value.encode()


def _dotted(content: bytes) -> str:
    """The dotted form of an OBJECT IDENTIFIER (X.690 8.19)."""
    if not content or content[-1] & 0x80:
        raise der.malformed(_PLACE)
    arcs, arc = [], 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(one) for one in (first, arcs[0] - 40 * first, *arcs[1:]))
