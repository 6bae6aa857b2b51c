"""Profiles are data: every one of ours makes a certificate OpenSSL takes, a broken one is named."""

import copy
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ca.profiles import Profile, ProfileViolation, Usage, profile_of
from ca.profiles.extensions import constant_extensions
from kernel.errors import Invalid
from kernel.pki.algorithms import algorithm
from policies.registry import load, read_one

DOCUMENTS = [document.value for document in load(part="cert_profiles").documents]
PROFILES = {document["id"]: profile_of(document) for document in DOCUMENTS}


def test_there_is_a_profile_for_everyone_who_needs_one() -> None:
    ids = PROFILES.keys()
    assert {"root", "issuing-ca", "person", "device", "tls-server", "software"} <= ids
    assert {"ocsp-responder", "timestamp", "evidence-seal"} <= ids


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.id)
def test_a_profile_keeps_to_its_rank(profile: Profile) -> None:
    """CA rights go with authorities alone; applicants need a second person; titles speak both languages."""
    extensions = {type(value): (value, critical) for value, critical in constant_extensions(profile)}
    constraints, critical = extensions[x509.BasicConstraints]
    usage, _ = extensions[x509.KeyUsage]
    assert isinstance(constraints, x509.BasicConstraints)
    assert isinstance(usage, x509.KeyUsage)
    authority = profile.usage is Usage.AUTHORITY
    assert critical
    assert (constraints.ca, usage.key_cert_sign, usage.crl_sign) == (authority,) * 3
    if profile.usage is Usage.SUBJECT and not profile.approvals:
        # what is issued at once lets nobody be a server or a person, and no key is made for it
        assert (profile.own_key, profile.extended_key_usage) == ({"csr"}, ("client_auth",))
    assert profile.approvals or profile.usage is not Usage.AUTHORITY
    assert set(profile.title) == {"zh", "en"}
    assert profile.renewal < profile.validity


def test_every_change_of_a_profile_is_another_version() -> None:
    changed = copy.deepcopy(next(one for one in DOCUMENTS if one["id"] == "person"))
    changed["validity_days"] += 1
    assert profile_of(changed).version != PROFILES["person"].version


@pytest.mark.parametrize(
    "change",
    [
        {"validity_days": "long"},
        {"subject": {"CN": {"pattern": "("}}},
        {"names": {"ip": {"prefixes": ["10.0.0.0/99"]}}},
        {"usage": "everything"},
        {"key_usage": None},
        {"title": None, "subject": None},
    ],
)
def test_a_broken_profile_is_named(change: dict[str, object]) -> None:
    person = next(one for one in DOCUMENTS if one["id"] == "person")
    with pytest.raises(Invalid) as refused:
        profile_of({**person, **change})
    assert refused.value.place == "person"


def test_a_key_of_another_kind_is_refused_by_name() -> None:
    with pytest.raises(ProfileViolation, match="ed25519"):
        PROFILES["person"].check_key(algorithm("ed25519"))


@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=70), max_size=6),
    st.lists(st.text(max_size=80), max_size=4),
)
def test_any_subject_and_names_fit_or_are_violations(subject: dict[str, str], names: list[str]) -> None:
    profile = PROFILES["device"]
    try:
        complete = profile.complete_subject(subject)
        profile.check_names(names)
    except ProfileViolation:
        return
    assert complete["C"] == "CN"


def test_the_guides_example_is_a_profile() -> None:
    guide = (Path(__file__).parents[3] / "docs/extend/certificate-profile.md").read_text(encoding="utf-8")
    document = guide.partition("```yaml\n")[2].partition("```")[0]
    profile = profile_of(read_one(document.encode(), "cert_profiles"))
    profile.check_names(["ip:10.20.30.4", "dns:a.doors.gov.internal"], ["u_county", "u_city"])
    with pytest.raises(ProfileViolation, match=r"doors\.gov\.internal"):
        profile.check_names(["dns:a.doors.county.gov.internal"], ["u_other", "u_city"])
