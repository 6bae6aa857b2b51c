"""The CA for programs: a registrar's system files requests and follows them; what needs a person stays with persons."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from ca.model import State
from console.api.app import create_api
from console.resources import resources
from kernel.identity.model import Principal, Role
from kernel.identity.permissions import APPROVING, Permission, permissions_of
from tests.unit.ca.office import OFFICER, Office, opened
from tests.unit.ca.test_registration import csr
from tests.unit.console.api.conftest import Program

API = "/api/v1/ca"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("programs") / "data") as office:
        yield office


@pytest.fixture(scope="module")
def program(office: Office) -> Program:
    """The registrar's own system."""
    person = office.registrar
    until = office.clock.now() + timedelta(days=30)
    scope = permissions_of(person.roles) - APPROVING
    made = office.app.floor.tokens.create(person, "oa", scope, person.unit, until)
    found = {name: one for name, one in resources().items() if one.room == "ca"}
    return Program(create_api(office.app, found), made.secret)


def application(office: Office, **changes: Any) -> dict[str, Any]:
    made = csr(ec.generate_private_key(ec.SECP256R1()))
    return {
        "profile": "person",
        "common_name": "吴静",
        "organisation": "临江县大数据中心",
        "names": ["email:wu@city.gov.cn"],
        "unit": office.registrar.unit,
        "evidence": "办公系统实名信息",
        "csr": base64.b64encode(made).decode(),
    } | changes


def test_a_program_files_follows_and_fetches(office: Office, program: Program) -> None:
    filed = program.post(f"{API}/requests", application(office), Idempotency_Key="oa-2026-1")
    assert filed.status_code == 201, filed.text
    again = program.post(f"{API}/requests", application(office), Idempotency_Key="oa-2026-1")
    assert again.status_code == 422  # another key pair is another request under the same number
    request_id = filed.get_json()["id"]
    assert filed.headers["Location"].endswith(f"{API}/requests/{request_id}")
    assert program.get(f"{API}/requests/{request_id}").get_json()["state"] == "requested"
    office.app.ca.registration.approve(OFFICER, request_id)
    found = program.get(f"{API}/certificates?filter[request]={request_id}").get_json()
    assert (found["total"], found["items"][0]["common_name"]) == (1, "吴静")
    serial = found["items"][0]["serial"]
    files = program.get(f"{API}/certificates/{serial}")
    assert files.get_json()["state"] == "issued"
    assert files.headers["ETag"]


def test_a_program_never_approves(office: Office, program: Program) -> None:
    refused = program.post(f"{API}/requests/{office.waiting.id}/approve", {})
    assert refused.status_code == 403
    assert refused.get_json()["type"].endswith("not_permitted")


def test_the_key_is_handed_over_as_a_file_in_the_answer(office: Office, program: Program) -> None:
    done = program.post(f"{API}/requests/{office.granted.id}/deliver", {"password": "Yue-Guang-2026!"})
    assert done.status_code == 200, done.text
    handed = done.get_json()["file"]
    key, certificate, _chain = pkcs12.load_key_and_certificates(
        base64.b64decode(handed["data"]), b"Yue-Guang-2026!"
    )
    assert key is not None
    assert certificate is not None
    assert handed["media_type"] == "application/x-pkcs12"
    assert done.get_json()["secrets"] == {}
    assert program.post(f"{API}/requests/{office.granted.id}/deliver", {}).status_code == 409


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"common_name": "x" * 10_000}, "common_name"),
        ({"names": ["email:a@b.cn"] * 101}, "names"),
        ({"csr": "not base64!"}, "csr"),
        ({"colour": "red"}, "colour"),
        ({"evidence": " "}, "evidence"),
    ],
)
def test_a_wrong_field_is_named(
    office: Office, program: Program, changes: dict[str, Any], field: str
) -> None:
    refused = program.post(f"{API}/requests", application(office, **changes))
    assert refused.status_code == 422
    assert [one["field"] for one in refused.get_json()["errors"]] == [field]


@pytest.mark.parametrize(
    "changes",
    [
        {"csr": base64.b64encode(b"\x30\x03\x02\x01\x00").decode()},
        {"profile": "root"},
        {"profile": "passport"},
        {"unit": "u_other"},
        {"names": ["dns:www.example.com"]},
    ],
)
def test_what_the_services_refuse_is_told_by_its_kind(
    office: Office, program: Program, changes: dict[str, Any]
) -> None:
    refused = program.post(f"{API}/requests", application(office, **changes))
    assert refused.status_code in (400, 403, 404, 422)
    assert refused.content_type.startswith("application/problem+json")
    assert refused.get_json()["detail"]


def test_files_are_octets_of_their_kind(office: Office, program: Program, tmp_path: Path) -> None:
    root = program.get(f"{API}/authorities/root/der")
    assert root.status_code == 200, root.text
    assert root.content_type == "application/pkix-cert"
    assert x509.load_der_x509_certificate(root.data).subject is not None
    assert program.get(f"{API}/crls/issuing/crl").content_type == "application/pkix-crl"


def test_many_are_revoked_with_a_status_each(office: Office) -> None:
    account = office.accounts[Role.SECURITY_OFFICER].user
    officer = Principal(account.id, account.name, OFFICER.roles, account.unit, "password")
    until = office.clock.now() + timedelta(days=30)
    made = office.app.floor.tokens.create(officer, "soc", frozenset({Permission.CA_REVOKE}), "u_city", until)
    found = {name: one for name, one in resources().items() if one.room == "ca"}
    playbook = Program(create_api(office.app, found), made.secret)
    ids = [office.certificate.serial, office.issuing, "absent"]
    body = {"ids": ids, "code": "privilege_withdrawn", "reason": "人员调离"}
    done = playbook.post(f"{API}/certificates/revoke", body)
    assert done.status_code == 207, done.text
    assert [one["status"] for one in done.get_json()["items"]] == [200, 409, 404]
    assert office.app.ca.lifecycle.show(OFFICER, office.certificate.serial).state is State.REVOKED
