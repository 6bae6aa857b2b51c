"""Pictures of the console's main pages, on the demo's data: docs/screens/*.png at 1440 x 900.

    python -m scripts.screens [FOLDER OF THE DEMO]

Starts the console itself on the demo's settings and looks at it as the demo's people do; needs Debian's Chromium.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from console.commands.session import demo_secrets
from console.web.language import COOKIE as LANGUAGE
from console.web.preferences import THEME_COOKIE as THEME

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, StorageState

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "screens"
# no calls home, and no sandbox as root in a container
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PHONE = (375, 812)
People = dict[str, "StorageState"]  # cookies by login
CODE_SECONDS = 30.5  # a one-time code counts once: how long until there is another


@dataclass(frozen=True)
class Screen:
    """A page as one of the demo's people sees it. ``first`` opens the list's first object, if it has any (the demo
    itself files no batch and validates nothing); ``keys`` are pressed then."""

    name: str
    login: str
    path: str
    first: bool = False
    keys: Sequence[str] = ()
    theme: str = "light"
    language: str = "zh_CN"
    size: tuple[int, int] = (1440, 900)


SCREENS: tuple[Screen, ...] = (
    Screen("sign-in", "", "/sign-in"),
    Screen("home-officer", "li.na", "/"),
    Screen("home-analyst-dark", "zhou.fang", "/", theme="dark"),
    Screen("home-network-en", "huang.qiang", "/", language="en"),
    Screen("search", "li.na", "/search?q=卫城"),
    Screen("ca-status", "li.na", "/ca/status"),
    Screen("ca-certificates", "li.na", "/ca/certificates"),
    Screen("ca-certificate", "li.na", "/ca/certificates?q=console", first=True),
    Screen("ca-request-form", "liu.yang", "/ca/requests/-/file?profile=person"),
    Screen("ca-revocation", "li.na", "/ca/certificates?q=console", first=True, keys=("r",)),
    Screen("ca-batch", "liu.yang", "/ca/batches", first=True),
    Screen("ca-authorities", "li.na", "/ca/authorities"),
    Screen("ca-authority", "li.na", "/ca/authorities", first=True),
    Screen("ca-ceremony", "chen.jie", "/ca/ceremonies", first=True),
    Screen("ca-profile-version", "chen.jie", "/ca/profile-versions", first=True),
    Screen("ca-tree-head", "zhang.min", "/ca/tree-heads", first=True),
    Screen("ca-validation", "li.na", "/ca/validations", first=True),
    Screen("ca-inventory-dark", "huang.qiang", "/ca/inventory", theme="dark"),
    Screen("netops-devices", "huang.qiang", "/netops/devices"),
    Screen("netops-finding", "huang.qiang", "/netops/findings", first=True),
    Screen("netops-versions", "huang.qiang", "/netops/versions", first=True),
    Screen("monitor-topology", "huang.qiang", "/monitor/topology"),
    Screen("monitor-devices-dark", "huang.qiang", "/monitor/devices", theme="dark"),
    Screen("monitor-device", "huang.qiang", "/monitor/devices", first=True),
    Screen("siem-events", "zhou.fang", "/siem/events"),
    Screen("siem-alerts", "zhou.fang", "/siem/alerts"),
    Screen("siem-alert-dialog", "zhou.fang", "/siem/alerts", keys=("j", "x")),
    Screen("siem-alert", "zhou.fang", "/siem/alerts", first=True),
    Screen("siem-alerts-phone", "zhou.fang", "/siem/alerts", size=PHONE),
    Screen("siem-case-en-dark", "zhou.fang", "/siem/cases", first=True, theme="dark", language="en"),
    Screen("backup-matrix", "wu.jing", "/backup/matrix"),
    Screen("policies-posture", "xu.tao", "/policies/posture"),
    Screen("policies-results", "xu.tao", "/policies/results"),
    Screen("evidence-record", "xu.tao", "/evidence/records", first=True),
    Screen("audit-records", "zhang.min", "/audit/records"),
    Screen("accounts", "wang.wei", "/identity/accounts"),
    Screen("jobs", "wang.wei", "/jobs/jobs"),
    Screen("health", "wang.wei", "/health"),
)


def main() -> int:
    """Renew all of them; the exit status is 1 when a page was no page."""
    demo = Path(sys.argv[1] if len(sys.argv) > 1 else "var/demo").absolute()
    if not (demo / "weicheng.toml").is_file():
        print("先运行 make demo | run make demo first", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    TARGET.mkdir(parents=True, exist_ok=True)
    with console(demo) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        people: People = {}
        wrong = [one.name for one in SCREENS if not shoot(browser, demo, url, one, people)]
        browser.close()
    for name in wrong:
        print(f"页面有误 | not as it should be: {name}", file=sys.stderr)
    return 1 if wrong else 0


@contextmanager
def console(demo: Path) -> Iterator[str]:
    """The console over the demo's data, until the end; yields its address."""
    environment = {**os.environ, "WEICHENG_CONFIG": str(demo / "weicheng.toml")}
    command = [sys.executable, "-m", "console.main", "serve", "web"]
    with (demo / "screens.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
    web = tomllib.loads((demo / "weicheng.toml").read_text()).get("web", {})
    url = f"https://127.0.0.1:{web.get('port', 8443)}"
    try:
        _wait(url, demo, process)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def shoot(browser: "Browser", demo: Path, url: str, screen: Screen, people: People) -> bool:
    """Take the picture; False when what was shown is an error. ``people`` are those signed in, each once."""
    width, height = screen.size
    context = browser.new_context(
        ignore_https_errors=True,  # the demo's CA is not the machine's
        locale="zh-CN" if screen.language == "zh_CN" else "en",
        viewport={"width": width, "height": height},
        storage_state=people.get(screen.login),
    )
    page = context.new_page()
    if screen.login and screen.login not in people:
        _sign_in(page, demo, url, screen.login)
        people[screen.login] = context.storage_state()
    choices = ((THEME, screen.theme), (LANGUAGE, screen.language))
    context.add_cookies(
        [{"name": name, "value": value, "url": url, "secure": True} for name, value in choices]
    )
    answer = page.goto(f"{url}{screen.path}")
    if screen.first and page.locator("tr[data-row]").count():
        page.locator("tr[data-row] td.first a").first.click()
    page.wait_for_load_state("networkidle")
    for key in screen.keys:
        page.keyboard.press(key)
        page.wait_for_timeout(500)
    page.wait_for_timeout(300)  # pictures are drawn
    page.screenshot(path=TARGET / f"{screen.name}.png")
    fine = answer is not None and answer.ok and not page.locator(".problem").count()
    context.close()
    return fine


def _sign_in(page: "Page", demo: Path, url: str, login: str) -> None:
    """A code that was used already (somebody signed in just now) is waited out."""
    for _attempt in range(2):
        password, code = demo_secrets(demo / "data", login)
        page.goto(f"{url}/sign-in")
        for name, value in {"login": login, "password": password, "code": code}.items():
            page.fill(f"input[name={name}]", value)
        page.keyboard.press("Enter")
        page.wait_for_load_state("networkidle")
        if not page.url.endswith("/sign-in"):
            return
        page.wait_for_timeout(CODE_SECONDS * 1000)
    raise RuntimeError(f"{login} can't sign in")


def _wait(url: str, demo: Path, process: "subprocess.Popen[bytes]") -> None:
    import ssl
    import time

    context = ssl.create_default_context(cafile=str(demo / "tls" / "ca.pem"))
    for _attempt in range(150):
        if process.poll() is not None:
            break
        try:
            urlopen(f"{url}/readyz", timeout=5, context=context).close()  # noqa: S310 - our own
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the console did not start, see {demo / 'screens.log'}")


if __name__ == "__main__":
    sys.exit(main())
