"""Files with secrets: private, whole or not at all, and made once even by processes that start together."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kernel.clock import SystemClock
from kernel.errors import Unavailable
from kernel.secrets import SecretBox, make_private_once, write_private
from kernel.store import Database


def test_only_the_owner_can_read_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "key"
    write_private(path, b"secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["key"]


def test_what_is_there_stays(tmp_path: Path) -> None:
    assert make_private_once(tmp_path / "key", b"first") == b"first"
    assert make_private_once(tmp_path / "key", b"second") == b"first"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_processes_that_start_together_end_up_with_one_key(tmp_path: Path) -> None:
    code = (
        "import secrets, sys; from pathlib import Path; from kernel.secrets import make_private_once\n"
        "sys.stdin.readline(); print(make_private_once(Path(sys.argv[1]), secrets.token_bytes(32)).hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "key")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = {process.communicate()[0].strip() for process in started}
    assert answers == {(tmp_path / "key").read_bytes().hex()}


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    SecretBox(tmp_path / "box.key")
    (tmp_path / "box.key").chmod(0o644)
    with pytest.raises(Unavailable, match="chmod 600"):
        SecretBox(tmp_path / "box.key")


def test_nobody_else_reads_the_database_or_what_lies_beside_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'data' / 'weicheng.sqlite'}", SystemClock())
    database.create_all()
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    files = list((tmp_path / "data").iterdir())
    assert len(files) >= 2  # the write-ahead log holds rows too
    assert [file.name for file in files if stat.S_IMODE(file.stat().st_mode) != 0o600] == []
    database.close()
