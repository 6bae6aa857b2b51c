"""Approving with one's own key from the command line and through the API: key file, token, a signature made elsewhere."""

import json
import subprocess
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ca.cli import commands
from ca.model import State
from ca.registration.officer_key import TokenUri
from ca.registration.signatures import SignatureNeeded
from ca.resources.requests import REQUESTS
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.errors import Invalid, NotFound, Unavailable
from kernel.i18n import translate
from tests.support.softhsm import SoftToken, new_token
from tests.unit.ca.conftest import Terminal, World
from tests.unit.ca.signatures import Officer, appoint, csr_of


@pytest.fixture
def li(world: World, tmp_path: Path) -> Officer:
    return appoint(world, world.officer, world.second, tmp_path / "li")


@pytest.fixture
def token(li: Officer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    """The officer's card: the key lies on a token."""
    made = new_token(tmp_path / "card", monkeypatch)
    der = ["openssl", "pkey", "-in", str(li.folder / "key.pem"), "-outform", "DER"]
    subprocess.run([*der, "-out", str(tmp_path / "key.der")], check=True, capture_output=True)
    what = ("--write-object", str(tmp_path / "key.der"), "--type", "privkey")
    made.pkcs11_tool(*what, "--id", "01", "--label", "approvals", "--usage-sign")
    return made


def run(world: World, clock: FixedClock, *arguments: str, typed: str = "") -> Result:
    terminal = Terminal(world.ca, clock, world.officer, Output("json"))
    return CliRunner().invoke(commands, arguments, obj=terminal, catch_exceptions=False, input=typed)


def state(done: Result) -> str:
    assert done.exit_code == 0, done.output
    found: str = json.loads(done.stdout[done.stdout.index("{") :])["state"]
    return found


def test_with_the_key_in_a_file(world: World, clock: FixedClock, li: Officer) -> None:
    own = ("--certificate", str(li.folder / "certificate.pem"), "--sign-with")
    assert (
        state(run(world, clock, "approve", world.request().id, *own, str(li.folder / "key.pem"))) == "issued"
    )


def test_with_the_key_in_a_file_under_a_pass_phrase(world: World, clock: FixedClock, li: Officer) -> None:
    sealed = li.folder / "sealed.pem"
    command = [
        "openssl",
        "pkey",
        "-in",
        str(li.folder / "key.pem"),
        "-aes256",
        "-passout",
        "pass:correct horse",
    ]
    subprocess.run([*command, "-out", str(sealed)], check=True, capture_output=True)
    own = ("--certificate", str(li.folder / "certificate.pem"), "--sign-with", str(sealed))
    request = world.request().id
    with pytest.raises(Invalid, match="can not be opened"):
        run(world, clock, "approve", request, *own, typed="wrong horse\n")
    done = run(world, clock, "approve", request, *own, typed="correct horse\n")
    assert state(done) == "issued"
    assert "correct horse" not in done.output


def test_with_the_key_on_a_token(world: World, clock: FixedClock, li: Officer, token: SoftToken) -> None:
    uri = f"pkcs11:token={token.label};object=approvals?module-path={token.module}"
    own = ("--certificate", str(li.folder / "certificate.pem"), "--token", uri)
    done = run(world, clock, "approve", world.request().id, *own, typed=f"{token.pin}\n")
    assert state(done) == "issued"
    assert token.pin not in done.output
    other = ("--certificate", str(li.folder / "certificate.pem"), "--token", uri.replace("approvals", "x"))
    with pytest.raises(NotFound, match="private keys that fit"):
        run(world, clock, "approve", world.request().id, *other, typed=f"{token.pin}\n")
    with pytest.raises(Unavailable):
        run(world, clock, "approve", world.request().id, *own, typed="0000-0000\n")


def test_many_requests_with_one_pass_phrase(world: World, clock: FixedClock, li: Officer) -> None:
    own = ("--certificate", str(li.folder / "certificate.pem"), "--sign-with", str(li.folder / "key.pem"))
    ids = [world.request().id for _ in range(3)]
    assert run(world, clock, "approve", *ids, *own).exit_code == 0
    assert {world.ca.registration.show(world.officer, one).state for one in ids} == {State.ISSUED}


def test_with_a_signature_made_elsewhere(
    world: World, clock: FixedClock, li: Officer, tmp_path: Path
) -> None:
    request = world.request().id
    document = tmp_path / "document.json"
    assert run(world, clock, "approval-document", request, str(document)).exit_code == 0
    (tmp_path / "signature.p7s").write_bytes(li.sign(document.read_bytes()))
    done = run(world, clock, "approve", request, "--signature", str(tmp_path / "signature.p7s"))
    assert state(done) == "issued"


def test_another_key_than_the_certificate_s_is_found_out_before_anything_is_asked(
    world: World, clock: FixedClock, li: Officer, tmp_path: Path
) -> None:
    csr_of(tmp_path / "other")
    own = ("--certificate", str(li.folder / "certificate.pem"), "--sign-with")
    with pytest.raises(Invalid, match="not that of the certificate"):
        run(world, clock, "approve", world.request().id, *own, str(tmp_path / "other" / "key.pem"))


def test_without_it_the_officer_is_told_how(world: World, clock: FixedClock, li: Officer) -> None:
    with pytest.raises(SignatureNeeded, match="officer's certificate"):
        run(world, clock, "approve", world.request().id)
    key, certificate = str(li.folder / "key.pem"), str(li.folder / "certificate.pem")
    for wrong in (
        ("--sign-with", key),
        ("--certificate", certificate),
        ("--sign-with", key, "--signature", key, "--certificate", certificate),
    ):
        assert run(world, clock, "approve", "req_1", *wrong).exit_code == 2


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "pkcs11:",
        "pkcs11:token=a",
        "pkcs11:object=a?module-path=/x",
        "file:token=a?module-path=/x",
        "pkcs11:token=a?module-path=/x&pin-value=1234",
    ],
)
def test_what_names_no_token_is_refused_and_so_is_a_pin_on_the_command_line(uri: str) -> None:
    with pytest.raises(Invalid):
        TokenUri.parse(uri)


def test_a_token_s_name_may_hold_anything() -> None:
    found = TokenUri.parse("pkcs11:token=%E5%8D%AB%E5%9F%8E;id=%01%FF?module-path=/usr/lib/a%20b.so")
    assert (found.token, found.id, found.module) == ("卫城", b"\x01\xff", Path("/usr/lib/a b.so"))


def test_the_form_asks_for_the_signature_and_the_page_offers_what_is_signed(
    world: World, li: Officer
) -> None:
    app: Any = SimpleNamespace(ca=world.ca)
    request = world.request()
    approve = next(verb for verb in REQUESTS.verbs if verb.name == "approve")
    assert approve.preview is not None
    told = translate("You have an officer's certificate: this approval has to bear its signature.")
    assert told in approve.preview(app, world.officer, request.id)
    assert told not in approve.preview(app, world.second, request.id)
    (download,) = [one for one in REQUESTS.downloads if one.name == "approval"]
    file = download.get(app, world.officer, request.id)
    assert isinstance(file.data, bytes)
    given = approve.input(reason="核对", signature=b64encode(li.sign(file.data)))  # as the API takes it
    assert "issued" in str(approve.run(app, world.officer, request.id, given).record)
