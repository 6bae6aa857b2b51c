"""The pieces of a package: reading is bounded and typed, masking hides what it says, OSCAL holds together."""

import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import Invalid
from kernel.evidence.model import EvidenceKind, EvidenceRecord
from policies.assessment.model import Assessment, Outcome, Reason, Result, ResultState
from policies.catalogue.model import Catalogue, ObjectKind
from policies.package import oscal
from policies.package.archive import read_zip, write_zip
from policies.package.masking import Profile, mask_text, mask_value, profile_from
from policies.package.model import Filters, Manifest, is_plain_path, read_manifest
from policies.package.picture import control_status
from policies.registry import PolicyData
from policies.systems.model import System, SystemState, parse_level

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
NAMES = st.from_regex(
    r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}){0,3}", fullmatch=True
)


# --- the ZIP
@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=5))
def test_what_was_written_is_read_and_always_the_same_bytes(files: dict[str, bytes]) -> None:
    data = write_zip(files)
    assert read_zip(data) == files
    assert write_zip(dict(reversed(files.items()))) == data


@given(st.binary(max_size=300))
def test_any_bytes_are_a_package_or_the_typed_error(data: bytes) -> None:
    try:
        read_zip(data)
    except Invalid:
        return


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_zip_is_read_as_something_or_refused(place: int, change: int) -> None:
    data = bytearray(write_zip({"manifest.json": b"{}", "records/1.json": b"x" * 99}))
    data[place % len(data)] ^= change
    try:
        files = read_zip(bytes(data))
    except Invalid:
        return
    assert all(is_plain_path(name) or name == "manifest.json" for name in files)


@pytest.mark.parametrize(
    "name", ["../up.json", "/etc/passwd", "a/../b", ".hidden", "a//b", "a\\b", "文件", "a/b/c/d/e"]
)
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match="unsafe"):
        read_zip(write_zip({name: b""}))


def test_a_repeated_name_is_refused() -> None:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.json", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.json", b"2")
    with pytest.raises(Invalid, match="repeated"):
        read_zip(target.getvalue())


def test_a_zip_that_would_grow_beyond_the_limit_is_refused_before_it_does() -> None:
    with pytest.raises(Invalid, match="larger"):
        read_zip(write_zip({"zeros.bin": bytes(2_000_000)}), max_bytes=1_000_000)


# --- the manifest
MANIFEST = Manifest(
    id="pkg_1",
    made_at="2026-11-23T01:00:00.000000Z",
    made_by="徐涛",
    system={"name": "政务服务平台"},
    assessment={"policy_version": "0" * 64},
    filters={"controls": []},
    masking="",
    period={"from": "", "to": ""},
    order="",
    count={"files": 1},
    key_id="1" * 64,
    digests={"report.html": "2" * 64},
)


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert read_manifest(MANIFEST.dump()) == MANIFEST


def test_each_digest_stands_on_a_line_of_its_own() -> None:
    lines = MANIFEST.dump().decode().splitlines()
    start = lines.index(' "digests": {')
    assert lines[start + 1 : start + 3] == [f'  "report.html": "{"2" * 64}"', " }"]


@pytest.mark.parametrize("path", ["../x", "/x", "manifest.json", "a/./b", "x\ny", ""])
def test_a_manifest_with_an_unsafe_path_is_refused(path: str) -> None:
    with pytest.raises(Invalid):
        read_manifest(replace(MANIFEST, digests={path: "2" * 64}).dump())


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda s: st.lists(s) | st.dictionaries(st.text(max_size=9), s),
    ).map(lambda value: json.dumps(value).encode())
    | st.dictionaries(
        st.sampled_from(["id", "digests", "count", "format", "key_id"]), st.text(max_size=3)
    ).map(lambda value: json.dumps({**json.loads(MANIFEST.dump()), **value}).encode())
)
def test_any_bytes_are_a_manifest_or_the_typed_error(data: bytes) -> None:
    try:
        assert read_manifest(data).dump() == data
    except Invalid:
        return


# --- masking
@pytest.fixture(scope="module")
def profile() -> Profile:
    from policies.registry import load

    (document,) = load().part("masking")
    return profile_from(document.value)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("snmp-agent host 10.20.30.40 port 162", "snmp-agent host 10.20.*.* port 162"),
        ("10.1.2.3-10.1.2.9", "10.1.*.*-10.1.*.*"),
        ("L3-8.1.4.1-a L3-8.1.10.6-f", "L3-8.1.4.1-a L3-8.1.10.6-f"),
        ("fe80::1 and 2001:db8:0:1::20", "*** and ***"),
        ("mac 00e0-fc12-3456, 00:e0:fc:12:34:56", "mac ***, ***"),
        ("2026-11-23T01:00:00.000000Z", "2026-11-23T01:00:00.000000Z"),
        ("电话 13812345678，0574-87654321", "电话 138****5678，0574-***"),
        ("wang.wei@city.gov.cn", "***"),
        ("username backup-op privilege 5", "username *** privilege 5"),
    ],
)
def test_texts_are_masked(profile: Profile, text: str, masked: str) -> None:
    assert mask_text(text, profile) == masked


def test_fields_that_name_accounts_are_hidden_whole(profile: Profile) -> None:
    value = {"user": "wang", "persons": ["a", "b"], "n": 3, "inner": [{"host": "10.1.1.1", "login": ""}]}
    assert mask_value(value, profile) == {
        "user": "***",
        "persons": ["***", "***"],
        "n": 3,
        "inner": [{"host": "10.1.*.*", "login": ""}],
    }


@given(st.text(max_size=200))
def test_masking_twice_changes_nothing_more(profile: Profile, text: str) -> None:
    once = mask_text(text, profile)
    assert mask_text(once, profile) == once


# --- OSCAL and the picture
def result(item: str, outcome: Outcome, evidence: tuple[str, ...] = ()) -> Result:
    reason = Reason("open findings: %(rules)s", {"rules": "telnet-open"}, evidence[0] if evidence else "")
    return Result(
        f"res_{item}_{outcome}",
        "asm_1",
        item,
        "L3-CES1-01",
        ObjectKind.SYSTEM,
        "sys_1",
        "平台",
        outcome,
        outcome,
        ResultState.DECIDED,
        (reason,),
        evidence,
    )


ASSESSMENT = Assessment("asm_1", "sys_1", "2025", "0" * 64, AT, "usr_1", "u_city")
SYSTEM = System("sys_1", "平台", "u_city", parse_level("S3A3G3"), "某", (), SystemState.FILED, "usr_1", AT)


def record(name: str, seq: int) -> EvidenceRecord:
    return EvidenceRecord(
        name, seq, "0" * 64, EvidenceKind.CONFIG_CHECKED, "dev_1", "netops", {}, (), AT, AT, None, None
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["L3-8.1.4.1-a", "L3-8.1.4.1-b", "L3-8.1.1.1-a"]),
            st.sampled_from(Outcome),
            st.lists(st.sampled_from(["evd_1", "evd_2"]), unique=True).map(tuple),
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda drawn: drawn[:2],
    )
)
def test_every_reference_of_an_oscal_document_holds(catalogue: Catalogue, drawn: list[Any]) -> None:
    records = {name: record(name, seq) for seq, name in enumerate(("evd_1", "evd_2"), 1)}
    paths = {name: f"records/{name}.json" for name in records}
    listed = [result(*entry) for entry in drawn]
    document = oscal.assessment_results(ASSESSMENT, SYSTEM, listed, records, catalogue, paths)
    assert list(oscal.faults(document)) == []
    assert json.loads(json.dumps(document)) == document
    findings = document["assessment-results"]["results"][0]["findings"]
    assert len(findings) == len(drawn)


def test_partly_met_is_not_satisfied_and_says_so(catalogue: Catalogue) -> None:
    document = oscal.assessment_results(
        ASSESSMENT, SYSTEM, [result("L3-8.1.4.1-a", Outcome.PARTLY)], {}, catalogue, {}
    )
    (found,) = document["assessment-results"]["results"][0]["findings"]
    assert found["target"]["status"]["state"] == "not-satisfied"
    assert {"name": "outcome", "ns": oscal.PROPERTIES, "value": "partly"} in found["props"]
    assert found["target"]["target-id"] == "mlps-l3-8.1.4.1-a"


def test_the_picture_is_wellformed_and_counts_right(catalogue: Catalogue) -> None:
    from defusedxml.ElementTree import fromstring

    listed = [result("L3-8.1.4.1-a", Outcome.FAILS), result("L3-8.1.4.1-b", Outcome.CONFORMS)]
    svg = control_status(listed, catalogue, "en")
    titles = [node.text for node in fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["conforms: 1", "does not conform: 1"]


def test_filters_take_points_whole_and_not_by_half_a_number() -> None:
    telnet, later = result("L3-8.1.1.1-a", Outcome.FAILS), result("L3-8.1.10.1-a", Outcome.FAILS)
    chosen = Filters(controls=("L3-8.1.1",))
    assert chosen.take(telnet)
    assert not chosen.take(later)
    assert Filters(controls=("L3-8.1.10.1-a",)).take(later)
    assert not Filters(objects=("other",)).take(telnet)


def test_policy_data_of_masking_is_there(data: PolicyData) -> None:
    assert [document.value["id"] for document in data.part("masking")] == ["addresses-and-accounts"]


def test_a_sample_can_be_drawn_again_and_keeps_the_order() -> None:
    many = [replace(result("L3-8.1.1.1-a", Outcome.FAILS), id=f"res_{number}") for number in range(50)]
    drawn = Filters(sample=7, seed="2026-11-23 甲").choose(many)
    assert len(drawn) == 7
    assert drawn == Filters(sample=7, seed="2026-11-23 甲").choose(many)
    assert drawn == [entry for entry in many if entry in drawn]
    assert drawn != Filters(sample=7, seed="乙").choose(many)
    assert Filters(sample=99).choose(many) == many
