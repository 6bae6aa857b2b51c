"""The enrolment service answers as the console's API does, and what comes at once as one piece of work."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from ca.resources import RESOURCES
from console.api.app import create_api
from console.enrolment.programs import NOBODY
from console.enrolment.serve import site_of
from console.enrolment.site import EnrolmentSite
from kernel.edges.public import Answer, Asked
from kernel.i18n import translate
from kernel.identity.model import Role
from kernel.identity.permissions import APPROVING, Permission, permissions_of
from kernel.store.listing import Ask
from tests.unit.ca.office import Office, opened
from tests.unit.console.api.conftest import Program

PATH = "/api/v1/ca/certificates/issue"
KEY = ec.generate_private_key(ec.SECP256R1())


def csr(host: str, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "临江县大数据中心"),
            x509.NameAttribute(NameOID.COMMON_NAME, host),
        ]
    )
    names = x509.SubjectAlternativeName([x509.DNSName(f"{host}.gov.internal")])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    signed = made.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(Encoding.PEM)


@dataclass
class Door:
    """The service's site, and a registrar's token."""

    office: Office
    site: EnrolmentSite
    token: str
    count: int = field(default=0)

    def body(self, *csrs: bytes, **changes: Any) -> bytes:
        """A request for one certificate, unless CSRs are given."""
        self.count += 1
        bundle = b"".join(csrs) or csr(f"cam-{self.count}")
        given = {"profile": "device-automatic", "unit": self.office.registrar.unit, "evidence": "设备台账"}
        return json.dumps(given | {"csr": base64.b64encode(bundle).decode()} | changes).encode()

    def asked(self, body: bytes | None = None, **headers: str) -> Asked:
        named = {
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
            "accept-language": "en",
        }
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        return Asked("POST", PATH, self.body() if body is None else body, headers=named, origin="10.0.0.9")

    def answers(self, *asked: Asked) -> list[Answer]:
        return self.site.answer(asked)

    def one(self, body: bytes | None = None, **headers: str) -> Answer:
        return self.answers(self.asked(body, **headers))[0]

    def token_of(self, role: Role, scope: frozenset[Permission] | None = None) -> str:
        """Another token, of a person of that role."""
        user = self.office.accounts[role].user
        from kernel.identity.model import Principal

        person = Principal(user.id, user.name, frozenset({role}), user.unit, "password")
        ends = self.office.clock.now() + timedelta(days=1)
        scope = scope or permissions_of(person.roles) - APPROVING
        return self.office.app.floor.tokens.create(person, "test", scope, user.unit, ends).secret


def read(answer: Answer) -> dict[str, Any]:
    assert isinstance(answer.body, bytes)
    found: dict[str, Any] = json.loads(answer.body)
    return found


def rows(answer: Answer) -> list[dict[str, str]]:
    assert answer.status == 200, answer.body
    found: list[dict[str, str]] = read(answer)["rows"]
    return found


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("enrolment") / "data") as office:
        web = office.app.settings.web.model_copy(update={"api_per_minute": 100_000})
        office.app.settings = office.app.settings.model_copy(update={"web": web})
        yield office


@pytest.fixture
def door(office: Office) -> Iterator[Door]:
    person = office.registrar
    ends = office.clock.now() + timedelta(days=1)
    made = office.app.floor.tokens.create(
        person, "devices", permissions_of(person.roles) - APPROVING, person.unit, ends
    )
    yield Door(office, site_of(office.app), made.secret)
    office.app.floor.tokens.revoke(person, made.token.id, "the test is over")


# --- one code, two servers
VARYING = {"request_id", "serial", "certificate", "subject"}


def steady(value: Any) -> Any:
    """Without what differs from one request to the next."""
    if isinstance(value, dict):
        return {name: steady(inner) for name, inner in value.items() if name not in VARYING}
    return [steady(one) for one in value] if isinstance(value, list) else value


REQUESTS: Mapping[str, tuple[int, Callable[[Door], Asked]]] = {
    "a certificate": (200, lambda door: door.asked()),
    "two, one of them bad": (200, lambda door: door.asked(door.body(csr("a"), csr("b c")))),
    "no token": (401, lambda door: door.asked(authorization="")),
    "no token known": (401, lambda door: door.asked(authorization="Bearer wct_" + "A" * 43)),
    "another scheme": (401, lambda door: door.asked(authorization="Basic YTpi")),
    "a unit of others": (403, lambda door: door.asked(door.body(unit="u_nowhere"))),
    "a profile with approvals": (409, lambda door: door.asked(door.body(profile="device"))),
    "no such profile": (404, lambda door: door.asked(door.body(profile="none"))),
    "no JSON": (400, lambda door: door.asked(b"{")),
    "not sent as JSON": (415, lambda door: door.asked(content_type="text/plain")),
    "sent as JSON of a kind": (200, lambda door: door.asked(content_type="application/x+json; charset=utf-8")),
    "no body": (422, lambda door: door.asked(b"")),
    "a field too many": (422, lambda door: door.asked(door.body(more=1))),
    "no Base64": (422, lambda door: door.asked(door.body(csr="abc"))),
    "no CSR": (200, lambda door: door.asked(door.body(b"nonsense"))),
    "too many CSRs": (422, lambda door: door.asked(door.body(*[csr("a", KEY)] * 201))),
    "a bad key": (422, lambda door: door.asked(idempotency_key="a b")),
    "in Chinese": (200, lambda door: door.asked(accept_language="zh-CN,en;q=0.5")),
    "in the installation's language": (401, lambda door: door.asked(authorization="", accept_language="fr")),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_it_answers_as_the_console_does(door: Door, name: str) -> None:
    status, make = REQUESTS[name]
    api = Program(create_api(door.office.app, {one.name: one for one in RESOURCES}), door.token)
    asked = make(door)
    (ours,), same = door.answers(asked), make(door)
    theirs = api.post(PATH, same.body, **{name.title(): value for name, value in same.headers.items()})
    assert (ours.status, theirs.status_code) == (status, status)
    said, expected = steady(read(ours)), steady(theirs.get_json())
    if said.get("detail") in (NOBODY, translate(NOBODY, "zh_CN")):  # the one difference: it knows no sessions
        said["detail"] = expected["detail"]
    assert said == expected
    assert ours.media_type == theirs.content_type
    for name in ("Content-Language", "WWW-Authenticate", "Retry-After", "ETag", "Location"):
        assert ours.headers.get(name) == theirs.headers.get(name)
    assert read(ours).get("request_id", ours.headers["X-Request-Id"]) == ours.headers["X-Request-Id"]


def test_other_paths_and_methods_are_told_to_whoever_holds_a_token(door: Door) -> None:
    for method, path, status in (
        ("GET", PATH, 405),
        ("POST", "/api/v1/ca/requests", 404),
        ("GET", "/api/v1", 404),
    ):
        asked = door.asked()
        known = Asked(method, path, headers=asked.headers)
        assert [one.status for one in door.answers(known)] == [status]
        assert [one.status for one in door.answers(Asked(method, path))] == [401]
    assert door.answers(Asked("GET", "/elsewhere"))[0].status == 404
    assert door.answers(Asked("GET", PATH, headers=door.asked().headers))[0].headers["Allow"] == "POST"


def test_a_parameter_is_not_passed_over(door: Door) -> None:
    asked = door.asked()
    (told,) = door.answers(Asked("POST", PATH, asked.body, "dry-run=1", asked.headers))
    assert (told.status, "dry-run" in read(told)["detail"]) == (422, True)


def test_probes_are_answered(door: Door) -> None:
    alive = door.site.quick(Asked("GET", "/healthz"))
    assert alive is not None
    assert (alive.status, door.site.quick(Asked("GET", "/readyz"))) == (200, None)
    assert door.answers(Asked("GET", "/readyz"))[0].status == 200


# --- at once
def test_one_of_fifty_that_is_refused_stops_no_other(door: Door) -> None:
    bodies = [door.body() for _ in range(50)]
    bodies[20] = door.body(csr("bad name"))
    bodies[21] = b"{"
    bodies[22] = door.body(profile="device")
    bodies[23] = door.body(unit="u_nowhere")
    told = door.answers(*[door.asked(body) for body in bodies])
    assert [told[place].status for place in (20, 21, 22, 23)] == [200, 400, 409, 403]
    assert rows(told[20])[0]["fault"]
    good = [row for place, one in enumerate(told) if not 20 <= place <= 23 for row in rows(one)]
    assert len({row["serial"] for row in good}) == 46
    for place in (0, 49):  # each got their own
        made = x509.load_pem_x509_certificate(rows(told[place])[0]["certificate"].encode())
        wanted = x509.load_pem_x509_csr(base64.b64decode(json.loads(bodies[place])["csr"]))
        assert made.public_key() == wanted.public_key()


def test_each_is_answered_in_their_own_language(door: Door) -> None:
    said = door.answers(
        *[door.asked(door.body(csr("a b")), accept_language=one) for one in ("en", "zh", "en")]
    )
    english, chinese, again = (rows(one)[0]["fault"] for one in said)
    assert english == again
    assert english.isascii()
    assert not chinese.isascii()


def test_a_revoked_token_ends_at_once_among_others(door: Door) -> None:
    other = door.token_of(Role.REGISTRAR)
    tokens, person = door.office.app.floor.tokens, door.office.registrar
    asked = [door.asked(), door.asked(authorization=f"Bearer {other}"), door.asked()]
    assert [one.status for one in door.answers(*asked)] == [200, 200, 200]
    newest = tokens.page(person, Ask(limit=1)).items[0]
    tokens.revoke(person, newest.id, "lost")
    asked = [door.asked(), door.asked(authorization=f"Bearer {other}"), door.asked()]
    assert [one.status for one in door.answers(*asked)] == [200, 401, 200]


def test_who_may_not_file_gets_nothing(door: Door) -> None:
    other = door.token_of(Role.AUDITOR)
    assert [
        one.status for one in door.answers(door.asked(authorization=f"Bearer {other}"), door.asked())
    ] == [403, 200]


def test_tokens_of_many_cost_as_many_statements_as_one(door: Door) -> None:
    def statements(count: int) -> int:
        asked: list[str] = []

        def note(*given: object) -> None:
            asked.append(str(given[2]))

        engine = door.office.app.floor.database.engine
        event.listen(engine, "before_cursor_execute", note)
        told = door.answers(*[door.asked(b"{") for _ in range(count)])
        event.remove(engine, "before_cursor_execute", note)
        assert {one.status for one in told} == {400}
        return len(asked)

    door.one(b"{")
    assert statements(30) == statements(1)


def test_what_asks_for_certificates_goes_together_however_long(door: Door) -> None:
    assert door.site.together(door.asked())
    assert door.site.together(door.asked(b"x" * 100_000))
    assert not door.site.together(Asked("GET", "/readyz"))


# --- twice
def test_the_same_request_again_gets_the_same_answer(door: Door) -> None:
    asked = door.asked(door.body(csr("again")), idempotency_key="a-1")
    first, again = door.one(asked.body, idempotency_key="a-1"), door.answers(asked)[0]
    assert again.body == first.body
    assert (again.headers["Idempotency-Replayed"], "Idempotency-Replayed" in first.headers) == ("true", False)
    other = door.one(idempotency_key="a-1")
    assert (other.status, read(other)["place"]) == (422, "Idempotency-Key")


def test_the_console_knows_what_was_done_here(door: Door) -> None:
    """One register of keys: who asks again at the other server gets the same answer."""
    api = Program(create_api(door.office.app, {one.name: one for one in RESOURCES}), door.token)
    body = door.body(csr("both"))
    first = door.one(body, idempotency_key="b-1")
    again = api.post(PATH, body, Idempotency_Key="b-1")
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.body, "true")


def test_the_same_request_twice_at_once_is_done_once(door: Door) -> None:
    body = door.body(csr("once"))
    first, second, other = door.answers(*[door.asked(body, idempotency_key="c-1")] * 2, door.asked())
    assert [first.status, second.status, other.status] == [200, 409, 200]
    assert door.one(body, idempotency_key="c-1").body == first.body


def test_a_refused_request_leaves_its_key_free(door: Door) -> None:
    assert door.one(door.body(profile="device"), idempotency_key="d-1").status == 409
    assert door.one(idempotency_key="d-1").status == 200


def test_after_a_fault_inside_each_is_told_and_nobody_does_it_again_unasked(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OperationalError("secret statement", {}, Exception("database is locked"))

    keyed, plain = door.asked(idempotency_key="e-1"), door.asked()
    with monkeypatch.context() as patched:
        patched.setattr(door.office.app.floor.database, "begin", broken)
        assert door.answers(plain, door.asked(authorization=""))[0].status == 500
    registration = door.office.app.ca.registration
    with monkeypatch.context() as patched:
        patched.setattr(registration, "issue_together", broken)
        told = door.answers(keyed, plain)
    assert [one.status for one in told] == [500, 500]
    assert all("secret statement" not in str(one.body) for one in told)
    assert door.answers(keyed)[0].status == 409
    assert door.answers(plain)[0].status == 200


# --- bounds
def test_who_asks_too_often_is_told_when_to_come_back(door: Door) -> None:
    app, before = door.office.app, door.office.app.settings
    web = before.web.model_copy(update={"api_per_minute": 20})
    app.settings = before.model_copy(update={"web": web})
    try:
        site = site_of(app)
    finally:
        app.settings = before
    told = site.answer([door.asked(b"{") for _ in range(30)])
    assert [one.status for one in told] == [400] * 20 + [429] * 10
    assert int(told[-1].headers["Retry-After"]) >= 1


def test_guessing_tokens_ends_soon_for_where_it_comes_from(door: Door) -> None:
    guesses = [door.asked(authorization=f"Bearer wct_{number:043}") for number in range(40)]
    told = [door.answers(one)[0].status for one in guesses]
    assert told[:30] == [401] * 30
    assert set(told[31:]) == {429}
    asked = door.asked()
    elsewhere = Asked("POST", PATH, asked.body, headers=asked.headers, origin="10.0.0.10")
    assert door.answers(elsewhere)[0].status == 200


BASE64 = st.binary(max_size=40).map(lambda octets: base64.b64encode(octets).decode())
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20) | BASE64,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = ("profile", "unit", "evidence", "csr", "x")
FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, JSON_LIKE))
BODIES = st.binary(max_size=200) | (FIELDS | JSON_LIKE).map(lambda one: json.dumps(one).encode())
DERS = st.binary(max_size=300) | st.integers(0, 200).flatmap(
    lambda place: st.integers(0, 255).map(lambda octet: _changed(place, octet))
)


def _changed(place: int, octet: int) -> bytes:
    der = bytearray(x509.load_pem_x509_csr(csr("changed", KEY)).public_bytes(Encoding.DER))
    der[place % len(der)] = octet
    return bytes(der)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bodies=st.lists(BODIES | DERS, min_size=1, max_size=4),
    header=st.text(max_size=30).filter(str.isprintable),
)
def test_whatever_is_sent_gets_an_answer_and_nothing_else(
    door: Door, bodies: Sequence[bytes], header: str
) -> None:
    """And whoever asked rightly beside it gets a certificate."""
    asked = [door.asked(body) for body in bodies]
    asked += [door.asked(door.body(body)) for body in bodies if body]
    stranger = door.asked(authorization=header)
    asked.append(Asked("POST", PATH, stranger.body, headers=stranger.headers, origin="10.0.0.11"))
    told = door.answers(*asked, door.asked())
    assert {one.status for one in told} <= {200, 400, 401, 403, 404, 409, 422, 429}
    for one in told:
        found = read(one)
        assert one.media_type == ("application/json" if one.status == 200 else "application/problem+json")
        assert found.get("status", 200) == one.status
    assert rows(told[-1])[0]["serial"]
