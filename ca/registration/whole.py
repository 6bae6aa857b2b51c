"""A batch as it is decided on: one approval for all of its rows, which binds each of them (ca.signer.rows)."""

from collections.abc import Mapping, Sequence
from typing import Any

from ca.model import Request
from ca.registration.batchstore import Batch
from ca.registration.filing import bound
from ca.registration.signatures import Matter
from ca.signer.rows import Rows, leaf
from kernel.canonical import canonical_json, sha256_hex
from kernel.errors import IntegrityFailed
from kernel.i18n import N_


class Whole:
    """``rows``: number in the table and request of all that was filed, in their order."""

    def __init__(self, batch: Batch, rows: Sequence[tuple[int, Request]]) -> None:
        self._batch = batch
        self._leaves = [_leaf(number, request) for number, request in rows]
        self._places = {number: place for place, (number, _) in enumerate(rows)}
        self._tree = Rows(self._leaves)

    @property
    def what(self) -> dict[str, Any]:
        """What the approval is given for: the table that was filed, and the root over all rows."""
        batch = self._batch
        about = {"profile": batch.profile, "unit": batch.unit, "table": batch.name, "sha256": batch.sha256}
        return {**about, "rows": self._tree.size, "root": self._tree.root}

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what the approval is given for."""
        return sha256_hex(canonical_json(self.what))

    @property
    def matter(self) -> Matter:
        return Matter(self._batch.approval, self.what, self._batch.id)

    def lines(self) -> bytes:
        """The leaves in their order, a line of canonical JSON each."""
        return b"".join(canonical_json(one) + b"\n" for one in self._leaves)

    def require(self, approved: str) -> None:
        """IntegrityFailed unless these rows have the digest that was approved."""
        if approved != self.digest:
            raise self._changed()

    def row(self, number: int, request: Request, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The signed decisions ``given`` on the batch, with the proof that this row is one of it; IntegrityFailed for a
        request that has changed since."""
        place = self._places[number]
        if self._leaves[place] != _leaf(number, request):
            raise self._changed()
        shown = {"leaf": self._leaves[place], **self._tree.path(place)}
        return [{**one, "row": shown} for one in given]

    def _changed(self) -> IntegrityFailed:
        return IntegrityFailed(
            N_("The batch is not the one that was filed."),
            mend=N_("Turn it down, and look for who changed it."),
            place=self._batch.id,
        )


def _leaf(number: int, request: Request) -> dict[str, Any]:
    return leaf(number, request.id, bound(request))
