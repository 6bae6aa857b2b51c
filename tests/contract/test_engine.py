"""What every backup engine keeps: one suite, run on restic and on the plain engine of the tests."""

import shutil
from pathlib import Path

import pytest

from backup.adapters.restic import Restic
from backup.manifest import file_sha256, look
from backup.model import Keep, Verdict
from backup.ports import Engine
from kernel.errors import NotFound
from tests.support.plain_engine import PlainEngine


@pytest.fixture(params=["restic", "plain"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "plain":
        return PlainEngine()
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("only for this test")
    return Restic(password, timeout=120)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each engine's empty repository is kept: making one takes restic three seconds of key derivation."""
    return tmp_path_factory.mktemp("empty-repositories")


@pytest.fixture
def repository(engine: Engine, templates: Path, tmp_path: Path) -> Path:
    """An empty repository of the engine."""
    template = templates / engine.name
    engine.prepare(template)
    shutil.copytree(template, tmp_path / "repository")
    return tmp_path / "repository"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "深" / "层").mkdir(parents=True)
    (source / "深" / "层" / "配置.cfg").write_text("hostname 核心\n")
    (source / "empty").touch()
    (source / "large").write_bytes(bytes(range(256)) * 4096)
    return source


def test_what_was_stored_is_restored_and_named_by_its_digest(
    engine: Engine, repository: Path, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        engine.snapshots(tmp_path / "nowhere")
    engine.prepare(repository)  # a second time changes nothing
    target = tmp_path / "restored"
    stored = engine.store(repository, folder, "configurations")
    assert (stored.files, stored.bytes) == (3, 256 * 4096 + len("hostname 核心\n".encode()))
    (listed,) = engine.snapshots(repository)
    assert (listed.id, listed.tree, listed.tags) == (stored.snapshot, stored.tree, ("configurations",))
    target.mkdir()
    assert engine.restore(repository, stored.snapshot, target).verdict is Verdict.PASS
    assert {name: seen.sha256 for name, seen in look(target).items()} == {
        name: seen.sha256 for name, seen in look(folder).items()
    }
    names = [path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file()]
    assert [s for name in names if (s := engine.snapshot_of_name(name))] == [stored.snapshot]
    promised = {name: engine.digest_of_name(name) for name in names if not engine.is_passing(name)}
    assert all(digest in (None, file_sha256(repository / name)) for name, digest in promised.items())
    assert sum(digest is None for digest in promised.values()) == 1  # config alone


def test_looking_leaves_no_trace(engine: Engine, repository: Path, folder: Path, tmp_path: Path) -> None:
    stored = engine.store(repository, folder, "set")
    before = {path: path.stat().st_mtime_ns for path in repository.rglob("*")}
    for path in repository.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o222)  # as a verifier's account would see it
    (tmp_path / "restored").mkdir()
    assert engine.check(repository, read_data=True).verdict is Verdict.PASS
    assert engine.restore(repository, stored.snapshot, tmp_path / "restored").verdict is Verdict.PASS
    assert engine.snapshots(repository)
    assert {path: path.stat().st_mtime_ns for path in repository.rglob("*")} == before
    for path in repository.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)


def test_damage_is_a_verdict_not_an_error(
    engine: Engine, repository: Path, folder: Path, tmp_path: Path
) -> None:
    stored = engine.store(repository, folder, "set")
    pack = max((p for p in (repository / "data").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    damaged = bytearray(pack.read_bytes())
    damaged[len(damaged) // 3] ^= 0x40
    pack.chmod(0o600)
    pack.write_bytes(damaged)
    said = engine.check(repository, read_data=True)
    assert said.verdict is Verdict.FAIL
    assert said.complaints
    shutil.rmtree(repository / "snapshots")
    (repository / "snapshots").mkdir()
    (tmp_path / "restored").mkdir()
    assert engine.restore(repository, stored.snapshot, tmp_path / "restored").verdict is not Verdict.PASS


def test_retention_keeps_the_newest_of_each_set(
    engine: Engine, repository: Path, folder: Path, tmp_path: Path
) -> None:
    for text in ("one", "two"):
        (folder / "empty").write_text(text)
        for tag in ("a", "b"):
            newest = engine.store(repository, folder, tag)
    assert engine.retain(repository, Keep(1, 0, 0)) == 2
    left = engine.snapshots(repository)
    assert sorted(snapshot.tags for snapshot in left) == [("a",), ("b",)]
    assert newest.snapshot in {snapshot.id for snapshot in left}
    assert engine.check(repository, read_data=True).verdict is Verdict.PASS
