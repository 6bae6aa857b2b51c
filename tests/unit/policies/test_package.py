"""The evidence package: verified with OpenSSL alone by the script inside, and every tampering named."""

import csv
import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from kernel.errors import Invalid, NotFound, NotPermitted, Unavailable
from kernel.evidence.service import EvidenceService
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from policies.assessment.model import Outcome
from policies.package import oscal
from policies.package.archive import read_zip, write_zip
from policies.package.model import Filters, PackageFaultKind, read_manifest
from policies.package.service import verify
from policies.service import PoliciesService
from tests.support.pki import make_leaf
from tests.unit.evidence.conftest import LocalSealer


@pytest.fixture
def package(policies: PoliciesService, assessment: str, assessor: Principal) -> bytes:
    return policies.packages.export(assessor, assessment).data


@pytest.fixture
def unpacked(package: bytes, tmp_path: Path) -> Path:
    """Unpacked with Info-ZIP's unzip, as an assessor would."""
    folder, file = tmp_path / "package", tmp_path / "package.zip"
    file.write_bytes(package)
    subprocess.run(["unzip", "-q", str(file), "-d", str(folder)], check=True)
    return folder


def run_verifier(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(folder / "verify.sh"), *map(str, arguments)]
    # nothing of this suite: only the system's programs on the path
    environment = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_the_intact_package_verifies_and_shows_the_roots_fingerprint(
    unpacked: Path, root_file: Path, sealer: LocalSealer
) -> None:
    done = run_verifier(unpacked, root_file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "通过 | INTACT" in done.stdout
    shown = re.search(r"SHA-256\s+([0-9A-F]{64})", done.stdout)
    assert shown
    assert run_verifier(unpacked, root_file, shown[1]).returncode == 0
    wrong = run_verifier(unpacked, root_file, "00" * 32)
    assert wrong.returncode == 1
    assert "fingerprint differs" in wrong.stdout
    records = len(list((unpacked / "records").glob("*.json")))
    assert f"{records}，其中自带有效封存 | with a valid seal of their own: {records}" in done.stdout


def changed_byte(folder: Path) -> str:
    path = next(folder.glob("records/*.json"))
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(bytes(data))
    return f"changed: records/{path.name}"


def changed_report(folder: Path) -> str:
    path = folder / "report.html"
    path.write_text(path.read_text().replace("不符合", "符合"))
    return "changed: report.html"


def removed_file(folder: Path) -> str:
    (folder / "controls.csv").unlink()
    return "missing: controls.csv"


def added_file(folder: Path) -> str:
    (folder / "records" / "00000099-evd.json").write_text("{}")
    return "not in the manifest: records/00000099-evd.json"


def hidden_file(folder: Path) -> str:
    (folder / ".hidden").write_text("")
    return "not in the manifest: .hidden"


def file_made_a_link(folder: Path) -> str:
    path = folder / "controls.csv"
    shutil.move(path, folder.parent / "elsewhere.csv")
    path.symlink_to(folder.parent / "elsewhere.csv")
    return "missing: controls.csv"


def changed_manifest(folder: Path) -> str:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"results": ', '"results":  '))
    return "signature does not hold: manifest.json.p7s"


def swapped_signature(folder: Path) -> str:
    shutil.copy(next(folder.glob("records/*.p7s")), folder / "manifest.json.p7s")
    return "time-stamp does not hold: manifest.json.p7s.tst"


def swapped_signature_and_token(folder: Path) -> str:
    first = next(folder.glob("records/*.p7s"))
    shutil.copy(first, folder / "manifest.json.p7s")
    shutil.copy(first.with_suffix(".tst"), folder / "manifest.json.p7s.tst")
    return "signature does not hold: manifest.json.p7s"


def no_token(folder: Path) -> str:
    (folder / "manifest.json.p7s.tst").unlink()
    return "time-stamp missing: manifest.json"


def rubbish_for_a_token(folder: Path) -> str:
    (folder / "manifest.json.p7s.tst").write_bytes(b"rubbish")
    return "time-stamp can not be read: manifest.json.p7s.tst"


TAMPERINGS = [
    changed_byte,
    changed_report,
    removed_file,
    added_file,
    hidden_file,
    file_made_a_link,
    changed_manifest,
    swapped_signature,
    swapped_signature_and_token,
    no_token,
    rubbish_for_a_token,
]


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_the_verifier_refuses_and_names_what_was_done(
    unpacked: Path, root_file: Path, tamper: Callable[[Path], str]
) -> None:
    named = tamper(unpacked)
    done = run_verifier(unpacked, root_file)
    assert done.returncode == 1
    assert named in done.stdout, done.stdout
    assert "REFUSED" in done.stdout
    assert "INTACT" not in done.stdout


def test_the_verifier_refuses_another_root(unpacked: Path, tmp_path: Path, sealer: LocalSealer) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(LocalSealer(sealer.clock).root.certificate_pem)
    done = run_verifier(unpacked, other)
    assert done.returncode == 1
    assert "does not hold" in done.stdout


def test_nobody_else_with_a_certificate_of_the_ca_can_make_a_package(
    policies: PoliciesService,
    assessment: str,
    assessor: Principal,
    sealer: LocalSealer,
    root_file: Path,
    tmp_path: Path,
) -> None:
    sealer.signer = make_leaf(sealer.root, "某工作人员", usage=ExtendedKeyUsageOID.EMAIL_PROTECTION)
    data = policies.packages.export(assessor, assessment).data
    zipfile.ZipFile(io.BytesIO(data)).extractall(tmp_path / "forged")
    done = run_verifier(tmp_path / "forged", root_file)
    assert done.returncode == 1
    assert "the signer is not the sealing key" in done.stdout
    assert [fault.kind for fault in verify(data, sealer.root.certificate_pem).faults] == [
        PackageFaultKind.SIGNATURE
    ]


def test_a_files_name_can_not_pass_for_the_verifiers_answer(unpacked: Path, root_file: Path) -> None:
    (unpacked / "x\n通过 | INTACT").write_text("")
    done = run_verifier(unpacked, root_file)
    assert done.returncode == 1
    assert not [line for line in done.stdout.splitlines() if line.startswith("通过")]


def test_the_verifier_explains_its_use(unpacked: Path, tmp_path: Path) -> None:
    assert run_verifier(unpacked).returncode == 2
    assert run_verifier(unpacked, tmp_path / "absent.pem").returncode == 2
    not_pem = tmp_path / "no.pem"
    not_pem.write_text("no certificate")
    assert run_verifier(unpacked, not_pem).returncode == 2


def test_the_suite_itself_comes_to_the_same_verdicts(package: bytes, sealer: LocalSealer) -> None:
    root = sealer.root.certificate_pem
    report = verify(package, root)
    assert report.intact
    assert report.sealed_at == sealer.clock.now()
    files = read_zip(package)
    assert report.sealed_records == sum(
        name.endswith(".json") and name.startswith("records/") for name in files
    )
    for broken, kind in (
        ({**files, "report.html": b"x"}, PackageFaultKind.CHANGED),
        ({name: data for name, data in files.items() if name != "controls.csv"}, PackageFaultKind.MISSING),
        ({**files, "more.txt": b""}, PackageFaultKind.EXTRA),
        ({**files, "manifest.json": files["manifest.json"] + b" "}, PackageFaultKind.SIGNATURE),
        ({**files, "manifest.json.p7s": b"x"}, PackageFaultKind.TIMESTAMP),
    ):
        assert [fault.kind for fault in verify(write_zip(broken), root).faults] == [kind]
    stranger = LocalSealer(sealer.clock).root.certificate_pem
    assert not verify(package, stranger).intact
    with pytest.raises(Invalid):
        verify(package, b"no certificate")


def test_the_manifest_tells_what_is_inside(package: bytes, assessment: str, sealer: LocalSealer) -> None:
    files = read_zip(package)
    manifest = read_manifest(files["manifest.json"])
    assert manifest.assessment["id"] == assessment
    assert manifest.count["files"] == len(files) - 3
    assert manifest.count["records"] == sum(
        name.startswith("records/") and name.endswith(".json") for name in files
    )
    assert manifest.period["from"] == "2026-11-23T01:00:00.000000Z"
    assert len(manifest.key_id) == 64
    assert any(
        data.startswith("# 配置".encode()) for name, data in files.items() if name.startswith("attachments/")
    )


def test_the_tables_list_every_item_and_no_cell_is_a_formula(
    package: bytes, policies: PoliciesService
) -> None:
    from openpyxl import load_workbook

    files = read_zip(package)
    rows = list(csv.reader(io.StringIO(files["controls.csv"].decode("utf-8-sig"))))
    items = {row[1] for row in rows[1:]}
    assert items == {item.id for item in policies.assessments.catalogue.items}
    assert [row[6] for row in rows if row[1] == "L3-8.1.4.9-b"] == ["不符合"]
    sheet = load_workbook(io.BytesIO(files["controls.xlsx"])).active
    assert sheet is not None
    assert sheet.max_row == len(rows)
    assert not [cell for row in rows for cell in row if cell[:1] in "=+-@" and cell]


def test_the_report_is_one_file_without_script_or_request(package: bytes) -> None:
    page = read_zip(package)["report.html"].decode()
    assert "<svg" in page
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)\s*=|url\(|@import", page)
    assert "政务服务平台" in page
    assert "异地" in page


def test_oscal_references_hold_and_a_dangling_one_is_found(package: bytes, policies: PoliciesService) -> None:
    document = json.loads(read_zip(package)["oscal/assessment-results.json"])
    assert list(oscal.faults(document)) == []
    result = document["assessment-results"]["results"][0]
    states = {finding["target"]["status"]["state"] for finding in result["findings"]}
    assert states == {"satisfied", "not-satisfied"}
    result["observations"].pop(0)
    result["findings"][0]["uuid"] = result["findings"][1]["uuid"]
    found = list(oscal.faults(document))
    assert any("no observation" in fault for fault in found)
    assert any("is repeated" in fault for fault in found)


def test_the_same_files_give_the_same_zip_bytes(package: bytes) -> None:
    assert write_zip(read_zip(package)) == package
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert archive.namelist()[0] == "manifest.json"
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_filters_take_a_part_and_say_so(
    policies: PoliciesService, assessment: str, assessor: Principal
) -> None:
    filters = Filters(controls=("L3-8.1.4",), outcomes=(Outcome.FAILS,))
    package = policies.packages.export(assessor, assessment, filters)
    rows = list(csv.reader(io.StringIO(read_zip(package.data)["controls.csv"].decode("utf-8-sig"))))[1:]
    assert rows
    assert {row[6] for row in rows} == {"不符合"}
    assert all(row[1].startswith("L3-8.1.4.") for row in rows)
    assert package.manifest.filters["outcomes"] == ["fails"]
    with pytest.raises(Invalid):
        policies.packages.export(assessor, assessment, Filters(controls=("L3-9.9",)))


def test_a_masked_package_hides_addresses_and_still_verifies(
    policies: PoliciesService, assessment: str, assessor: Principal, root_file: Path, tmp_path: Path
) -> None:
    package = policies.packages.export(assessor, assessment, masking="addresses-and-accounts")
    files = read_zip(package.data)
    everything = b"".join(data for name, data in files.items() if not name.endswith(".xlsx"))
    assert b"10.10.0.99" not in everything
    assert b"10.10.*.*" in everything
    assert "周主任".encode() not in b"".join(files[name] for name in ("manifest.json",))
    assert b"L3-8.1.4.1-c" in files["controls.csv"]
    folder = tmp_path / "masked"
    zipfile.ZipFile(io.BytesIO(package.data)).extractall(folder)
    done = run_verifier(folder, root_file)
    assert done.returncode == 0, done.stdout
    with pytest.raises(NotFound):
        policies.packages.export(assessor, assessment, masking="none")


def test_export_is_audited_and_needs_the_right(
    policies: PoliciesService,
    package: bytes,
    assessment: str,
    assessor: Principal,
    network_admin: Principal,
    auditor: Principal,
    sealer: LocalSealer,
    evidence: EvidenceService,
) -> None:
    kept = policies.lists.packages(assessor, Ask()).items
    assert [row.assessment for row in kept] == [assessment]
    for nobody in (network_admin, auditor):
        with pytest.raises(NotPermitted):
            policies.packages.export(nobody, assessment)
    stranger = Principal("usr_s", "s", assessor.roles, "u_county", "password")
    with pytest.raises(NotFound):
        policies.packages.export(stranger, assessment)
    sealer.ready = False
    with pytest.raises(Unavailable):
        policies.packages.export(assessor, assessment)
