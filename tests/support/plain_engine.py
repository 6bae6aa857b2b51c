"""A backup engine in a few lines, for tests of what surrounds engines: files under their SHA-256, snapshots as JSON.

It keeps the contract of backup.ports.Engine (the same suite runs on it and on restic) without restic's slow key derivation.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

from backup.manifest import file_sha256
from backup.model import EngineSnapshot, EngineVerdict, Keep, Verdict
from backup.ports import Stored
from kernel.errors import NotFound
from kernel.i18n import N_

_NAMED = re.compile(r"(?:data/[0-9a-f]{2}|snapshots)/([0-9a-f]{64})")


class PlainEngine:
    """Content-addressed copies without encryption."""

    name = "plain"

    def version(self) -> str:
        return "plain 1"

    def prepare(self, repository: Path) -> None:
        repository.mkdir(parents=True, exist_ok=True)
        (repository / "config").write_text("plain repository")

    def store(self, repository: Path, folder: Path, tag: str) -> Stored:
        files = {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            files[path.relative_to(folder).as_posix()] = self._put(repository, "data", path.read_bytes())
        tree = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
        now = datetime.now(UTC).isoformat()
        body = json.dumps({"tree": tree, "time": now, "tags": [tag], "files": files}, sort_keys=True)
        snapshot = self._put(repository, "snapshots", body.encode())
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return Stored(snapshot, tree, len(files), size)

    def snapshots(self, repository: Path) -> list[EngineSnapshot]:
        if not (repository / "config").exists():
            raise NotFound(N_("There is no repository."), place=str(repository))
        found = []
        for path in (repository / "snapshots").glob("*"):
            value = json.loads(path.read_text())
            time = datetime.fromisoformat(value["time"])
            found.append(EngineSnapshot(path.name, value["tree"], time, tuple(value["tags"])))
        return sorted(found, key=lambda snapshot: snapshot.time)

    def check(self, repository: Path, *, read_data: bool) -> EngineVerdict:
        faults = []
        for snapshot in (repository / "snapshots").glob("*"):
            for digest in self._files(snapshot).values():
                path = repository / "data" / digest[:2] / digest
                if not path.exists():
                    faults.append(f"{digest} is missing")
                elif read_data and file_sha256(path) != digest:
                    faults.append(f"{digest} is damaged")
        return EngineVerdict(Verdict.FAIL if faults else Verdict.PASS, int(bool(faults)), tuple(faults), "")

    def restore(self, repository: Path, snapshot: str, target: Path) -> EngineVerdict:
        source = repository / "snapshots" / snapshot
        if not source.exists():
            return EngineVerdict(Verdict.FAIL, 1, ("no such snapshot",), "")
        for name, digest in self._files(source).items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((repository / "data" / digest[:2] / digest).read_bytes())
        return EngineVerdict(Verdict.PASS, 0, (), "")

    def retain(self, repository: Path, keep: Keep) -> int:
        listed = self.snapshots(repository)
        newest = {tag: [s for s in listed if tag in s.tags][-keep.daily :] for s in listed for tag in s.tags}
        kept = {snapshot.id for group in newest.values() for snapshot in group}
        gone = [snapshot for snapshot in listed if snapshot.id not in kept]
        for snapshot in gone:
            (repository / "snapshots" / snapshot.id).unlink()
        used = {d for path in (repository / "snapshots").glob("*") for d in self._files(path).values()}
        for path in (repository / "data").rglob("*"):
            if path.is_file() and path.name not in used:
                path.unlink()
        return len(gone)

    def digest_of_name(self, name: str) -> str | None:
        found = _NAMED.fullmatch(name)
        return found[1] if found else None

    def is_passing(self, name: str) -> bool:
        return name.startswith("locks/")

    def snapshot_of_name(self, name: str) -> str | None:
        folder, _, snapshot = name.rpartition("/")
        return snapshot if folder == "snapshots" else None

    @staticmethod
    def _put(repository: Path, kind: str, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        folder = repository / kind / digest[:2] if kind == "data" else repository / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / digest).write_bytes(data)
        return digest

    @staticmethod
    def _files(snapshot: Path) -> dict[str, str]:
        files: dict[str, str] = json.loads(snapshot.read_text())["files"]
        return files
