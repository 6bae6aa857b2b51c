"""People in the browser: accounts, units, sessions, tokens and approvals, as each of them meets these pages."""

import re
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from console.resources import resources
from console.resources.identity_access import OBJECTS
from console.resources.permission_names import PERMISSION_NAMES
from console.web.security import BACKGROUND, COOKIE
from kernel.identity.model import Principal, Role
from kernel.identity.passwords import totp_code
from kernel.identity.permissions import APPROVING, Permission
from tests.unit.console.conftest import Browser, Console

SignedIn = Callable[[Role], Browser]
OWN = "Wan-li-chang-cheng-2026"


def send(browser: Browser, path: str, **fields: str) -> TestResponse:
    """Open the form at ``path`` and send it back with its hidden fields."""
    page = browser.get(path).text
    form = page[page.index('id="verb"') :]
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    token = hidden.pop("csrf_token")
    return browser.post(path, token, **{**hidden, **fields})


def principal_of(browser: Browser) -> Principal:
    cookie = browser.client.get_cookie(COOKIE, "127.0.0.1")
    assert cookie is not None
    return browser.console.app.floor.sign_in.principal(cookie.value)


def secret(page: str, form: str) -> str:
    found = re.search(form, page)
    assert found is not None
    return found[0].replace("&amp;", "&")


# --- accounts
def test_a_new_colleague_from_account_to_work(signed_in: SignedIn) -> None:
    administrator, officer = signed_in(Role.SYSTEM_ADMINISTRATOR), signed_in(Role.SECURITY_OFFICER)
    console = administrator.console
    made = send(administrator, "/identity/accounts/-/add", login="sun.li", name="孙丽", unit="u_county")
    assert made.status_code == 200
    assert "仅显示这一次" in made.text
    uri = secret(made.text, r"otpauth://[^<\"]+")
    password = re.findall(r'<code class="mono whole">([^<]+)</code>', made.text)[0]
    granted = send(
        officer, "/identity/accounts/sun.li/grant", roles="registrar", reason="临江县新任注册审核员"
    )
    assert granted.status_code == 303
    assert "注册审核员" in officer.get("/identity/accounts/sun.li").text
    browser = console.browser()
    fields = {"login": "sun.li", "password": password, "code": code_of(uri, console)}
    assert browser.post("/sign-in", None, **fields).status_code == 303
    assert browser.get("/").location == "/me/password"
    assert browser.get("/ca/requests").location == "/me/password"
    assert browser.post("/identity/tokens/-/create").status_code == 403
    changed = browser.post("/me/password", None, old=password, new=OWN, again=OWN)
    assert (changed.status_code, changed.location) == (303, "/")
    assert "孙丽" in browser.get("/").text


def code_of(uri: str, console: Console) -> str:
    found = re.search(r"secret=([A-Z2-7]+)", uri)
    assert found is not None
    return totp_code(found[1], console.clock.now().timestamp())


def test_the_first_password_page_says_what_is_wrong_and_repeats_no_secret(console: Console) -> None:
    browser = console.browser()
    browser.sign_in(Role.AUDITOR)
    account = console.accounts[Role.AUDITOR]
    attempts = [
        (account.password, OWN, "other"),
        ("wrong", OWN, OWN),
        (account.password, "tiny1!A", "tiny1!A"),
    ]
    for old, new, again in attempts:
        answer = browser.post("/me/password", None, old=old, new=new, again=again)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
        assert new not in answer.text
        assert old not in answer.text


def test_an_account_is_disabled_with_a_reason_and_its_browser_is_out(signed_in: SignedIn) -> None:
    victim, administrator = signed_in(Role.SOC_ANALYST), signed_in(Role.SYSTEM_ADMINISTRATOR)
    login = victim.console.accounts[Role.SOC_ANALYST].user.login
    path = f"/identity/accounts/{login}/disable"
    assert "将结束的会话：" in administrator.get(path).text
    assert send(administrator, path).status_code == 422
    assert send(administrator, path, reason="调离").status_code == 303
    assert victim.get("/").status_code == 303
    assert "已停用" in administrator.get(f"/identity/accounts/{login}").text


def test_accounts_are_filtered_by_role_and_state(signed_in: SignedIn) -> None:
    browser = signed_in(Role.SYSTEM_ADMINISTRATOR)
    text = browser.get("/identity/accounts?filter[role]=auditor").text
    console = browser.console
    assert console.accounts[Role.AUDITOR].user.name in text
    assert console.accounts[Role.SOC_ANALYST].user.name not in text
    assert "li.na" not in browser.get("/identity/accounts?filter[state]=locked").text


@pytest.mark.parametrize("role", list(Role))
def test_who_may_not_see_accounts_sees_none(signed_in: SignedIn, role: Role) -> None:
    may = role in (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_OFFICER)
    browser = signed_in(role)
    for path in ("/identity/accounts", "/identity/units"):
        assert browser.get(path).status_code == (200 if may else 403)
    for path in ("/identity/sessions", "/identity/tokens", "/identity/approvals", "/me"):
        assert browser.get(path).status_code == 200


# --- sessions
def test_everybody_sees_and_ends_their_own_sessions_only(signed_in: SignedIn) -> None:
    mine, other = signed_in(Role.AUDITOR), signed_in(Role.SOC_ANALYST)
    mine.console.clock.advance(seconds=31)
    assert mine.console.browser().sign_in(Role.AUDITOR).status_code == 303
    text = mine.get("/identity/sessions").text
    assert "127.0.0.9" in text
    assert mine.console.accounts[Role.SOC_ANALYST].user.name not in text
    theirs = principal_of(other).via
    assert mine.get(f"/identity/sessions/{theirs}").status_code == 404
    assert send(mine, f"/identity/sessions/{principal_of(mine).via}/end", reason="换座位").status_code == 303
    assert mine.get("/").location == "/sign-in"
    assert other.get("/").status_code == 200


def test_the_administrator_ends_a_session_of_the_units(signed_in: SignedIn) -> None:
    other, administrator = signed_in(Role.SOC_ANALYST), signed_in(Role.SYSTEM_ADMINISTRATOR)
    path = f"/identity/sessions/{principal_of(other).via}/end"
    assert send(administrator, path, reason="离开工位未退出").status_code == 303
    assert other.get("/").status_code == 303


def test_pages_know_when_the_session_ends_and_what_they_ask_by_themselves_keeps_it_not(
    signed_in: SignedIn,
) -> None:
    browser = signed_in(Role.AUDITOR)

    def left() -> int:
        found = re.search(r'data-idle="(\d+)"', browser.get("/me", **{BACKGROUND: "true"}).text)
        assert found is not None
        return int(found[1])

    assert left() == 15 * 60
    browser.console.clock.advance(minutes=10)
    assert left() == 5 * 60
    assert browser.get("/stay").status_code == 200
    assert left() == 15 * 60
    browser.console.clock.advance(minutes=16)
    assert browser.get("/me", **{BACKGROUND: "true"}).status_code == 303


def test_after_signing_out_the_browser_is_told_to_forget_its_pages(signed_in: SignedIn) -> None:
    browser = signed_in(Role.AUDITOR)
    assert browser.get("/me").headers["Cache-Control"] == "no-store"
    assert browser.post("/sign-out").headers["Clear-Site-Data"] == '"cache"'


# --- tokens
def test_a_token_is_shown_once_works_and_is_revoked(signed_in: SignedIn) -> None:
    browser = signed_in(Role.NETWORK_ADMINISTRATOR)
    path = "/identity/tokens/-/create"
    assert "查看资产登记" in browser.get(path).text
    made = send(browser, path, name="夜间报表", scope="assets:asset:read", unit="u_city", days="30")
    raw = secret(made.text, r"wct_[A-Za-z0-9_-]{43}")
    assert raw not in browser.get("/identity/tokens").text
    tokens = browser.console.app.floor.tokens
    program = tokens.principal(raw)
    assert browser.console.app.floor.access.permissions(program) == {Permission.ASSET_READ}
    assert send(browser, f"/identity/tokens/{program.via}/revoke", reason="不再使用").status_code == 303
    assert "已吊销" in browser.get(f"/identity/tokens/{program.via}").text


@pytest.mark.parametrize("role", list(Role))
def test_a_form_offers_no_token_more_than_the_person_holds_and_nothing_that_approves(
    signed_in: SignedIn, role: Role
) -> None:
    browser = signed_in(role)
    offered = set(re.findall(r'name="scope" value="([^"]+)"', browser.get("/identity/tokens/-/create").text))
    held = browser.console.app.floor.access.permissions(principal_of(browser))
    assert offered == {str(one) for one in held - APPROVING}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"scope": "identity:role:grant"}, 422),  # nobody's token approves
        ({"scope": "audit:record:read"}, 403),
        ({"scope": "no:such:thing"}, 422),
        ({"days": "0"}, 422),
        ({"days": "367"}, 422),
        ({"unit": "u_elsewhere"}, 403),
        ({"name": ""}, 422),
        ({"name": "名" * 101}, 422),
    ],
)
def test_a_wrong_wish_for_a_token_is_refused(
    signed_in: SignedIn, fields: dict[str, str], status: int
) -> None:
    browser = signed_in(Role.SECURITY_OFFICER)
    good = {"name": "x", "scope": "evidence:record:read", "unit": "u_city", "days": "30"}
    assert send(browser, "/identity/tokens/-/create", **{**good, **fields}).status_code == status
    assert "wct_" not in browser.get("/identity/tokens").text


# --- approvals
def test_what_waits_is_shown_to_who_may_decide_and_who_asked_with_who_may(
    signed_in: SignedIn, console: Console
) -> None:
    registrar, officer = signed_in(Role.REGISTRAR), signed_in(Role.SECURITY_OFFICER)
    floor = console.app.floor
    with floor.database.begin() as uow:
        case = floor.approvals.open(
            uow,
            kind="ca:request",
            subject="request:req_1",
            title="王芳",
            digest="0" * 64,
            requested_by=principal_of(registrar),
            permission=Permission.CA_REQUEST_APPROVE,
            unit="u_county",
        )
    path = f"/identity/approvals/{case.id}"
    waiting = "/identity/approvals?filter[mine]=decide"
    assert case.id in officer.get(waiting).text
    assert case.id not in registrar.get(waiting).text
    assert case.id in registrar.get("/identity/approvals?filter[mine]=asked").text
    assert console.accounts[Role.SECURITY_OFFICER].user.name in registrar.get(path).text
    assert 'href="/ca/requests/req_1"' in officer.get(path).text
    assert "王芳" in officer.get(path).text.partition("<h1")[2].partition("</h1>")[0]
    assert "王芳" in officer.get("/").text
    assert signed_in(Role.SOC_ANALYST).get(path).status_code == 404


def test_every_kind_of_approval_leads_to_a_page() -> None:
    assert set(OBJECTS.values()) <= set(resources())


def test_every_permission_has_a_name() -> None:
    assert set(PERMISSION_NAMES) == set(Permission)


# --- language, colours
def test_language_and_colours_follow_to_another_browser(signed_in: SignedIn) -> None:
    browser = signed_in(Role.AUDITOR)
    browser.post("/preferences", None, language="en", next="/")
    browser.post("/preferences", None, theme="dark", next="/")
    browser.console.clock.advance(seconds=31)
    elsewhere = browser.console.browser()
    assert 'lang="zh-Hans-CN"' in elsewhere.get("/sign-in").text
    elsewhere.sign_in(Role.AUDITOR)
    text = elsewhere.get("/me").text
    assert 'lang="en"' in text
    assert 'data-bs-theme="dark"' in text


# --- too many attempts
def test_an_address_that_fails_too_often_is_told_when_to_come_back(console: Console) -> None:
    browser, most = console.browser(), console.app.settings.identity.origin_failures
    for number in range(most):
        assert (
            browser.post("/sign-in", None, login=f"guess{number}", password="x", code="0").status_code == 401
        )
    refused = browser.sign_in(Role.AUDITOR)
    assert refused.status_code == 429
    assert "次数过多" in refused.text
    console.clock.advance(seconds=int(refused.headers["Retry-After"]))
    assert browser.sign_in(Role.AUDITOR).status_code == 303


def test_a_certificate_tried_too_often_waits_as_well(console: Console) -> None:
    browser = console.browser(b"of nobody")
    for _ in range(console.app.settings.identity.origin_failures):
        assert browser.post("/sign-in/certificate").status_code == 401
    assert browser.post("/sign-in/certificate").status_code == 429


def test_the_profile_tells_who_one_is_and_for_how_long(signed_in: SignedIn) -> None:
    browser = signed_in(Role.AUDITOR)
    text = browser.get("/me").text
    assert "安全审计员" in text
    assert "查看审计记录" in text
