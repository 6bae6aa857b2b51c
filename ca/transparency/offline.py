"""Checking the log without the log: a head that was downloaded, its entries, and a head that was kept earlier.

No database, no network. ``docs/assess/verify-log.py`` does the same without this suite.
"""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ca.encoding import merkle
from ca.encoding.log import TreeHead
from ca.transparency.signature import check_head
from kernel.errors import IntegrityFailed, Invalid
from kernel.i18n import N_
from kernel.pki.pem import certificate_der

MOST_OCTETS = 1 << 20  # of a head or a proof
_LONGEST = 4096  # octets of a leaf


class LogRefused(IntegrityFailed):
    """What was downloaded does not belong together, or not to what was kept earlier."""


@dataclass(frozen=True)
class HeadFile:
    """A head as it is published: the signed octets, the signature, the log's certificate and those above it (DER)."""

    text: bytes
    signature: bytes
    certificates: tuple[bytes, ...]


@dataclass(frozen=True)
class Proof:
    """An inclusion proof (``first`` is the entry's number) or a consistency proof (``first`` is the smaller size)."""

    first: int
    second: int
    path: tuple[bytes, ...]


def read_head_file(data: bytes) -> HeadFile:
    """The head in the JSON that /log/v1/sth answers; Invalid for anything else."""
    try:
        values = _json(data)
        values = values.get("head", values)  # a proof of inclusion brings its head with it
        certificates = tuple(certificate_der(one.encode()) for one in values["certificates"])
        signature = base64.b64decode(values["signature"], validate=True)
        return HeadFile(values["tree_head"].encode(), signature, certificates)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(N_("This is no signed tree head."), place="tree head") from error


def read_proof(data: bytes) -> Proof:
    """The proof in the JSON that /log/v1/proof/… answers; Invalid for anything else."""
    try:
        values = _json(data)
        if "first" in values:
            first, second = int(values["first"]), int(values["second"])
        else:
            first, second = int(values["number"]), int(values["size"])
        return Proof(first, second, tuple(bytes.fromhex(one) for one in values["path"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(N_("This is no proof of the log."), place="proof") from error


def read_inclusion(data: bytes) -> tuple[bytes, Proof]:
    """Leaf and proof in the JSON of an entry's proof; Invalid for anything else."""
    try:
        leaf = _json(data)["leaf"].encode()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(N_("This is no proof of the log."), place="proof") from error
    return leaf, read_proof(data)


def verify_head(file: HeadFile, anchors: Sequence[bytes]) -> TreeHead:
    """The head, its signature and chain checked."""
    return check_head(file.text, file.signature, file.certificates, anchors)


def verify_entries(lines: Iterable[bytes], head: TreeHead, earlier: TreeHead | None = None) -> None:
    """The entries (one leaf a line) are exactly those of ``head``, and those of ``earlier`` are its beginning."""
    if earlier is not None:
        _check_order(earlier, head)
    frontier, seen = merkle.Frontier(), earlier is None or _same(merkle.Frontier(), earlier)
    for line in lines:
        leaf = line.removesuffix(b"\n")
        if not leaf or len(leaf) > _LONGEST or frontier.size == head.size:
            raise LogRefused(N_("The file of entries is not that of the head."), place=str(frontier.size))
        frontier.append(merkle.leaf_hash(leaf))
        if earlier is not None and frontier.size == earlier.size:
            seen = _same(frontier, earlier)
    if not _same(frontier, head):
        raise LogRefused(N_("The file of entries is not that of the head."), place=str(frontier.size))
    if not seen:
        raise _rewritten(earlier)


def verify_consistency(earlier: TreeHead, head: TreeHead, proof: Proof) -> None:
    """The proof shows that ``head`` only appended to ``earlier``."""
    _check_order(earlier, head)
    sizes = (proof.first, proof.second) == (earlier.size, head.size)
    roots = bytes.fromhex(earlier.root), bytes.fromhex(head.root)
    if not sizes or not merkle.consistent(earlier.size, head.size, *roots, proof.path):
        raise _rewritten(earlier)


def verify_inclusion(leaf: bytes, head: TreeHead, proof: Proof) -> None:
    """The proof shows that the leaf is in the tree of ``head``."""
    found = merkle.leaf_hash(leaf.removesuffix(b"\n"))
    root = bytes.fromhex(head.root)
    if proof.second != head.size or not merkle.included(found, proof.first, head.size, proof.path, root):
        raise LogRefused(N_("The entry is not in the log of this head."), place=str(proof.first))


def _check_order(earlier: TreeHead, head: TreeHead) -> None:
    if earlier.log != head.log:
        raise LogRefused(
            N_("The heads are of different logs: %(earlier)s and %(log)s."),
            mend=N_("Ask the operator why the log was begun anew; the audit trail tells it."),
            earlier=earlier.log,
            log=head.log,
        )
    if earlier.size > head.size or earlier.at > head.at:
        raise LogRefused(N_("The head kept earlier is of a larger or later log: this one was set back."))


def _same(frontier: merkle.Frontier, head: TreeHead) -> bool:
    return (frontier.size, frontier.root.hex()) == (head.size, head.root)


def _rewritten(earlier: TreeHead | None) -> LogRefused:
    size = 0 if earlier is None else earlier.size
    return LogRefused(
        N_("The log was rewritten: its first %(size)s entries are not those of the earlier head."), size=size
    )


def _json(data: bytes) -> dict[str, Any]:
    if len(data) > MOST_OCTETS:
        raise ValueError("too long")
    values: Any = json.loads(data)
    if not isinstance(values, dict):
        raise TypeError("no object")
    return values
