"""What console and API offer of the CA: every verb and download through its declaration, over the real services."""

import base64
import inspect
import itertools
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from pydantic import ValidationError

from ca.model import Certificate
from ca.resources import RESOURCES
from ca.resources.labels import CERTIFICATE_STATES, REASON_LABELS, REQUEST_STATES
from ca.service import CaService
from kernel.clock import FixedClock
from kernel.edges.resources import Done, Resource
from kernel.errors import Conflict, IntegrityFailed, Invalid, NeedsApproval, NotFound, NotPermitted
from kernel.i18n import speaking, translate
from kernel.identity.model import Principal, Unit
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World
from tests.unit.ca.relying import crl_of
from tests.unit.ca.test_registration import csr

BY_NAME = {resource.plural: resource for resource in RESOURCES}


class Units:
    """The units as the identity service names them."""

    def units(self, _principal: Principal) -> list[Unit]:
        return [
            Unit("u_city", None, "市大数据局", "/u_city/"),
            Unit("u_county", "u_city", "临江县", "/u_city/u_county/"),
        ]


@dataclass
class Settings:
    organisation: str = "卫城市大数据局"
    timezone: str = "Asia/Shanghai"


@dataclass
class Desk:
    """What an edge is handed, and what it does with a declaration."""

    ca: CaService
    identity: Units
    settings: Settings

    def do(self, who: Principal, resource: str, verb: str, object_id: str = "", **fields: Any) -> Done:
        found = BY_NAME[resource].verb(verb)
        assert found is not None
        return found.run(self, who, object_id, found.input.model_validate(fields))

    def item(self, who: Principal, resource: str, object_id: str) -> Any:
        look = BY_NAME[resource].item
        assert look is not None
        return look(self, who, object_id)

    def offered(self, who: Principal, resource: str, object_id: str) -> set[str]:
        record = self.item(who, resource, object_id)
        return {
            one.name
            for one in BY_NAME[resource].verbs
            if one.on == "item"
            and one.when(record)
            and not (one.not_by and getattr(record, one.not_by) == who.id)
            and not (one.only_by and getattr(record, one.only_by) != who.id)
        }

    def file(self, who: Principal, resource: str, name: str, object_id: str) -> bytes:
        found = next(one for one in BY_NAME[resource].downloads if one.name == name)
        data = found.get(self, who, object_id).data
        assert isinstance(data, bytes)
        return data

    def preview(self, who: Principal, resource: str, verb: str, object_id: str) -> list[str]:
        found = BY_NAME[resource].verb(verb)
        assert found is not None
        assert found.preview is not None
        return found.preview(self, who, object_id)


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world.ca, Units(), Settings())


PERSON = {
    "profile": "person",
    "common_name": "陈晓明",
    "organisation": "临江县大数据中心",
    "names": ["email:chen@city.gov.cn"],
    "unit": "u_county",
    "evidence": "身份证原件",
}


def issued(world: World, desk: Desk, **changes: Any) -> Any:
    filed = desk.do(world.registrar, "requests", "file", **{**PERSON, **changes})
    desk.do(world.officer, "requests", "approve", filed.id)
    found = world.ca.lifecycle.page(world.officer, Ask(filters={"request": (filed.id,)})).items[0]
    return filed.id, found.serial


def test_from_a_filed_request_to_the_key_in_the_applicants_hand(world: World, desk: Desk) -> None:
    filed = desk.do(world.registrar, "requests", "file", **PERSON)
    assert desk.offered(world.officer, "requests", filed.id) == {"approve", "reject", "attach", "phrase"}
    approved = desk.do(world.officer, "requests", "approve", filed.id, reason="核对无误")
    assert approved.record is not None
    assert approved.record.model_dump()["state"] == "issued"
    assert desk.offered(world.registrar, "requests", filed.id) == {"deliver", "phrase"}
    assert desk.offered(world.officer, "requests", filed.id) == {"phrase"}
    done = desk.do(world.registrar, "requests", "deliver", filed.id, password="Yue-Guang-2026!")
    assert done.secrets == {}
    assert done.file is not None
    key, certificate, chain = pkcs12.load_key_and_certificates(done.file.data, b"Yue-Guang-2026!")
    assert key is not None
    assert certificate is not None
    assert len(chain) == 1
    assert desk.offered(world.registrar, "requests", filed.id) == {"phrase"}
    assert desk.offered(world.officer, "requests", filed.id) == {
        "password",
        "phrase",
    }  # another person tells it
    with pytest.raises(Conflict, match="handed over already"):
        desk.do(world.registrar, "requests", "deliver", filed.id)


def test_a_password_that_is_not_given_is_made_and_a_weak_one_costs_no_key(world: World, desk: Desk) -> None:
    request_id, _serial = issued(world, desk)
    for weak in ("short", "aaaaaaaaaaaaaaaa"):
        with pytest.raises(Invalid, match="password"):
            desk.do(world.registrar, "requests", "deliver", request_id, password=weak)
    done = desk.do(world.registrar, "requests", "deliver", request_id)
    assert done.file is not None
    assert done.secrets == {}
    (password,) = desk.do(world.officer, "requests", "password", request_id).secrets.values()
    assert pkcs12.load_key_and_certificates(done.file.data, password.encode())[0] is not None


def test_nobody_but_who_filed_it_gets_the_key(world: World, desk: Desk) -> None:
    request_id, _serial = issued(world, desk)
    with pytest.raises(NotPermitted):
        desk.do(world.officer, "requests", "deliver", request_id)
    colleague = Principal("usr_colleague", "c", world.registrar.roles, "u_county", "password")
    with pytest.raises(Conflict, match="who filed the request"):
        desk.do(colleague, "requests", "deliver", request_id)
    stranger = replace(colleague, unit="u_other")
    with pytest.raises(NotFound):
        desk.do(stranger, "requests", "deliver", request_id)


def test_an_uploaded_signing_request_needs_no_delivery(world: World, desk: Desk) -> None:
    made = base64.b64encode(csr(ec.generate_private_key(ec.SECP256R1())))
    request_id, _serial = issued(world, desk, csr=made)
    assert desk.item(world.registrar, "requests", request_id).own_key
    assert desk.offered(world.registrar, "requests", request_id) == {"phrase"}


def test_who_filed_can_not_decide_and_a_rejection_needs_its_reason(world: World, desk: Desk) -> None:
    filed = desk.do(world.registrar, "requests", "file", **PERSON)
    with pytest.raises(NotPermitted):
        desk.do(world.registrar, "requests", "approve", filed.id)
    with pytest.raises(ValidationError):
        desk.do(world.officer, "requests", "reject", filed.id, reason="  ")
    desk.do(world.officer, "requests", "reject", filed.id, reason="姓名与证件不符")
    assert desk.item(world.registrar, "requests", filed.id).state == "rejected"


def test_hold_release_and_revoke(world: World, desk: Desk, clock: FixedClock) -> None:
    _request, serial = issued(world, desk)
    assert desk.offered(world.officer, "certificates", serial) == {"hold", "hold-by-phone", "revoke", "renew"}
    desk.do(world.officer, "certificates", "hold", serial, reason="出差")
    assert desk.offered(world.officer, "certificates", serial) == {"release", "revoke", "prove"}
    desk.do(world.officer, "certificates", "release", serial, reason="返回")
    since = clock.now().replace(hour=0)
    done = desk.do(
        world.officer,
        "certificates",
        "revoke",
        serial,
        reason="遗失",
        code="key_compromise",
        invalid_since=since.isoformat(),
    )
    assert done.record is not None
    assert done.record.model_dump()["reason"] == "key_compromise"
    entry = crl_of(world).get_revoked_certificate_by_serial_number(int(serial, 16))
    assert entry is not None
    assert entry.extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc == since
    assert desk.offered(world.officer, "certificates", serial) == {"prove"}


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "certificate_hold", "reason": "x"},
        {"code": "because", "reason": "x"},
        {"code": "superseded", "reason": ""},
        {"code": "superseded", "reason": "x" * 2001},
        {"code": "superseded", "reason": "x", "invalid_since": "2026-11-20T00:00:00"},  # of which zone?
        {"code": "superseded", "reason": "x", "more": "y"},
    ],
)
def test_a_form_that_is_not_right_revokes_nothing(world: World, desk: Desk, fields: dict[str, str]) -> None:
    _request, serial = issued(world, desk)
    with pytest.raises(ValidationError):
        desk.do(world.officer, "certificates", "revoke", serial, **fields)
    assert desk.item(world.officer, "certificates", serial).state == "issued"


def test_the_preview_names_person_unit_kind_and_service_in_the_readers_language(
    world: World, desk: Desk
) -> None:
    _request, serial = issued(world, desk)
    with speaking("zh_CN"):
        told = "\n".join(desk.preview(world.officer, "certificates", "revoke", serial))
    assert "陈晓明" in told
    assert "临江县大数据中心" in told
    assert "人员证书" in told
    ocsp = desk.item(world.officer, "services", "ocsp-issuing").serial
    with speaking("en"):
        told = "\n".join(desk.preview(world.officer, "certificates", "revoke", ocsp))
    assert "OCSP responder" in told
    assert desk.preview(world.officer, "certificates", "revoke", "") == []  # of many at once


def test_a_cas_certificate_is_proposed_by_one_and_performed_by_another(world: World, desk: Desk) -> None:
    own = desk.item(world.officer, "authorities", "issuing").serial
    assert desk.offered(world.officer, "certificates", own) == {"hold", "propose-revocation"}
    fields = {"reason": "泄露", "code": "ca_compromise"}
    with pytest.raises(NeedsApproval):
        desk.do(world.officer, "certificates", "revoke", own, **fields)
    desk.do(world.officer, "certificates", "propose-revocation", own, **fields)
    proposal = world.ca.revocations.page(world.officer, Ask()).items[0]
    with speaking("zh_CN"):
        assert "4" in "\n".join(desk.preview(world.second, "revocations", "perform", proposal.id))
    assert desk.offered(world.second, "revocations", proposal.id) == {"perform", "reject"}
    desk.do(world.second, "revocations", "perform", proposal.id)
    assert desk.item(world.officer, "authorities", "issuing").state == "revoked"
    assert desk.offered(world.second, "revocations", proposal.id) == set()


def test_many_at_once_each_with_its_outcome_and_one_list_for_all(world: World, desk: Desk) -> None:
    people = [issued(world, desk, common_name=name)[1] for name in ("甲某", "乙某", "丙某")]
    own = desk.item(world.officer, "authorities", "issuing").serial
    verb = BY_NAME["certificates"].verb("revoke")
    assert verb is not None
    assert verb.many is not None
    before = desk.item(world.officer, "crls", "issuing").number
    given = verb.input.model_validate({"code": "superseded", "reason": "批量更换"})
    found = verb.many(desk, world.officer, (*people, own, "absent"), given)
    assert [isinstance(found[serial], Done) for serial in people] == [True] * 3
    assert isinstance(found[own], NeedsApproval)
    assert isinstance(found["absent"], NotFound)
    assert desk.item(world.officer, "crls", "issuing").number == before + 1
    assert all(crl_of(world).get_revoked_certificate_by_serial_number(int(one, 16)) for one in people)
    again = verb.many(desk, world.officer, (people[0],), given)
    assert isinstance(again[people[0]], Conflict)
    with pytest.raises(NotPermitted):
        verb.many(desk, world.registrar, tuple(people), given)


@pytest.mark.parametrize(("verb_name", "state"), [("hold", "held"), ("release", "issued")])
def test_many_are_suspended_and_released(world: World, desk: Desk, verb_name: str, state: str) -> None:
    people = tuple(issued(world, desk, common_name=name)[1] for name in ("甲某", "乙某"))
    for name in ("hold", "release")[: 1 if verb_name == "hold" else 2]:
        verb = BY_NAME["certificates"].verb(name)
        assert verb is not None
        assert verb.many is not None
        verb.many(desk, world.officer, people, verb.input.model_validate({"reason": "核查"}))
    assert {desk.item(world.officer, "certificates", one).state for one in people} == {state}


def test_a_proposal_turned_down(world: World, desk: Desk) -> None:
    own = desk.item(world.officer, "authorities", "issuing").serial
    desk.do(world.officer, "certificates", "propose-revocation", own, reason="换代", code="superseded")
    proposal = world.ca.revocations.page(world.officer, Ask()).items[0]
    done = desk.do(world.second, "revocations", "reject", proposal.id, reason="尚早")
    assert done.record is not None
    assert done.record.model_dump()["state"] == "rejected"
    assert desk.item(world.officer, "authorities", "issuing").state == "issued"


def test_renewal_files_a_request_that_supersedes(world: World, desk: Desk) -> None:
    _request, serial = issued(world, desk)
    desk.do(world.registrar, "certificates", "renew", serial, evidence="身份证原件")
    waiting = world.ca.registration.page(world.officer, Ask(filters={"waiting": ("me",)})).items[0]
    assert desk.item(world.officer, "requests", waiting.id).replaces == serial
    desk.do(world.officer, "requests", "approve", waiting.id)
    assert desk.item(world.officer, "certificates", serial).state == "superseded"


def test_files_of_a_certificate(world: World, desk: Desk) -> None:
    _request, serial = issued(world, desk)
    der = desk.file(world.registrar, "certificates", "der", serial)
    pem = desk.file(world.registrar, "certificates", "pem", serial)
    assert x509.load_pem_x509_certificate(pem) == x509.load_der_x509_certificate(der)
    chain = x509.load_pem_x509_certificates(desk.file(world.registrar, "certificates", "chain", serial))
    assert [len(chain), chain[0]] == [3, x509.load_der_x509_certificate(der)]
    for below, above in itertools.pairwise(chain):
        below.verify_directly_issued_by(above)
    bundle = pkcs7.load_der_pkcs7_certificates(desk.file(world.registrar, "certificates", "pkcs7", serial))
    assert set(bundle) == set(chain)


def test_files_of_authorities_lists_and_services(world: World, desk: Desk) -> None:
    root = x509.load_der_x509_certificate(desk.file(world.officer, "authorities", "der", "root"))
    assert root == x509.load_pem_x509_certificate(desk.file(world.officer, "authorities", "pem", "root"))
    listed = x509.load_der_x509_crl(desk.file(world.officer, "crls", "crl", "root"))
    assert listed.is_signature_valid(root.public_key())
    x509.load_der_x509_certificate(desk.file(world.officer, "services", "der", "timestamp"))


def test_a_new_list_and_a_new_service_key(world: World, desk: Desk) -> None:
    before = desk.item(world.officer, "crls", "issuing").number
    desk.do(world.officer, "crls", "publish", "issuing")
    assert desk.item(world.officer, "crls", "issuing").number == before + 1
    old = desk.item(world.officer, "services", "evidence").serial
    done = desk.do(world.officer, "services", "provision", "evidence")
    assert done.record is not None
    assert done.record.model_dump()["serial"] != old
    with pytest.raises(NotPermitted):
        desk.do(world.registrar, "crls", "publish", "issuing")


def test_how_lists_and_services_stand_in_time(world: World, desk: Desk, clock: FixedClock) -> None:
    assert desk.item(world.officer, "crls", "issuing").state == "good"
    clock.advance(days=2)
    assert desk.item(world.officer, "crls", "issuing").state == "due"
    clock.advance(days=6)
    assert desk.item(world.officer, "crls", "issuing").state == "ended"
    assert desk.item(world.officer, "services", "ocsp-issuing").state == "good"
    clock.advance(days=60)
    assert desk.item(world.officer, "services", "ocsp-issuing").state == "due"
    clock.advance(days=60)
    assert desk.item(world.officer, "services", "ocsp-issuing").state == "ended"


def test_what_the_worker_renews_stays_with_its_unit(world: World, desk: Desk, clock: FixedClock) -> None:
    clock.advance(days=61)
    assert world.ca.services.renew() == 1
    renewed = desk.item(world.officer, "services", "ocsp-issuing").serial
    assert desk.item(world.officer, "certificates", renewed).unit == "u_city"


def test_a_ceremony_through_its_forms(world: World, desk: Desk) -> None:
    listed = BY_NAME["ceremonies"].page(desk, world.officer, Ask())
    (done,) = listed.items
    assert (done.state, done.title, done.witnesses) == ("performed", "测试根 CA", ("张敏",))
    plan = {
        "organisation": "卫城市大数据局",
        "hierarchy": "single",
        "witnesses": ["张敏"],
    }
    with pytest.raises(Conflict, match="founded already"):
        desk.do(world.officer, "ceremonies", "propose", **plan)
    with pytest.raises(Conflict, match="is over"):
        desk.do(world.second, "ceremonies", "perform", done.id)
    with pytest.raises(ValidationError):
        desk.do(world.officer, "ceremonies", "propose", **{**plan, "witnesses": []})


def test_profiles_say_what_they_ask_for_in_the_readers_language(world: World, desk: Desk) -> None:
    with speaking("zh_CN"):
        assert desk.item(world.registrar, "profiles", "tls-server").title == "服务器证书"
    with speaking("en"):
        shown = desk.item(world.registrar, "profiles", "tls-server")
    assert (shown.title, shown.days, shown.approvals) == ("TLS server", 397, 1)
    assert "dns:*.gov.internal" in shown.names
    assert "C=CN" in shown.subject
    page = BY_NAME["profiles"].page(desk, world.registrar, Ask(filters={"usage": ("subject",)}))
    assert {one.id for one in page.items} >= {"person", "device", "tls-server", "software"}
    with pytest.raises(NotFound):
        desk.item(world.registrar, "profiles", "passport")


def test_a_profile_is_changed_through_its_forms(world: World, desk: Desk) -> None:
    verb = BY_NAME["profiles"].verb("propose")
    assert verb is not None
    assert verb.initial is not None
    document = verb.initial(desk, world.officer, "person")["document"]
    changed = document.replace("validity_days: 730", "validity_days: 365")
    done = desk.do(world.officer, "profiles", "propose", "person", document=changed, reason="一年一换")
    assert done.record is not None
    versions = BY_NAME["profile-versions"]
    approve = versions.verb("approve")
    assert approve is not None
    assert approve.preview is not None
    with speaking("zh_CN"):
        told = approve.preview(desk, world.second, "person@2")
    assert any("有效天数: 730 → 365" in line for line in told)
    desk.do(world.second, "profile-versions", "approve", "person@2")
    assert desk.item(world.officer, "profiles", "person").days == 365
    with pytest.raises(Conflict):
        desk.do(world.second, "profile-versions", "reject", "person@2", reason="晚了")
    issued = desk.item(world.registrar, "certificates", world.issue().serial)
    made_by = desk.item(world.registrar, "profile-versions", issued.version_key)
    assert (made_by.key, made_by.state) == ("person@2", "active")
    (download,) = versions.downloads
    assert b"validity_days: 365" in bytes(download.get(desk, world.registrar, "person@2").data)  # type: ignore[arg-type]


HOSTILE = (
    ("x" * 10_000, "string_too_long"),
    ("", "string_too_short"),
)


@pytest.mark.parametrize(("name", "fault"), HOSTILE)
def test_a_name_of_no_or_ten_thousand_characters_is_a_fault_of_its_field(
    world: World, desk: Desk, name: str, fault: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        desk.do(world.registrar, "requests", "file", **{**PERSON, "common_name": name})
    assert [(one["loc"], one["type"]) for one in refused.value.errors()] == [(("common_name",), fault)]


@pytest.mark.parametrize("name", ["陈\x00晓明", "陈\u202e明晓", "陈\n晓明", "陈\u200b晓明", "\ud800陈"])
def test_characters_that_can_not_be_seen_are_refused(world: World, desk: Desk, name: str) -> None:
    with pytest.raises((Invalid, ValidationError)):
        desk.do(world.registrar, "requests", "file", **{**PERSON, "common_name": name})
    assert world.ca.registration.page(world.registrar, Ask()).total == 0


@pytest.mark.parametrize("name", ["email:", "dns:*.gov.cn", "x" * 5000, "email:a@b.cn\nemail:c@d.cn"])
def test_alternative_names_that_are_none(world: World, desk: Desk, name: str) -> None:
    with pytest.raises(Invalid):
        desk.do(world.registrar, "requests", "file", **{**PERSON, "names": [name]})


def test_a_request_changed_in_the_store_is_not_approved(world: World, desk: Desk) -> None:
    from ca.tables import requests

    filed = desk.do(world.registrar, "requests", "file", **PERSON)
    with world.ca.database.begin() as uow:
        uow.execute(requests.update().values(subject={"O": "x", "CN": "别人"}))
    with pytest.raises(IntegrityFailed):
        desk.do(world.officer, "requests", "approve", filed.id)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.plural)
def test_every_declaration_holds_together(world: World, desk: Desk, resource: Resource) -> None:
    issued(world, desk)
    page = resource.page(desk, world.officer, Ask())
    fields = set(resource.record.model_fields)
    names = {column.name for column in resource.columns}
    assert names <= fields
    assert {resource.key, resource.headline or resource.key} <= fields
    assert resource.facet in {"", *(one.name for one in resource.filters)}
    for record in page.items:
        assert resource.item is not None
        assert resource.item(desk, world.officer, getattr(record, resource.key)) == record
        for column in resource.columns:
            shown = getattr(record, column.name)
            values = set(shown if isinstance(shown, tuple) else (str(shown),))
            assert not column.labels or values <= {"", *map(str, column.labels)}, column.name
    for verb in resource.verbs:
        assert len(inspect.signature(verb.run).parameters) == 4


@pytest.mark.parametrize("labels", [REQUEST_STATES, CERTIFICATE_STATES, REASON_LABELS])
def test_every_state_and_reason_speaks_chinese(labels: Any) -> None:
    for label in labels.values():
        assert translate(label.text, "zh_CN") != label.text


def test_a_certificate_of_another_unit_is_as_if_it_were_not(
    world: World, desk: Desk, other_registrar: Principal
) -> None:
    request_id, serial = issued(world, desk)
    for resource, object_id in (("certificates", serial), ("requests", request_id)):
        with pytest.raises(NotFound):
            desk.item(other_registrar, resource, object_id)
    for name in ("pem", "der", "chain", "pkcs7"):
        with pytest.raises(NotFound):
            desk.file(other_registrar, "certificates", name, serial)
    with pytest.raises(NotFound):
        desk.do(other_registrar, "certificates", "renew", serial, evidence="x")
    with pytest.raises(NotFound):
        world.ca.relying_party.standing(other_registrar, serial)
    with pytest.raises(NotFound):
        world.ca.overview.chain(other_registrar, serial)


def test_nothing_secret_is_in_any_record(world: World, desk: Desk) -> None:
    request_id, serial = issued(world, desk)
    told = desk.item(world.officer, "requests", request_id).model_dump_json()
    told += desk.item(world.officer, "certificates", serial).model_dump_json()
    assert "sealed" not in told
    assert "PRIVATE" not in told
    found = world.ca.lifecycle.show(world.officer, serial)
    assert isinstance(found, Certificate)
