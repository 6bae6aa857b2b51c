"""Sign-in by a certificate of our own CA, in a real browser, until the certificate is revoked (ID-2)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ca.model import Certificate, Reason
from ca.signer.model import KeyRole
from console.commands.db import upgrade_database
from console.compose.app import App
from console.demo.people import make_people
from kernel.config import load_settings
from kernel.identity.model import Principal
from kernel.pki.pem import certificate_pem
from kernel.secrets import write_private
from tests.support.hierarchy import one_ca
from tests.support.postgres import free_port

pytestmark = pytest.mark.web
SIGN_IN = "使用数字证书登录"


@dataclass(frozen=True)
class City:
    """A running console whose TLS certificate and whose officer's certificate come from its own CA."""

    app: App
    people: Mapping[str, Principal]
    folder: Path
    url: str
    certificate: Certificate


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder, port = tmp_path_factory.mktemp("city"), free_port()
    _write_settings(folder, port)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as environment:
        environment.setenv("WEICHENG_CONFIG", str(folder / "weicheng.toml"))
        stack.enter_context(_running(folder, "signer"))
        app = App(load_settings())
        upgrade_database(app.settings.database)
        people = make_people(app.floor)
        certificate = _issue(app, people, folder)
        stack.enter_context(_running(folder, "web"))
        yield City(app, people, folder, f"https://127.0.0.1:{port}", certificate)
        app.floor.database.close()
        app.ca.issuance._signer.close()


def _write_settings(folder: Path, port: int) -> None:
    write_private(folder / "secrets" / "signer__passphrase", b"a pass-phrase of this test alone")
    tls = folder / "tls"
    settings = f"""
data_dir = "{folder / "data"}"
[web]
port = {port}
certificate = "{tls / "console.pem"}"
key = "{tls / "console.key"}"
client_ca = "{tls / "ca.pem"}"
"""
    write_private(folder / "weicheng.toml", settings.encode())


@contextmanager
def _running(folder: Path, part: str) -> Iterator[None]:
    """`weicheng serve PART`, ready by its own health check, ended afterwards."""
    log = folder / f"{part}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "console.main", "serve", part],
            stdout=output,
            stderr=output,
            env=os.environ,
        )
    try:
        health = [sys.executable, "-m", "console.health", part]
        for _attempt in range(60):
            assert process.poll() is None, log.read_text()
            if subprocess.run(health, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.2)
        else:
            raise AssertionError(log.read_text())
        yield
    finally:
        process.terminate()
        process.wait(30)


def _issue(app: App, people: Mapping[str, Principal], folder: Path) -> Certificate:
    """Found the CA; issue the console's and the officer's certificate; bind the latter to the account."""
    organisation = app.settings.organisation
    plan = one_ca(organisation, "市根 CA", "市签发 CA", people["auditor"].name)
    authorities = app.ca.ceremonies.perform(
        people["second_officer"], app.ca.ceremonies.propose(people["officer"], plan)
    )
    for role in (KeyRole.OCSP, KeyRole.TIMESTAMP, KeyRole.EVIDENCE):
        app.ca.services.provision(people["officer"], role)
    wanted = (
        ("console", "tls-server", {"O": organisation, "CN": "console.gov.internal"}, ("ip:127.0.0.1",)),
        ("li.na", "person", {"O": organisation, "CN": "李娜", "UID": "li.na"}, ()),
    )
    for name, profile, subject, names in wanted:
        request = app.ca.registration.file(
            people["city_registrar"],
            profile=profile,
            subject=subject,
            names=names,
            unit="u_city",
            evidence="原件核对无误",
        )
        issued = app.ca.registration.approve(people["officer"], request.id)
        assert isinstance(issued, Certificate)
        chain, key = app.ca.registration.deliver_pem(people["city_registrar"], request.id)
        write_private(folder / "tls" / f"{name}.pem", chain)
        write_private(folder / "tls" / f"{name}.key", key)
    pem = [certificate_pem(authority.certificate) for authority in authorities]
    write_private(folder / "tls" / "ca.pem", b"".join(pem))
    write_private(folder / "tls" / "root.pem", pem[0])
    app.identity.bind_certificate(people["sysadmin"], "li.na", issued.der)
    return issued


@pytest.fixture
def page(chromium: Browser, city: City) -> Iterator[Page]:
    """A browser with the officer's certificate and key."""
    mine = {
        "origin": city.url,
        "certPath": city.folder / "tls" / "li.na.pem",
        "keyPath": city.folder / "tls" / "li.na.key",
    }
    context = chromium.new_context(ignore_https_errors=True, client_certificates=[mine])
    yield context.new_page()
    context.close()


def test_openssl_verifies_the_console_against_our_root(city: City) -> None:
    address = city.url.removeprefix("https://")
    command = ["openssl", "s_client", "-connect", address, "-CAfile", str(city.folder / "tls" / "root.pem")]
    checks = ["-verify_return_error", "-verify_ip", "127.0.0.1", "-brief"]
    done = subprocess.run(
        [*command, *checks], input="", capture_output=True, text=True, check=False, timeout=20
    )
    assert "Verification: OK" in done.stderr


def test_the_certificate_signs_in_to_the_command_line_with_its_own_key_alone(city: City) -> None:
    tls, session = city.folder / "tls", city.folder / "session"

    def weicheng(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "console.main", "-o", "json", *arguments]
        scene = {**os.environ, "WEICHENG_SESSION_FILE": str(session), "LANG": "en_GB.UTF-8"}
        return subprocess.run(command, env=scene, capture_output=True, text=True, check=False)

    own = ("login", "--certificate", str(tls / "li.na.pem"), "--sign-with")
    assert "not that of the certificate" in weicheng(*own, str(tls / "console.key")).stderr
    assert not session.exists()
    assert weicheng("login").returncode == weicheng("login", "--user", "li.na", *own[1:3]).returncode == 2
    done = weicheng(*own, str(tls / "li.na.key"))
    assert done.returncode == 0, done.stderr
    assert json.loads(weicheng("whoami").stdout)["name"] == "李娜"
    [mine] = json.loads(weicheng("ca", "own").stdout)
    assert mine["serial"] == city.certificate.serial
    request = [
        *[
            "openssl",
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=x",
        ]
    ]
    made = city.folder / "newer.csr"
    subprocess.run(
        [*request, "-keyout", str(made) + ".key", "-out", str(made)], check=True, capture_output=True
    )
    asked = weicheng("ca", "renew-own", mine["serial"], "--csr", str(made))
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["replaces"] == mine["serial"]


def test_the_certificate_opens_the_console_until_it_is_revoked(page: Page, city: City) -> None:
    page.goto(city.url)
    page.get_by_role("button", name=SIGN_IN).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("李娜")
    expect(page.get_by_text("证书登录")).to_be_visible()

    city.app.ca.lifecycle.revoke(
        city.people["second_officer"], city.certificate.serial, Reason.KEY_COMPROMISE, "USB Key 遗失"
    )
    page.goto(f"{city.url}/")  # the open session ends with the certificate
    expect(page.get_by_role("button", name=SIGN_IN)).to_be_visible()
    page.get_by_role("button", name=SIGN_IN).click()
    expect(page.get_by_role("alert")).to_contain_text("登录失败")


def test_without_a_certificate_the_password_way_stays_open(chromium: Browser, city: City) -> None:
    context = chromium.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(city.url)
    page.get_by_role("button", name=SIGN_IN).click()
    expect(page.get_by_role("alert")).to_contain_text("浏览器未出示证书")
    expect(page.get_by_label("登录名")).to_be_visible()
    context.close()
