"""A ceremony whose process is killed (SIGKILL) goes on in another one, against a signer process; OpenSSL checks the outcome."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ca.hierarchy.machine import OfflineMachine
from ca.hierarchy.model import CeremonyState
from ca.hierarchy.offline import read_request
from ca.service import CaService
from ca.signer.client import SocketSigner
from ca.signer.keyfile import KeyFileSigner
from ca.signer.warrant import Credential
from console.compose.tables import import_all_tables
from kernel.clock import SystemClock
from kernel.identity.store import units
from kernel.pki.pem import certificate_pem
from kernel.store import Database
from kernel.store.listing import Ask
from tests.conftest import UNITS
from tests.flow.conftest import ROOT
from tests.flow.test_ca import OFFICER, SECOND, SECRET, start_signer
from tests.unit.ca.conftest import build

WITNESS = "张敏"
# opens the same installation and goes on, until it kills itself before its n-th transaction
CHILD = """
import os, signal, sys
from pathlib import Path
from kernel.store import Database
from tests.flow.test_ceremony import SECOND, WITNESS, opened, walk
real, left = Database.begin, [int(sys.argv[2])]
def begin(self):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self)
Database.begin = begin
with opened(Path(sys.argv[1])) as ca:
    walk(ca, Path(sys.argv[1]), sys.argv[3])
"""


@contextmanager
def opened(folder: Path) -> Iterator[CaService]:
    """The CA over the folder's database and signer process."""
    import_all_tables()
    database = Database(f"sqlite:///{folder / 'ca.sqlite'}", SystemClock())
    client = SocketSigner(folder / "signer.sock", Credential(lambda: SECRET))
    ca, _ = build(database, SystemClock(), client, folder / "box")  # type: ignore[arg-type]
    try:
        yield ca
    finally:
        client.close()
        database.close()


def walk(ca: CaService, folder: Path, ceremony: str) -> None:
    """Go through the ceremony as two officers and an offline machine would."""
    ca.ceremonies.perform(SECOND, ceremony)
    while (found := ca.ceremonies.show(OFFICER, ceremony)).state is CeremonyState.RUNNING:
        step = found.next
        if step is not None and step.by_hand:
            results = [one.result or {} for one in found.steps]
            made = {key: digest for one in results for key, digest in one.get("authorities", {}).items()}
            digest = made.get(step.about, "")
            ca.ceremonies.confirm(SECOND, ceremony, step.number, WITNESS, digest=digest)
        elif waiting := ca.hierarchy.offline.page(SECOND, Ask(filters={"state": ("waiting",)})).items:
            carry(ca, folder, waiting[0].id)
        else:  # an answer was taken in and the process killed before it was used
            ca.ceremonies.perform(SECOND, ceremony)


def carry(ca: CaService, folder: Path, request: str) -> None:
    """Out and back; an answer that was written before the kill is taken from its file."""
    answer = folder / f"{request}.answer"
    if not answer.exists():
        machine = OfflineMachine(
            KeyFileSigner(folder / "root.keys", "a long enough passphrase"),
            folder / "root.keys.journal",
            SystemClock().now,
        )
        asked = read_request(ca.hierarchy.offline.export(SECOND, request))
        answer.write_bytes(machine.sign(asked, "王五").encode())
    ca.hierarchy.offline.take(SECOND, answer.read_bytes())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    import_all_tables()
    database = Database(f"sqlite:///{tmp_path / 'ca.sqlite'}", SystemClock())
    database.create_all()
    with database.begin() as uow:
        for row in UNITS:
            uow.execute(units.insert().values(row))
    database.close()
    process = start_signer(tmp_path)
    yield tmp_path
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@pytest.mark.parametrize("later", [9, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 4))])
def test_killed_again_and_again_it_founds_exactly_what_was_planned(folder: Path, later: int) -> None:
    """Each process is killed ``later`` transactions after the one before."""
    with opened(folder) as ca:
        plan = ca.ceremonies.plan(OFFICER, "市大数据局", (WITNESS,), "government")
        items = tuple(one for place, one in enumerate(plan.checklist) if one["do"] != "confirm" or place < 1)
        ceremony = ca.ceremonies.propose(OFFICER, replace(plan, checklist=items))
    killed = 0
    for number in range(1, 80):
        command = [sys.executable, "-c", CHILD, str(folder), str(number * later), ceremony]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        killed += 1
    assert killed > 1
    with opened(folder) as ca:
        found = {one.id: one for one in ca.authorities()}
        assert set(found) == {"root", "people", "devices", "servers", "software"}
        assert ca.ceremonies.show(OFFICER, ceremony).state is CeremonyState.PERFORMED
        assert ca.issuance.recover() == 0
        issued = ca.lifecycle.page(OFFICER, Ask(filters={"profile": ("issuing-ca",)})).items
        assert {one.der for one in issued} == {one.certificate for one in found.values() if one.parent}
        for name, authority in found.items():
            (folder / f"{name}.pem").write_bytes(certificate_pem(authority.certificate))
        (folder / "root.crl").write_bytes(ca.publication.crl("root"))
    below = sorted(f"{name}.pem" for name in found if name != "root")
    subprocess.run(
        ["openssl", "crl", "-inform", "DER", "-in", "root.crl", "-out", "crl.pem"], cwd=folder, check=True
    )
    verify = ["openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", "root.pem", "-CRLfile", "crl.pem"]
    subprocess.run([*verify, *below], cwd=folder, check=True, capture_output=True)
    assert "root" not in {
        key.name for key in KeyFileSigner(folder / "keys", "a-long-enough-passphrase").keys()
    }
