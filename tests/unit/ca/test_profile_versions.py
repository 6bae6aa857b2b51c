"""Profiles change by two people's hands; every version stays; certificates name the one that made them."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from ca.lint import LintFailed
from ca.profiles import Profiles, profile_of
from ca.profiles.changing import ProfileChanges
from ca.profiles.comparison import called, shown
from ca.profiles.comparison import changes as differences
from ca.profiles.model import VersionState
from ca.profiles.tables import profile_versions
from kernel.clock import FixedClock
from kernel.edges.cli import Output
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotFound, NotPermitted, WeichengError
from kernel.i18n import speaking
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.store import Database
from kernel.store.listing import Ask
from policies.registry import load, read_one
from tests.unit.ca.conftest import Terminal, World, on_both

DOCUMENTS = {document.value["id"]: document.value for document in load(part="cert_profiles").documents}


def changed(profile: str = "person", **values: Any) -> bytes:
    """The shipped document with other values, as YAML."""
    return yaml.safe_dump({**copy.deepcopy(DOCUMENTS[profile]), **values}, allow_unicode=True).encode()


def enacted(world: World, document: bytes) -> str:
    """Propose and approve; the key of the version."""
    found = world.ca.profile_changes.propose(world.officer, document, "新规定")
    return world.ca.profile_changes.approve(world.second, found.key, "同意").key


@on_both
def test_what_two_officers_agree_on_makes_certificates_at_once(world: World) -> None:
    before = world.issue()
    assert enacted(world, changed(validity_days=100)) == "person@2"
    after = world.issue()
    assert (before.not_after - before.not_before).days == 730
    assert (after.not_after - after.not_before).days == 100
    assert before.profile_version != after.profile_version
    old = world.ca.profile_changes.show(world.registrar, f"person@{before.profile_version}")
    assert (old.number, old.state) == (1, VersionState.RETIRED)
    assert old.document["validity_days"] == 730
    new = world.ca.profile_changes.show(world.registrar, "person")
    assert (new.number, new.state, new.version) == (2, VersionState.ACTIVE, after.profile_version)


def test_the_first_certificate_keeps_the_shipped_versions(world: World) -> None:
    """The ceremony of the fixture has issued the CA's certificate, and so adopted them."""
    page = world.ca.profile_changes.page(world.officer, Ask(limit=100))
    assert {(one.id, one.number, one.state) for one in page.items} == {
        (profile, 1, VersionState.ACTIVE) for profile in DOCUMENTS
    }


def test_a_process_that_runs_already_sees_the_change(world: World, clock: FixedClock) -> None:
    elsewhere = Profiles(world.ca.database, clock, DOCUMENTS.values())
    assert elsewhere.get("person").validity.days == 730
    enacted(world, changed(validity_days=100))
    assert elsewhere.get("person").validity.days == 100
    assert {profile.id for profile in elsewhere.all()} == set(DOCUMENTS)


def test_what_a_newer_release_brings_waits_and_says_so(world: World) -> None:
    world.ca.profiles.shipped["badge"] = {**copy.deepcopy(DOCUMENTS["person"]), "id": "badge"}
    assert world.ca.profile_changes.offer_shipped() == 1
    with pytest.raises(NotFound) as refused:
        world.request(profile="badge")
    assert "ca profile history" in refused.value.text("zh_CN")
    world.ca.profile_changes.approve(world.officer, "badge@1")
    assert world.issue(profile="badge").profile == "badge"


def test_before_the_ca_is_founded_the_shipped_documents_can_be_changed(
    database: Database, clock: FixedClock, officer: Principal, second_officer: Principal
) -> None:
    access = Access(database)
    profiles = Profiles(database, clock, DOCUMENTS.values())
    changes = ProfileChanges(
        database,
        clock,
        access,
        Approvals(clock, access),
        profiles,
        lambda data: read_one(data, "cert_profiles"),
    )
    shown = changes.show(officer, "person")
    assert (shown.key, shown.state, shown.document) == ("person@1", VersionState.ACTIVE, DOCUMENTS["person"])
    key = changes.propose(officer, changed(validity_days=100), "x").key
    assert (key, changes.approve(second_officer, key).state) == ("person@2", VersionState.ACTIVE)
    assert profiles.get("person").validity.days == 100


def test_the_proposer_can_not_approve(world: World) -> None:
    found = world.ca.profile_changes.propose(world.officer, changed(validity_days=100), "x")
    with pytest.raises(NotPermitted):
        world.ca.profile_changes.approve(world.officer, found.key)
    assert world.ca.profiles.get("person").validity.days == 730


@pytest.mark.parametrize("unit", ["u_county", "u_other"])
def test_officers_of_a_unit_below_do_not_change_what_holds_for_all(world: World, unit: str) -> None:
    officer = replace(world.officer, unit=unit)
    with pytest.raises(NotPermitted):
        world.ca.profile_changes.propose(officer, changed(validity_days=100), "x")


def test_registrars_look_and_do_not_change(world: World) -> None:
    with pytest.raises(NotPermitted):
        world.ca.profile_changes.propose(world.registrar, changed(validity_days=100), "x")
    assert world.ca.profile_changes.show(world.registrar, "person").number == 1


def test_a_rejected_version_never_holds_and_is_not_offered_again(world: World) -> None:
    found = world.ca.profile_changes.propose(world.officer, changed(validity_days=100), "x")
    world.ca.profile_changes.reject(world.second, found.key, "太短")
    assert world.ca.profiles.get("person").validity.days == 730
    with pytest.raises(Conflict):
        world.ca.profile_changes.approve(world.second, found.key)
    world.ca.profiles.shipped["person"] = yaml.safe_load(changed(validity_days=100))
    assert world.ca.profile_changes.offer_shipped() == 0


def test_one_proposal_at_a_time(world: World) -> None:
    world.ca.profile_changes.propose(world.officer, changed(validity_days=100), "x")
    with pytest.raises(Conflict, match="waits"):
        world.ca.profile_changes.propose(world.second, changed(validity_days=200), "y")


def test_what_changes_nothing_is_refused(world: World) -> None:
    with pytest.raises(Conflict, match="so already"):
        world.ca.profile_changes.propose(world.officer, changed(), "x")


def test_an_upgrade_proposes_and_never_puts_in_force(world: World) -> None:
    world.ca.profiles.shipped["person"] = yaml.safe_load(changed(validity_days=300))
    assert world.ca.profile_changes.offer_shipped() == 1
    assert world.ca.profile_changes.offer_shipped() == 0
    assert world.ca.profiles.get("person").validity.days == 730
    world.ca.profile_changes.approve(world.officer, "person@2")
    assert world.ca.profiles.get("person").validity.days == 300


def test_what_was_changed_after_the_proposal_is_not_put_in_force(world: World) -> None:
    found = world.ca.profile_changes.propose(world.officer, changed(validity_days=100), "x")
    with world.ca.database.begin() as uow:
        document = {**found.document, "validity_days": 10000}
        uow.execute(update(profile_versions).where(profile_versions.c.number == 2).values(document=document))
    with pytest.raises(IntegrityFailed):
        world.ca.profile_changes.approve(world.second, found.key)


def test_a_waiting_request_is_filed_again_after_a_change(world: World) -> None:
    """What was filed and looked at under other rules is not granted under new ones."""
    waiting = world.request()
    found = world.ca.profile_changes.propose(world.officer, changed(validity_days=100), "x")
    assert world.ca.profile_changes.consequences(world.officer, found.key) == 1
    world.ca.profile_changes.approve(world.second, found.key)
    with pytest.raises(Conflict, match="changed since"):
        world.ca.registration.approve(world.officer, waiting.id)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"validity_days": "long"}, "validity_days"),
        ({"lint": "mine"}, "lint"),
        ({"policies": ["1.2.3", {"oid": "x", "cps": "http://a"}]}, "cps"),
        ({"addresses": {"crl": ["file:///etc"]}}, "file:"),
        ({"colour": "red"}, ""),
    ],
)
def test_a_fault_is_named_by_its_line(world: World, values: dict[str, Any], place: str) -> None:
    document = changed(**values)
    with pytest.raises(WeichengError) as refused:
        world.ca.profile_changes.propose(world.officer, document, "x")
    line = int(refused.value.place.rsplit(":", 1)[1])
    assert place in document.decode().splitlines()[line - 1]


@pytest.mark.parametrize(
    "values",
    [
        {"key_usage": ["digital_signature", "key_cert_sign"]},
        {"path_length": 0},
        {"renewal_days": 800},
        {"key_usage": ["key_agreement"], "keys": ["rsa2048"]},
        {"key_usage": ["key_encipherment"], "keys": ["p256"]},
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(world: World, values: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        world.ca.profile_changes.propose(world.officer, changed(**values), "x")
    assert refused.value.place == "person"


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_document_is_read_or_refused_with_its_place(document: bytes) -> None:
    try:
        profile_of(read_one(document, "cert_profiles"))
    except WeichengError as error:
        place = error.place
    else:
        return
    assert place


def test_a_reason_is_needed(world: World) -> None:
    with pytest.raises(Invalid):
        world.ca.profile_changes.propose(world.officer, changed(validity_days=100), "  ")


def test_a_version_that_never_was_is_not_found(world: World) -> None:
    for key in ("person@9", "person@ffff", "passport", "@", "person@-1", "person@" + "9" * 30):
        with pytest.raises(NotFound):
            world.ca.profile_changes.show(world.officer, key)


def test_changes_are_told_in_the_readers_language() -> None:
    found = differences(DOCUMENTS["person"], yaml.safe_load(changed(validity_days=100)))
    assert [(one.path, one.before, one.after) for one in found] == [("validity_days", 730, 100)]
    told = {}
    for language in ("zh_CN", "en"):
        with speaking(language):
            told[language] = called("validity_days")
    assert told == {"zh_CN": "有效天数", "en": "Days of validity"}
    assert called("someday") == "someday"
    assert [shown(value) for value in (True, ["a", "b"], {"max": 3})] == ["true", "a, b", "max=3"]


def test_policies_addresses_and_lint_of_a_profile_are_in_its_certificates(world: World) -> None:
    enacted(
        world,
        changed(
            policies=[{"oid": "1.3.6.1.4.1.55555.7.1", "cps": "http://pki.city.gov.cn/cps"}],
            addresses={"crl": ["http://crl.city.gov.cn/{authority}.crl"], "issuer": []},
            lint="pkix",
        ),
    )
    made = x509.load_der_x509_certificate(world.issue().der).extensions
    policy = made.get_extension_for_class(x509.CertificatePolicies).value[0]
    assert policy.policy_identifier.dotted_string == "1.3.6.1.4.1.55555.7.1"
    assert policy.policy_qualifiers == ["http://pki.city.gov.cn/cps"]
    point = made.get_extension_for_class(x509.CRLDistributionPoints).value[0]
    assert point.full_name is not None
    assert point.full_name[0].value.startswith("http://crl.city.gov.cn/")
    access = made.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert {one.access_method.dotted_string for one in access} == {"1.3.6.1.5.5.7.48.1"}


def test_what_breaks_the_rules_is_told_to_who_files_and_never_signed(world: World) -> None:
    enacted(world, changed("tls-server", lint="cabf-serverauth"))
    about = {"profile": "tls-server", "subject": {"O": "x", "CN": "www"}, "names": ("dns:www.gov.internal",)}
    with pytest.raises(LintFailed) as refused:
        world.request(**about)
    told = refused.value.text("zh_CN")
    assert "cabf.internal_domain_name" in told
    assert refused.value.place.startswith("certificate.")


@on_both
def test_a_unit_may_use_its_own_names_alone(world: World, other_registrar: Principal) -> None:
    names = {
        "dns": {"units": {"u_city": ["city.gov.cn"], "u_county": ["county.city.gov.internal"]}},
        "ip": {"units": {"u_county": ["10.20.0.0/16"]}},
    }
    enacted(world, changed("tls-server", names=names, names_required=True))
    about = {"profile": "tls-server", "subject": {"O": "x", "CN": "www"}}
    for own in ("dns:www.county.city.gov.internal", "ip:10.20.3.4", "dns:inherited.city.gov.cn"):
        world.issue(**about, names=(own,))
    with pytest.raises(Invalid) as refused:
        world.request(**about, names=("ip:10.30.0.1",))
    assert refused.value.place == "ip:10.30.0.1"
    assert "10.20.0.0/16" in refused.value.text("zh_CN")
    theirs = replace(world, registrar=other_registrar)
    with pytest.raises(Invalid) as foreign:
        theirs.request(**about, unit="u_other", names=("dns:www.county.city.gov.internal",))
    told = foreign.value.text("en") + foreign.value.text("zh_CN")
    assert "u_other" in told
    assert "city.gov.cn" in told


def test_versions_on_the_command_line(world: World, clock: FixedClock, tmp_path: Path) -> None:
    officer, second = (
        Terminal(world.ca, clock, person, Output("json")) for person in (world.officer, world.second)
    )
    file = tmp_path / "person.yaml"
    officer.run("profile", "show", "person", "--file", str(file))
    file.write_text(file.read_text(encoding="utf-8").replace("730", "365"), encoding="utf-8")
    proposed = officer.run("profile", "propose", str(file), "--reason", "一年一换")
    assert (proposed["version_key"], proposed["state"]) == ("person@2", "proposed")
    (difference,) = officer.run("profile", "diff", "person@2")
    assert (difference["before"], difference["after"]) == ("730", "365")
    assert second.run("profile", "approve", "person@2")["state"] == "active"
    assert [one["version_key"] for one in second.run("profile", "history", "--profile", "person")] == [
        "person@2",
        "person@1",
    ]
    assert {one["id"]: one["days"] for one in officer.run("profile", "list")}["person"] == 365
    again = officer.run("profile", "propose", str(_with(file, "365", "366")), "--reason", "闰年")
    assert second.run("profile", "reject", again["version_key"], "--reason", "不必")["state"] == "rejected"


def _with(file: Path, old: str, new: str) -> Path:
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return file
