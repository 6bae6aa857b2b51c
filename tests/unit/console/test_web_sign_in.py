"""Signing in to the console: by password and code, by certificate; sessions, forms and headers that keep others out."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from console.web.security import COOKIE
from kernel.identity.model import Role
from kernel.store.listing import Ask
from tests.support.certificates import personal_certificate
from tests.unit.console.conftest import BASE, Browser, Console

FAILED = "登录失败"


def test_who_is_not_signed_in_is_sent_to_the_sign_in_page_and_back(console: Console) -> None:
    browser = console.browser()
    sent = browser.get("/health?x=1")
    assert (sent.status_code, sent.location) == (303, "/sign-in?next=/health?x%3D1")
    assert browser.get(sent.location or "").status_code == 200
    arrived = browser.sign_in(Role.SYSTEM_ADMINISTRATOR, "/health?x=1")
    assert (arrived.status_code, arrived.location) == (303, "/health?x=1")
    assert browser.get("/health").status_code == 200


def test_every_page_but_the_public_ones_needs_a_session(console: Console) -> None:
    public = {"/sign-in", "/healthz", "/readyz"}
    for rule in console.flask.url_map.iter_rules():
        if "GET" in (rule.methods or set()) and not rule.arguments:
            status = console.browser().get(rule.rule).status_code
            closed = 404 if rule.rule == "/setup" else 303  # everybody is there already
            assert status == (200 if rule.rule in public else closed), rule.rule


@pytest.mark.parametrize("wrong", ["password", "code", "login"])
def test_a_wrong_field_is_refused_with_one_message_for_all(console: Console, wrong: str) -> None:
    browser, account = console.browser(), console.accounts[Role.AUDITOR]
    fields = {"login": account.user.login, "password": account.password, "code": "000000"} | {wrong: "wrong"}
    refused = browser.post("/sign-in", None, **fields)
    assert refused.status_code == 401
    assert FAILED in refused.text
    assert account.password not in refused.text
    assert COOKIE not in str(refused.headers.getlist("Set-Cookie"))


def test_after_five_failures_even_the_right_password_waits(console: Console) -> None:
    browser, account = console.browser(), console.accounts[Role.AUDITOR]
    for _ in range(5):
        browser.post("/sign-in", None, login=account.user.login, password="wrong", code="000000")
    assert browser.sign_in(Role.AUDITOR).status_code == 401
    console.clock.advance(seconds=15 * 60 + 1)
    assert browser.sign_in(Role.AUDITOR).status_code == 303


def test_a_one_time_code_works_once(console: Console) -> None:
    assert console.browser().sign_in(Role.AUDITOR).status_code == 303
    assert console.browser().sign_in(Role.AUDITOR).status_code == 401


def test_the_session_cookie_is_for_this_site_over_https_and_not_for_scripts(console: Console) -> None:
    cookies = console.browser().sign_in(Role.AUDITOR).headers.getlist("Set-Cookie")
    session = next(cookie for cookie in cookies if cookie.startswith(f"{COOKIE}="))
    for attribute in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert attribute in session
    assert "Domain" not in session


def test_the_session_ends_when_idle_too_long(signed_in: Callable[[Role], Browser]) -> None:
    browser = signed_in(Role.AUDITOR)
    browser.console.clock.advance(seconds=14 * 60)
    assert browser.get("/").status_code == 200
    browser.console.clock.advance(seconds=15 * 60 + 1)
    assert browser.get("/").status_code == 303


def test_signing_out_ends_the_session_itself_not_only_the_cookie(
    signed_in: Callable[[Role], Browser],
) -> None:
    browser = signed_in(Role.AUDITOR)
    cookie = browser.client.get_cookie(COOKIE, "127.0.0.1")
    assert cookie is not None
    assert browser.post("/sign-out").location == "/sign-in"
    browser.client.set_cookie(COOKIE, cookie.value, domain="127.0.0.1", secure=True)
    assert browser.get("/").status_code == 303


def test_a_certificate_bound_to_an_account_signs_in_without_password(console: Console) -> None:
    certificate = _bound(console, Role.SECURITY_OFFICER)
    browser = console.browser(certificate)
    assert "浏览器已出示证书" in browser.get("/sign-in").text
    assert browser.post("/sign-in/certificate").status_code == 303
    assert "证书登录" in browser.get("/").text


def test_a_revoked_certificate_neither_signs_in_nor_keeps_a_session(console: Console) -> None:
    certificate = _bound(console, Role.SECURITY_OFFICER)
    inside = console.browser(certificate)
    assert inside.post("/sign-in/certificate").status_code == 303
    console.issued.certificates.clear()
    assert inside.get("/").status_code == 303
    assert console.browser(certificate).post("/sign-in/certificate").status_code == 401


def test_a_certificate_of_nobody_is_refused(console: Console) -> None:
    console.issued.certificates.add(b"of nobody")
    assert console.browser(b"of nobody").post("/sign-in/certificate").status_code == 401


def test_without_a_certificate_the_page_says_what_to_do(console: Console) -> None:
    refused = console.browser().post("/sign-in/certificate")
    assert refused.status_code == 401
    assert "浏览器未出示证书" in refused.text


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/certificate", "/sign-out", "/preferences"])
@pytest.mark.parametrize("token", ["", "forged"])
def test_a_form_from_elsewhere_is_refused(console: Console, path: str, token: str) -> None:
    browser = console.browser()
    browser.get("/sign-in")
    refused = browser.post(path, token)
    assert refused.status_code == 400
    assert "表单已失效" in refused.text


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "/a\nb", "javascript:x", ""]
)
def test_a_sign_in_sends_nobody_to_another_site(console: Console, elsewhere: str) -> None:
    assert console.browser().sign_in(Role.AUDITOR, elsewhere).location == "/"


def test_every_answer_carries_the_protecting_headers(console: Console) -> None:
    browser = console.browser()
    for path in ("/sign-in", "/", "/nowhere", "/healthz", "/static/console.css"):
        headers = browser.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["Strict-Transport-Security"].startswith("max-age=")
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == ("no-store" if "static" not in path else headers["Cache-Control"])


def test_pages_have_no_inline_script_or_style(signed_in: Callable[[Role], Browser]) -> None:
    browser = signed_in(Role.SYSTEM_ADMINISTRATOR)
    for path in ("/", "/health", "/sign-in", "/nowhere"):
        text = browser.get(path).text
        assert "style=" not in text
        assert "<style" not in text
        assert " on" not in {f" {word[:2]}" for word in text.split() if "=" in word and word.startswith("on")}
        data = text.count('<script type="application/json"')
        assert text.count("<script") == text.count("<script src=") + data


def test_a_sign_in_is_in_the_audit_trail_with_where_it_came_from(console: Console) -> None:
    console.browser().post("/sign-in", None, login="nobody", password="wrong", code="000000")
    auditor = console.browser()
    auditor.sign_in(Role.AUDITOR)
    principal = console.app.floor.sign_in.principal(_token(auditor))
    failure = console.app.audit.page(principal, Ask().narrowed(target="user:nobody")).items[0]
    assert (failure.outcome, failure.details) == ("failure", {"origin": "127.0.0.9"})


def test_a_request_of_a_script_without_session_is_told_to_sign_in(console: Console) -> None:
    refused = console.browser().get("/health", HX_Request="true")
    assert refused.status_code == 401
    assert refused.headers["HX-Redirect"] == "/sign-in"


def test_cookies_last_no_longer_than_a_session_may(console: Console) -> None:
    cookies = console.browser().sign_in(Role.AUDITOR).headers.getlist("Set-Cookie")
    longest = int(timedelta(hours=console.app.settings.web.session_hours).total_seconds())
    assert any(f"Max-Age={longest};" in cookie for cookie in cookies)
    assert BASE.startswith("https:")


def _bound(console: Console, role: Role) -> bytes:
    """A certificate of ours, bound to the person's account by the system administrator."""
    certificate = personal_certificate(console.accounts[role].user.login)
    console.issued.certificates.add(certificate)
    administrator = console.browser()
    administrator.sign_in(Role.SYSTEM_ADMINISTRATOR)
    principal = console.app.floor.sign_in.principal(_token(administrator))
    console.app.identity.bind_certificate(principal, console.accounts[role].user.login, certificate)
    return certificate


def _token(browser: Browser) -> str:
    cookie = browser.client.get_cookie(COOKIE, "127.0.0.1")
    assert cookie is not None
    return cookie.value
