"""The log over HTTP, whatever serves it: paths and parameters in, JSON values out. Everything is public and bounded.

GET sth, entries?start&end, proof/inclusion?hash&size, proof/consistency?first&second. Hashes are hex.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from ca.encoding.merkle import HASH_SIZE
from ca.transparency.model import SignedHead
from ca.transparency.service import TransparencyLog
from kernel.errors import Invalid, NotFound
from kernel.i18n import N_
from kernel.pki.pem import certificate_pem

_DIGITS = 15  # of a number: more than any log has entries
Asked = Mapping[str, str]


def answer(log: TransparencyLog, what: str, asked: Asked) -> dict[str, Any]:
    """The JSON value at ``what`` (below /log/v1/). NotFound, Invalid naming the parameter, Unavailable."""
    if what not in _ANSWERS:
        raise NotFound(N_("The log has no such address."), place=what[:60])
    return _ANSWERS[what](log, asked)


def head_json(log: TransparencyLog, signed: SignedHead) -> dict[str, Any]:
    """A signed head as it is published and kept by auditors: ``tree_head`` are the very octets that were signed."""
    certificates = [certificate_pem(one).decode() for one in log.certificates(signed)]
    return {
        "tree_head": signed.text.decode(),
        "signature": base64.b64encode(signed.signature).decode(),
        "certificates": certificates,
    }


def _sth(log: TransparencyLog, _asked: Asked) -> dict[str, Any]:
    return head_json(log, log.head())


def _entries(log: TransparencyLog, asked: Asked) -> dict[str, Any]:
    start, end = _number(asked, "start"), _number(asked, "end")
    return {"start": start, "entries": [one.leaf.decode() for one in log.entries(start, end)]}


def _inclusion(log: TransparencyLog, asked: Asked) -> dict[str, Any]:
    size = _number(asked, "size")
    number, path = log.inclusion(_hash(asked), size)
    return {"number": number, "size": size, "path": [one.hex() for one in path]}


def _consistency(log: TransparencyLog, asked: Asked) -> dict[str, Any]:
    first, second = _number(asked, "first"), _number(asked, "second")
    path = log.consistency(first, second)
    return {"first": first, "second": second, "path": [one.hex() for one in path]}


def _number(asked: Asked, name: str) -> int:
    text = asked.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise Invalid(N_("%(name)s has to be a whole number."), place=name, name=name)
    return int(text)


def _hash(asked: Asked) -> bytes:
    text = asked.get("hash", "")
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != HASH_SIZE or len(text) != 2 * HASH_SIZE:
        raise Invalid(N_("hash has to be a SHA-256 in hex."), place="hash")
    return found


_ANSWERS: Mapping[str, Callable[[TransparencyLog, Asked], dict[str, Any]]] = {
    "sth": _sth,
    "entries": _entries,
    "proof/inclusion": _inclusion,
    "proof/consistency": _consistency,
}
