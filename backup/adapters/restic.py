"""restic 0.14 and later as an engine: its command line is its API.

The password reaches it by a 0600 file named in its environment, never by argv. It runs without a cache, since a cache hides
damage, and what only looks runs without lock, so that a verifier needs no right to write.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from backup.adapters.restic_output import (
    Said,
    check_verdict,
    environment_error,
    failure,
    parse_snapshots,
    parse_summary,
    restore_verdict,
    stored_of,
)
from backup.model import EngineSnapshot, EngineVerdict, Keep
from backup.ports import Stored
from kernel.errors import Conflict, IntegrityFailed, Unavailable
from kernel.i18n import N_

_NAMED = re.compile(r"(?:data/[0-9a-f]{2}|index|snapshots|keys)/([0-9a-f]{64})")
_FULL_STATUS = 3  # `backup` stored something, but not all of it
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "GOMAXPROCS")


class Restic:
    """Runs the restic program on repositories in folders."""

    name = "restic"

    def __init__(self, password_file: Path, *, program: str = "restic", timeout: float = 12 * 3600.0) -> None:
        self._password_file = password_file
        self._program = program
        self._timeout = timeout

    def version(self) -> str:
        said = self._run(["version"])
        found = re.match(r"restic (\d+\.\d+\.\d+\S*)", said.out)
        if said.code != 0 or found is None:
            raise Unavailable(N_("restic does not say its version."), place=self._program)
        return f"restic {found[1]}"

    def prepare(self, repository: Path) -> None:
        if (repository / "config").exists():
            return
        if any((repository / "snapshots").glob("*")):
            raise IntegrityFailed(
                N_("The repository has snapshots but no config file."),
                mend=N_("Verify all sites, then mend this one from a good site."),
                place=str(repository),
            )
        shutil.rmtree(repository, ignore_errors=True)  # an `init` that was killed half-way
        repository.mkdir(parents=True, mode=0o700)
        said = self._on(repository, ["init"])
        if said.code != 0:
            shutil.rmtree(repository, ignore_errors=True)
            raise failure(said, str(repository))

    def store(self, repository: Path, folder: Path, tag: str) -> Stored:
        arguments = ["backup", "--json", "--host", "weicheng", "--tag", tag, "."]
        said = self._locking(repository, arguments, folder)
        if said.code == _FULL_STATUS:
            raise Unavailable(
                N_("Some files could not be read: %(complaint)s"),
                mend=N_("Give the suite's account the right to read them."),
                place=str(folder),
                complaint=said.err.strip()[:300],
            )
        if said.code != 0:
            raise failure(said, str(repository))
        summary = parse_summary(said.out, str(repository))
        return stored_of(self.snapshots(repository), summary, str(repository))

    def snapshots(self, repository: Path) -> list[EngineSnapshot]:
        said = self._on(repository, ["snapshots", "--json", "--no-lock"])
        if said.code != 0:
            raise failure(said, str(repository))
        return parse_snapshots(said.out, str(repository))

    def check(self, repository: Path, *, read_data: bool) -> EngineVerdict:
        said = self._on(repository, ["check", "--no-lock", *(["--read-data"] if read_data else [])])
        return check_verdict(said, str(repository))

    def restore(self, repository: Path, snapshot: str, target: Path) -> EngineVerdict:
        said = self._on(repository, ["restore", snapshot, "--no-lock", "--target", str(target)])
        return restore_verdict(said, str(repository))

    def retain(self, repository: Path, keep: Keep) -> int:
        before = len(self.snapshots(repository))
        rules = [f"--keep-{name}={count}" for name, count in vars(keep).items() if count]
        said = self._locking(
            repository, ["forget", "--prune", "--group-by", "tags", "--keep-last=1", *rules], None
        )
        if said.code != 0:
            raise failure(said, str(repository))
        return before - len(self.snapshots(repository))

    def digest_of_name(self, name: str) -> str | None:
        """restic names every file of data/, index/, snapshots/ and keys/ by the SHA-256 of its bytes; config is not."""
        found = _NAMED.fullmatch(name)
        return found[1] if found else None

    def is_passing(self, name: str) -> bool:
        return name.startswith("locks/")

    def snapshot_of_name(self, name: str) -> str | None:
        folder, _, snapshot = name.rpartition("/")
        return snapshot if folder == "snapshots" else None

    def _locking(self, repository: Path, arguments: list[str], folder: Path | None) -> Said:
        """Run what takes a lock. ``restic unlock`` removes only locks that restic itself calls stale (their process is
        dead, or they were not renewed for half an hour); a living one stays and is a Conflict."""
        said = self._on(repository, arguments, folder)
        if isinstance(environment_error(said, str(repository)), Conflict):
            self._on(repository, ["unlock"])
            said = self._on(repository, arguments, folder)
        return said

    def _on(self, repository: Path, arguments: list[str], folder: Path | None = None) -> Said:
        return self._run(["-r", str(repository.absolute()), "--no-cache", *arguments], folder)

    def _run(self, arguments: list[str], folder: Path | None = None) -> Said:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment["RESTIC_PASSWORD_FILE"] = str(self._password_file.absolute())
        program = shutil.which(self._program, path=environment.get("PATH"))
        if program is None:
            raise Unavailable(
                N_("The program restic is not installed."),
                mend=N_("Install it, on Debian: apt install restic."),
                place=self._program,
            )
        try:
            done = subprocess.run(
                # it ends with us: one that outlives a killed worker would go on writing behind the next one's back
                ["setpriv", "--pdeathsig", "KILL", program, *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Said(None, "", "")
        return Said(done.returncode, _text(done.stdout), _text(done.stderr))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
