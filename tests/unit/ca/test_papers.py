"""Identity papers: what is taken, who sees them, that they lie sealed, and that every look at one is recorded."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ca.registration.papers import LARGEST, MOST, Handed, media_type_of
from ca.registration.tables import papers
from kernel.audit.chain import audit_records
from kernel.canonical import sha256_hex
from kernel.errors import (
    Conflict,
    IntegrityFailed,
    Invalid,
    LimitExceeded,
    NotFound,
    NotPermitted,
    WeichengError,
)
from kernel.evidence.model import EvidenceKind
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both

PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + bytes(17) + b"\0\0\0\0IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(20) + b"\xff\xd9"


@on_both
def test_papers_are_filed_with_the_request_and_lie_sealed(world: World) -> None:
    filed = world.request(papers=[Handed("身份证.pdf", PDF), Handed("工作证.jpg", JPEG)])
    found = world.ca.registration.papers.page(world.registrar, Ask(filters={"request": (filed.id,)})).items
    assert {(one.name, one.media_type, one.sha256) for one in found} == {
        ("身份证.pdf", "application/pdf", sha256_hex(PDF)),
        ("工作证.jpg", "image/jpeg", sha256_hex(JPEG)),
    }
    with world.ca.database.read() as connection:
        for sealed in connection.execute(select(papers.c.sealed)).scalars():
            assert b"Catalog" not in bytes(sealed)
    (record,) = world.evidence.find(EvidenceKind.IDENTITY_PAPERS)
    assert {one["sha256"] for one in record.summary["papers"]} == {sha256_hex(PDF), sha256_hex(JPEG)}


def test_who_registers_and_who_decides_look_at_them_and_every_look_is_recorded(world: World) -> None:
    filed = world.request()
    (paper,) = world.ca.registration.papers.attach(world.registrar, filed.id, [Handed("证件.png", PNG)])
    for looking in (world.registrar, world.officer):
        shown, data = world.ca.registration.papers.view(looking, paper.id)
        assert (shown.name, data) == ("证件.png", PNG)
    with world.ca.database.read() as connection:
        looked = select(audit_records.c.body).where(audit_records.c.action == "ca:paper:read")
        rows = connection.execute(looked).scalars().all()
    assert len(rows) == 2
    assert all(sha256_hex(PNG) in str(row) for row in rows)


def test_papers_of_another_unit_are_not_there(world: World, other_registrar: Principal) -> None:
    filed = world.request(papers=[Handed("证件.pdf", PDF)])
    (paper,) = world.ca.registration.papers.page(world.registrar, Ask()).items
    assert world.ca.registration.papers.page(other_registrar, Ask()).items == ()
    for act in (
        lambda: world.ca.registration.papers.get(other_registrar, paper.id),
        lambda: world.ca.registration.papers.view(other_registrar, paper.id),
        lambda: world.ca.registration.papers.attach(other_registrar, filed.id, [Handed("x.pdf", PDF)]),
    ):
        with pytest.raises(NotFound):
            act()


@pytest.mark.parametrize("name", ["network_admin", "assessor", "auditor", "sysadmin"])
def test_who_only_reads_certificates_sees_no_papers(
    world: World, name: str, request: pytest.FixtureRequest
) -> None:
    reader: Principal = request.getfixturevalue(name)
    world.request(papers=[Handed("证件.pdf", PDF)])
    with pytest.raises(NotPermitted):
        world.ca.registration.papers.page(reader, Ask())


def test_what_was_decided_takes_no_more_papers(world: World) -> None:
    filed = world.request()
    world.ca.registration.reject(world.officer, filed.id, "材料不全")
    with pytest.raises(Conflict):
        world.ca.registration.papers.attach(world.registrar, filed.id, [Handed("证件.pdf", PDF)])


@pytest.mark.parametrize(
    "data",
    [b"", b"MZ\x90\0", b"<html><script>", PDF[:-8], b"GIF89a", PNG[:-4], JPEG[:-2], b"%PDF-", b" " + PDF],
)
def test_other_kinds_and_halves_of_files_are_refused_whatever_their_name(data: bytes) -> None:
    with pytest.raises(Invalid, match="PDF, PNG or JPEG") as refused:
        media_type_of(Handed("身份证.pdf", data))
    assert refused.value.place == "身份证.pdf"


def test_a_file_too_large_and_a_paper_too_many_are_refused_and_nothing_is_kept(world: World) -> None:
    with pytest.raises(LimitExceeded, match="larger"):
        world.request(papers=[Handed("x.pdf", PDF + bytes(LARGEST))])
    assert world.ca.registration.page(world.registrar, Ask()).total == 0
    filed = world.request(papers=[Handed(f"{number}.pdf", PDF) for number in range(MOST)])
    with pytest.raises(LimitExceeded, match="at most"):
        world.ca.registration.papers.attach(world.registrar, filed.id, [Handed("x.pdf", PDF)])
    assert world.ca.registration.papers.page(world.registrar, Ask()).total == MOST


def test_a_paper_that_was_exchanged_for_another_is_not_shown(world: World) -> None:
    world.request(papers=[Handed("甲.pdf", PDF), Handed("乙.png", PNG)])
    one, other = world.ca.registration.papers.page(world.registrar, Ask()).items
    with world.ca.database.begin() as uow:
        sealed = uow.execute(select(papers.c.sealed).where(papers.c.id == other.id)).scalar_one()
        uow.execute(papers.update().where(papers.c.id == one.id).values(sealed=sealed))
    with pytest.raises(IntegrityFailed):
        world.ca.registration.papers.view(world.officer, one.id)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", PDF[:8], PNG[:8], JPEG[:4]]), st.text(max_size=20))
def test_any_octets_are_either_one_of_the_three_or_refused(data: bytes, start: bytes, name: str) -> None:
    try:
        kind = media_type_of(Handed(name, start + data))
    except WeichengError:
        return
    assert kind in ("application/pdf", "image/png", "image/jpeg")
