"""An officer signs once for a whole batch, and the signer makes of it the certificates of its rows and no other."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.registration.batchstore import Batch, BatchState
from ca.registration.signatures import SignatureNeeded
from ca.signer import rows
from ca.signer.model import ApprovalRules, Purpose, Signing, SigningRefused
from ca.tables import certificates, requests
from kernel.canonical import canonical_json
from kernel.clock import FixedClock
from kernel.errors import Conflict, IntegrityFailed, Unavailable, WeichengError
from kernel.i18n import translate
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World
from tests.unit.ca.signatures import Officer, appoint
from tests.unit.ca.test_approving import run
from tests.unit.ca.test_batches import HEADS, Worker, asked, people, workbook

_AWAY = Unavailable("away")


@pytest.fixture
def li(world: World, tmp_path: Path) -> Officer:
    return appoint(world, world.officer, world.second, tmp_path / "li")


@pytest.fixture
def strict(world: World, li: Officer) -> World:
    """The signer demands signatures from now on."""
    world.signer.rule(ApprovalRules(Signing.REQUIRED))
    return world


@pytest.fixture
def worker(world: World) -> Worker:
    return Worker(world)


def filed(world: World, worker: Worker, count: int, first: int = 0) -> Batch:
    table = workbook(HEADS, people(first + count)[first:])
    batch, _job = world.ca.registration.batches.file(world.registrar, asked(table, together=True))
    worker.run()
    return world.ca.registration.batches.get(world.registrar, batch.id)


def approve(world: World, officer: Officer, batch: Batch) -> str:
    service = world.ca.registration.batches
    signature = officer.sign(service.approval_document(officer.principal, batch.id))
    return service.approve(officer.principal, batch.id, "核对一致", signature)[1]


def states(world: World, batch: Batch) -> list[str]:
    return [one.state for one in world.ca.registration.batches.results(world.registrar, batch.id)]


def test_one_signature_issues_every_row(strict: World, li: Officer, worker: Worker) -> None:
    batch = filed(strict, worker, 60)  # more than one transaction's worth
    with pytest.raises(SignatureNeeded, match="officer's certificate"):
        strict.ca.registration.batches.approve(li.principal, batch.id)
    assert strict.ca.registration.batches.get(li.principal, batch.id).state is BatchState.WAITING
    assert approve(strict, li, batch)
    worker.run()
    assert set(states(strict, batch)) == {"issued"}
    with pytest.raises(Conflict, match="decision on the whole"):
        strict.ca.registration.batches.approval_document(li.principal, batch.id)


def test_what_is_signed_names_table_filer_officer_and_the_root_over_all_rows(
    world: World, li: Officer, worker: Worker
) -> None:
    batch = filed(world, worker, 7)
    told = json.loads(world.ca.registration.batches.approval_document(li.principal, batch.id))
    assert (told["kind"], told["subject"]) == ("ca:batch", f"batch:{batch.id}")
    assert (told["officer"], told["filed_by"]) == (li.principal.name, world.registrar.id)
    assert (told["what"]["table"], told["what"]["sha256"]) == (batch.name, batch.sha256)
    lines = world.ca.registration.batches.rows(li.principal, batch.id).splitlines()
    leaves = [json.loads(line) for line in lines]
    assert [one["row"] for one in leaves] == list(range(2, 9))
    assert {one["subject"]["CN"] for one in leaves} == {f"干部{number:04d}" for number in range(1, 8)}
    assert told["what"]["root"] == rows.Rows(leaves).root
    assert told["what"]["rows"] == 7


def test_a_signature_over_another_batch_is_none(world: World, li: Officer, worker: Worker) -> None:
    batch, other = filed(world, worker, 2), filed(world, worker, 2, first=2)
    service = world.ca.registration.batches
    signature = li.sign(service.approval_document(li.principal, other.id))
    with pytest.raises(WeichengError) as told:
        service.approve(li.principal, batch.id, "", signature)
    assert told.value.code in ("integrity", "invalid")
    assert service.get(li.principal, batch.id).state is BatchState.WAITING


# --- the signer by itself: whoever asks has the secret of the processes that prepare, and lies
@pytest.fixture
def intended(
    strict: World, li: Officer, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[bytes, dict[str, Any]]]:
    """To-be-signed bytes and headers of five rows that were approved and are not signed yet."""
    return _intended(strict, li, worker, monkeypatch, filed(strict, worker, 5))


def _intended(
    world: World, li: Officer, worker: Worker, monkeypatch: pytest.MonkeyPatch, batch: Batch
) -> list[tuple[bytes, dict[str, Any]]]:
    approve(world, li, batch)
    with monkeypatch.context() as patched:

        def away(*_: object) -> bytes:
            raise _AWAY

        patched.setattr(world.signer, "granted", away)
        worker.queue.run_next("worker")
    with world.ca.database.read() as connection:
        rows = connection.execute(certificates.select().where(certificates.c.warrant.is_not(None))).all()
    mine = [(bytes(row.tbs), json.loads(row.warrant)) for row in rows]
    place = f"batch:{batch.id}"
    return [one for one in mine if json.loads(one[1]["approvals"][0]["document"])["subject"] == place]


def ask(world: World, tbs: bytes, header: dict[str, Any]) -> bytes:
    """Have it signed as a process would that holds the secret and says what it likes."""
    facts = {key: header[key] for key in ("serial", "profile", "version", "request", "approvals")}
    made = world.signer.warrant(header["name"], Purpose.CERTIFICATE, tbs, **facts)
    return world.signer.sign(header["name"], Purpose.CERTIFICATE, tbs, made)


def lying(header: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The header with a changed proof of its row."""
    changed = json.loads(canonical_json(header))
    change(changed["approvals"][0]["row"])
    return dict(changed)


def _name(row: dict[str, Any]) -> None:
    row["leaf"]["subject"]["CN"] = "别人"


def _key(row: dict[str, Any]) -> None:
    row["leaf"]["spki"] = "00"


def _added(row: dict[str, Any]) -> None:
    row["place"] = 5


def _elsewhere(row: dict[str, Any]) -> None:
    row["place"] ^= 1


def _shorter(row: dict[str, Any]) -> None:
    row["path"] = row["path"][:-1]


def _longer(row: dict[str, Any]) -> None:
    row["path"] = [*row["path"], row["path"][0]]


def _endless(row: dict[str, Any]) -> None:
    row["path"] = [row["path"][0]] * 300


def _negative(row: dict[str, Any]) -> None:
    row["place"] = -1


def _another_request(row: dict[str, Any]) -> None:
    row["leaf"]["request"] = "req_another"


def _nothing(row: dict[str, Any]) -> None:
    row.clear()


@pytest.mark.parametrize(
    "lie",
    [_name, _key, _added, _elsewhere, _shorter, _longer, _endless, _negative, _another_request, _nothing],
)
def test_a_row_that_is_not_in_what_was_signed_moves_no_signer(
    strict: World, intended: Sequence[tuple[bytes, dict[str, Any]]], lie: Callable[[dict[str, Any]], None]
) -> None:
    tbs, header = intended[1]
    with pytest.raises(SigningRefused, match="does not hold"):
        ask(strict, tbs, lying(header, lie))
    assert ask(strict, tbs, header)  # the true one is signed


def test_a_row_stands_for_its_own_certificate_alone(
    strict: World, intended: Sequence[tuple[bytes, dict[str, Any]]]
) -> None:
    (tbs, header), (other, _) = intended[:2]
    with pytest.raises(SigningRefused, match="another certificate"):
        ask(strict, other, header)
    with pytest.raises(SigningRefused, match="another certificate"):
        ask(strict, tbs, {**header, "request": "req_another"})
    bare = [{name: one[name] for name in ("document", "signature")} for one in header["approvals"]]
    with pytest.raises(SigningRefused, match="does not hold"):
        ask(strict, tbs, {**header, "approvals": bare})


def test_a_row_is_not_to_be_had_by_the_approval_of_another_batch(
    strict: World,
    li: Officer,
    worker: Worker,
    intended: Sequence[tuple[bytes, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = _intended(strict, li, worker, monkeypatch, filed(strict, worker, 5, first=5))
    tbs, header = intended[0]
    one = others[0][1]["approvals"][0]
    replayed = {**one, "row": header["approvals"][0]["row"]}
    with pytest.raises(SigningRefused, match="does not hold"):
        ask(strict, tbs, {**header, "approvals": [replayed]})


def test_a_row_is_signed_once(strict: World, intended: Sequence[tuple[bytes, dict[str, Any]]]) -> None:
    tbs, header = intended[0]
    assert ask(strict, tbs, header)
    again = bytearray(tbs)
    serial = bytes.fromhex(header["serial"])
    at = again.find(serial)
    assert at > 0
    again[at + len(serial) - 1] ^= 1
    with pytest.raises(SigningRefused, match="signed already"):
        ask(strict, bytes(again), header)


def test_rows_that_were_intended_are_signed_after_a_restart_of_the_signer(
    strict: World, worker: Worker, intended: Sequence[tuple[bytes, dict[str, Any]]]
) -> None:
    strict.signer.forget()
    assert strict.ca.issuance.recover() == len(intended) == 5


# --- what changes between approval and issuing
def test_of_a_batch_that_was_changed_after_its_approval_nothing_is_issued(
    world: World, li: Officer, worker: Worker
) -> None:
    batch = filed(world, worker, 3)
    assert approve(world, li, batch)
    found = world.ca.registration.batches.results(world.registrar, batch.id)
    changed = requests.update().where(requests.c.id == found[1].request)
    with world.ca.database.begin() as uow:
        uow.execute(changed.values(subject={"O": "临江县大数据中心", "CN": "别人"}))
    worker.run()
    results = world.ca.registration.batches.results(world.registrar, batch.id)
    assert [one.state for one in results] == ["rejected"] * 3
    assert all(translate("The batch is not the one that was filed.") in one.fault for one in results)


def test_a_batch_that_was_changed_before_has_no_document_and_no_approval(
    world: World, li: Officer, worker: Worker
) -> None:
    batch = filed(world, worker, 3)
    found = world.ca.registration.batches.results(world.registrar, batch.id)
    with world.ca.database.begin() as uow:
        uow.execute(requests.update().where(requests.c.id == found[0].request).values(names=[]))
    with pytest.raises(IntegrityFailed):
        world.ca.registration.batches.approval_document(li.principal, batch.id)
    with pytest.raises(IntegrityFailed, match="not the one that was filed"):
        world.ca.registration.batches.approve(world.second, batch.id)


# --- how many
@pytest.fixture
def of_two(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """Batches need two officers."""
    monkeypatch.setattr(world.ca.registration.filing, "approvals_for", lambda _profile: 2)


def test_two_officers_sign_where_two_are_needed(
    strict: World, li: Officer, worker: Worker, of_two: None, tmp_path: Path
) -> None:
    strict.signer.rule(ApprovalRules())
    third = replace(strict.officer, id="usr_third", name="third")
    wang = appoint(strict, strict.second, third, tmp_path / "wang")
    strict.signer.rule(ApprovalRules(Signing.REQUIRED))
    batch = filed(strict, worker, 2)
    assert approve(strict, li, batch) == ""  # one more person has to
    assert set(states(strict, batch)) == {"requested"}
    with pytest.raises(Conflict, match="approved this already"):
        approve(strict, li, batch)
    assert approve(strict, wang, batch)
    worker.run()
    assert set(states(strict, batch)) == {"issued"}


def test_where_signatures_are_not_required_an_officer_without_a_certificate_may_be_one_of_the_two(
    world: World, li: Officer, worker: Worker, of_two: None
) -> None:
    batch = filed(world, worker, 2)
    assert approve(world, li, batch) == ""
    assert world.ca.registration.batches.approve(world.second, batch.id)[1]
    worker.run()
    assert set(states(world, batch)) == {"issued"}


def test_one_signature_is_not_two(world: World, li: Officer, worker: Worker, of_two: None) -> None:
    batch = filed(world, worker, 2)
    approve(world, li, batch)
    world.ca.registration.batches.approve(world.second, batch.id)
    world.signer.rule(ApprovalRules(Signing.REQUIRED))
    worker.queue.run_next("worker")
    assert set(states(world, batch)) == {"approved"}  # intended, and never signed
    assert world.ca.issuance.recover() == 0
    refused = world.ca.intents.page(world.officer, Ask(filters={"state": ("refused",)})).items
    assert len(refused) == 2
    assert all("Fewer officers" in str(one.refusal) for one in refused)


# --- the command line
def test_with_the_key_in_a_file(world: World, clock: FixedClock, li: Officer, worker: Worker) -> None:
    batch = filed(world, worker, 3)
    own = ("--certificate", str(li.folder / "certificate.pem"), "--sign-with", str(li.folder / "key.pem"))
    with pytest.raises(SignatureNeeded, match="batch approve --sign-with"):
        try:
            run(world, clock, "batch", "approve", batch.id)
        except SignatureNeeded as error:
            raise SignatureNeeded(error.mend) from error
    done = run(world, clock, "batch", "approve", batch.id, *own)
    assert json.loads(done.stdout)["state"] == "issuing"
    worker.run()
    assert set(states(world, batch)) == {"issued"}


def test_with_a_signature_made_elsewhere(
    world: World, clock: FixedClock, li: Officer, worker: Worker, tmp_path: Path
) -> None:
    batch = filed(world, worker, 3)
    document, lines, signature = (tmp_path / name for name in ("document.json", "rows.jsonl", "approval.p7s"))
    told = run(world, clock, "batch", "approval-document", batch.id, str(document), "--rows", str(lines))
    assert told.exit_code == 0, told.output
    leaves = [json.loads(line) for line in lines.read_text().splitlines()]
    assert json.loads(document.read_bytes())["what"]["root"] == rows.Rows(leaves).root
    signature.write_bytes(li.sign(document.read_bytes()))
    done = run(world, clock, "batch", "approve", batch.id, "--signature", str(signature))
    assert json.loads(done.stdout)["state"] == "issuing"


def test_who_may_not_approve_is_given_nothing_to_sign(
    world: World, li: Officer, worker: Worker, other_registrar: Principal
) -> None:
    from kernel.errors import NotFound, NotPermitted

    batch = filed(world, worker, 1)
    with pytest.raises(NotPermitted):
        world.ca.registration.batches.approval_document(world.registrar, batch.id)
    with pytest.raises(NotFound):
        world.ca.registration.batches.rows(other_registrar, batch.id)


# --- the tree
@given(st.integers(1, 70), st.data())
def test_every_row_of_any_batch_is_shown_to_be_its_own(size: int, data: st.DataObject) -> None:
    leaves = [rows.leaf(number + 2, f"req_{number}", {"spki": "00"}) for number in range(size)]
    tree = rows.Rows(leaves)
    statement = {"rows": tree.size, "root": tree.root}
    place = data.draw(st.integers(0, size - 1))
    shown = {"leaf": leaves[place], **tree.path(place)}
    assert rows.included(shown, statement) == leaves[place]
    other = data.draw(st.integers(0, size + 3).filter(lambda number: number != place))
    for lie in ({**shown, "place": other}, {**shown, "leaf": {**leaves[place], "spki": "01"}}):
        with pytest.raises(ValueError, match="not a row"):
            rows.included(lie, statement)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200)
@given(st.fixed_dictionaries({"leaf": _json, "place": _json, "path": _json}), _json)
def test_whatever_is_said_to_be_a_proof_is_refused_as_one(row: dict[str, Any], root: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        rows.included(row, {"rows": 3, "root": root if isinstance(root, str) else "00" * 32})
