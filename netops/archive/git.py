"""The archive in a bare git repository: one file ``<device>.cfg`` on one branch per device, one commit per change.

A branch per device keeps its history as short as it is: on one common branch every look at a device walks through the commits
of all others (measured: at 1,200 commits a version list took ten times as long; see docs/adr/0042).
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
from urllib.parse import unquote

from kernel.canonical import sha256_hex
from kernel.errors import IntegrityFailed, NotFound, Unavailable
from kernel.i18n import N_
from netops.archive.model import ArchiveReport, Stored, Version
from netops.archive.names import checked_name, checked_version

_BRANCHES = "refs/heads/device/"
_DURABLE = ("-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync", "-c", "gc.autoDetach=false")
_FIELDS = (
    "%H",
    "%aI",
    "%an",
    "%s",
    *(f"%(trailers:key={key},valueonly,separator=)" for key in ("Source", "Digest", "Device")),
)
_FORMAT = "%x1e" + "%x1f".join(_FIELDS)
_TIMEOUT = 120
_BATCH = 200  # versions read at a time


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
        names = self._git("for-each-ref", "--format=%(refname)", _BRANCHES).splitlines()
        return sorted(unquote(name.removeprefix(_BRANCHES), errors="strict") for name in names)

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
        faults = [*self._fsck()]
        versions = _versions(self._git("log", "--branches", f"--format={_FORMAT}"))
        faults += [f"{version.device} {version.id[:12]}" for version in self._unlike(versions)]
        with self._writing():
            self._git("gc", "--auto", "--quiet")
        return ArchiveReport(len(versions), tuple(faults))

    def _unlike(self, versions: list[Version]) -> Iterator[Version]:
        """Versions whose text is not the one that was kept."""
        start = 0
        while start < len(versions):
            batch = versions[start : start + _BATCH]
            wanted = "".join(f"{version.id}:{version.device}.cfg\n" for version in batch)
            found = list(_digests(self._run("cat-file", "--batch", input_bytes=wanted.encode()).stdout))
            yield from (
                version for version, digest in zip(batch, found, strict=False) if digest != version.digest
            )
            if len(found) < len(batch):  # git stops at an object that it can not read
                yield batch[len(found)]
            start += min(len(found) + 1, len(batch))

    def _newest(self, device: str) -> Version | None:
        return next(iter(self._log(device, 1)), None)

    def _log(self, device: str, limit: int) -> list[Version]:
        if not self._tip(device):
            return []
        return _versions(self._git("log", f"-{limit}", f"--format={_FORMAT}", branch_of(device)))

    def _object(self, device: str, version: str) -> str:
        """The blob id of a version of the device's file."""
        branch, path = branch_of(device), f"{device}.cfg"
        if not self._tip(device):
            raise NotFound(N_("There is no configuration of %(device)s in the archive."), device=device)
        revision = checked_version(version) if version else branch
        # only a commit of this device's own branch is one of its versions
        commit = (
            self._run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").stdout.decode().strip()
        )
        if not commit or self._run("merge-base", "--is-ancestor", commit, branch).returncode:
            raise NotFound(N_("%(device)s has no version %(version)s."), device=device, version=version)
        return self._git("rev-parse", "--verify", f"{commit}:{path}").strip()

    def _commit(self, device: str, text: str, author: str, source: str, at: datetime, *, first: bool) -> None:
        summary = f"{device}: {'first version' if first else 'changed'}"
        trailers = f"Source: {source}\nDigest: {sha256_hex(text.encode())}\nDevice: {device}"
        message = f"{summary}\n\n{trailers}\n".encode()
        data = text.encode()
        who = f"{_plain(author)} <> {int(at.timestamp())} +0000"
        tip = self._tip(device)
        head = [f"commit {branch_of(device)}", f"author {who}", f"committer {who}", f"data {len(message)}"]
        stream = "\n".join(head).encode() + b"\n" + message + b"\n"
        if tip:
            stream += f"from {tip}\n".encode()
        stream += f"M 100644 inline {device}.cfg\ndata {len(data)}\n".encode() + data + b"\ndone\n"
        self._git("fast-import", "--quiet", "--done", "--date-format=raw", input_bytes=stream)

    def _tip(self, device: str) -> str:
        """The newest commit of the device's branch; empty when there is none."""
        branch = branch_of(device)
        if not self._exists():
            return ""
        return self._run("rev-parse", "--verify", "--quiet", branch).stdout.decode().strip()

    def _exists(self) -> bool:
        return (self._folder / "HEAD").exists()

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
            self._git("init", "--quiet", "--bare", "--initial-branch=configurations", ".")
        for left_behind in (self._folder / "refs").rglob("*.lock"):
            left_behind.unlink(missing_ok=True)

    def _fsck(self) -> list[str]:
        try:
            self._git("fsck", "--full", "--strict", "--no-dangling", "--no-progress")
        except Unavailable as error:
            return [str(error.params.get("detail", ""))]
        return []

    def _git(self, *arguments: str, input_bytes: bytes = b"") -> str:
        """Standard output of a git command that has to succeed; Unavailable otherwise."""
        done = self._run(*arguments, input_bytes=input_bytes)
        if done.returncode:
            raise Unavailable(
                N_("git %(verb)s failed: %(detail)s"),
                mend=N_("Run weicheng netops archive verify; check the disk's free space."),
                place=str(self._folder),
                verb=arguments[0],
                detail=done.stderr.decode("utf-8", "replace").strip()[:300],
            )
        return done.stdout.decode("utf-8", "surrogateescape")

    def _run(self, *arguments: str, input_bytes: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        command = ["git", *_DURABLE, "--git-dir=.", *arguments]
        try:
            return subprocess.run(
                command, input=input_bytes, capture_output=True, cwd=self._folder, env=_environment(),
                timeout=_TIMEOUT, check=False,
            )  # fmt: skip
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            raise Unavailable(
                N_("git did not run: %(detail)s"), mend=N_("Install git."), detail=type(error).__name__
            ) from error


def branch_of(device: str) -> str:
    """The device's branch; points are encoded, since git allows them in few places of a name."""
    return _BRANCHES + checked_name(device).replace("%", "%25").replace(".", "%2E")


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


def _versions(log: str) -> list[Version]:
    return [_version(record) for record in log.split("\x1e")[1:]]


def _version(record: str) -> Version:
    commit, when, author, summary, source, digest, device = record.strip("\n").split("\x1f")
    at = datetime.fromisoformat(when).astimezone(UTC)
    return Version(commit, device.strip(), at, author, source.strip(), summary, digest.strip())


def _digests(batch: bytes) -> Iterator[str]:
    """SHA-256 of each object of ``git cat-file --batch``; empty for one that is missing. Ends where the output does."""
    position = 0
    while position < len(batch):
        end = batch.index(b"\n", position)
        head = batch[position:end].rsplit(b" ", 2)
        position = end + 1
        if len(head) != 3 or not head[2].isdigit():
            yield ""
            continue
        size = int(head[2])
        yield sha256_hex(batch[position : position + size])
        position += size + 1
