"""The audit trail, jobs and evidence on the command line: narrowed, page by page, and told how to go on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from console.commands import audit, job
from kernel.audit.chain import chain_hash
from kernel.edges.cli import Output
from kernel.errors import Invalid
from kernel.evidence import cli as evidence
from kernel.evidence.model import EvidenceKind
from kernel.identity.model import Role
from kernel.identity.passwords import totp_code
from kernel.jobs.model import JobRequest
from kernel.jobs.queue import JobContext
from tests.unit.console.conftest import Console

Ask = Callable[..., Any]


@pytest.fixture
def ask(console: Console, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command as somebody of a role; what it wrote, from JSON."""
    app = console.app
    app.out = Output("json")

    def run(role: Role, commands: click.Group, *arguments: str) -> Any:
        console.clock.advance(seconds=30)
        account = console.accounts[role]
        code = totp_code(account.totp_secret, console.clock.now().timestamp())
        entered = app.floor.sign_in.with_password(account.user.login, account.password, code)
        app.__dict__["person"] = entered.principal
        commands.main(list(arguments), obj=app, standalone_mode=False)
        written = capsys.readouterr()
        run.__dict__["told"] = written.err
        return json.loads(written.out) if written.out else None

    return run


def test_the_trail_is_narrowed_and_paged(ask: Ask) -> None:
    granted = ask(Role.AUDITOR, audit.commands, "find", "--action", "identity:role:grant", "--limit", "2")
    assert {record["action"] for record in granted} == {"identity:role:grant"}
    after = ask.__dict__["told"].split("--after ")[1].split()[0]
    rest = ask(Role.AUDITOR, audit.commands, "find", "--action", "identity:role:grant", "--after", after)
    assert max(record["seq"] for record in rest) < min(record["seq"] for record in granted)
    assert "--after" not in ask.__dict__["told"]
    (made,) = ask(Role.AUDITOR, audit.commands, "find", "--target", "u_county")
    assert made["hash"]


def test_the_trail_is_written_to_a_file(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    ask(Role.AUDITOR, audit.commands, "export", str(file))
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert f" {len(lines)} " in f" {ask.__dict__['told']} "
    assert all(chain_hash(line["previous"], line["body"]) == line["hash"] for line in lines)


def test_a_failed_job_is_shown_with_its_log_and_done_again(ask: Ask, console: Console) -> None:
    def fail(context: JobContext) -> None:
        context.progress(1, 2, "half")
        raise Invalid("the disk is full")

    queue = console.app.jobs
    queue.register({"test.fail": fail})
    assert ask(Role.NETWORK_ADMINISTRATOR, job.commands, "list") == []
    me = console.app.principal
    failed = queue.enqueue(me, JobRequest("test.fail", max_attempts=1))
    queue.run_next("w")
    (shown,) = ask(Role.NETWORK_ADMINISTRATOR, job.commands, "list", "--state", "failed", "--find", "test")
    assert (shown["id"], shown["asker"]) == (failed, me.name)
    assert "lease_token" not in shown
    log = ask(Role.NETWORK_ADMINISTRATOR, job.commands, "log", failed)
    assert [line["kind"] for line in log] == ["started", "progress", "failed"]
    ask(Role.NETWORK_ADMINISTRATOR, job.commands, "retry", failed, "--reason", "mended")
    (again,) = ask(Role.NETWORK_ADMINISTRATOR, job.commands, "list", "--state", "queued")
    ask(Role.NETWORK_ADMINISTRATOR, job.commands, "cancel", again["id"], "--reason", "not needed")
    assert ask(Role.NETWORK_ADMINISTRATOR, job.commands, "show", again["id"])["state"] == "cancelled"


def test_evidence_is_narrowed(ask: Ask, console: Console) -> None:
    for subject in ("nw-core", "nw-edge"):
        with console.app.floor.database.begin() as uow:
            console.app.evidence.record(
                uow, kind=EvidenceKind.CONFIG_CHECKED, subject=subject, source="test", summary={}
            )
    found = ask(Role.ASSESSOR, evidence.commands, "list", "--subject", "nw-core", "--state", "waiting")
    assert [(one["subject"], one["sealed"]) for one in found] == [("nw-core", False)]
    assert ask(Role.ASSESSOR, evidence.commands, "list", "--state", "sealed") == []
