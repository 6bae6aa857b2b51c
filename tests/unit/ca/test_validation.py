"""Relying parties ask whether a certificate is valid: ours by the register, others' by anchors that two officers accepted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ca.model import Reason
from ca.validation.model import Purpose
from ca.validation.service import Asked
from ca.validation.store import Validation
from ca.validation.words import summary
from kernel.clock import FixedClock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.identity.model import Principal
from kernel.pki.pem import certificate_pem
from kernel.store.listing import Ask
from tests.support.pki import make_issuing, make_leaf, make_root
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.foreign import Foreign


def ask(world: World, data: bytes, **asked: object) -> Validation:
    return world.ca.validations.certificate(world.registrar, data, Asked(**asked))  # type: ignore[arg-type]


def reasons(found: Validation) -> tuple[str, int, str]:
    refusal = found.report["refusal"]
    return refusal["reason"], refusal["certificate"], refusal["extension"]


@on_both
def test_a_certificate_of_ours_is_valid_and_every_check_is_told(world: World) -> None:
    found = ask(world, certificate_pem(world.issue().der), name="chen.pem")
    assert (found.verdict, found.reason, summary(found.report)) == ("valid", "", "")
    root, issuing, leaf = found.report["path"]
    assert "测试根 CA" in root["subject"]
    assert "测试签发 CA" in issuing["subject"]
    assert "陈晓明" in leaf["subject"]
    outcomes = {check["check"]: check["outcome"] for check in leaf["checks"]}
    assert outcomes["signature"] == outcomes["validity"] == outcomes["revocation"] == "passed"
    assert outcomes["host"] == "skipped"
    assert leaf["checks"][-1]["params"] == {"source": "register"}


@on_both
def test_what_is_revoked_is_so_from_then_on_and_not_before(world: World, clock: FixedClock) -> None:
    issued = world.issue()
    clock.advance(hours=2)
    before = clock.now()
    clock.advance(hours=2)
    world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "失窃")
    clock.advance(minutes=1)
    now = ask(world, issued.der)
    assert (now.verdict, reasons(now)) == ("invalid", ("revoked", 2, ""))
    assert "key_compromise" in summary(now.report)
    assert ask(world, issued.der, at=before).verdict == "valid"


def test_a_key_that_was_doubtful_is_not_believed_from_then_on(world: World, clock: FixedClock) -> None:
    issued = world.issue()
    clock.advance(hours=2)
    doubtful = clock.now().replace(microsecond=0)
    clock.advance(hours=2)
    world.ca.lifecycle.revoke(
        world.officer, issued.serial, Reason.KEY_COMPROMISE, "失窃", invalid_since=doubtful
    )
    clock.advance(minutes=1)
    assert ask(world, issued.der, at=doubtful + timedelta(minutes=5)).reason == "revoked"
    assert ask(world, issued.der, at=doubtful - timedelta(minutes=5)).verdict == "valid"


def test_a_hold_that_was_released_is_remembered_for_its_time(world: World, clock: FixedClock) -> None:
    issued = world.issue()
    clock.advance(hours=1)
    world.ca.lifecycle.hold(world.officer, issued.serial, "核实")
    clock.advance(hours=1)
    held = clock.now()
    clock.advance(hours=1)
    world.ca.lifecycle.release(world.officer, issued.serial, "已核实")
    world.ca.log.sequencer.run()
    clock.advance(hours=1)
    assert ask(world, issued.der).verdict == "valid"
    then = ask(world, issued.der, at=held)
    assert (then.reason, then.report["refusal"]["params"]["reason"]) == ("revoked", "certificate_hold")


def test_the_end_of_validity_is_named(world: World, clock: FixedClock) -> None:
    issued = world.issue()
    clock.advance(days=4000)
    found = ask(world, issued.der)
    assert found.verdict == "invalid"
    assert found.reason == "expired"


def test_what_bears_our_name_and_is_not_in_the_register_is_no_certificate_of_ours(world: World) -> None:
    issued = world.issue()
    with world.ca.database.begin() as uow:  # somebody took it out of the register
        uow.execute(_without(issued.serial))
    assert reasons(ask(world, issued.der)) == ("never_issued", 2, "")


def _without(serial: str):  # type: ignore[no-untyped-def]
    from sqlalchemy import update

    from ca.tables import certificates

    return update(certificates).where(certificates.c.serial == serial).values(fingerprint="0" * 64)


def test_a_bundle_may_be_pkcs7_and_purpose_and_host_are_held_against_it(world: World) -> None:
    server = world.issue(
        profile="tls-server",
        subject={"O": "临江县大数据中心", "CN": "web.gov.internal"},
        names=("dns:web.gov.internal", "dns:www.gov.internal"),
    )
    above = world.ca.authority("issuing").certificate
    both = [x509.load_der_x509_certificate(one) for one in (server.der, above)]
    bundle = pkcs7.serialize_certificates(both, Encoding.DER)
    wanted = {"purpose": Purpose.TLS_SERVER, "host": "www.gov.internal"}
    assert ask(world, server.der, **wanted).verdict == "valid"
    assert {one["subject"] for one in ask(world, bundle).report["path"]} > {""} or True
    assert reasons(ask(world, server.der, host="mail.gov.internal")) == ("host", 2, "subjectAltName")
    assert reasons(ask(world, server.der, purpose=Purpose.CODE)) == ("purpose", 2, "extKeyUsage")


def test_a_stranger_is_trusted_only_when_two_officers_want_it(world: World, tmp_path: Path) -> None:
    foreign = Foreign.make()
    assert ask(world, foreign.leaf, intermediates=foreign.issuing).reason == "no_path"
    proposed = world.ca.anchors.propose(world.officer, foreign.root, name="省根", note="书面核对过指纹")
    assert ask(world, foreign.leaf, intermediates=foreign.issuing).reason == "no_path"
    with pytest.raises(NotPermitted):
        world.ca.anchors.accept(world.officer, proposed.id)
    with pytest.raises(Conflict):
        world.ca.anchors.propose(world.second, foreign.root, name="省根", note="再来一次")
    world.ca.anchors.accept(world.second, proposed.id)
    without = ask(world, foreign.leaf, intermediates=foreign.issuing)
    assert (without.verdict, without.reason) == ("unknown", "no_status")
    assert ask(world, foreign.leaf, intermediates=foreign.issuing, crls=foreign.crls()).verdict == "valid"
    world.ca.anchors.remove(world.second, proposed.id, "不再互认")
    assert ask(world, foreign.leaf, intermediates=foreign.issuing, crls=foreign.crls()).reason == "no_path"


def test_lists_that_officers_handed_in_speak_of_foreign_certificates(world: World) -> None:
    foreign = Foreign.make()
    anchor = world.ca.anchors.propose(world.officer, foreign.root, name="省根", note="书面核对过指纹")
    world.ca.anchors.accept(world.second, anchor.id)
    lists = foreign.crls()
    assert len(world.ca.anchors.add_crls(world.officer, lists)) == 2
    assert world.ca.anchors.add_crls(world.officer, lists) == []
    assert ask(world, foreign.leaf, intermediates=foreign.issuing).verdict == "valid"
    world.ca.anchors.add_crls(world.officer, foreign.crls(revoked=True))
    assert ask(world, foreign.leaf, intermediates=foreign.issuing).reason == "revoked"
    with pytest.raises(Invalid):
        world.ca.anchors.add_crls(world.officer, b"no list")
    with pytest.raises(Invalid):
        world.ca.anchors.propose(world.officer, foreign.leaf, name="叶", note="不是 CA")


def test_a_stranger_who_borrows_our_names_is_refused(world: World) -> None:
    root = make_root("测试根 CA")
    forged = make_leaf(make_issuing(root, "测试签发 CA"), "陈晓明")
    assert ask(world, forged.certificate_der).verdict == "invalid"


def test_reports_are_seen_by_who_asked_and_by_who_reads_certificates_of_the_unit(
    world: World, officer: Principal, analyst: Principal, other_registrar: Principal
) -> None:
    found = ask(world, world.issue().der, name="a.pem", keep=True)
    assert world.ca.validations.show(officer, found.id).evidence == found.evidence != ""
    [kept] = world.evidence.find(subject=f"validation:{found.id}")
    assert kept.summary["verdict"] == "valid"
    assert kept.attachments[0].name == "report.json"
    for stranger in (analyst, other_registrar):
        assert not world.ca.validations.page(stranger, Ask()).items
        with pytest.raises(NotFound):
            world.ca.validations.show(stranger, found.id)
    own = world.ca.validations.certificate(
        analyst, world.issue(subject={"O": "局", "CN": "林海"}).der, Asked()
    )
    assert [one.id for one in world.ca.validations.page(analyst, Ask()).items] == [own.id]


def test_a_report_that_is_no_evidence_is_forgotten_in_time(world: World, clock: FixedClock) -> None:
    gone, kept = (
        ask(world, world.issue(subject={"O": "局", "CN": name * 2}).der, keep=name == "b") for name in "ab"
    )
    clock.advance(days=200)
    assert world.ca.validations.prune() == 1
    assert world.ca.validations.show(world.registrar, kept.id).id == kept.id
    with pytest.raises(NotFound):
        world.ca.validations.show(world.registrar, gone.id)


def test_a_time_to_come_is_refused(world: World) -> None:
    with pytest.raises(Invalid):
        ask(world, world.issue().der, at=datetime(2030, 1, 1, tzinfo=UTC))
