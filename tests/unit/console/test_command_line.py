"""The command line: fast, bilingual, with exit statuses that scripts can trust."""

import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import click
import pytest

from console.commands.session import SESSION_VARIABLE
from console.main import COMMANDS, run
from console.problems import EXIT_STATUS, HTTP_STATUS
from kernel.edges.cli import Output
from kernel.errors import Conflict, ErrorCode, NotFound, NotPermitted, WeichengError
from kernel.i18n import set_language, translate

HEAVY = (
    "sqlalchemy",
    "flask",
    "netmiko",
    "pysnmp",
    "elasticsearch",
    "tantivy",
    "cryptography",
    "rich",
    "yaml",
    "pydantic",
)


def weicheng(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    command = [sys.executable, "-m", "console.main", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def test_help_costs_less_than_half_a_cpu_second() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert weicheng("--help").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 0.5


def test_help_loads_no_heavy_library() -> None:
    code = f"import sys; from console.main import run; run(['--help']); print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("environment", "arguments", "word"),
    [
        ({"LANG": "C.UTF-8"}, (), "证书"),
        ({"LANG": "en_GB.UTF-8"}, (), "Certificates"),
        ({"LANG": "en_GB.UTF-8", "WEICHENG_LANGUAGE": "zh_CN"}, (), "证书"),
        ({}, ("--lang", "en"), "Certificates"),
    ],
)
def test_help_speaks_the_users_language(
    environment: Mapping[str, str], arguments: tuple[str, ...], word: str
) -> None:
    assert word in weicheng(*arguments, "--help", **environment).stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_named_on_the_help_page_exists_and_helps(name: str) -> None:
    module, attribute, _text = COMMANDS[name]
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert run([name, "--help"]) == 0


def leaves(command: click.Command, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        return [leaf for name, sub in command.commands.items() for leaf in leaves(sub, (*path, name))]
    return [(path, command)]


def all_leaves() -> list[tuple[tuple[str, ...], click.Command]]:
    return [
        leaf
        for name, (module, attribute, _) in COMMANDS.items()
        for leaf in leaves(getattr(import_module(module), attribute), (name,))
    ]


def test_every_verb_and_option_explains_itself_in_both_languages() -> None:
    bare = [" ".join(path) for path, command in all_leaves() if not command.help]
    assert bare == []
    untranslated = []
    for path, command in all_leaves():
        texts = [command.help] + [p.help for p in command.params if isinstance(p, click.Option) and p.help]
        set_language("zh_CN")
        untranslated += [
            (*path, text)
            for text in texts
            if text and text.isascii() and translate(" ".join(text.split())).isascii()
        ]
    assert untranslated == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("x"), 4),
        (NotPermitted("x"), 5),
        (Conflict("x"), 6),
        (WeichengError(ErrorCode.PARTIAL, "x"), 3),
    ],
)
def test_exit_status_follows_the_error(
    error: WeichengError, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("console.commands.config.load_settings", fail)
    assert run(["config", "check"]) == status
    assert run(["--output", "json", "config", "check"]) == status
    assert json.loads(capsys.readouterr().err.splitlines()[-1])["code"] == str(error.code)


def test_every_error_code_has_both_statuses() -> None:
    assert set(HTTP_STATUS) == set(EXIT_STATUS) == set(ErrorCode)
    assert 0 not in EXIT_STATUS.values()


def test_wrong_usage_is_status_2() -> None:
    assert run(["config", "no-such-verb"]) == 2
    assert run(["--output", "xml", "config", "check"]) == 2


def test_an_internal_error_shows_no_detail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault() -> None:
        raise RuntimeError("password=hunter2")

    logged: list[Exception] = []
    monkeypatch.setattr("console.commands.config.load_settings", fault)
    monkeypatch.setattr("console.main._log_internal", logged.append)
    assert run(["config", "check"]) == 1
    assert "hunter2" not in capsys.readouterr().err
    assert isinstance(logged[0], RuntimeError)


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://localhost", True),
        ("http://pki.city.gov.cn", False),
        ("http://10.1.2.3:8080", False),
    ],
)
def test_config_check_tells_of_an_address_that_nobody_else_reaches(
    tmp_path: Path, url: str, warned: bool
) -> None:
    """Certificates bear it for as long as they live."""
    file = tmp_path / "weicheng.toml"
    file.write_text(f'[status]\npublic_url = "{url}"\n')
    done = weicheng("--lang", "en", "config", "check", WEICHENG_CONFIG=str(file))
    assert done.returncode == 0
    assert ("where nobody else reaches it" in done.stderr) is warned


@pytest.mark.parametrize(
    ("toml", "place"),
    [
        ("[web]\nport = 99999\n", "web.port"),
        ("[web]\nprot = 8443\n", "web.prot"),
        ("[retention]\nevents_days = 30\n", "retention.events_days"),
        ("language = 'fr'\n", "language"),
        ("= broken", "weicheng.toml"),
    ],
)
def test_config_check_names_the_wrong_place(tmp_path: Path, toml: str, place: str) -> None:
    file = tmp_path / "weicheng.toml"
    file.write_text(toml)
    done = weicheng("config", "check", WEICHENG_CONFIG=str(file))
    assert done.returncode == 1
    assert place in done.stderr


def test_config_never_shows_a_secret(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "signer__passphrase").write_text("open-sesame-2026")
    (tmp_path / "weicheng.toml").write_text("language = 'en'\n")
    done = weicheng("-o", "json", "config", "show", WEICHENG_CONFIG=str(tmp_path / "weicheng.toml"))
    assert done.returncode == 0
    assert "open-sesame" not in done.stdout + done.stderr
    assert json.loads(done.stdout)["signer"]["passphrase"] == "**********"


def test_a_stranger_can_do_nothing(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/w.sqlite"
    scene = {"WEICHENG_DATABASE_URL": database, "WEICHENG_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)}
    assert weicheng("db", "upgrade", **scene).returncode == 0
    for verb in (("account", "list"), ("audit", "verify"), ("job", "list")):
        done = weicheng(*verb, **scene)
        assert done.returncode == 5, done.stderr
        assert "weicheng login" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "没有命令 nonsense"),
        (["--nosuch"], "没有选项 --nosuch"),
        (["ca", "approve"], "缺少参数"),
        (["ca", "revoke", "01", "--reason", "x", "--code", "nosuch"], "的值有误"),
    ],
)
def test_a_mistyped_line_is_answered_in_chinese(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_language("zh_CN")
    assert run(arguments) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("错误：")
    assert told in shown


def test_a_path_that_cannot_be_written_is_named_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "missing" / "picture.svg"

    @click.command()
    def write() -> None:
        nowhere.write_text("x")

    monkeypatch.setattr("console.main.Root.get_command", lambda *_: write)
    set_language("zh_CN")
    assert run(["write"]) == EXIT_STATUS[ErrorCode.UNAVAILABLE]
    shown = capsys.readouterr().err
    assert shown.startswith(f"错误：{nowhere}: 无法读取或写入")
    assert "Traceback" not in shown


def test_a_table_shows_data_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Output().rows([{"action": "policies:package:export"}], ("action",))
    assert "policies:package:export" in capsys.readouterr().out


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql+psycopg://weicheng:sekret@127.0.0.1:1/none"
    signed_in = tmp_path / "session"
    signed_in.write_text("wcs_of_an_earlier_day", encoding="ascii")
    of_this_test = {"WEICHENG_DATABASE_URL": url, SESSION_VARIABLE: str(signed_in)}
    done = weicheng("--lang", "en", "assets", "list", **of_this_test)
    assert done.returncode == EXIT_STATUS[ErrorCode.UNAVAILABLE]
    assert done.stderr.startswith("Error: database_url: The database cannot be reached.")
    assert "Traceback" not in done.stderr + done.stdout
    assert "sekret" not in done.stderr + done.stdout
