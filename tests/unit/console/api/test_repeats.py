"""``Idempotency-Key``: what is sent twice is done once, also across a crash, and secrets are not kept in clear."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from console.exchange.idempotency import Answer, Idempotency, answers
from kernel.canonical import sha256_hex
from kernel.clock import FixedClock
from kernel.errors import Conflict, Invalid
from kernel.identity.model import Principal, Role
from kernel.secrets import SecretBox
from kernel.store import Database
from tests.unit.console.api.conftest import NOTES, Desk, Program

Write = Callable[[str], dict[str, Any]]
KEY = "5d0e0f3c-8c0a-4e0b-9a6b-0f6f2f4f9d10"


def test_the_same_request_again_gets_the_same_answer_and_is_done_once(admin: Program, desk: Desk) -> None:
    first, again = (admin.post(NOTES, {"title": "keys"}, Idempotency_Key=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    for name in ("Location", "ETag", "Content-Type"):
        assert again.headers[name] == first.headers[name]
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert desk.notes.count() == 1


def test_a_key_belongs_to_one_request(admin: Program, desk: Desk) -> None:
    admin.post(NOTES, {"title": "keys"}, Idempotency_Key=KEY)
    for path, body in ((NOTES, {"title": "locks"}), (f"{NOTES}/seal", {"title": "keys"})):
        refused = admin.post(path, body, Idempotency_Key=KEY)
        assert (refused.status_code, refused.get_json()["place"]) == (422, "Idempotency-Key")
    assert desk.notes.count() == 1


def test_a_key_belongs_to_one_token(admin: Program, desk: Desk) -> None:
    other = desk.program(Role.NETWORK_ADMINISTRATOR)
    ids = {p.post(NOTES, {"title": "keys"}, Idempotency_Key=KEY).get_json()["id"] for p in (admin, other)}
    assert len(ids) == 2


def test_a_refused_request_leaves_its_key_free(admin: Program, write: Write) -> None:
    assert admin.post(NOTES, {"title": ""}, Idempotency_Key=KEY).status_code == 422
    assert admin.post(NOTES, {"title": "keys"}, Idempotency_Key=KEY).status_code == 201
    path = f"{NOTES}/{write('locks')['id']}/close"
    assert admin.post(path, {"reason": "x"}, Idempotency_Key="2", If_Match='"other"').status_code == 412
    assert admin.post(path, {"reason": "x"}, Idempotency_Key="2").status_code == 200


def test_a_key_of_the_wrong_form_is_refused(admin: Program, desk: Desk) -> None:
    for key in ("", "x" * 201, "a b", "schl\xfcssel"):
        assert admin.post(NOTES, {"title": "keys"}, Idempotency_Key=key).status_code == 422, key
    assert desk.notes.count() == 0


def test_many_are_done_once(admin: Program, write: Write) -> None:
    body = {"ids": [write("a")["id"], "nte_0"], "reason": "done"}
    first, again = (admin.post(f"{NOTES}/close", body, Idempotency_Key=KEY) for _ in range(2))
    assert [item["status"] for item in first.get_json()["items"]] == [200, 404]
    assert again.data == first.data


def test_after_a_fault_inside_nobody_does_it_again_unasked(admin: Program, write: Write) -> None:
    path = f"{NOTES}/{write('keys')['id']}/close"
    assert admin.post(path, {"reason": "burst"}, Idempotency_Key=KEY).status_code == 500
    assert admin.post(path, {"reason": "burst"}, Idempotency_Key=KEY).status_code == 409


def test_secrets_in_kept_answers_are_sealed(admin: Program, desk: Desk) -> None:
    made = admin.post(f"{NOTES}/seal", {"title": "keys"}, Idempotency_Key=KEY)
    assert "secret of keys" in made.text
    with desk.console.app.floor.database.read() as connection:
        rows = connection.execute(select(answers)).all()
    assert len(rows) == 1
    assert "secret of keys" not in repr(rows)
    assert KEY not in repr(rows)
    data = desk.console.app.settings.data_dir
    assert not any(b"secret of keys" in file.read_bytes() for file in data.glob("*.sqlite*"))


def test_no_guess_at_a_password_in_a_request_can_be_tried_on_what_is_kept(admin: Program, desk: Desk) -> None:
    admin.post(NOTES, {"title": "Sommer-2026"}, Idempotency_Key="1")
    with desk.console.app.floor.database.read() as connection:
        kept = connection.execute(select(answers.c.digest)).scalar_one()
    body = json.dumps({"title": "Sommer-2026"}).encode()
    asked = sha256_hex(f"{NOTES}?".encode() + b"\0" + body)  # all of it is known but the password
    assert kept not in (asked, sha256_hex(asked.encode()))


def test_who_may_no_longer_do_it_gets_no_kept_answer(admin: Program, desk: Desk) -> None:
    assert "secret of" in admin.post(f"{NOTES}/seal", {"title": "keys"}, Idempotency_Key=KEY).text
    floor = desk.console.app.floor
    login = desk.console.accounts[Role.NETWORK_ADMINISTRATOR].user.login
    floor.identity.grant_roles(desk.principal(Role.SECURITY_OFFICER), login, [Role.SOC_ANALYST])
    refused = admin.post(f"{NOTES}/seal", {"title": "keys"}, Idempotency_Key=KEY)
    assert refused.status_code == 403
    assert "secret of" not in refused.text


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.unit.console.api import notes
from tests.unit.console.api.conftest import NOTES, Program
from console.api.app import create_api
from console.compose.app import App
from kernel.config import Settings

def written_then_killed(self, principal, title):
    note = write(self, principal, title)
    os.kill(os.getpid(), signal.SIGKILL)

write = notes.Notes.write
notes.Notes.write = written_then_killed
app = App(Settings(data_dir=Path(sys.argv[1])))
Program(create_api(app, {"desk.notes": notes.RESOURCE}), sys.argv[2]).post(
    NOTES, {"title": "keys"}, Idempotency_Key=sys.argv[3]
)
"""


def test_what_a_killed_process_had_done_is_not_done_again(desk: Desk) -> None:
    """kill -9 between the act and the answer."""
    desk.console.clock.advance(seconds=(datetime.now(UTC) - desk.console.clock.now()).total_seconds())
    program = desk.program(Role.NETWORK_ADMINISTRATOR)
    arguments = [str(desk.console.app.settings.data_dir), program.token, KEY]
    command = [sys.executable, "-c", KILLED, *arguments]
    died = subprocess.run(command, capture_output=True, check=False, cwd=Path(__file__).parents[4])
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert desk.notes.count() == 1
    refused = program.post(NOTES, {"title": "keys"}, Idempotency_Key=KEY)
    assert (refused.status_code, desk.notes.count()) == (409, 1)
    assert "use a new key" in refused.get_json()["mend"]


@pytest.fixture
def kept(any_database: Database, clock: FixedClock, tmp_path: Path) -> Idempotency:
    return Idempotency(any_database, clock, SecretBox(tmp_path / "box.key"))


def test_while_the_first_runs_or_after_it_was_killed_a_second_is_told_so(
    kept: Idempotency, sysadmin: Principal
) -> None:
    assert kept.begin(sysadmin, KEY, "d") is None
    with pytest.raises(Conflict, match="still running, or was interrupted"):
        kept.begin(sysadmin, KEY, "d")
    answer = Answer(201, {"Location": "/x"}, b'{"\xe5\x8d\xab": 1}')
    kept.finish(sysadmin, KEY, answer)
    assert kept.begin(sysadmin, KEY, "d") == answer
    with pytest.raises(Invalid):
        kept.begin(sysadmin, KEY, "other")


def test_of_two_at_the_same_moment_one_acts(kept: Idempotency, sysadmin: Principal) -> None:
    def begun(_n: int) -> str:
        try:
            return "acts" if kept.begin(sysadmin, KEY, "d") is None else "answered"
        except Conflict:
            return "waits"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(begun, range(8))) == ["acts", *["waits"] * 7]


def test_keys_of_different_people_are_different_keys(
    kept: Idempotency, sysadmin: Principal, officer: Principal
) -> None:
    assert kept.begin(sysadmin, KEY, "d") is None
    assert kept.begin(officer, KEY, "d") is None


def test_a_day_later_a_key_is_free_and_nothing_is_left_of_it(
    kept: Idempotency, any_database: Database, clock: FixedClock, sysadmin: Principal
) -> None:
    kept.begin(sysadmin, KEY, "d")
    kept.finish(sysadmin, KEY, Answer(200, {}, b"{}"))
    clock.advance(seconds=24 * 3600 + 1)
    assert kept.begin(sysadmin, "another", "d") is None
    with any_database.read() as connection:
        assert connection.execute(select(answers.c.begun_at)).scalars().all() == [clock.now()]
    assert kept.begin(sysadmin, KEY, "d") is None


def test_an_answer_that_was_changed_in_the_store_is_not_given(
    kept: Idempotency, any_database: Database, sysadmin: Principal
) -> None:
    for key in (KEY, "other"):
        kept.begin(sysadmin, key, "d")
        kept.finish(sysadmin, key, Answer(200, {}, json.dumps(key).encode()))
    with any_database.begin() as uow:
        one = uow.execute(select(answers.c.sealed)).scalars().first()
        uow.execute(update(answers).values(sealed=one))
    with pytest.raises(Exception, match="can not be opened"):
        for key in (KEY, "other"):
            kept.begin(sysadmin, key, "d")
