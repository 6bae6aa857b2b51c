"""Certificate and time-stamp policies of our own (RFC 5280 section 4.2.1.4): a UUID each, as an object identifier. Pure.

ITU-T X.667 makes of a UUID one number of 128 bits below 2.25. Parsers that stop at 32 bits (pkilint, zlint, programs in Go)
refuse a whole certificate for it, so ours are written in pieces of 16 and 24 bits, below the arc that Microsoft has set aside
for UUIDs. What was signed before bears the first form; both are taken for the same policy.
"""

from uuid import UUID

_WHOLE = "2.25."
_PIECES = "1.2.840.113556.1.8000.2554."
_CUTS = ((0, 4), (4, 8), (8, 12), (12, 16), (16, 20), (20, 26), (26, 32))  # hexadecimal digits of the UUID


def in_pieces(uuid: UUID) -> str:
    """The object identifier of a UUID whose numbers every parser reads."""
    return _PIECES + ".".join(str(int(uuid.hex[start:end], 16)) for start, end in _CUTS)


def settled(oid: str) -> str:
    """The one form of a policy: a UUID below 2.25 in pieces, anything else as it is."""
    number = oid.removeprefix(_WHOLE)
    if number == oid or not number.isdigit() or not 0 <= int(number) < 1 << 128:
        return oid
    return in_pieces(UUID(int=int(number)))


def spellings(uuid: UUID) -> tuple[str, str]:
    """Both forms."""
    return in_pieces(uuid), f"{_WHOLE}{uuid.int}"


_OFFICER = UUID("e3054512-2179-aa25-fb19-929e5b42f766")
OFFICER_SPELLINGS = spellings(_OFFICER)
OFFICER = in_pieces(_OFFICER)  # whose signatures the signer takes as approvals, and nobody else's
LOG = in_pieces(UUID("8b60b1a4-2865-4ee4-80c5-e1f097aa30b4"))  # in the log's certificate alone
STAMPING = in_pieces(UUID("e3054512-2179-aa25-fb19-929e5b42f76a"))  # what time-stamp tokens promise
