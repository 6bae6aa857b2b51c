"""What restic says, read: exit status AND text decide. Pure; for restic 0.14 and later.

restic before 0.17 ends 1 for almost everything, later ones use 10 (no repository), 11 (locked), 12 (wrong password).
What can not be read is unknown, never a pass.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backup.model import EngineSnapshot, EngineVerdict, Verdict
from backup.ports import Stored
from kernel.errors import Conflict, IntegrityFailed, NotFound, Unavailable, WeichengError
from kernel.i18n import N_

_LINES = 20
_WIDTH = 300
_TROUBLE = re.compile(
    r"error|fatal|fail|invalid|unexpected|missing|does not match|not referenced|pack ", re.I
)
_NO_FAULT = re.compile(r"no errors were found|\b0 errors\b")
_DAMAGE = re.compile(
    r"repository contains errors|LoadIndex returned errors|invalid data|ciphertext verification failed|There were \d+ errors"
    r"|does not match|unexpected file size|not found in repository|load <|unable to load|no such file or directory",
    re.I,
)


@dataclass(frozen=True)
class Said:
    """How a restic command ended. ``code`` is negative for a signal, None when it ran out of time."""

    code: int | None
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"{self.out}\n{self.err}"


def environment_error(said: Said, repository: str) -> WeichengError | None:
    """The error of a command that could not do its work for reasons outside the backed-up data; None for others."""
    text = said.text
    if said.code is None:
        return Unavailable(N_("restic took too long and was stopped."), place=repository)
    if said.code == 12 or "wrong password or no key found" in text:
        return IntegrityFailed(
            N_("The repository does not open with this password."),
            mend=N_("Set backup.password to the repository's password; it is on paper at two places."),
            place=repository,
        )
    if said.code == 11 or "already locked" in text:
        return Conflict(
            N_("Another restic is at work on the repository."),
            mend=N_("Wait for it to end; a lock whose process is dead is removed by itself."),
            place=repository,
        )
    if re.search(r"no space left on device|disk quota exceeded|file too large", text, re.I):
        return Unavailable(
            N_("The disk of the repository is full."), mend=N_("Free space at the site."), place=repository
        )
    if re.search(r"permission denied|read-only file system", text, re.I):
        return Unavailable(
            N_("The repository may not be read or written."),
            mend=N_("Check the site's mount and the account's rights."),
            place=repository,
        )
    if said.code == 10 or "Is there a repository at the following location" in text:
        return NotFound(N_("There is no repository."), mend=N_("Run the plan first."), place=repository)
    return None


def failure(said: Said, repository: str) -> WeichengError:
    """The typed error of a command that failed."""
    known = environment_error(said, repository)
    if known is not None:
        return known
    complaint = (complaints(said.text) or (f"exit status {said.code}",))[-1]
    if _DAMAGE.search(said.text):
        return IntegrityFailed(
            N_("The repository is damaged: %(complaint)s"),
            mend=N_("Verify all sites, then mend this one from a good site."),
            place=repository,
            complaint=complaint,
        )
    return Unavailable(N_("restic failed: %(complaint)s"), place=repository, complaint=complaint)


def check_verdict(said: Said, repository: str) -> EngineVerdict:
    """What ``restic check`` found: pass only with exit status 0 and its own words "no errors were found"."""
    if said.code == 0 and "no errors were found" in said.text:
        return _verdict(Verdict.PASS, said)
    if said.code and environment_error(said, repository) is None and said.code > 0:
        return _verdict(Verdict.FAIL, said)
    return _verdict(Verdict.UNKNOWN, said)


def restore_verdict(said: Said, repository: str) -> EngineVerdict:
    """What ``restic restore`` did: pass only with exit status 0 and no complaint; the bytes are compared afterwards."""
    if said.code == 0:
        return _verdict(Verdict.FAIL if complaints(said.text) else Verdict.PASS, said)
    known = environment_error(said, repository)
    return _verdict(Verdict.FAIL if known is None and (said.code or 0) > 0 else Verdict.UNKNOWN, said)


def parse_summary(out: str, repository: str) -> tuple[str, int, int]:
    """Snapshot id (older versions: its first 8 digits), files and octets, of the last JSON line of ``backup --json``."""
    for line in reversed(out.splitlines()):
        message = _json(line)
        if isinstance(message, dict) and message.get("message_type") == "summary":
            snapshot, files = message.get("snapshot_id"), message.get("total_files_processed")
            size = message.get("total_bytes_processed")
            if isinstance(snapshot, str) and snapshot and isinstance(files, int) and isinstance(size, int):
                return snapshot, files, size
    raise Unavailable(N_("restic's answer can not be read."), place=repository)


def parse_snapshots(out: str, repository: str) -> list[EngineSnapshot]:
    """The list of ``snapshots --json``, oldest first; an empty repository says ``null`` or ``[]``."""
    rows = _json(out.strip() or "null")
    if rows is None and out.strip() in ("", "null"):
        return []
    try:
        found = [
            EngineSnapshot(str(row["id"]), str(row["tree"]), _time(row["time"]), tuple(row.get("tags") or ()))
            for row in rows
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(N_("restic's answer can not be read."), place=repository) from error
    return sorted(found, key=lambda snapshot: snapshot.time)


def stored_of(found: list[EngineSnapshot], summary: tuple[str, int, int], repository: str) -> Stored:
    """The snapshot that ``backup`` named, with its full id and tree; Unavailable when the list lacks it."""
    prefix, files, size = summary
    for snapshot in found:
        if snapshot.id.startswith(prefix):
            return Stored(snapshot.id, snapshot.tree, files, size)
    raise Unavailable(N_("restic does not list what it says it stored."), place=repository)


def complaints(text: str) -> tuple[str, ...]:
    """The lines that tell of trouble, shortened, at most twenty."""
    lines = [line.strip() for line in text.splitlines()]
    found = [line[:_WIDTH] for line in lines if _TROUBLE.search(line) and not _NO_FAULT.search(line)]
    quiet = re.compile(
        r"^(load indexes|check all packs|check snapshots|read all data|restoring <|\[|create exclusive)"
    )
    return tuple(line for line in found if not quiet.match(line))[:_LINES]


def _verdict(verdict: Verdict, said: Said) -> EngineVerdict:
    digest = hashlib.sha256(said.text.encode("utf-8", "replace")).hexdigest()
    code = -1 if said.code is None else said.code
    return EngineVerdict(verdict, code, () if verdict is Verdict.PASS else complaints(said.text), digest)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    if moment.tzinfo is None:
        raise ValueError("naive time")
    return moment
