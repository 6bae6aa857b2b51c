"""The other machine: signs requests with the keys it holds, each request once, and keeps a journal of what it signed.

It has no network and no database; the journal is a file beside the keys, written before an answer leaves the machine.
"""

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ca.hierarchy.offline import OfflineAnswer, OfflineRequest
from ca.hierarchy.orders import Keyring, carry_out
from kernel.canonical import iso_utc
from kernel.errors import Conflict, IntegrityFailed
from kernel.i18n import N_


class OfflineMachine:
    """Signs over ``keys``; ``journal`` is the file that remembers."""

    def __init__(self, keys: Keyring, journal: Path, now: Callable[[], datetime]) -> None:
        self._keys = keys
        self._journal = journal
        self._now = now

    def sign(self, request: OfflineRequest, by: str) -> OfflineAnswer:
        """Carry out all orders. Conflict for a request that was signed here before, NotFound without its key."""
        before = self.signed().get(request.id)
        if before is not None:
            raise Conflict(
                N_("This request was signed here already, on %(at)s by %(by)s."),
                mend=N_("Take the answer that was written then; or have a new request made."),
                place=request.id,
                at=before["at"],
                by=before["by"],
            )
        answers = tuple(carry_out(order, self._keys) for order in request.orders)
        made = OfflineAnswer(request.id, request.digest, answers, by, self._now())
        self._remember({"id": request.id, "digest": request.digest, "at": iso_utc(made.signed_at), "by": by})
        return made

    def signed(self) -> Mapping[str, Mapping[str, Any]]:
        """What was signed here: by the request's id its digest, when and by whom."""
        try:
            lines = self._journal.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        try:
            rows = [json.loads(line) for line in lines if line.strip()]
            return {str(row["id"]): row for row in rows}
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityFailed(
                N_("The journal of the offline machine can not be read."),
                mend=N_("Restore it from its copy: without it a request might be signed twice."),
                place=str(self._journal),
            ) from error

    def _remember(self, row: Mapping[str, Any]) -> None:
        handle = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, json.dumps(row, ensure_ascii=False).encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
