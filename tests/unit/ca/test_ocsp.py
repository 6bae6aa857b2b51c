"""OCSP: prepared answers, what is kept in memory and for how long, headers for caches, and requests of any shape."""

import base64
from datetime import timedelta
from threading import Thread
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ca.model import Reason
from ca.status import desk as module
from ca.status import store
from ca.status.desk import Desk
from ca.web import StatusSite
from kernel.clock import FixedClock
from kernel.edges.public import Answer, Asked
from kernel.errors import NotFound
from kernel.pki import der
from tests.support.statements import counting
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.relying import ask, request
from tests.unit.ca.test_faults import lose_signer

GOOD, REVOKED, UNKNOWN = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN


def told(answer: Answer | None) -> ocsp.OCSPResponse:
    assert answer is not None
    assert isinstance(answer.body, bytes)
    return ocsp.load_der_ocsp_response(answer.body)


def posted(world: World, serial: str, nonce: bytes | None = None) -> Asked:
    return Asked("POST", "/ocsp", request(world, int(serial, 16), nonce, hashes.SHA1()))


def got(world: World, serial: str) -> Asked:
    path = quote(base64.b64encode(request(world, int(serial, 16), None, hashes.SHA1())).decode(), safe="")
    return Asked("GET", f"/ocsp/{path}")


@on_both
def test_prepared_answers_are_given_without_the_signer_and_never_against_the_register(
    world: World, monkeypatch: pytest.MonkeyPatch, clock: FixedClock
) -> None:
    issued, other = world.issue(), world.issue()
    serial, another = int(issued.serial, 16), int(other.serial, 16)
    assert world.ca.preparation.all() >= 5  # with the suite's own services
    assert world.ca.preparation.all() == 0
    clock.advance(hours=1)
    with monkeypatch.context() as patched:
        lose_signer(world, patched)
        answer = ask(world, serial, digest=hashes.SHA1())
        assert answer.certificate_status is GOOD
        assert answer.produced_at_utc == clock.now() - timedelta(hours=1)
        assert ask(world, serial, nonce=b"n" * 16).response_status is ocsp.OCSPResponseStatus.TRY_LATER
        assert ask(world, 4711, digest=hashes.SHA1()).response_status is ocsp.OCSPResponseStatus.TRY_LATER
    world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")
    assert ask(world, serial, digest=hashes.SHA1()).certificate_status is REVOKED
    assert world.ca.preparation.changed() == 1
    with monkeypatch.context() as patched:
        lose_signer(world, patched)
        assert ask(world, serial, digest=hashes.SHA1()).certificate_status is REVOKED
        assert ask(world, another, digest=hashes.SHA1()).certificate_status is GOOD


@on_both
def test_prepared_answers_are_made_anew_in_time_and_for_a_new_responder(
    world: World, clock: FixedClock
) -> None:
    world.issue()
    count = world.ca.preparation.all()
    clock.advance(hours=7)
    assert world.ca.preparation.all() == count
    clock.advance(days=61)
    world.ca.services.renew()
    assert world.ca.preparation.all() >= count
    assert world.ca.preparation.all() == 0
    stands, oldest = world.ca.preparation.stands(world.officer)
    assert stands >= count
    assert oldest == clock.now()


def test_an_answer_is_kept_until_any_process_changes_a_status(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes with memories of their own; the change is made in a third."""
    issued, other = world.issue(), world.issue()
    desks = [Desk(world.ca.responder, world.ca.clock) for _ in range(2)]
    for desk in desks:
        for asked in (posted(world, issued.serial), got(world, issued.serial)):
            assert desk.quick(asked) is None
            assert told(desk.answers([asked])[0]).certificate_status is GOOD
            assert told(desk.quick(asked)).certificate_status is GOOD
    world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")
    monkeypatch.setattr(module, "LOOKED", -1.0)  # a second later
    for desk in desks:
        asked = posted(world, issued.serial)
        assert desk.quick(asked) is None  # this one looks
        assert told(desk.answers([asked])[0]).certificate_status is REVOKED
        assert told(desk.answers([posted(world, other.serial)])[0]).certificate_status is GOOD
    monkeypatch.setattr(module, "LOOKED", 60.0)
    for desk in desks:
        assert desk.quick(got(world, issued.serial)) is None
        assert told(desk.quick(posted(world, issued.serial))).certificate_status is REVOKED


@on_both
def test_what_changes_while_the_register_is_asked_is_told_with_the_next_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The revocation comes between the versions and the statuses that the responder reads."""
    issued, desk, statuses = world.issue(), Desk(world.ca.responder, world.ca.clock), store.statuses

    def revoked_meanwhile(*given: Any, **named: Any) -> Any:
        monkeypatch.undo()
        revoking = Thread(
            target=world.ca.lifecycle.revoke,
            args=(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失"),
        )
        revoking.start()
        revoking.join()
        return statuses(*given, **named)

    asked = posted(world, issued.serial)
    monkeypatch.setattr(store, "statuses", revoked_meanwhile)
    desk.answers([asked])
    monkeypatch.setattr(module, "LOOKED", -1.0)  # a second later
    assert desk.quick(asked) is None  # this one looks
    assert told(desk.answers([asked])[0]).certificate_status is REVOKED
    monkeypatch.setattr(module, "LOOKED", 60.0)
    assert told(desk.quick(asked)).certificate_status is REVOKED


@on_both
def test_a_look_is_two_statements_and_sees_what_was_written_just_before(world: World) -> None:
    issued = [world.issue() for _ in range(3)]
    requests = [request(world, int(one.serial, 16), b"n" * 16) for one in issued]
    world.ca.responder.answers(requests)
    with counting(world.ca.database) as sent:
        world.ca.responder.answers(requests)
    assert len(sent) == 2
    for one in issued:
        world.ca.lifecycle.revoke(world.officer, one.serial, Reason.KEY_COMPROMISE, "丢失")
        answers = [ocsp.load_der_ocsp_response(each.octets) for each in world.ca.responder.answers(requests)]
        revoked = [answer.serial_number for answer in answers if answer.certificate_status is REVOKED]
        assert revoked == [int(each.serial, 16) for each in issued[: issued.index(one) + 1]]


@pytest.mark.parametrize("world", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_a_connection_that_was_lost_is_made_anew_and_asked_again(world: World) -> None:
    asked = request(world, int(world.issue().serial, 16), b"n" * 16)
    for _ in range(2):
        answer = ocsp.load_der_ocsp_response(world.ca.responder.answer(asked))
        assert answer.certificate_status is GOOD
        with world.ca.database.engine.connect() as connection:
            ended = connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            ).all()
        assert ended


def test_nothing_kept_is_given_when_the_register_can_not_be_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = posted(world, world.issue().serial)
    desk = Desk(world.ca.responder, world.ca.clock)
    desk.answers([asked])
    monkeypatch.setattr(module, "LOOKED", -1.0)
    assert desk.quick(asked) is None  # looks
    assert desk.quick(asked) is not None  # meanwhile
    monkeypatch.setattr(module, "TRUSTED", -1.0)
    assert desk.quick(asked) is None


def test_no_answer_with_a_nonce_or_of_the_unknown_is_kept(world: World) -> None:
    desk = Desk(world.ca.responder, world.ca.clock)
    for asked in (posted(world, world.issue().serial, b"n" * 16), posted(world, "0123456789abcdef")):
        answer = desk.answers([asked])[0]
        assert answer.max_age == 0
        assert desk.quick(asked) is None


def test_a_kept_answer_is_dropped_before_it_ends(world: World, clock: FixedClock) -> None:
    asked = got(world, world.issue().serial)
    desk = Desk(world.ca.responder, world.ca.clock)
    first = desk.answers([asked])[0]
    clock.advance(hours=10)
    assert desk.quick(asked) is None
    assert told(desk.answers([asked])[0]).produced_at_utc > told(first).produced_at_utc


def test_memory_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    desk = Desk(world.ca.responder, world.ca.clock)
    asked = [posted(world, world.issue().serial) for _ in range(3)]
    desk.answers(asked)
    assert [desk.quick(one) is not None for one in asked] == [False, True, True]


def test_whoever_pads_requests_fills_no_memory(world: World) -> None:
    """Any requestorName is allowed, so each of thousands of requests may be another one, and large."""
    asked = posted(world, world.issue().serial)
    tbs = der.Reader(asked.body, "OCSPRequest").enter(der.SEQUENCE).enter(der.SEQUENCE)
    name = der.explicit(1, der.explicit(2, der.octet_string(b"x" * 8000)))
    padded = asked._replace(body=der.sequence(der.sequence(name, tbs.element())))
    desk = Desk(world.ca.responder, world.ca.clock)
    assert told(desk.answers([padded])[0]).certificate_status is GOOD
    assert desk.quick(padded) is None


def test_a_key_that_is_missing_is_an_answer_and_no_failure_of_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = world.issue()

    def missing(*_asked: object) -> list[bytes]:
        raise NotFound("There is no key %(name)s.", name="ocsp")

    monkeypatch.setattr(world.ca.responder, "_signer", SimpleNamespace(sign_many=missing))
    answers = Desk(world.ca.responder, world.ca.clock).answers(
        [posted(world, issued.serial, b"n" * 16), Asked("POST", "/ocsp", b"garbage")]
    )
    assert [told(one).response_status.name for one in answers] == ["TRY_LATER", "MALFORMED_REQUEST"]


def test_answers_by_get_say_how_long_they_may_be_kept(world: World, clock: FixedClock) -> None:
    issued = world.issue()
    answer = StatusSite(world.ca).answer([got(world, issued.serial)])[0]
    assert answer.max_age == 60
    assert len(answer.etag) == 42
    assert answer.headers["Last-Modified"] == "Mon, 23 Nov 2026 01:00:00 GMT"
    by_post = StatusSite(world.ca).answer([posted(world, issued.serial)])[0]
    assert (by_post.max_age, by_post.etag) == (0, "")


def test_many_requests_at_once_are_answered_in_their_order(world: World) -> None:
    issued, revoked = world.issue(), world.issue()
    world.ca.lifecycle.revoke(world.officer, revoked.serial, Reason.SUPERSEDED, "更换")
    asked = [
        posted(world, issued.serial),
        Asked("POST", "/ocsp", b"garbage"),
        posted(world, revoked.serial, b"n" * 20),
        Asked("DELETE", "/ocsp"),
        Asked("GET", "/ocsp/%%%"),
        posted(world, "abcdef"),
    ]
    answers = StatusSite(world.ca).answer(asked)
    assert told(answers[0]).certificate_status is GOOD
    assert told(answers[1]).response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    assert told(answers[2]).certificate_status is REVOKED
    assert answers[3].status == 405
    assert told(answers[4]).response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    assert told(answers[5]).certificate_status is UNKNOWN


@pytest.mark.parametrize("serial", [1, 2**63, 2**127 - 1, 2**128, 2**159, 2**255])
def test_a_serial_of_any_length_that_was_never_issued_is_unknown(world: World, serial: int) -> None:
    assert ask(world, serial, digest=hashes.SHA1()).certificate_status is UNKNOWN


def test_of_an_ended_certificate_the_answer_says_since_when_status_is_kept(
    world: World, clock: FixedClock
) -> None:
    issued = world.issue()
    world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.SUPERSEDED, "更换")
    for _ in range(13):
        clock.advance(days=60)
        world.ca.services.renew()
    answer = ask(world, int(issued.serial, 16))
    assert answer.certificate_status is REVOKED
    cutoff = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.6")
    (found,) = [one for one in answer.single_extensions if one.oid == cutoff]
    issuing = x509.load_der_x509_certificate(world.ca.authority("issuing").certificate)
    assert issuing.not_valid_before_utc.strftime("%Y%m%d%H%M%SZ").encode() in found.value.public_bytes()


@given(data=st.binary(max_size=200), path=st.text(max_size=80))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_request_over_http_has_an_answer_that_is_ocsp(world: World, data: bytes, path: str) -> None:
    site = StatusSite(world.ca)
    encoded = quote(base64.b64encode(data).decode(), safe="")
    asked = [Asked("POST", "/ocsp", data), Asked("GET", f"/ocsp/{encoded}"), Asked("GET", f"/ocsp/{path}")]
    for answer in site.answer(asked):
        assert answer.status == 200
        told(answer)
