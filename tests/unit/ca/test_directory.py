"""The directory: what profiles list is found by its whole name, and nothing else is."""

from email import message_from_bytes
from urllib.parse import quote

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca.model import Certificate, Reason
from ca.web import StatusSite
from kernel.clock import FixedClock
from kernel.edges.public import Answer, Asked
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.test_profile_versions import changed, enacted


def ask(world: World, query: str) -> Answer:
    (answer,) = StatusSite(world.ca).answer([Asked("GET", "/certificates/search.cgi", query=query)])
    return answer


def serial_of(answer: Answer) -> str:
    assert isinstance(answer.body, bytes)
    return f"{x509.load_der_x509_certificate(answer.body).serial_number:032x}"


@on_both
def test_a_person_is_found_by_address_and_by_name(world: World) -> None:
    issued = world.issue()
    for query in ("uri=chen@city.gov.cn", "uri=Chen%40City.Gov.CN", f"name={quote('陈晓明')}"):
        answer = ask(world, query)
        assert (answer.status, answer.media_type) == (200, "application/pkix-cert"), query
        assert serial_of(answer) == issued.serial


@pytest.mark.parametrize(
    "query", ["uri=city.gov.cn", "uri=chen", "name=晓明", "name=chen@city.gov.cn", "uri=x@y.cn"]
)
def test_a_part_of_a_name_finds_nobody(world: World, query: str) -> None:
    world.issue()
    assert ask(world, quote(query, safe="=@")).status == 404


def test_what_is_not_listed_is_not_found(world: World) -> None:
    world.issue(profile="device", subject={"O": "x", "CN": "switch-1"}, names=("dns:switch-1.gov.internal",))
    assert ask(world, "name=switch-1").status == 404
    enacted(world, changed("device", listed=True))
    world.issue(profile="device", subject={"O": "x", "CN": "switch-2"}, names=("dns:switch-2.gov.internal",))
    assert ask(world, "name=switch-1").status == 404
    assert ask(world, "uri=switch-2.gov.internal").status == 200


def _revoke(world: World, issued: Certificate, _clock: FixedClock) -> None:
    world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")


def _hold(world: World, issued: Certificate, _clock: FixedClock) -> None:
    world.ca.lifecycle.hold(world.officer, issued.serial, "外借")


def _end(_world: World, _issued: Certificate, clock: FixedClock) -> None:
    clock.advance(days=731)


@pytest.mark.parametrize("ends", [_revoke, _hold, _end])
def test_only_what_is_in_force_is_listed(world: World, clock: FixedClock, ends: object) -> None:
    issued = world.issue()
    assert callable(ends)
    ends(world, issued, clock)
    assert ask(world, "uri=chen@city.gov.cn").status == 404


def test_several_come_as_parts_of_one_answer(world: World) -> None:
    issued = {world.issue().serial, world.issue().serial}
    answer = ask(world, "uri=chen@city.gov.cn")
    assert isinstance(answer.body, bytes)
    message = message_from_bytes(f"Content-Type: {answer.media_type}\r\n\r\n".encode() + answer.body)
    parts = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    found = [x509.load_der_x509_certificate(part) for part in parts if isinstance(part, bytes)]
    assert {f"{one.serial_number:032x}" for one in found} == issued


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(max_size=300) | st.sampled_from(["", "uri", "uri=", "uri=%ff%fe", "name=a&uri=b", "sHash=abcd"])
)
def test_any_question_gets_an_answer(world: World, query: str) -> None:
    assert ask(world, query).status in (400, 404)


@pytest.mark.parametrize("query", ["uri=", "iHash=AAAA", "name=abc&uri=abc", "x"])
def test_a_bad_question_is_told_so(world: World, query: str) -> None:
    assert ask(world, query).status == 400
