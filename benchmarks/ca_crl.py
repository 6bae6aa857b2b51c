"""Revocation lists of a million entries: from the rows of the database to the signed file, in CPU seconds and memory.

Of a process that makes lists and the signer together. Peers, on the same entries: `openssl ca -gencrl`, and cryptography's
builder with all entries given at once. OpenSSL judges every list; pkilint the delta, and a full list made in the same way when
the CA has revoked 10,000: it takes 0.4 ms and 11 KiB for each entry, which are six minutes and 10 GiB for a million.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from benchmarks.peers import issuer, program
from benchmarks.registered import Registered, register
from benchmarks.report import line
from benchmarks.served_ca import ISSUING, OFFICER, ServedCa, served_ca
from ca.encoding import crl
from ca.model import Reason
from ca.scopes import ListKind, Scope
from ca.status import store
from kernel.pki.pem import certificate_pem

SECONDS, MEBIBYTES, DELTA_SECONDS = 1.5, 200, 0.05
DELTA = 10_000
# the part of the worker that makes lists, and nothing of its rooms; the root's list first, as in any process that runs for long
_PUBLISH = """
import json, sys, time
from ca import store as core
from ca.signer.client import SocketSigner
from ca.status.files import ListFiles
from ca.status.making import ListMaker
from ca.scopes import ListKind, ListRules, Scope
from console.compose.credential import signer_credential
from kernel.clock import SystemClock
from kernel.config import load_settings
from kernel.identity.model import Principal
from kernel.store import Database
settings, clock = load_settings(), SystemClock()
database = Database(settings.database, clock)
signer = SocketSigner(settings.signer_socket, signer_credential(settings))
maker = ListMaker(database, clock, signer, ListFiles(settings.crl_folder), ListRules(settings.status.public_url))
with database.read() as connection:
    authorities = [core.read_authority(connection, name) for name in ("root", sys.argv[2])]
for authority in authorities:
    print("now", flush=True)
    sys.stdin.readline()
    started = time.process_time()
    made = maker.make(authority, Scope(authority.id), ListKind(sys.argv[1]), Principal.system("ca"))
    used = time.process_time() - started
print(json.dumps({"seconds": used, "entries": made[0].entries, "size": made[0].size}))
"""


def published(ca: ServedCa, kind: ListKind) -> Mapping[str, float]:
    """CPU seconds and peak MiB of a process that makes the list, with the signer's."""
    command = [sys.executable, "-c", _PUBLISH, str(kind), ISSUING]
    with subprocess.Popen(
        command, env=ca.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
            _forget_peak(ca.signer)
            before, peak = ca.cpu(), 0.0
            process.stdin.write("go\n")
            process.stdin.flush()
        while process.poll() is None:
            peak = max(peak, _peak_of(process.pid))
            time.sleep(0.005)
        told = json.loads(process.stdout.read())
    return {**told, "seconds": told["seconds"] + ca.cpu() - before, "memory": peak + _peak_of(ca.signer)}


def _peak_of(pid: int) -> float:
    """Peak of the resident memory in MiB (proc(5)); 0 when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = [row for row in text.splitlines() if row.startswith("VmHWM")]
    return int(found[0].split()[1]) / 1024 if found else 0.0


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


# --- peers
def openssl_gencrl(folder: Path, entries: int) -> tuple[float, float]:
    """CPU seconds and peak MiB of `openssl ca -gencrl` with the same serials."""
    folder.mkdir()
    issuer("bench issuing").write(folder, "ca")
    with (folder / "index.txt").open("w") as index:
        for n in range(entries):
            serial = f"{Registered.serial(n):032X}"
            index.write(f"R\t270101000000Z\t261001000000Z,cessationOfOperation\t{serial}\tunknown\t/CN={n}\n")
    (folder / "number").write_text("01\n")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\n"
        "default_crl_days=7\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n"
    )
    command = [
        program("openssl"),
        "ca",
        "-gencrl",
        "-config",
        "ca.cnf",
        "-cert",
        "ca.pem",
        "-keyfile",
        "ca.key",
    ]
    return _of_child([*command, "-out", "list.pem"], folder)


def builder(folder: Path, entries: int) -> tuple[float, float]:
    """CPU seconds and peak MiB of cryptography's builder, all entries given at once."""
    folder.mkdir()
    code = f"from benchmarks.ca_crl import build; build({entries})"
    return _of_child([sys.executable, "-c", code], Path.cwd())


def build(entries: int) -> None:
    """A list by CertificateRevocationListBuilder."""
    above, at = issuer("bench issuing"), datetime.now(UTC)
    reason = x509.CRLReason(x509.ReasonFlags.cessation_of_operation)
    revoked = [
        x509.RevokedCertificateBuilder(
            Registered.serial(n), at, [x509.Extension(reason.oid, False, reason)]
        ).build()
        for n in range(entries)
    ]
    made = x509.CertificateRevocationListBuilder(
        above.certificate.subject, at, at + timedelta(days=7), [], revoked
    )
    made.sign(above.key, hashes.SHA256())


def _of_child(command: Sequence[str], folder: Path) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _peak_of(process.pid))
            time.sleep(0.05)
    if process.returncode:
        sys.exit(f"{command[0]} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak


# --- judging
def judge(ca: ServedCa, folder: Path, kind: ListKind) -> Path:
    """The newest list; exits 1 unless OpenSSL accepts it."""
    (folder / "issuing.pem").write_bytes(certificate_pem(ca.app.ca.authority(ISSUING).certificate))
    path = ca.app.ca.publication.newest(Scope(ISSUING), kind).path
    command = [program("openssl"), "crl", "-inform", "DER", "-in", str(path), "-noout"]
    command += ["-CAfile", "issuing.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if "verify OK" not in done.stderr:
        sys.exit(f"openssl refuses the {kind} list: {done.stderr[-300:]}")
    return path


def lint(file: Path) -> None:
    """Exits 1 unless pkilint finds no error in the list."""
    command = [sys.executable, "-m", "pkilint.bin.lint_crl", "lint", "-t", "CRL", "-p", "PKIX", "-s", "ERROR"]
    done = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"pkilint: {done.stdout[-500:]}{done.stderr[-500:]}")


def change(ca: ServedCa, first: int, count: int) -> None:
    """So many more revocations, as the register has them after a bulk revocation."""
    at = datetime.now(UTC).replace(microsecond=0)
    found = ca.app.ca.lifecycle.show(OFFICER, f"{Registered.serial(0):032x}")
    with ca.app.floor.database.begin() as uow:
        for n in range(first, first + count):
            serial = Registered.serial(n)
            entry = crl.entry(serial, at, Reason.CESSATION_OF_OPERATION)
            store.add_change(uow.connection, replace(found, serial=f"{serial:032x}"), 0, entry, False, at)


def measure(ca: ServedCa, folder: Path, entries: int, rounds: int) -> None:
    change(ca, entries, DELTA)
    published(ca, ListKind.FULL)
    lint(judge(ca, folder, ListKind.FULL))
    register(ca.app.floor.database, ISSUING, 0, entries)
    full = _best(ca, ListKind.FULL, rounds)
    judge(ca, folder, ListKind.FULL)
    change(ca, entries + DELTA, DELTA)
    delta = _best(ca, ListKind.DELTA, rounds)
    lint(judge(ca, folder, ListKind.DELTA))
    for name, peer in (("openssl ca -gencrl", openssl_gencrl), ("cryptography's builder", builder)):
        seconds, memory = peer(folder / peer.__name__, entries)
        _line("full list", "CPU s", full["seconds"], seconds, name, SECONDS, int(full["entries"]))
        _line("full list", "MiB", full["memory"], memory, name, MEBIBYTES, int(full["entries"]))
        seconds, _ = peer(folder / f"{peer.__name__}-delta", DELTA)
        _line("delta", "CPU s", delta["seconds"], seconds, name, DELTA_SECONDS, int(delta["entries"]))


def _best(ca: ServedCa, kind: ListKind, rounds: int) -> Mapping[str, float]:
    return min((published(ca, kind) for _ in range(rounds)), key=lambda one: one["seconds"])


def _line(what: str, unit: str, ours: float, peer: float, name: str, mark: float, n: int) -> None:
    line(f"ca-crl: {what}", unit, ours, peer, name, mark=mark, met=ours <= mark, n=n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database-url", default="", help="PostgreSQL; SQLite unless given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        with served_ca(data, 1, 0, given.database_url) as ca:
            measure(ca, Path(folder), given.entries, given.rounds)


if __name__ == "__main__":
    main()
