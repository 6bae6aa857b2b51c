"""Step 5 of the main job: everything is backed up to three sites, one byte is changed at one of them and found, and a CA is
restored elsewhere and asked for a certificate. restic, sha256sum and OpenSSL judge beside us."""

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

from backup.model import Drill, Finding, FindingKind, Level, RunResult, Verdict, Verification
from ca.model import AuthorityKind
from console.demo.model import Check, Demo, StepResult
from kernel.i18n import N_, translate
from kernel.secrets import write_private

PLAN = "suite"
SITES = ("same-city", "remote", "provincial")
DAMAGED, GOOD = "remote", "provincial"


def run(demo: Demo) -> StepResult:
    """Back up, damage the replica at ``remote`` openly, verify all three, hold a drill from ``provincial``."""
    admin, backup = demo.people["dr_admin"], demo.app.backup
    stored = backup.run(admin, PLAN, lambda _done, _total, text: demo.progress(text))
    demo.progress(translate(N_("one byte of the largest file at site remote is changed")))
    planted = change_byte(_repository(demo, DAMAGED))
    looked = backup.verify(admin, PLAN)
    demo.progress(translate(N_("drill: the CA is restored from site provincial and asked for a certificate")))
    drill = backup.drill(admin, PLAN, GOOD)
    checks = [
        _stored_all(stored),
        _sha256sum(demo, planted),
        *_restic_checks(demo, planted),
        _good_sites_pass(looked),
        _drill_passed(drill),
        _openssl_verify(demo, drill),
    ]
    expected = demo.planted("backup")
    return StepResult(
        "backup", _figures(stored, looked, drill), expected, _ids(looked, planted, expected), checks
    )


def change_byte(repository: Path) -> str:
    """Flip one bit in the middle of the repository's largest pack; returns the file's name in the repository."""
    packs = (path for path in (repository / "data").rglob("*") if path.is_file())
    pack = max(packs, key=lambda path: (path.stat().st_size, path.name))
    pack.chmod(0o600)
    with pack.open("r+b") as file:
        middle = pack.stat().st_size // 2
        file.seek(middle)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 1]))
    return pack.relative_to(repository).as_posix()


def _repository(demo: Demo, site: str) -> Path:
    return demo.floor.settings.data_dir / "backup" / "sites" / site / PLAN / "repository"


def _ids(looked: Sequence[Verification], planted: str, expected: Sequence[str]) -> list[str]:
    """The planted fault's id for the finding that is it; kind@site:file, which no list expects, for any other."""
    found = []
    for verification in looked:
        named = [finding for finding in verification.findings if finding.file]
        # what the engine complains of without naming a file tells of the files that were named
        for finding in named or verification.findings:
            is_planted = (finding.kind, finding.site, finding.file) == (FindingKind.CHANGED, DAMAGED, planted)
            found.append(expected[0] if is_planted and expected else _strange(finding))
    return found


def _strange(finding: Finding) -> str:
    return f"{finding.kind}@{finding.site}:{finding.file or finding.actual}"


def _figures(stored: RunResult, looked: Sequence[Verification], drill: Drill) -> dict[str, Any]:
    compared = drill.comparison
    return {
        "receipt": stored.run.receipt,
        "sets": {one.source: {"files": one.files, "bytes": one.bytes} for one in stored.sets},
        "copied": {copy.site: copy.bytes for copy in stored.copies},
        "sites": {one.site: f"{one.reached.name} {one.verdict}" for one in looked},
        "bytes_read": sum(one.bytes_read for one in looked),
        "findings": [vars(finding) for one in looked for finding in one.findings],
        "drill": f"{drill.reached.name} {drill.verdict}",
        "rto_seconds": drill.rto,
        "rpo_seconds": drill.rpo,
        "level": f"{compared['edition']} / {compared['level']}",
        "meets_plan": compared["meets_plan"],
        "meets_level_figures": compared["meets_level_figures"],
        "level_figures_confidence": compared["confidence"],
    }


# --- what others say
def _stored_all(stored: RunResult) -> Check:
    name = translate(N_("every set is stored and copied to every site"))
    return Check(
        name, f"weicheng backup run {PLAN}", not stored.run.error, stored.run.error or str(stored.run.state)
    )


def _good_sites_pass(looked: Sequence[Verification]) -> Check:
    verdicts = {one.site: (one.verdict, one.reached) for one in looked}
    good = all(verdicts[site] == (Verdict.PASS, Level.V2) for site in SITES if site != DAMAGED)
    output = ", ".join(f"{site}: {verdict} {level.name}" for site, (verdict, level) in verdicts.items())
    return Check(
        translate(N_("the other two sites are sound to the last byte")),
        f"weicheng backup verify {PLAN}",
        good,
        output,
    )


def _restic_checks(demo: Demo, planted: str) -> list[Check]:
    with ThreadPoolExecutor(len(SITES)) as pool:
        looks = [pool.submit(copy_context().run, _restic_check, demo, site, planted) for site in SITES]
        return [look.result() for look in looks]


def _restic_check(demo: Demo, site: str, planted: str) -> Check:
    """restic's own word: it must name the changed pack at the damaged site, and be content with the others."""
    password = demo.floor.settings.data_dir / "secrets" / "backup-password"
    arguments = ["--no-cache", "--no-lock", "check", "--read-data"]
    command = ["restic", "-r", str(_repository(demo, site)), "--password-file", str(password), *arguments]
    code, output = _run(command)
    if site == DAMAGED:
        name = translate(N_("restic finds the changed file at site %(site)s"), site=site)
        agreed = code != 0 and Path(planted).name in output
    else:
        name = translate(N_("restic finds no fault at site %(site)s"), site=site)
        agreed = code == 0 and "no errors were found" in output
    return Check(name, f"restic -r {site} {' '.join(arguments)}", agreed, output[-300:])


def _sha256sum(demo: Demo, planted: str) -> Check:
    """The name of a pack is its SHA-256: sha256sum says that the damaged one differs from its name, and the good one not."""
    _code, output = _run(["sha256sum", *(str(_repository(demo, site) / planted) for site in (DAMAGED, GOOD))])
    digests = [line.split()[0] for line in output.splitlines() if line]
    name = Path(planted).name
    agreed = len(digests) == 2 and digests[0] != name and digests[1] == name
    return Check(
        translate(N_("the file's SHA-256 is no longer its name")), "sha256sum", agreed, "\n".join(digests)
    )


def _drill_passed(drill: Drill) -> Check:
    said = "; ".join(f"{result.name}: {result.said}" for result in drill.checks)
    agreed = (
        drill.verdict is Verdict.PASS and drill.reached == Level.V4 and bool(drill.comparison["meets_plan"])
    )
    name = translate(N_("the restored applications answer within the plan's RPO and RTO"))
    return Check(name, f"weicheng backup drill {PLAN} --site {GOOD}", agreed, said)


def _openssl_verify(demo: Demo, drill: Drill) -> Check:
    """OpenSSL verifies what the restored CA issued against the root of the living one."""
    facts = next((result.facts for result in drill.checks if result.name == "ca"), {})
    folder = demo.folder / "drill"
    write_private(folder / "issued.pem", str(facts.get("certificate", "")).encode())
    write_private(folder / "chain.pem", str(facts.get("chain", "")).encode())
    roots = [one.certificate for one in demo.app.ca.authorities() if one.kind is AuthorityKind.ROOT]
    write_private(folder / "root.der", roots[0])
    _run(
        [
            "openssl",
            "x509",
            "-inform",
            "DER",
            "-in",
            str(folder / "root.der"),
            "-out",
            str(folder / "root.pem"),
        ]
    )
    files = [
        "-CAfile",
        str(folder / "root.pem"),
        "-untrusted",
        str(folder / "chain.pem"),
        str(folder / "issued.pem"),
    ]
    code, output = _run(["openssl", "verify", *files])
    name = translate(N_("OpenSSL verifies the certificate that the restored CA issued"))
    command = "openssl verify -CAfile root.pem -untrusted chain.pem issued.pem"
    return Check(name, command, code == 0, output.replace(str(folder) + "/", "")[-300:])


def _run(command: list[str]) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout + done.stderr
