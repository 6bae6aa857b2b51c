"""Home, health and problem pages: for each role what it may see, in both languages."""

import re
from collections.abc import Callable
from html import escape, unescape

import click
import pytest
from werkzeug.exceptions import MethodNotAllowed

from console.main import root
from console.problems import HTTP_STATUS
from console.web.labels import ROLE_NAMES
from console.web.tasks import TASKS
from kernel.errors import ErrorCode, Unavailable, WeichengError
from kernel.i18n import translate
from kernel.identity.model import Principal, Role
from kernel.identity.permissions import Permission, permissions_of
from kernel.jobs.model import JobRequest
from kernel.jobs.queue import JobContext
from tests.unit.console.conftest import Browser, Console

SignedIn = Callable[[Role], Browser]


@pytest.mark.parametrize("role", list(Role))
def test_home_greets_each_role_in_chinese_and_says_what_to_do(signed_in: SignedIn, role: Role) -> None:
    browser = signed_in(role)
    text = browser.get("/").text
    assert f"您好,{browser.console.accounts[role].user.name}" in text.replace("，", ",")
    assert translate(ROLE_NAMES[role], "zh_CN") in text
    assert all(f'href="{escape(task.page)}"' in text and task.command in text for task in TASKS[role])
    assert 'lang="zh-Hans-CN"' in text


@pytest.mark.parametrize("role", list(Role))
def test_home_shows_no_figure_beyond_the_roles_permissions(signed_in: SignedIn, role: Role) -> None:
    labels = {label for label, _url, _number in tiles(signed_in(role).get("/").text)}
    held = permissions_of(frozenset({role}))
    for label, needed in {
        "审计记录": Permission.AUDIT_READ,
        "锁定账号": Permission.IDENTITY_READ,
        "失败的后台任务": Permission.JOB_READ,
        "新告警": Permission.SIEM_ALERT_READ,
        "配置问题": Permission.NETOPS_FINDING_READ,
        "未通过验证的副本": Permission.BACKUP_READ,
        "30 天内到期证书": Permission.CA_READ,
    }.items():
        assert (label in labels) == (needed in held), label


@pytest.mark.parametrize("role", list(Role))
def test_every_figure_leads_to_the_list_of_what_it_counts(signed_in: SignedIn, role: Role) -> None:
    browser = signed_in(role)
    for label, url, number in tiles(browser.get("/").text):
        assert number.isdigit(), label  # every room could tell its figure
        answer = browser.get(unescape(url))
        assert answer.status_code == 200, (label, url)
        assert f"共 {number} 条" in answer.text or number == "0", label


@pytest.mark.parametrize("role", list(Role))
def test_every_task_leads_to_a_page_of_the_role_and_names_a_command(signed_in: SignedIn, role: Role) -> None:
    browser = signed_in(role)
    for task in TASKS[role]:
        assert browser.get(task.page).status_code == 200, task.page
        command: click.Command = root
        for word in task.command.split()[1:]:
            assert isinstance(command, click.Group)
            found = command.get_command(click.Context(command), word)
            assert found is not None, task.command
            command = found
        assert not isinstance(command, click.Group), task.command


def tiles(text: str) -> list[tuple[str, str, str]]:
    """Label, address and number of each figure of the home page."""
    pattern = (
        r'<a class="card tile[^"]*" href="([^"]+)">\s*<span[^>]*>([^<]+)</span>\s*<span[^>]*>([^<]+)</span>'
    )
    return [(label, url, number) for url, label, number in re.findall(pattern, text)]


def test_a_number_above_nought_asks_for_attention(signed_in: SignedIn) -> None:
    browser = signed_in(Role.NETWORK_ADMINISTRATOR)
    assert "需要关注" not in browser.get("/").text
    jobs = browser.console.app.jobs
    jobs.enqueue(Principal.system("test"), JobRequest("breaks", max_attempts=1))

    def broken(_context: JobContext) -> None:
        raise Unavailable("The database does not answer.")

    jobs.register({"breaks": broken})
    assert jobs.run_next("test")
    text = browser.get("/").text
    assert "1" in [number for label, _url, number in tiles(text) if label == "失败的后台任务"]
    assert "需要关注" in text


def test_what_waits_for_a_person_comes_first(signed_in: SignedIn) -> None:
    browser = signed_in(Role.SOC_ANALYST)
    assert "暂无待办事项" in browser.get("/").text
    user = browser.console.accounts[Role.SOC_ANALYST].user
    me = Principal(user.id, user.name, frozenset({Role.SOC_ANALYST}), user.unit, "password")
    browser.console.app.jobs.enqueue(me, JobRequest("siem.detect"))
    text = browser.get("/").text
    assert text.index("您的后台任务") < text.index("当前概况")
    assert "暂无待办事项" not in text


def test_a_figure_whose_service_fails_says_so_and_hides_no_other(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = signed_in(Role.NETWORK_ADMINISTRATOR)

    def away(*_arguments: object, **_named: object) -> None:
        raise Unavailable("The database does not answer.")

    monkeypatch.setattr(type(browser.console.app.jobs), "page", away)
    answer = browser.get("/")
    assert answer.status_code == 200
    assert "数据库没有响应" in answer.text
    assert ("配置问题", "0") in [(label, number) for label, _url, number in tiles(answer.text)]


def test_the_language_switches_and_stays(signed_in: SignedIn) -> None:
    browser = signed_in(Role.AUDITOR)
    switched = browser.post("/preferences", None, language="en", next="/")
    assert (switched.status_code, switched.location) == (303, "/")
    text = browser.get("/").text
    assert 'lang="en"' in text
    assert "What to do next" in text
    assert "Security auditor" in text
    assert "您好" not in text


def test_the_colours_switch_and_stay(signed_in: SignedIn) -> None:
    browser = signed_in(Role.AUDITOR)
    assert 'data-theme="auto"' in browser.get("/").text
    browser.post("/preferences", None, theme="dark", next="/")
    assert 'data-bs-theme="dark"' in browser.get("/").text


@pytest.mark.parametrize("fields", [{"theme": '"><script>'}, {"language": "../../etc"}, {"other": "x"}])
def test_a_choice_that_is_none_changes_nothing(console: Console, fields: dict[str, str]) -> None:
    browser = console.browser()
    answer = browser.post("/preferences", None, **fields)
    assert answer.status_code == 303
    assert not [c for c in answer.headers.getlist("Set-Cookie") if "language" in c or "theme" in c]


@pytest.mark.parametrize("role", list(Role))
def test_health_is_for_those_who_may_see_it(signed_in: SignedIn, role: Role) -> None:
    browser = signed_in(role)
    may = Permission.HEALTH_READ in permissions_of(frozenset({role}))
    answer = browser.get("/health")
    assert answer.status_code == (200 if may else 403)
    assert ('href="/health"' in browser.get("/").text) == may
    if not may:
        assert "有权的角色" in answer.text


def test_health_names_each_part_that_does_not_work_and_the_mend(signed_in: SignedIn) -> None:
    text = signed_in(Role.SYSTEM_ADMINISTRATOR).get("/health").text
    for name in ("数据库", "事件库", "磁盘", "后台任务进程", "日志接收进程", "证书状态服务", "签名机"):
        assert name in text
    assert "weicheng serve worker" in text  # nothing is started in this test
    assert "正常" in text  # the database is there
    assert "异常" in text


def test_probes_answer_programs(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = console.browser()
    assert browser.get("/healthz").json == {"status": "ok"}
    assert browser.get("/readyz").json == {"status": "ok"}
    console.app.floor.database.close()
    (console.app.settings.data_dir / "weicheng.sqlite").unlink()
    answer = browser.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "unavailable"})
    assert browser.get("/healthz").status_code == 200


def test_an_address_that_is_not_there(console: Console) -> None:
    answer = console.browser().get("/nowhere")
    assert answer.status_code == 404
    assert "没有这个页面" in answer.text


@pytest.mark.parametrize("code", list(ErrorCode))
def test_an_error_of_a_service_is_a_page_with_its_mend(console: Console, code: ErrorCode) -> None:
    @console.flask.get("/raises")
    def raises() -> str:
        raise WeichengError(code, "Unit %(unit)s is <wrong>.", mend="Mend it.", unit="secret-unit")

    raises.__dict__["public"] = True
    answer = console.browser().get("/raises")
    assert answer.status_code == HTTP_STATUS[code]
    assert ("secret-unit" in answer.text) == (code is not ErrorCode.INTERNAL)
    assert "<wrong>" not in answer.text


def test_an_unforeseen_error_shows_its_number_and_nothing_of_its_inside(
    console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    @console.flask.get("/breaks")
    def breaks() -> str:
        raise KeyError("internal detail")

    breaks.__dict__["public"] = True
    answer = console.browser().get("/breaks")
    assert answer.status_code == 500
    assert "internal detail" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


def test_a_wrong_method_is_a_page_too(console: Console) -> None:
    answer = console.browser().get("/sign-out")
    assert answer.status_code == MethodNotAllowed.code
    assert "<!doctype html>" in answer.text


def test_a_form_that_is_too_large_is_refused(console: Console) -> None:
    browser = console.browser()
    assert browser.post("/sign-in", None, login="x" * (2**20 + 1)).status_code == 413
