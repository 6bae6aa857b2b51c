"""Step 6 of the main job: a level-3 system is judged from the evidence of all steps; OpenSSL alone verifies the package."""

import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

from console.demo.model import RANGE, Check, Demo, StepResult
from kernel.assets.model import AssetKind
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from policies.assessment.model import Outcome, Result
from policies.catalogue.model import ObjectKind
from policies.package.picture import control_status
from policies.package.service import Package
from policies.systems.model import System, SystemState


def run(demo: Demo) -> StepResult:
    """Register the system, collect what the suite knows of itself, assess, export, and have the package verified."""
    policies, officer = demo.app.policies, demo.people["officer"]
    system = _filed_system(demo)
    demo.app.siem.retain(Principal.system("demo"))
    policies.suite.collect(officer)
    demo.progress(translate(N_("every control item is judged from the evidence in force")))
    assessment = policies.assessments.assess(officer, system.id)
    results = policies.assessments.results(officer, assessment.id)
    conclusion = policies.assessments.conclusion(officer, assessment.id)
    package = policies.packages.export(demo.people["assessor"], assessment.id)
    folder, root = _unpacked(demo, package)
    checks = [_verified(folder, root), *_tampered(demo.folder, folder, root), _chain(demo)]
    figures: dict[str, Any] = {
        "system": f"{system.name} {system.level}",
        "results": {str(outcome): count for outcome, count in conclusion.counts.items()},
        "waiting_for_people": conclusion.waiting,
        "rate": f"{conclusion.rate_low} - {conclusion.rate_high} %",
        "major_risks": [risk.title.zh for risk in conclusion.risks],
        "package": f"{package.manifest.count['records']} records, {len(package.data)} bytes",
        "package_sha256": package.sha256,
    }
    title = translate(N_("Control status of the level-3 system"), "zh_CN")
    pictures = {title: control_status(results, policies.assessments.catalogue)}
    return StepResult("policies", figures, demo.planted("policies"), _faults(results), checks, pictures)


def _filed_system(demo: Demo) -> System:
    """The portal and every device, gateway and endpoint of the practice network, walked through its filing by two people."""
    systems, officer = demo.app.policies.systems, demo.people["officer"]
    assets = [asset.id for asset in demo.floor.register.assets() if asset.kind is not AssetKind.PERSON]
    system = systems.propose(
        officer,
        name="政务服务一体化平台",
        unit="u_city",
        level="S3A3G3",
        owner="市大数据局 孙主任",
        boundary=assets,
    )
    systems.move(officer, system.id, SystemState.REVIEWED, document="等级保护专家评审意见〔2026〕3号")
    systems.move(
        demo.people["second_officer"], system.id, SystemState.APPROVED, document="定级核准函〔2026〕11号"
    )
    return systems.move(
        officer,
        system.id,
        SystemState.FILED,
        document="备案证明",
        filing_number="33029900001-26001",
        filed_on=date(2026, 3, 2),
    )


def _faults(results: Sequence[Result]) -> list[str]:
    """Planted faults whose every item is found wanting; item@object, which no list expects, for any other shortcoming."""
    wanting = {
        (result.item, result.object_name if result.object_kind is ObjectKind.DEVICE else "")
        for result in results
        if result.outcome in (Outcome.FAILS, Outcome.PARTLY)
    }
    faults = yaml.safe_load((RANGE / "faults.yaml").read_text("utf-8"))["faults"]
    marks = {
        fault["id"]: {
            (item, entry["host"])
            for entry in fault["expected"]
            if entry["room"] == "policies"
            for item in entry["items"]
        }
        for fault in faults
    }
    explained = {mark for fault in marks.values() for mark in fault}
    found = [name for name, fault in marks.items() if fault and fault <= wanting]
    return found + sorted(f"{item}@{host or 'system'}" for item, host in wanting - explained)


def _unpacked(demo: Demo, package: Package) -> tuple[Path, Path]:
    """The package beside the demo's data, unpacked, and the root that the CA handed out in its own step."""
    (demo.folder / "evidence-package.zip").write_bytes(package.data)
    folder = demo.folder / "evidence-package"
    with zipfile.ZipFile(BytesIO(package.data)) as archive:
        archive.extractall(folder)
    return folder, demo.folder / "tls" / "root.pem"


def _verify(folder: Path, root: Path) -> subprocess.CompletedProcess[str]:
    """The script of the package, with the system's programs alone on its path."""
    return subprocess.run(
        ["bash", "verify.sh", str(root)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
        capture_output=True,
        text=True,
    )


def _verified(folder: Path, root: Path) -> Check:
    done = _verify(folder, root)
    name = translate(N_("OpenSSL finds the evidence package intact"), "zh_CN")
    return Check(name, f"bash verify.sh {root.name}", done.returncode == 0, _tail(done))


def _tampered(scratch: Path, folder: Path, root: Path) -> list[Check]:
    """The same package with one byte changed, and with one record removed: refused both times, and named."""
    checks = []
    for name, spoil, word in (
        (N_("OpenSSL refuses the package with one byte changed"), _change, "changed:"),
        (N_("OpenSSL refuses the package with one record removed"), Path.unlink, "missing"),
    ):
        copy = scratch / "evidence-package-tampered"
        shutil.copytree(folder, copy)
        target = min(copy.glob("records/*.json"))
        spoil(target)
        done = _verify(copy, root)
        named = word in done.stdout and target.name in done.stdout
        checks.append(
            Check(
                translate(name, "zh_CN"),
                f"bash verify.sh {root.name}",
                done.returncode == 1 and named,
                _tail(done),
            )
        )
        shutil.rmtree(copy)
    return checks


def _change(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _chain(demo: Demo) -> Check:
    """Every evidence record of the demo, its place in the chain and its seal."""
    report = demo.app.evidence.verify_all(by=demo.people["officer"])
    name = translate(N_("every evidence record is in its place and sealed"), "zh_CN")
    faults = [f"{fault.kind} {fault.evidence} {fault.explanation}" for fault in report.faults[:5]]
    return Check(name, "weicheng evidence verify", report.intact, "\n".join(faults) or f"{report.records} ✔")


def _tail(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join((done.stdout + done.stderr).splitlines()[-12:])
