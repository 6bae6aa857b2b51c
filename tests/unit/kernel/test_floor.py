"""The small things everything stands on: ids, canonical bytes, messages, sealed secrets, blobs, logs."""

import io
import json
import os
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.blobs import BlobStore, FolderBlobs, MemoryBlobs
from kernel.canonical import canonical_json, iso_utc
from kernel.clock import FixedClock
from kernel.credentials import Credential, Credentials
from kernel.errors import IntegrityFailed, Invalid, NotFound, Unavailable
from kernel.i18n import normalise_language, speaking, translate
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.ids import new_id
from kernel.log import configure_logging
from kernel.secrets import SecretBox
from kernel.store import Database


def test_ids_are_unique_sort_by_time_and_are_version_7() -> None:
    made = [new_id("x") for _ in range(2000)]
    assert len(set(made)) == 2000
    assert all(one[2 + 12] == "7" and one[2 + 16] in "89ab" for one in made)
    assert sorted(made, key=lambda one: one[:14]) == made


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_canonical_bytes_are_json_and_do_not_depend_on_order(value: object) -> None:
    data = canonical_json(value)
    assert json.loads(data) == value
    assert canonical_json(json.loads(data)) == data
    if isinstance(value, dict):
        assert canonical_json(dict(reversed(value.items()))) == data


def test_equal_moments_have_one_form() -> None:
    east = timezone(timedelta(hours=8))
    assert iso_utc(datetime(2026, 11, 23, 9, tzinfo=east)) == iso_utc(datetime(2026, 11, 23, 1, tzinfo=UTC))
    with pytest.raises(TypeError):
        canonical_json(datetime(2026, 11, 23))


def test_errors_speak_both_languages_and_name_place_and_mend() -> None:
    error = Invalid("There is no unit %(id)s.", mend="Sign in again.", place="row 3", id="u_x")
    assert error.text("en") == "row 3: There is no unit u_x. Sign in again."
    assert error.text("zh_CN") == "row 3: 没有单位 u_x。请重新登录。"
    with speaking("en"):
        assert translate("You are not signed in.") == "You are not signed in."


@pytest.mark.parametrize(
    ("tag", "language"),
    [("zh-Hans-CN", "zh_CN"), ("en_GB.UTF-8", "en"), ("fr", "zh_CN"), (None, "zh_CN"), ("", "zh_CN")],
)
def test_any_language_tag_leads_to_one_of_two(tag: str | None, language: str) -> None:
    assert normalise_language(tag) == language


def test_a_sealed_secret_opens_only_with_key_and_context(tmp_path: Path) -> None:
    box = SecretBox(tmp_path / "box.key")
    sealed = box.seal("口令".encode(), context="device:core")
    assert box.open(sealed, context="device:core") == "口令".encode()
    assert stat.S_IMODE((tmp_path / "box.key").stat().st_mode) == 0o600
    flipped = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    for wrong, context in (
        (sealed, "device:other"),
        (flipped, "device:core"),
        ("", "device:core"),
        ("é", "device:core"),
    ):
        with pytest.raises(IntegrityFailed):
            box.open(wrong, context=context)
    with pytest.raises(IntegrityFailed):
        SecretBox(tmp_path / "other.key").open(sealed, context="device:core")


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    SecretBox(tmp_path / "box.key")
    (tmp_path / "box.key").chmod(0o644)
    with pytest.raises(Unavailable, match="read by others"):
        SecretBox(tmp_path / "box.key")


def test_credentials_are_sealed_in_the_database_and_show_nothing(
    database: Database, clock: FixedClock, tmp_path: Path, network_admin: Principal
) -> None:
    credentials = Credentials(database, clock, Access(database), SecretBox(tmp_path / "box.key"))
    secret = Credential("admin", "S3cret-Pa55", snmp_auth="Auth-Pa55-word")
    credentials.put(network_admin, "core", secret)
    assert credentials.get("core") == secret
    assert "S3cret" not in repr(secret)
    assert "S3cret" not in str(
        [*database.engine.raw_connection().execute("SELECT * FROM identity_credentials")]
    )
    with pytest.raises(NotFound, match="no credential"):
        credentials.get("edge")


@pytest.fixture(params=["folder", "memory"])
def blob_store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return FolderBlobs(tmp_path / "blobs") if request.param == "folder" else MemoryBlobs()


@given(data=st.binary(max_size=2000))
def test_blobs_come_back_as_they_went_in(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    for store in (MemoryBlobs(), FolderBlobs(tmp_path_factory.getbasetemp() / "blobs")):
        digest = store.put(data)
        assert store.put(data) == digest
        assert store.get(digest) == data


def test_a_missing_blob_is_not_found(blob_store: BlobStore) -> None:
    with pytest.raises(NotFound):
        blob_store.get("0" * 64)


def test_a_changed_or_misnamed_blob_is_refused(tmp_path: Path) -> None:
    store = FolderBlobs(tmp_path / "blobs")
    digest = store.put(b"configuration")
    (tmp_path / "blobs" / digest[:2] / digest).write_bytes(b"configurat1on")
    with pytest.raises(IntegrityFailed):
        store.get(digest)
    for wrong in ("../../etc/passwd", "", "0" * 63, "Z" * 64):
        with pytest.raises(Invalid):
            store.get(wrong)


def test_logs_are_json_and_hold_no_secret() -> None:
    import logging

    import structlog

    out = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logging(stream=out)
        structlog.get_logger("t").info(
            "collected", device="core", password="hunter2", auth={"snmp_community": "public7"}
        )
        logging.getLogger("library").warning("retry %s", 3)
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["collected", "retry 3"]
    assert "hunter2" not in out.getvalue()
    assert "public7" not in out.getvalue()
    assert os.linesep in out.getvalue()
