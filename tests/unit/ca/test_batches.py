"""Batches from real spreadsheets: every fault named, nothing filed twice whatever is killed, two ways for file and password."""

import base64
import csv
import io
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from ca import jobs
from ca.model import Certificate, State
from ca.registration import batchwork, sheets
from ca.registration.batches import Asked
from ca.registration.batchstore import Batch, BatchState
from ca.registration.delivery import made_password
from kernel.assets.tables import TableFile
from kernel.errors import (
    Conflict,
    IntegrityFailed,
    Invalid,
    NotFound,
    NotPermitted,
    Unavailable,
    WeichengError,
)
from kernel.identity.model import Principal
from kernel.jobs.queue import JobQueue
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.test_registration import csr

HEADS = ("组织", "部门", "通用名称", "人员编号", "电子邮件", "单位", "身份核验情况")
EVIDENCE = "人事部门花名册核对"


def workbook(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in (heads, *rows):
        book.active.append(list(row))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def one_line(pem: bytes) -> str:
    """What a spreadsheet's cell holds of a PEM text."""
    return "".join(pem.decode().splitlines()[1:-1])


def people(count: int) -> list[tuple[object, ...]]:
    return [
        ("临江县大数据中心", "运维科", f"干部{number:04d}", number, f"p{number}@city.gov.cn", "", "")
        for number in range(1, count + 1)
    ]


def asked(
    data: bytes, *, together: bool = False, profile: str = "person", name: str = "花名册.xlsx"
) -> Asked:
    return Asked(TableFile(name, data, sheets.MOST + 1), profile, "u_county", EVIDENCE, together)


class Worker:
    """The worker's jobs over the world's database."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.queue = JobQueue(world.ca.database, world.ca.clock, world.ca.registration.batches._access)
        self.queue.register(jobs.handlers(world.ca))

    def run(self) -> None:
        while self.queue.run_next("worker"):
            pass

    def died(self) -> None:
        """The process that held a job was killed: its lease runs out."""
        self.world.ca.clock.advance(minutes=2)  # type: ignore[attr-defined]


@pytest.fixture
def worker(world: World) -> Worker:
    return Worker(world)


def filed(world: World, worker: Worker, count: int, *, together: bool = False) -> Batch:
    batch, _job = world.ca.registration.batches.file(
        world.registrar, asked(workbook(HEADS, people(count)), together=together)
    )
    worker.run()
    return world.ca.registration.batches.get(world.registrar, batch.id)


@on_both
def test_a_table_becomes_requests_that_one_decision_issues(world: World, worker: Worker) -> None:
    batch = filed(world, worker, 12, together=True)
    assert (batch.state, batch.filed, batch.faults) == (BatchState.WAITING, 12, 0)
    found = world.ca.registration.page(world.officer, Ask(filters={"batch": (batch.id,)}))
    assert found.total == 12
    with pytest.raises(Conflict, match="whole batch"):
        world.ca.registration.approve(world.officer, found.items[0].id)
    with pytest.raises(Conflict, match="whole batch"):
        world.ca.registration.reject(world.officer, found.items[0].id, "单独否决")
    with pytest.raises(NotPermitted):
        world.ca.registration.batches.approve(world.registrar, batch.id)
    decided, job = world.ca.registration.batches.approve(world.officer, batch.id, "花名册核对一致")
    assert (decided.state, job != "") == (BatchState.ISSUING, True)
    worker.run()
    results = world.ca.registration.batches.results(world.registrar, batch.id)
    assert [one.number for one in results] == list(range(2, 14))
    assert {one.state for one in results} == {"issued"}
    assert all(one.serial and one.fault == "" for one in results)
    assert world.ca.registration.batches.get(world.officer, batch.id).state is BatchState.ISSUED
    emails = {name for one in found.items for name in one.names}
    assert emails == {f"email:p{number}@city.gov.cn" for number in range(1, 13)}


@on_both
def test_each_request_of_a_batch_can_be_decided_alone(world: World, worker: Worker) -> None:
    batch = filed(world, worker, 3)
    assert batch.state is BatchState.FILED
    one, other, _third = world.ca.registration.page(world.officer, Ask(filters={"batch": (batch.id,)})).items
    assert isinstance(world.ca.registration.approve(world.officer, one.id), Certificate)
    assert world.ca.registration.reject(world.officer, other.id, "已调离").state is State.REJECTED
    states = [one.state for one in world.ca.registration.batches.results(world.registrar, batch.id)]
    assert sorted(states) == ["issued", "rejected", "requested"]
    with pytest.raises(Conflict, match="decision on the whole"):
        world.ca.registration.batches.approve(world.officer, batch.id)


def test_every_bad_row_is_told_with_row_column_and_mend_and_nothing_is_kept(world: World) -> None:
    rows = people(9)
    rows[1] = ("", "科", "无组织", "", "", "", "")
    rows[2] = (*rows[2][:4], "nobody", "", "")
    rows[3] = (*rows[3][:5], "u_other", "")
    rows[4] = (*rows[4][:5], "山阳县大数据中心", "")
    rows[5] = rows[0]
    rows[6] = ("=cmd()", *rows[6][1:])
    trial = world.ca.registration.batches.check(world.registrar, asked(workbook(HEADS, rows)))
    told = {(fault.row, fault.column) for fault in trial.faults}
    assert told == {(3, "组织"), (4, "电子邮件"), (5, "单位"), (6, "单位"), (7, "通用名称"), (8, "组织")}
    assert all(fault.text("zh_CN") and fault.mend for fault in trial.faults if fault.row != 8)
    assert trial.good == 3
    with pytest.raises(Invalid, match="first is row 3") as refused:
        world.ca.registration.batches.file(world.registrar, asked(workbook(HEADS, rows)))
    assert refused.value.params["bad"] == 6
    assert world.ca.registration.batches.page(world.registrar, Ask()).total == 0


def test_a_good_table_that_is_only_tried_leaves_nothing_behind(world: World) -> None:
    trial = world.ca.registration.batches.check(world.registrar, asked(workbook(HEADS, people(5))))
    assert (trial.good, trial.faults) == (5, ())
    assert world.ca.registration.page(world.registrar, Ask()).total == 0


def test_the_same_table_is_not_filed_twice(world: World, worker: Worker) -> None:
    data = workbook(HEADS, people(3))
    first, _job = world.ca.registration.batches.file(world.registrar, asked(data))
    with pytest.raises(Conflict, match=first.id):
        world.ca.registration.batches.file(world.registrar, asked(data))


def test_own_keys_come_in_a_column_and_one_key_serves_one_row(world: World, worker: Worker) -> None:
    heads = ("组织", "通用名称", "IP地址", "域名", "签名请求")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    texts = [one_line(csr(key)) for key in (*keys, rsa.generate_private_key(65537, 4096))]
    rows = [
        (
            "市大数据局",
            f"ww-{number}",
            f"10.0.0.{number}；10.0.1.{number}",
            "a.gov.internal",
            text,
        )
        for number, text in enumerate(texts)
    ]
    trial = world.ca.registration.batches.check(
        world.registrar,
        asked(workbook(heads, [*rows, (*rows[0][:1], "ww-9", *rows[0][2:])]), profile="device"),
    )
    assert [(fault.row, fault.column) for fault in trial.faults] == [(5, "签名请求")]
    batch, _job = world.ca.registration.batches.file(
        world.registrar, asked(workbook(heads, rows), profile="device")
    )
    worker.run()
    found = world.ca.registration.page(world.registrar, Ask(filters={"batch": (batch.id,)})).items
    assert {one.own_key for one in found} == {True}
    der = (
        keys[0]
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert der in {one.spki for one in found}
    assert ("dns:a.gov.internal", "ip:10.0.0.0", "ip:10.0.1.0") in {one.names for one in found}


@pytest.mark.parametrize(
    ("text", "message"),
    [("???", "Base64"), (base64.b64encode(b"no csr").decode(), "no certificate signing request")],
)
def test_a_csr_that_is_none_is_told_in_its_column(world: World, text: str, message: str) -> None:
    heads = ("组织", "通用名称", "IP地址", "签名请求")
    table = workbook(heads, [("市大数据局", "ww-1", "10.0.0.1", text)])
    (fault,) = world.ca.registration.batches.check(world.registrar, asked(table, profile="device")).faults
    assert (fault.row, fault.column) == (2, "签名请求")
    assert message in fault.text("en")


@on_both
def test_a_worker_killed_while_filing_goes_on_and_files_nothing_twice(
    world: World, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batchwork, "AT_ONCE", 5)
    batch, _job = world.ca.registration.batches.file(
        world.registrar, asked(workbook(HEADS, people(18)), together=True)
    )
    kept = batchwork.BatchWork._keep
    calls = 0

    def killed(*arguments: object) -> str:
        nonlocal calls
        calls += 1
        if calls == 8:
            raise KeyboardInterrupt
        return kept(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(batchwork.BatchWork, "_keep", killed)
    with pytest.raises(KeyboardInterrupt):
        worker.run()
    assert world.ca.registration.batches.get(world.registrar, batch.id).filed == 5
    monkeypatch.setattr(batchwork.BatchWork, "_keep", kept)
    worker.died()
    worker.run()
    done = world.ca.registration.batches.get(world.registrar, batch.id)
    assert (done.state, done.filed) == (BatchState.WAITING, 18)
    assert world.ca.registration.page(world.registrar, Ask()).total == 18


KILLED = """
import sys
from datetime import datetime
from pathlib import Path
from console.compose.tables import import_all_tables
from ca import jobs
from ca.signer.memory import MemorySigner
from kernel.clock import FixedClock
from kernel.jobs.queue import JobQueue
from kernel.store import Database
from tests.unit.ca.conftest import build
import_all_tables()
clock = FixedClock(datetime.fromisoformat(sys.argv[2]))
database = Database(sys.argv[1], clock)
service, _evidence = build(database, clock, MemorySigner(), Path(sys.argv[3]))
queue = JobQueue(database, clock, service.registration.batches._access)
queue.register(jobs.handlers(service))
queue.run_next("doomed")
"""


def test_a_worker_process_that_is_killed_leaves_whole_rows_and_another_goes_on(
    world: World, worker: Worker, tmp_path: Path
) -> None:
    batch, _job = world.ca.registration.batches.file(
        world.registrar, asked(workbook(HEADS, people(400)), together=True)
    )
    command = [sys.executable, "-c", KILLED, world.ca.database.url, world.ca.clock.now().isoformat()]
    with subprocess.Popen([*command, str(tmp_path)]) as doomed:
        while doomed.poll() is None:
            if world.ca.registration.batches.get(world.registrar, batch.id).filed:
                doomed.kill()
            time.sleep(0.005)
    assert doomed.returncode == -9
    before = world.ca.registration.batches.get(world.registrar, batch.id)
    assert (before.state, 0 < before.filed < 400) == (BatchState.FILING, True)
    worker.died()
    worker.run()
    after = world.ca.registration.batches.get(world.registrar, batch.id)
    assert (after.state, after.filed, after.faults) == (BatchState.WAITING, 400, 0)
    assert world.ca.registration.page(world.registrar, Ask()).total == 400


def test_a_signer_that_goes_away_while_issuing_delays_and_doubles_nothing(
    world: World, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = filed(world, worker, 6, together=True)
    world.ca.registration.batches.approve(world.officer, batch.id)
    sign, calls = type(world.signer).sign, 0

    def gone(*arguments: object) -> bytes:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Unavailable("The signer does not answer.")
        return sign(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(world.signer), "sign", gone)
    worker.run()
    monkeypatch.setattr(type(world.signer), "sign", sign)
    world.ca.issuance.recover()
    worker.died()
    worker.run()
    results = world.ca.registration.batches.results(world.registrar, batch.id)
    assert {one.state for one in results} == {"issued"}
    assert len({one.serial for one in results}) == 6
    assert world.ca.lifecycle.page(world.officer, Ask(filters={"profile": ("person",)})).total == 6


def test_a_request_that_can_not_be_granted_any_more_is_turned_down_with_its_reason(
    world: World, worker: Worker
) -> None:
    heads = ("组织", "通用名称", "IP地址", "签名请求")
    key = csr(ec.generate_private_key(ec.SECP256R1()))
    rows = [("市大数据局", "ww-1", "10.0.0.1", one_line(key))]
    batch, _job = world.ca.registration.batches.file(
        world.registrar, asked(workbook(heads, rows), profile="device", together=True)
    )
    worker.run()
    world.issue(profile="device", subject={"O": "市大数据局", "CN": "ww-2"}, names=("ip:10.0.0.2",), csr=key)
    world.ca.registration.batches.approve(world.officer, batch.id)
    worker.run()
    (result,) = world.ca.registration.batches.results(world.registrar, batch.id)
    assert (result.state, result.serial) == ("rejected", "")
    assert "public key" in result.fault


def test_a_batch_that_was_changed_in_the_store_is_not_approved(world: World, worker: Worker) -> None:
    from ca.tables import requests

    batch = filed(world, worker, 3, together=True)
    with world.ca.database.begin() as uow:
        uow.execute(requests.update().values(subject={"O": "x", "CN": "别人"}))
    with pytest.raises(IntegrityFailed):
        world.ca.registration.batches.approve(world.officer, batch.id)


def test_a_batch_turned_down_leaves_no_keys(world: World, worker: Worker) -> None:
    batch = filed(world, worker, 3, together=True)
    with pytest.raises(Invalid, match="reason"):
        world.ca.registration.batches.reject(world.officer, batch.id, " ")
    assert (
        world.ca.registration.batches.reject(world.officer, batch.id, "名单作废").state is BatchState.REJECTED
    )
    found = world.ca.registration.page(world.registrar, Ask(filters={"batch": (batch.id,)})).items
    assert {(one.state, one.key_waiting) for one in found} == {(State.REJECTED, False)}


@on_both
def test_files_and_passwords_of_all_go_two_ways_each_once(world: World, worker: Worker) -> None:
    batch = filed(world, worker, 4, together=True)
    batches = world.ca.registration.batches
    batches.approve(world.officer, batch.id)
    worker.run()
    with pytest.raises(Conflict, match="Nothing waits"):
        batches.take_keys(world.registrar, batch.id)
    batches.make_keys(world.registrar, batch.id)
    worker.run()
    with pytest.raises(NotFound):
        batches.take_keys(Principal("usr_c", "c", world.registrar.roles, "u_county", "password"), batch.id)
    archive = zipfile.ZipFile(io.BytesIO(batches.take_keys(world.registrar, batch.id)))
    with pytest.raises(Conflict, match="does not learn"):
        batches.take_passwords(world.registrar, batch.id)
    told = io.StringIO(batches.take_passwords(world.officer, batch.id).decode("utf-8-sig"))
    listed = list(csv.DictReader(told))
    passwords = {row["file"]: row["password"] for row in listed}
    people = {
        row["file"]: row["name"] for row in listed
    }  # who hands them out asks for names, not for numbers
    assert set(archive.namelist()) == set(passwords)
    assert len(set(passwords.values())) == 4
    serials = {one.serial for one in batches.results(world.registrar, batch.id)}
    for name, password in passwords.items():
        key, certificate, chain = pkcs12.load_key_and_certificates(archive.read(name), password.encode())
        assert key is not None
        assert certificate is not None
        assert f"{certificate.serial_number:032x}" in serials
        assert f"CN={people[name]}" in certificate.subject.rfc4514_string()
        assert len(chain) == 1
    for again in (
        lambda: batches.take_keys(world.registrar, batch.id),
        lambda: batches.take_passwords(world.officer, batch.id),
    ):
        with pytest.raises(Conflict, match="Nothing waits"):
            again()


def test_a_batch_of_another_unit_is_not_there(
    world: World, worker: Worker, other_registrar: Principal
) -> None:
    batch = filed(world, worker, 2)
    batches = world.ca.registration.batches
    assert batches.page(other_registrar, Ask()).items == ()
    acts: list[Callable[[], object]] = [
        lambda: batches.get(other_registrar, batch.id),
        lambda: batches.results(other_registrar, batch.id),
        lambda: batches.make_keys(other_registrar, batch.id),
        lambda: batches.take_passwords(other_registrar, batch.id),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()
    with pytest.raises(NotPermitted):
        batches.file(other_registrar, asked(workbook(HEADS, people(2))))


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_a_filled_in_template_is_taken(world: World, form: str) -> None:
    template = world.ca.registration.batches.template(world.registrar, "person", form)
    row = ("临江县大数据中心", "运维科", "陈晓明", "A-1", "chen@city.gov.cn", "", "身份证原件")
    if form == "csv":
        data = template + ",".join(row).encode()
    else:
        book = load_workbook(io.BytesIO(template))
        book.worksheets[0].append(row)
        buffer = io.BytesIO()
        book.save(buffer)
        data = buffer.getvalue()
    trial = world.ca.registration.batches.check(world.registrar, asked(data, name=f"x.{form}"))
    assert (trial.good, trial.faults) == (1, ())


def test_results_hold_no_formula(world: World, worker: Worker) -> None:
    table = workbook(HEADS, [("=HYPERLINK", "科", "-1+1", "", "", "", "")])
    trial = world.ca.registration.batches.check(world.registrar, asked(table))
    assert trial.good == 0
    assert sheets.to_csv([["=1+1", "@x"]]).decode("utf-8-sig") == "'=1+1,'@x\r\n"
    book = load_workbook(io.BytesIO(sheets.to_xlsx([["=1+1"]])))
    assert book.worksheets[0].cell(1, 1).value == "'=1+1"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(st.text(max_size=30), min_size=7, max_size=7), max_size=4))
def test_any_cells_are_either_good_or_told(world: World, rows: list[list[str]]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([HEADS, *rows])
    try:
        data = buffer.getvalue().encode("utf-8")
        trial = world.ca.registration.batches.check(world.registrar, asked(data, name="x.csv"))
    except WeichengError:
        return
    assert trial.good + len({fault.row for fault in trial.faults}) <= len(rows) + 1


def test_sixty_rows_are_quick(world: World, worker: Worker) -> None:
    start = time.process_time()
    batch = filed(world, worker, 60, together=True)
    world.ca.registration.batches.approve(world.officer, batch.id)
    worker.run()
    assert world.ca.registration.batches.get(world.officer, batch.id).state is BatchState.ISSUED
    assert time.process_time() - start < 10


@pytest.mark.slow
def test_five_thousand_rows(world: World, worker: Worker, capsys: pytest.CaptureFixture[str]) -> None:
    data = workbook(HEADS, people(5000))
    batches, told = world.ca.registration.batches, []

    def timed(what: str, act: Callable[[], object]) -> None:
        wall, cpu = time.monotonic(), time.process_time()
        act()
        told.append(f"{what}: {time.monotonic() - wall:.1f} s, {time.process_time() - cpu:.1f} CPU s")

    timed("try", lambda: batches.check(world.registrar, asked(data)))
    timed("take over", lambda: batches.file(world.registrar, asked(data, together=True)))
    timed("file", worker.run)
    (batch,) = batches.page(world.registrar, Ask()).items
    timed("approve", lambda: batches.approve(world.officer, batch.id))
    timed("issue", worker.run)
    timed(
        "results", lambda: sheets.to_xlsx([[one.serial] for one in batches.results(world.officer, batch.id)])
    )
    batches.make_keys(world.registrar, batch.id)
    timed("key files", worker.run)
    with capsys.disabled():
        print("\n" + "\n".join(told))
    assert len(zipfile.ZipFile(io.BytesIO(batches.take_keys(world.registrar, batch.id))).namelist()) == 5000
    assert {one.state for one in batches.results(world.officer, batch.id)} == {"issued"}


def test_a_password_reaches_the_applicant_as_it_was_made() -> None:
    """A spreadsheet's cell that begins with a sign is changed, lest it acts as a formula; and people read it out."""
    made = [made_password() for _ in range(2000)]
    assert len(set(made)) == 2000
    assert all(len(one) == 20 and one.isascii() and one.isalnum() for one in made)
    assert not set("0Oo1lI") & set("".join(made))
    kept = csv.reader(io.StringIO(sheets.to_csv([[one] for one in made]).decode("utf-8-sig")))
    assert [row[0] for row in kept] == made
