"""A person at the browser: signs in over HTTPS, sees the home page in Chinese, and nothing is fetched from elsewhere."""

import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kernel.identity.model import Role
from kernel.identity.passwords import totp_code
from tests.support.certificates import TestCa
from tests.web.conftest import Served

pytestmark = pytest.mark.web


@pytest.fixture
def page(chromium: Browser, served: Served) -> Iterator[Page]:
    """A page that fails its test at the end if it asked another origin, or complained on its console."""
    # a machine's browser does not know the test's CA; TestTls checks the chain with OpenSSL
    context = chromium.new_context(ignore_https_errors=True, locale="zh-CN")
    opened = context.new_page()
    foreign: list[str] = []
    complaints: list[str] = []
    opened.on(
        "request", lambda request: foreign.append(request.url) if not _ours(request.url, served) else None
    )
    opened.on(
        "console",
        lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None,
    )
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert foreign == []
    assert complaints == []


def _ours(url: str, served: Served) -> bool:
    return url.startswith((f"{served.url}/", "data:"))


def sign_in(page: Page, served: Served, role: Role) -> None:
    account = served.accounts[role]
    page.goto(served.url)
    page.get_by_label("登录名").fill(account.user.login)
    page.get_by_label("口令", exact=True).fill(account.password)
    page.get_by_label("一次性口令").fill(totp_code(account.totp_secret, time.time()))
    page.get_by_role("button", name="登录", exact=True).click()


def test_sign_in_shows_the_home_page_in_chinese(page: Page, served: Served, tmp_path: Path) -> None:
    page.goto(served.url)
    page.screenshot(path=tmp_path / "sign-in.png")
    sign_in(page, served, Role.NETWORK_ADMINISTRATOR)
    expect(page.get_by_role("heading", level=1)).to_contain_text("您好")
    expect(page.locator("main").get_by_text("网络管理员").first).to_be_visible()
    expect(page.get_by_text("登记资产")).to_be_visible()
    page.screenshot(path=tmp_path / "home.png", full_page=True)


def test_the_browser_obeys_language_colours_health_and_sign_out(
    page: Page, served: Served, tmp_path: Path
) -> None:
    sign_in(page, served, Role.SOC_ANALYST)
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="What to do next")).to_be_visible()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.get_by_text("People and suite").click()
    page.get_by_role("link", name="Health").click()
    expect(page.get_by_role("row", name="Database")).to_contain_text("works")
    checked = page.get_by_text("Checked at").text_content()
    page.wait_for_timeout(1100)
    page.get_by_role("link", name="Check again").click()
    expect(page.get_by_text("Checked at")).not_to_have_text(checked or "")  # htmx put the new part in place
    page.screenshot(path=tmp_path / "health-dark.png", full_page=True)
    page.locator(".top-tools details summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"{served.url}/health")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_page_follows_the_systems_colours(chromium: Browser, served: Served) -> None:
    context = chromium.new_context(ignore_https_errors=True, color_scheme="dark")
    page = context.new_page()
    page.goto(served.url)
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    context.close()


def test_sign_in_works_without_scripts_and_with_the_keyboard_alone(chromium: Browser, served: Served) -> None:
    context = chromium.new_context(ignore_https_errors=True, java_script_enabled=False)
    page, account = context.new_page(), served.accounts[Role.DR_ADMINISTRATOR]
    page.goto(served.url)
    expect(page.get_by_label("登录名")).to_be_focused()
    for text in (account.user.login, account.password, totp_code(account.totp_secret, time.time())):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("您好")
    context.close()


class TestTls:
    """What OpenSSL and curl see."""

    def test_openssl_verifies_the_chain_and_the_address(self, served: Served) -> None:
        address = served.url.removeprefix("https://")
        command = ["openssl", "s_client", "-connect", address, "-CAfile", str(served.ca.root)]
        checks = ["-verify_return_error", "-verify_ip", "127.0.0.1", "-brief"]
        done = subprocess.run(
            [*command, *checks], input="", capture_output=True, text=True, check=False, timeout=20
        )
        assert done.returncode == 0, done.stderr
        assert "Verification: OK" in done.stderr

    def test_old_versions_of_tls_are_refused(self, served: Served) -> None:
        address = served.url.removeprefix("https://")
        command = ["openssl", "s_client", "-connect", address, "-tls1_1", "-cipher", "ALL@SECLEVEL=0"]
        done = subprocess.run(command, input="", capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode != 0
        assert "alert protocol version" in done.stderr

    def test_a_client_certificate_of_ours_reaches_the_sign_in_page(self, served: Served) -> None:
        pair = served.ca.client("li.na")
        shown = _curl(served, "--cert", str(pair.certificate), "--key", str(pair.key))
        assert "浏览器已出示证书" in shown.stdout
        assert "浏览器已出示证书" not in _curl(served).stdout

    def test_a_client_certificate_of_another_ca_ends_the_handshake(
        self, served: Served, tmp_path: Path
    ) -> None:
        pair = TestCa(tmp_path, "Another CA").client("stranger")
        refused = _curl(served, "--cert", str(pair.certificate), "--key", str(pair.key))
        assert refused.returncode != 0
        assert refused.stdout == ""

    def test_a_renewed_certificate_counts_without_a_restart(self, served: Served) -> None:
        before = _fingerprint(served)
        served.ca.server()
        assert _fingerprint(served) != before


def _curl(served: Served, *options: str) -> "subprocess.CompletedProcess[str]":
    assert shutil.which("curl")
    command = ["curl", "--silent", "--max-time", "10", "--cacert", str(served.ca.root), *options]
    return subprocess.run([*command, f"{served.url}/sign-in"], capture_output=True, text=True, check=False)


def _fingerprint(served: Served) -> str:
    port = int(served.url.rsplit(":", 1)[1])
    return ssl.get_server_certificate(("127.0.0.1", port), ca_certs=str(served.ca.root))
