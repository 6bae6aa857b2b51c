"""A DR administrator's whole day on the real application: back up, verify, find damage, restore the CA and ask it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, func, select, text

from backup.adapters.sources import PostgresSource
from backup.model import FindingKind, Level, RunState, Verdict
from ca.signer.keyfile import KeyFileSigner
from ca.signer.server import SignerServer
from console.commands.drill import ask_restored_ca
from console.compose.app import App
from console.compose.credential import signer_credential
from console.compose.tables import import_all_tables
from console.demo.backup import change_byte
from console.demo.backup import run as run_step
from console.demo.model import Demo
from console.demo.people import make_people
from console.demo.processes import Processes
from kernel.clock import SystemClock
from kernel.config import CONFIG_VARIABLE, load_settings
from kernel.i18n import speaking
from kernel.identity.model import Principal
from kernel.secrets import write_private
from kernel.store import Database, metadata
from netops.archive.git import GitArchive
from tests.support.hierarchy import one_ca

City = SimpleNamespace


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """An installation with a founded CA, device configurations, and the shipped plan run once."""
    folder = tmp_path_factory.mktemp("city")
    data = folder / "data"
    write_private(folder / "secrets" / "signer__passphrase", b"a pass-phrase of the drill")
    text = f'data_dir = "{data}"\n'
    write_private(folder / "weicheng.toml", text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CONFIG_VARIABLE, str(folder / "weicheng.toml"))
        patch.setenv("WEICHENG_SECRETS_DIR", str(folder / "secrets"))
        settings = load_settings()
        assert settings.signer.passphrase is not None
        signer = SignerServer(
            KeyFileSigner(settings.signer_keys, settings.signer.passphrase.get_secret_value()),
            settings.signer_socket,
            signer_credential(settings),
        )
        thread = threading.Thread(target=signer.run)
        thread.start()
        app = App(settings)
        try:
            yield City(folder=folder, settings=settings, **_prepared(app))
        finally:
            app.ca.issuance._signer.close()  # its idle connections would outlive the test
            app.floor.database.close()
            signer.stop()
            thread.join()


def _prepared(app: App) -> dict[str, object]:
    import_all_tables()
    app.floor.database.create_all()
    people = make_people(app.floor)
    plan = one_ca("卫城市大数据局", "卫城根 CA", "卫城签发 CA", "张敏")
    ceremony = app.ca.ceremonies.propose(people["officer"], plan)
    app.ca.ceremonies.perform(people["second_officer"], ceremony)
    data = app.settings.data_dir
    archive = GitArchive(data / "netops" / "archive.git")
    archive.put("core", "hostname core\n", author="t", source="t", at=app.clock.now())
    (data / "events" / "2026-11-23").mkdir(parents=True)
    (data / "events" / "2026-11-23" / "segment.idx").write_bytes(b"segment" * 1000)
    app.floor.blobs.put(b"a sealed configuration")
    result = app.backup.run(people["dr_admin"], "suite")
    return {"app": app, "people": people, "result": result}


@pytest.fixture
def dr(city: City) -> Principal:
    principal: Principal = city.people["dr_admin"]
    return principal


def test_the_shipped_plan_backs_everything_up_to_three_sites(city: City, dr: Principal) -> None:
    assert (city.result.run.state, city.result.run.error) == (RunState.REPLICATED, "")
    assert [one.source for one in city.result.sets] == [
        "suite-database",
        "ca-keys",
        "configurations",
        "events",
        "evidence",
    ]
    assert city.app.backup.plan_faults(dr) == []


def test_the_restored_ca_issues_a_certificate_that_openssl_verifies(city: City, dr: Principal) -> None:
    city.app.backup.verify(dr, "suite", "provincial")
    living = city.app.ca.counts()
    drill = city.app.backup.drill(dr, "suite", "provincial")
    assert (drill.verdict, drill.reached) == (Verdict.PASS, Level.V4), drill.findings
    assert [(result.name, result.ok) for result in drill.checks] == [
        ("ca", True),
        ("database", True),
        ("configurations", True),
    ]
    assert drill.rpo is not None
    assert 0 <= drill.rpo < 600
    assert drill.comparison["meets_plan"]
    assert not drill.comparison["proves_level"]
    assert city.app.ca.counts() == living  # the living CA issued nothing
    facts = drill.checks[0].facts
    for name in ("certificate", "chain"):
        (city.folder / f"{name}.pem").write_text(facts[name])
    root = next(one for one in city.app.ca.authorities() if one.parent is None)
    (city.folder / "root.der").write_bytes(root.certificate)
    convert = ["openssl", "x509", "-inform", "DER", "-in", "root.der", "-out", "root.pem"]
    subprocess.run(convert, cwd=city.folder, check=True)
    verify = ["openssl", "verify", "-CAfile", "root.pem", "-untrusted", "chain.pem", "certificate.pem"]
    subprocess.run(verify, cwd=city.folder, check=True, capture_output=True)


def test_nothing_of_a_drill_stays_behind(city: City, dr: Principal) -> None:
    city.app.backup.drill(dr, "suite", "provincial", ["database"])
    scratch = city.settings.data_dir / "backup" / "scratch"
    assert list(scratch.iterdir()) == []


def test_a_drill_fails_when_the_pass_phrase_does_not_open_the_keys(
    city: City, dr: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = city.folder / "other-secrets"
    write_private(other / "signer__passphrase", b"not the pass-phrase at all")
    monkeypatch.setenv("WEICHENG_SECRETS_DIR", str(other))
    with speaking("en"):
        drill = city.app.backup.drill(dr, "suite", "provincial", ["ca"])
    assert drill.verdict is Verdict.FAIL
    assert [(finding.kind, finding.file) for finding in drill.findings] == [(FindingKind.APPLICATION, "ca")]
    assert drill.findings[0].actual.startswith("ca-keys/signer.keys: ")
    assert "pass-phrase" in drill.findings[0].actual
    assert list((city.settings.data_dir / "backup" / "scratch").iterdir()) == []


def test_secrets_are_in_no_record(city: City, dr: Principal) -> None:
    password = (city.settings.data_dir / "secrets" / "backup-password").read_text()
    database = city.settings.data_dir / "weicheng.sqlite"
    dump = database.read_bytes() + database.with_name(database.name + "-wal").read_bytes()
    assert password.encode() not in dump
    assert b"a pass-phrase of the drill" not in dump
    assert (city.settings.data_dir / "secrets" / "backup-password").stat().st_mode & 0o077 == 0


def test_a_changed_byte_is_found_mended_and_the_drill_from_the_damaged_site_fails_before(
    city: City, dr: Principal
) -> None:
    repository = city.settings.data_dir / "backup" / "sites" / "remote" / "suite" / "repository"
    name = change_byte(repository)
    found = {one.site: one for one in city.app.backup.verify(dr, "suite")}
    assert {site: str(one.verdict) for site, one in found.items()} == {
        "same-city": "pass",
        "remote": "fail",
        "provincial": "pass",
    }
    named = [(f.kind, f.file) for f in found["remote"].findings if f.file]
    assert named == [(FindingKind.CHANGED, name)]
    drill = city.app.backup.drill(dr, "suite", "remote")
    assert drill.verdict is Verdict.FAIL
    mended, again = city.app.backup.mend(dr, "suite", "remote", reason="磁盘更换")
    assert (mended, again.verdict) == ([name], Verdict.PASS)
    assert city.app.backup.drill(dr, "suite", "remote").verdict is Verdict.PASS


def test_the_drill_command_says_no_without_a_ca(city: City, tmp_path: Path) -> None:
    (tmp_path / "database").mkdir()
    (tmp_path / "keys").mkdir()
    command = ["drill", "ca", "--database", str(tmp_path / "database"), "--keys", str(tmp_path / "keys")]
    done = subprocess.run([sys.executable, "-m", "console.main", *command], capture_output=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["ok"] is False


def test_the_step_of_the_main_job_finds_what_it_planted_and_nothing_else(city: City) -> None:
    said: list[str] = []
    result = run_step(
        Demo(city.app, city.folder, city.people, said.append, Processes(city.folder / "processes.json"))
    )
    assert (result.expected, result.found) == (["changed-byte"], ["changed-byte"])
    assert [check.name for check in result.checks if not check.ok] == []
    assert result.passed
    assert result.figures["drill"] == "V4 pass"
    assert result.figures["meets_plan"]
    assert said


@pytest.mark.postgres
def test_a_restored_postgresql_ca_issues_in_a_scratch_database_that_goes_away(
    city: City, postgres_url: str, tmp_path: Path
) -> None:
    """The suite on PostgreSQL: its dump is restored beside, asked for a certificate, and removed."""
    clock = SystemClock()
    _copy_rows(city.app.floor.database, postgres_url)
    (tmp_path / "dump").mkdir()
    with PostgresSource(postgres_url, clock).open(tmp_path / "dump") as opened:
        facts = ask_restored_ca(
            opened.folder,
            _key_copy(city, tmp_path / "keys"),
            "a pass-phrase of the drill",
            clock,
            postgres_url,
        )
    assert facts["authorities"] == 2
    assert "BEGIN CERTIFICATE" in facts["certificate"]
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        names = connection.execute(text("SELECT datname FROM pg_database")).scalars().all()
    engine.dispose()
    assert not [name for name in names if name.startswith("weicheng_drill")]


def _copy_rows(source: Database, url: str) -> None:
    """Put the city's rows into an empty PostgreSQL."""
    target = Database(url, SystemClock())
    target.create_all()
    with source.read() as reading, target.engine.begin() as writing:
        for table in metadata.sorted_tables:
            rows = [dict(row._mapping) for row in reading.execute(table.select())]
            if rows:
                writing.execute(table.insert(), rows)
    _advance_sequences(target)
    target.close()


def _advance_sequences(target: Database) -> None:
    find = "SELECT pg_get_serial_sequence(:name, :column)"
    with target.engine.begin() as connection:
        for table in metadata.sorted_tables:
            column = table.autoincrement_column
            if column is None:
                continue
            sequence = connection.execute(text(find), {"name": table.name, "column": column.name}).scalar()
            highest = connection.execute(select(func.max(column))).scalar()
            if sequence and highest:
                connection.execute(text("SELECT setval(:s, :h)"), {"s": sequence, "h": highest})


def _key_copy(city: City, folder: Path) -> Path:
    write_private(folder / "signer.keys", city.settings.signer_keys.read_bytes())
    return folder
