"""A batch as officers sign it: one statement over all its rows, and the proof that a certificate is one of them.

The statement names the root of a Merkle tree (RFC 9162 section 2.1) and how many rows it has. With each certificate travel
its own row and the path from there to the root, 13 hashes for 5,000 rows: the signer needs no other row and no memory of any.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ca.encoding import merkle
from kernel.canonical import canonical_json

KIND = "ca:batch"  # of the approval
LONGEST = 32  # hashes of a path: more rows than any batch has


def leaf(number: int, request: str, bound: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is signed: its number in the table, its request, and what an approval of that request alone binds."""
    return {**bound, "row": number, "request": request}


class Rows:
    """The rows of a batch as a tree, in their order."""

    def __init__(self, leaves: Iterable[Mapping[str, Any]]) -> None:
        self._levels = [[_hashed(one) for one in leaves]]
        while len(below := self._levels[-1]) > 1:
            pairs = zip(below[::2], below[1::2], strict=False)
            self._levels.append([merkle.node_hash(left, right) for left, right in pairs])
        self.size = len(self._levels[0])
        self.root = merkle.root(self._node, self.size).hex()

    def path(self, place: int) -> dict[str, Any]:
        """The way from the row at that place (0 is the first) to the root."""
        path = merkle.inclusion(self._node, place, self.size)
        return {"place": place, "path": [one.hex() for one in path]}

    def _node(self, level: int, number: int) -> bytes:
        return self._levels[level][number]


def included(row: Mapping[str, Any], statement: Mapping[str, Any]) -> dict[str, Any]:
    """The row that is shown to be of the batch that was signed; ValueError otherwise.

    ``row``: ``leaf`` with ``place`` and ``path`` as ``Rows.path`` has them; ``statement``: ``root`` (hex) and ``rows``.
    """
    path = [bytes.fromhex(one) for one in row["path"][: LONGEST + 1]]
    size, root = int(statement["rows"]), bytes.fromhex(statement["root"])
    if len(path) > LONGEST or not merkle.included(_hashed(row["leaf"]), int(row["place"]), size, path, root):
        raise ValueError("not a row of this batch")
    return dict(row["leaf"])


def _hashed(one: Mapping[str, Any]) -> bytes:
    return merkle.leaf_hash(canonical_json(one))
