"""Time-stamps, judged by clients that are not ours: `openssl ts` and rfc3161-client."""

import secrets
import subprocess
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from asn1crypto import core
from asn1crypto import tsp as asn1
from cryptography import x509
from rfc3161_client import TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response
from rfc3161_client.base import HashAlgorithm

from ca.encoding.policies import STAMPING
from ca.signer.model import KeyRole
from ca.timestamps import clocks
from ca.timestamps.clocks import ClockGuard, ClockState, Doubt
from ca.timestamps.service import Rules, Timestamps
from ca.web import StatusSite
from kernel.clock import FixedClock
from kernel.edges.public import Asked
from kernel.errors import Unavailable
from kernel.identity.access import Access
from kernel.identity.model import Role
from kernel.pki import tsp
from kernel.pki.pem import certificate_pem
from kernel.store.listing import Ask
from tests.conftest import person
from tests.unit.ca.conftest import World, on_both

AUDITOR = person("auditor", Role.AUDITOR)
DIGEST = sha256("电子公文".encode()).digest()


def failure(answer: bytes) -> str:
    """The PKIFailureInfo of a rejection."""
    (info,) = core.SequenceOf.load(answer, strict=True, spec=core.Any)  # the token is missing
    status = asn1.PKIStatusInfo.load(info.dump(), strict=True)
    assert status["status"].native == "rejection"
    (told,) = status["fail_info"].native
    return str(told)


def openssl(folder: Path, command: str) -> str:
    done = subprocess.run(
        ["openssl", *command.split()], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def trust(world: World, folder: Path) -> str:
    """Writes root and issuing certificates; the options that name them."""
    roots, issuing = world.ca.seal_certificates()
    (folder / "root.pem").write_bytes(b"".join(map(certificate_pem, roots)))
    (folder / "issuing.pem").write_bytes(b"".join(map(certificate_pem, issuing)))
    return "-CAfile root.pem -untrusted issuing.pem"


@pytest.mark.parametrize("algorithm", ["p256", "rsa3072"])
def test_openssl_verifies_every_digest_by_ec_and_rsa_keys(
    world: World, tmp_path: Path, algorithm: str
) -> None:
    world.ca.services.provision(world.officer, KeyRole.TIMESTAMP, algorithm=algorithm)
    trusted = trust(world, tmp_path)
    (tmp_path / "document").write_text("电子公文")
    for digest in ("sha256", "sha384", "sha512", "sm3"):
        openssl(tmp_path, f"ts -query -data document -{digest} -cert -out query.tsq")
        answer = world.ca.timestamps.answer((tmp_path / "query.tsq").read_bytes())
        (tmp_path / "reply.tsr").write_bytes(answer)
        openssl(tmp_path, f"ts -verify -queryfile query.tsq -in reply.tsr {trusted}")
        said = openssl(tmp_path, "ts -reply -in reply.tsr -text")
        assert f"Policy OID: {STAMPING}" in said
        assert "Accuracy: 0x01 seconds" in said
    # without the certificate in the token the client brings it
    openssl(tmp_path, "ts -query -data document -sha256 -no_nonce -out query.tsq")
    answer = world.ca.timestamps.answer((tmp_path / "query.tsq").read_bytes())
    (tmp_path / "reply.tsr").write_bytes(answer)
    own = world.ca.services.key(KeyRole.TIMESTAMP).certificate_der
    assert own not in answer
    (tmp_path / "issuing.pem").write_bytes(certificate_pem(own) + (tmp_path / "issuing.pem").read_bytes())
    openssl(tmp_path, f"ts -verify -queryfile query.tsq -in reply.tsr {trusted}")


def test_rfc3161_client_verifies(world: World) -> None:
    document = "电子公文".encode()
    roots, issuing = world.ca.seal_certificates()
    for algorithm in (HashAlgorithm.SHA256, HashAlgorithm.SHA512):
        query = TimestampRequestBuilder().data(document).hash_algorithm(algorithm).nonce(nonce=True).build()
        response = decode_timestamp_response(world.ca.timestamps.answer(query.as_bytes()))
        assert response.tst_info.nonce == query.nonce
        builder = VerifierBuilder().add_root_certificate(x509.load_der_x509_certificate(roots[0]))
        for one in issuing:
            builder = builder.add_intermediate_certificate(x509.load_der_x509_certificate(one))
        assert builder.nonce(query.nonce).build().verify_message(response, document)


@on_both
def test_a_stamp_is_in_the_register_before_it_is_answered(world: World, clock: FixedClock) -> None:
    answers = [world.ca.timestamps.answer(tsp.request(DIGEST, nonce=number)) for number in range(3)]
    serials = {f"{tsp.read_token(tsp.token_of(answer)).serial:032x}" for answer in answers}
    page = world.ca.timestamps.page(AUDITOR, Ask())
    assert {one.serial for one in page.items} == serials
    assert {one.imprint for one in page.items} == {DIGEST.hex()}
    assert page.total == len(serials) == 3
    serial = min(serials)
    assert world.ca.timestamps.page(AUDITOR, Ask(serial)).items == (
        world.ca.timestamps.show(AUDITOR, serial),
    )
    assert world.ca.timestamps.page(AUDITOR, Ask(DIGEST.hex())).total == 3
    assert world.ca.timestamps.page(AUDITOR, Ask("nothing")).total == 0
    clock.advance(days=3661)
    assert world.ca.timestamps.prune() == 3
    assert world.ca.timestamps.page(AUDITOR, Ask()).total == 0


def test_without_a_place_in_the_register_no_token_leaves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ca.timestamps import store

    def full(*_: object) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(store, "add", full)
    assert failure(world.ca.timestamps.answer(tsp.request(DIGEST))) == "system_failure"


def request(**changes: object) -> asn1.TimeStampReq:
    """A good request with something changed in it."""
    made = asn1.TimeStampReq.load(tsp.request(DIGEST))
    for name, value in changes.items():
        made[name] = value
    return made


def test_what_is_not_offered_is_refused_by_its_own_code(world: World) -> None:
    def answered(changed: asn1.TimeStampReq) -> str:
        return failure(world.ca.timestamps.answer(changed.dump(force=True)))

    old = {"hash_algorithm": {"algorithm": "sha1"}, "hashed_message": b"d" * 20}
    assert answered(request(message_imprint=old)) == "bad_alg"
    short = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"d" * 20}
    assert answered(request(message_imprint=short)) == "bad_data_format"
    assert answered(request(req_policy="1.2.3.4")) == "unaccepted_policy"
    extension = [{"extn_id": "1.2.3.4", "critical": False, "extn_value": b"\x05\x00"}]
    assert answered(request(extensions=extension)) == "unaccepted_extensions"
    assert answered(request(nonce=1 << 600)) == "bad_request"
    assert failure(world.ca.timestamps.answer(b"no request")) == "bad_data_format"
    assert tsp.token_of(world.ca.timestamps.answer(request(req_policy=STAMPING).dump(force=True)))


def test_a_tsa_whose_certificate_is_suspended_or_over_stamps_nothing(world: World, clock: FixedClock) -> None:
    own = world.ca.services.key(KeyRole.TIMESTAMP).certificate_der
    serial = f"{x509.load_der_x509_certificate(own).serial_number:032x}"
    world.ca.lifecycle.hold(world.officer, serial, "核查")
    assert failure(world.ca.timestamps.answer(tsp.request(DIGEST))) == "system_failure"
    world.ca.lifecycle.release(world.officer, serial, "核查完毕")
    assert tsp.token_of(world.ca.timestamps.answer(tsp.request(DIGEST)))
    clock.advance(days=1200)
    assert failure(world.ca.timestamps.answer(tsp.request(DIGEST))) == "system_failure"


# --- the clock
def test_a_clock_that_was_set_is_not_signed_for_until_it_is_steady(world: World, clock: FixedClock) -> None:
    def refused() -> bool:
        answer = world.ca.timestamps.answer(tsp.request(DIGEST))
        granted = len(core.SequenceOf.load(answer, spec=core.Any)) == 2
        return not granted and failure(answer) == "time_not_available"

    clock.advance(hours=5)  # time that went by is no doubt
    assert not refused()
    clock.set_forward(seconds=30)
    assert refused()
    clock.advance(seconds=30)
    assert refused()
    clock.advance(seconds=31)
    assert not refused()
    clock.advance(seconds=-20)
    assert refused()
    clock.advance(minutes=2)
    assert not refused()


def test_a_clock_behind_a_stamp_of_before_the_restart_is_refused(world: World, clock: FixedClock) -> None:
    world.ca.timestamps.token(DIGEST)
    clock.advance(minutes=-5)
    restarted = Timestamps(world.ca.database, clock, Access(world.ca.database), world.ca.services)
    assert failure(restarted.answer(tsp.request(DIGEST))) == "time_not_available"


@pytest.mark.parametrize(
    ("told", "doubt"),
    [
        (None, Doubt.UNSYNCHRONISED),
        (ClockState(False, 16.0), Doubt.UNSYNCHRONISED),
        (ClockState(True, 1.5), Doubt.INACCURATE),
        (ClockState(True, 0.02), None),
    ],
)
def test_an_undisciplined_clock_stops_where_that_is_demanded(
    clock: FixedClock, told: ClockState | None, doubt: Doubt | None
) -> None:
    accuracy = timedelta(seconds=1)
    careless = ClockGuard(clock, accuracy, synchronised=False, state=lambda: told)
    assert careless.check(None) == clock.now()
    strict = ClockGuard(clock, accuracy, synchronised=True, state=lambda: told)
    if doubt is None:
        assert strict.check(None) == clock.now()
    else:
        with pytest.raises(clocks.ClockDoubtful) as refused:
            strict.check(None)
        assert refused.value.doubt is doubt


def test_the_kernel_tells_of_its_clock() -> None:
    """adjtimex(2), judged by what the same kernel tells elsewhere: its error is never negative, its word a yes or no."""
    told = clocks.system_state()
    assert told is not None
    assert told.error >= 0
    assert told.synchronised in (True, False)


# --- over HTTP
def ask(
    site: StatusSite, body: bytes, origin: str = "10.1.1.1", media: str = "application/timestamp-query"
) -> tuple[int, str, bytes]:
    (answer,) = site.answer([Asked("POST", "/tsa", body, headers={"content-type": media}, origin=origin)])
    assert isinstance(answer.body, bytes)
    return answer.status, answer.media_type, answer.body


def test_http_gives_types_and_bounds_each_address(world: World) -> None:
    few = Timestamps(
        world.ca.database, world.ca.clock, Access(world.ca.database), world.ca.services, Rules(per_minute=3)
    )
    site = StatusSite(replace(world.ca, timestamps=few))
    query = tsp.request(DIGEST, nonce=secrets.randbits(60))
    status, media, body = ask(site, query)
    assert (status, media) == (200, "application/timestamp-reply")
    assert tsp.token_of(body)
    assert ask(site, query, media="text/plain")[0] == 415
    assert failure(ask(site, b"")[2]) == "bad_data_format"
    assert [ask(site, query)[0] for _ in range(3)] == [429] * 3
    assert ask(site, query, origin="10.1.1.2")[0] == 200


# --- by the command line
def test_a_file_is_stamped_and_checked_by_command(world: World, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from ca.cli import commands
    from kernel.edges.cli import Output

    class App:
        ca, out, principal = world.ca, Output("json"), AUDITOR

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(commands, words, obj=App(), standalone_mode=False, catch_exceptions=False)
        return done.return_value or 0, done.output

    document, other, token = tmp_path / "公文.pdf", tmp_path / "other", tmp_path / "公文.tsr"
    document.write_bytes(b"%PDF" * 1000)
    other.write_bytes(b"other")
    for digest in ("sha256", "sha384", "sha512", "sm3"):
        assert run("timestamp", "stamp", str(document), "--out", str(token), "--digest", digest)[0] == 0
        for stamped, status in ((document, 0), (other, 7)):
            assert run("verify-timestamp", str(stamped), str(token))[0] == status
    status, said = run("timestamp", "list", "--limit", "2")
    assert status == 0
    assert said.count("imprint") == 2
    assert run("timestamp", "clock")[0] == 0
