"""The archive in a bare git repository: one file ``<device>.cfg`` per device, one commit per change.

Commits are made with ``git fast-import``: one process, objects first, the branch moved last and atomically, so that a
``kill -9`` leaves the last commit or the one before. One writer at a time holds ``flock`` on a file beside the repository;
whoever holds it may clear lock files that a killed writer left behind.
"""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kernel.canonical import sha256_hex
from kernel.errors import IntegrityFailed, NotFound, Unavailable
from kernel.i18n import N_
from netops.archive.model import ArchiveReport, Stored, Version
from netops.archive.names import checked_name, checked_version

BRANCH = "refs/heads/main"
_DURABLE = ("-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync")
_SEPARATOR = "\x1f"
_FORMAT = "%x1e" + "%x1f".join(
    (
        "%H",
        "%aI",
        "%an",
        "%s",
        "%(trailers:key=Source,valueonly,separator=)",
        "%(trailers:key=Digest,valueonly,separator=)",
    )
)
_TIMEOUT = 120


class GitArchive:
    """Versions in the bare repository ``folder``, made at first use (folder 0700)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, device: str, text: str, *, author: str, source: str, at: datetime) -> Stored:
        checked_name(device)
        with self._writing():
            newest = self._newest(device)
            if newest is not None and newest.digest == sha256_hex(text.encode()):
                return Stored(newest, is_new=False)
            self._commit(device, text, author, source, at, first=newest is None)
            made = self._newest(device)
        if made is None:
            raise IntegrityFailed(N_("The archive did not keep the new version."), place=str(self._folder))
        return Stored(made, is_new=True)

    def devices(self) -> list[str]:
        if not self._exists():
            return []
        names = self._git("ls-tree", "-z", "--name-only", BRANCH).split("\0")
        return sorted(name.removesuffix(".cfg") for name in names if name.endswith(".cfg"))

    def history(self, device: str, limit: int = 100) -> list[Version]:
        versions = self._log(device, limit)
        if not versions:
            raise NotFound(N_("There is no configuration of %(device)s in the archive."), device=device)
        return versions

    def text(self, device: str, version: str = "") -> str:
        return self._git("cat-file", "blob", self._object(device, version))

    def diff(self, device: str, old: str, new: str = "") -> str:
        before, after = self._object(device, old), self._object(device, new)
        body = self._git("diff", "--no-color", "--no-ext-diff", "--histogram", before, after)
        if not body:
            return ""
        hunks = body[body.index("\n@@") + 1 :]
        return f"--- a/{device}.cfg\n+++ b/{device}.cfg\n{hunks}"

    def verify(self) -> ArchiveReport:
        if not self._exists():
            return ArchiveReport(0, ())
        faults = [line for line in self._fsck() if line]
        count = 0
        for device in self.devices():
            for version in self._log(device, limit=None):
                count += 1
                if not self._holds(version):
                    faults.append(f"{device} {version.id[:12]}")
        return ArchiveReport(count, tuple(faults))

    def _holds(self, version: Version) -> bool:
        try:
            return sha256_hex(self.text(version.device, version.id).encode()) == version.digest
        except (NotFound, Unavailable):
            return False

    def _newest(self, device: str) -> Version | None:
        return next(iter(self._log(device, 1)), None)

    def _log(self, device: str, limit: int | None) -> list[Version]:
        checked_name(device)
        if not self._exists():
            return []
        count = () if limit is None else (f"-{limit}",)
        out = self._git("log", *count, f"--format={_FORMAT}", BRANCH, "--", f"{device}.cfg")
        return [_version(device, record) for record in out.split("\x1e")[1:]]

    def _object(self, device: str, version: str) -> str:
        """The blob id of a version of the device's file."""
        path = f"{checked_name(device)}.cfg"
        if not self._exists():
            raise NotFound(N_("There is no configuration of %(device)s in the archive."), device=device)
        revision = checked_version(version) if version else BRANCH
        try:
            if version and not self._git("merge-base", revision, BRANCH).startswith(revision):
                raise NotFound(N_("%(device)s has no version %(version)s."), device=device, version=version)
            return self._git("rev-parse", "--verify", f"{revision}:{path}").strip()
        except Unavailable:
            raise NotFound(
                N_("%(device)s has no version %(version)s."), device=device, version=version
            ) from None

    def _commit(self, device: str, text: str, author: str, source: str, at: datetime, *, first: bool) -> None:
        summary = f"{device}: {'first version' if first else 'changed'}"
        message = f"{summary}\n\nSource: {source}\nDigest: {sha256_hex(text.encode())}\n".encode()
        data = text.encode()
        who = f"{_plain(author)} <> {int(at.timestamp())} +0000"
        tip = self._tip()
        head = [f"commit {BRANCH}", f"author {who}", f"committer {who}", f"data {len(message)}"]
        stream = "\n".join(head).encode() + b"\n" + message + b"\n"
        if tip:
            stream += f"from {tip}\n".encode()
        stream += f"M 100644 inline {device}.cfg\ndata {len(data)}\n".encode() + data + b"\ndone\n"
        self._git("fast-import", "--quiet", "--done", "--date-format=raw", input_bytes=stream)

    def _tip(self) -> str:
        try:
            return self._git("rev-parse", "--verify", "--quiet", BRANCH).strip()
        except Unavailable:
            return ""

    def _exists(self) -> bool:
        return (self._folder / "HEAD").exists() and bool(self._tip())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._folder.with_name(self._folder.name + ".writer"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._prepare()
            yield
        finally:
            os.close(handle)  # gives the lock back, as does the end of a killed process

    def _prepare(self) -> None:
        if not (self._folder / "HEAD").exists():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._git("init", "--quiet", "--bare", "--initial-branch=main", ".")
        for left_behind in (self._folder / "refs").rglob("*.lock"):
            left_behind.unlink(missing_ok=True)

    def _fsck(self) -> list[str]:
        try:
            self._git("fsck", "--full", "--strict", "--no-dangling", "--no-progress")
        except Unavailable as error:
            return [str(error.params.get("detail", ""))]
        return []

    def _git(self, *arguments: str, input_bytes: bytes = b"") -> str:
        command = ["git", *_DURABLE, "--git-dir=.", *arguments]
        try:
            done = subprocess.run(
                command, input=input_bytes, capture_output=True, cwd=self._folder, env=_environment(), timeout=_TIMEOUT,
                check=False,
            )  # fmt: skip
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            raise Unavailable(
                N_("git did not run: %(detail)s"), mend=N_("Install git."), detail=type(error).__name__
            ) from error
        if done.returncode:
            detail = done.stderr.decode("utf-8", "replace").strip()[:300]
            raise Unavailable(
                N_("git %(verb)s failed: %(detail)s"),
                mend=N_("Run weicheng netops archive verify; check the disk's free space."),
                place=str(self._folder),
                verb=arguments[0],
                detail=detail,
            )
        return done.stdout.decode("utf-8", "surrogateescape")


def _environment() -> dict[str, str]:
    """git without the user's or the machine's settings: the archive looks the same everywhere."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


def _plain(author: str) -> str:
    return "".join(char for char in author if char.isprintable() and char not in "<>")[:80] or "weicheng"


def _version(device: str, record: str) -> Version:
    commit, when, author, summary, source, digest = record.strip("\n").split(_SEPARATOR)
    at = datetime.fromisoformat(when).astimezone(UTC)
    return Version(commit, device, at, author, source.strip(), summary, digest.strip())
