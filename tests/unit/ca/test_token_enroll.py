"""An applicant's USB token: the key is made and stays there, the CSR is its own, the certificate ends beside its key."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca.cli import commands
from ca.registration.token import Place, install, make_key, remove_key
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.errors import Conflict, Invalid, NotFound, Unavailable
from kernel.store.listing import Ask
from tests.support.softhsm import SoftToken, new_token
from tests.unit.ca.conftest import Terminal, World
from tests.unit.ca.test_papers import PDF

SUBJECT = {"O": "临江县大数据中心", "CN": "陈晓明"}


@pytest.fixture
def usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    return new_token(tmp_path / "usb", monkeypatch)


@pytest.fixture
def place(usb: SoftToken) -> Place:
    return Place(usb.module, usb.label, usb.pin)


def run(world: World, clock: FixedClock, *arguments: str, text: str | None = None) -> Any:
    at = Terminal(world.ca, clock, world.registrar, Output("json"))
    done = CliRunner().invoke(commands, arguments, obj=at, input=text, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_from_a_key_on_the_token_to_the_certificate_beside_it(
    world: World, clock: FixedClock, usb: SoftToken, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "pin").write_text(usb.pin + "\n")
    (tmp_path / "身份证.pdf").write_bytes(PDF)
    token = ("--module", str(usb.module), "--label", usb.label, "--pin-file", str(tmp_path / "pin"))
    filed = run(
        world,
        clock,
        *("token", "enroll", "person", *token, "--kind", kind),
        *("-s", "O=临江县大数据中心", "-s", "CN=陈晓明", "-n", "email:chen@city.gov.cn"),
        *("--unit", "u_county", "--evidence", "身份证原件", "--paper", str(tmp_path / "身份证.pdf")),
    )
    assert (
        world.ca.registration.papers.page(world.officer, Ask(filters={"request": (filed["id"],)})).total == 1
    )
    issued = world.ca.registration.approve(world.officer, filed["id"])
    assert run(world, clock, "token", "install", filed["id"], *token)["key"] == filed["key"]
    target = tmp_path / "read.der"
    usb.pkcs11_tool("--read-object", "--type", "cert", "--id", filed["key"], "--output-file", str(target))
    assert target.read_bytes() == issued.der  # type: ignore[union-attr]
    listed = usb.pkcs11_tool("--list-objects", "--type", "privkey")
    assert "sensitive" in listed
    assert "never extractable" in listed


def test_the_csr_is_the_tokens_own_and_goes_through_the_console_too(
    world: World, clock: FixedClock, usb: SoftToken, tmp_path: Path
) -> None:
    target = tmp_path / "chen.csr"
    token = ("--module", str(usb.module), "--label", usb.label)
    made = run(world, clock, "token", "csr", *token, "-s", "CN=陈晓明", str(target), text=f"{usb.pin}\n")
    command = ["openssl", "req", "-in", str(target), "-verify", "-noout", "-subject"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "verify OK" in told.stderr
    issued = world.issue(csr=target.read_bytes())
    (tmp_path / "chen.pem").write_bytes(x509.load_der_x509_certificate(issued.der).public_bytes(Encoding.PEM))
    placed = run(
        world,
        clock,
        *("token", "install", "--certificate", str(tmp_path / "chen.pem"), *token),
        text=f"{usb.pin}\n",
    )
    assert placed["key"] == made["key"]


def test_a_request_that_is_refused_leaves_no_key_on_the_token(
    world: World, clock: FixedClock, usb: SoftToken, tmp_path: Path
) -> None:
    (tmp_path / "pin").write_text(usb.pin)
    at = Terminal(world.ca, clock, world.registrar, Output("json"))
    arguments = ["token", "enroll", "person", "--module", str(usb.module), "--label", usb.label]
    arguments += ["--pin-file", str(tmp_path / "pin"), "-s", "CN=陈晓明", "--unit", "u_county"]
    done = CliRunner().invoke(commands, [*arguments, "--evidence", "身份证原件"], obj=at)
    assert isinstance(done.exception, Invalid)
    assert done.exception.place == "O"
    assert usb.pkcs11_tool("--list-objects").strip() == ""


def test_faults_of_the_token_are_told_by_what_they_are(world: World, place: Place) -> None:
    with pytest.raises(Invalid, match="PIN"):
        make_key(Place(place.module, place.label, "0000-0000"), SUBJECT)
    with pytest.raises(Unavailable, match="no token"):
        make_key(Place(place.module, "another", place.pin), SUBJECT)
    with pytest.raises(Unavailable, match="module"):
        make_key(Place(Path(__file__), place.label, place.pin), SUBJECT)


def test_a_certificate_goes_only_beside_its_own_key_and_once(world: World, place: Place) -> None:
    stranger = world.issue()
    made = make_key(place, SUBJECT)
    with pytest.raises(NotFound, match="not on the token"):
        install(place, stranger.der)
    mine = world.issue(csr=made.csr)
    assert install(place, mine.der) == made.id
    with pytest.raises(Conflict, match="already"):
        install(place, mine.der)
    remove_key(place, made.id)
    with pytest.raises(NotFound):
        install(place, mine.der)
