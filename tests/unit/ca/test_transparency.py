"""The log: complete whatever happens, proven to anybody, and found out when somebody goes round it."""

import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import delete, select, update

from ca.encoding import merkle
from ca.encoding.log import EntryType, Leaf
from ca.model import Reason
from ca.tables import certificates
from ca.transparency import offline, public, sequencing, store, tiles
from ca.transparency.checking import Finding
from ca.transparency.model import Fault
from ca.transparency.tables import entries, queue
from ca.transparency.tables import tiles as tile_rows
from kernel.clock import FixedClock
from kernel.errors import IntegrityFailed, Invalid, NotFound, Unavailable
from kernel.pki.algorithms import SignatureInvalid
from kernel.pki.chain import ChainRefused
from kernel.store import Database
from tests.support.pki import make_root
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.logged import AUDITOR, Killed, alarms, begin_anew, report


def told(world: World, serial: str) -> list[EntryType]:
    return [one.entry.type for one in world.ca.log.told_of(world.officer, serial)]


@on_both
def test_every_issue_hold_release_and_revocation_is_logged_in_its_order(
    world: World, clock: FixedClock
) -> None:
    issued = world.issue()
    world.ca.lifecycle.hold(world.officer, issued.serial, "设备送修")
    world.ca.lifecycle.release(world.officer, issued.serial, "修复返回")
    world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")
    before = world.ca.log.sequencer.run()
    assert before >= 4
    assert told(world, issued.serial) == ["issued", "held", "released", "revoked"]
    found = world.ca.log.told_of(world.officer, issued.serial)
    assert all(one.holds for one in found)
    assert [json.loads(one.entry.leaf)["reason"] for one in found] == [
        None,
        "certificate_hold",
        None,
        "key_compromise",
    ]
    assert world.ca.log.sequencer.run() == 0
    assert world.ca.log.check.run().findings == ()
    assert json.loads(found[0].entry.leaf)["certificate"] == issued.fingerprint
    assert not alarms(world)


@on_both
def test_what_is_rolled_back_is_not_logged(world: World) -> None:
    world.ca.log.sequencer.run()
    issued = world.issue()
    waiting = _waiting(world)

    def refuse(*_: object, **__: object) -> str:
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.evidence, "record", refuse)
        with pytest.raises(Killed):
            world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")
    assert _waiting(world) == waiting


@pytest.mark.parametrize("place", ["append", "add_head"])
def test_a_power_cut_while_sequencing_loses_and_doubles_nothing(world: World, place: str) -> None:
    serials = [world.issue().serial for _ in range(3)]

    def power_cut(*_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, place, power_cut)
        with pytest.raises(Killed):
            world.ca.log.sequencer.run()
    world.ca.log.sequencer.run()
    assert [told(world, serial) for serial in serials] == [["issued"]] * 3
    assert world.ca.log.check.run().findings == ()


def test_a_power_cut_before_the_head_is_kept_outside_is_made_good(world: World) -> None:
    world.ca.log.sequencer.run()
    world.issue()
    kept = world.ca.log.sequencer._kept
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kept, "write", _cut)
        with pytest.raises(Killed):
            world.ca.log.sequencer.run()
    assert world.ca.log.sequencer.run() == 0
    assert kept.read() == world.ca.log.head().head


def _cut(*_: object) -> None:
    raise Killed


def test_a_head_is_signed_when_something_was_added_and_every_hour(world: World, clock: FixedClock) -> None:
    world.ca.log.sequencer.run()
    first = world.ca.log.head()
    world.ca.log.sequencer.run()
    assert world.ca.log.head() == first
    world.issue()
    world.ca.log.sequencer.run()
    second = world.ca.log.head()
    assert second.head.size == first.head.size + 1
    clock.advance(seconds=sequencing.EVERY.total_seconds())
    world.ca.log.sequencer.run()
    assert world.ca.log.head().number == second.number + 1
    assert world.ca.log.head().head.root == second.head.root
    clock.advance(hours=-3)
    with pytest.raises(Unavailable, match="clock"):
        world.ca.log.sequencer.run()


def test_without_its_signer_entries_are_logged_and_the_head_follows(world: World) -> None:
    world.ca.log.sequencer.run()
    size = world.ca.log.head().head.size
    world.issue()

    def gone(*_: object, **__: object) -> bytes:
        raise Unavailable("The signer does not answer.")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.signer, "sign", gone)
        with pytest.raises(Unavailable):
            world.ca.log.sequencer.run()
    assert world.ca.log.head().head.size == size
    assert world.ca.log.state(AUDITOR).size == size + 1
    world.ca.log.sequencer.run()
    assert world.ca.log.head().head.size == size + 1


@on_both
def test_two_sequencers_give_each_entry_one_place(world: World) -> None:
    """The second one begins while the first one's entries are not yet committed; it waits, and finds nothing left."""
    from threading import Thread

    for _ in range(3):
        world.issue()
    threads = [Thread(target=world.ca.log.sequencer.run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = world.ca.log.check.run()
    assert report.findings == ()
    assert report.entries == world.ca.log.head().head.size


# --- somebody goes round the log
@on_both
def test_a_certificate_issued_beside_the_log_is_found(world: World) -> None:
    issued = world.issue()
    with world.ca.database.begin() as uow:
        uow.execute(delete(queue))
        for one in _serials(world):
            if one != issued.serial:
                _relog(world, uow.connection, one)
    world.ca.log.sequencer.run()
    report = world.ca.log.check.run()
    assert report.findings == ((Finding.UNLOGGED, issued.serial),)
    assert len(alarms(world)) == 1
    assert world.ca.log.state(AUDITOR).fault is Fault.NONE  # the log itself is sound: it goes on


@on_both
def test_a_mark_taken_back_beside_the_log_is_found(world: World) -> None:
    issued = world.issue()
    world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")
    world.ca.log.sequencer.run()
    with world.ca.database.begin() as uow:
        uow.execute(update(certificates).where(certificates.c.serial == issued.serial).values(state="issued"))
    assert report(world) == {Finding.STATUS_DIFFERS}


@on_both
def test_a_logged_certificate_that_the_register_lost_is_found(world: World) -> None:
    world.ca.log.sequencer.run()
    stranger = Leaf(EntryType.ISSUED, "ab" * 16, "cd" * 32, "ef" * 32, world.ca.clock.now())
    with world.ca.database.begin() as uow:
        store.enqueue(uow.connection, [stranger])
    world.ca.log.sequencer.run()
    assert world.ca.log.check.run().findings == ((Finding.UNKNOWN, "ab" * 16),)


def test_a_changed_entry_and_a_changed_tree_stop_the_signing(world: World) -> None:
    issued = world.issue()
    world.ca.log.sequencer.run()
    with world.ca.database.begin() as uow:
        leaf = uow.execute(select(entries.c.leaf).where(entries.c.serial == issued.serial)).scalar_one()
        other = leaf.replace("issued", "revoked")
        uow.execute(update(entries).where(entries.c.serial == issued.serial).values(leaf=other))
    assert Finding.ENTRY_CHANGED in report(world)
    assert world.ca.log.state(AUDITOR).fault is Fault.DAMAGED
    with pytest.raises(Unavailable):
        world.ca.log.head()
    world.issue()
    assert world.ca.log.sequencer.run() == 0
    assert world.ca.log.state(AUDITOR).fault is Fault.DAMAGED


def test_a_tile_that_is_not_that_of_the_entries_is_found_and_made_anew(world: World) -> None:
    world.ca.log.sequencer.run()
    with world.ca.database.begin() as uow:
        hashes = uow.execute(select(tile_rows.c.hashes)).scalar_one()
        uow.execute(update(tile_rows).values(hashes=bytes(32) + bytes(hashes)[32:]))
    assert Finding.TREE_DIFFERS in report(world)
    begin_anew(world, "存储故障，已更换磁盘")
    world.ca.log.sequencer.run()
    assert report(world) == set()
    assert all(one.holds for serial in _serials(world) for one in world.ca.log.told_of(world.officer, serial))


# --- relying parties and auditors
def _published(world: World) -> bytes:
    return json.dumps(public.answer(world.ca.log, "sth", {})).encode()


def test_an_auditor_checks_everything_without_the_log(world: World, clock: FixedClock) -> None:
    world.ca.log.sequencer.run()
    anchors, _ = world.ca.seal_certificates()
    earlier = offline.verify_head(offline.read_head_file(_published(world)), anchors)
    issued = world.issue()
    world.ca.log.sequencer.run()
    head = offline.verify_head(offline.read_head_file(_published(world)), anchors)
    lines = list(world.ca.log.everything())
    offline.verify_entries(lines, head, earlier)
    asked = {"first": str(earlier.size), "second": str(head.size)}
    grown = offline.read_proof(json.dumps(public.answer(world.ca.log, "proof/consistency", asked)).encode())
    offline.verify_consistency(earlier, head, grown)
    leaf = next(line for line in lines if issued.serial.encode() in line)
    asked = {"hash": merkle.leaf_hash(leaf[:-1]).hex(), "size": str(head.size)}
    path = offline.read_proof(json.dumps(public.answer(world.ca.log, "proof/inclusion", asked)).encode())
    offline.verify_inclusion(leaf, head, path)
    with pytest.raises(offline.LogRefused):
        offline.verify_inclusion(lines[0], head, path)
    with pytest.raises(offline.LogRefused):
        offline.verify_entries(lines[::-1], head)
    with pytest.raises(offline.LogRefused):
        offline.verify_entries(lines[:-1], head)
    with pytest.raises(offline.LogRefused):
        offline.verify_entries([*lines, lines[0]], head)
    with pytest.raises(offline.LogRefused):
        offline.verify_consistency(head, earlier, grown)


def test_a_forged_head_is_refused(world: World) -> None:
    world.ca.log.sequencer.run()
    anchors, _ = world.ca.seal_certificates()
    value = public.answer(world.ca.log, "sth", {})
    larger = value["tree_head"].replace('"size":', '"size":1')
    with pytest.raises(SignatureInvalid):
        offline.verify_head(
            offline.read_head_file(json.dumps({**value, "tree_head": larger}).encode()), anchors
        )
    with pytest.raises(ChainRefused):
        offline.verify_head(
            offline.read_head_file(json.dumps(value).encode()), [make_root("Other").certificate_der]
        )


def test_no_other_certificate_of_the_ca_signs_heads(world: World) -> None:
    """A person with a certificate of the same CA signs what looks like a head."""
    world.ca.log.sequencer.run()
    anchors, issuing = world.ca.seal_certificates()
    own = ec.generate_private_key(ec.SECP256R1())
    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(own, hashes.SHA256())
    holder = world.issue(csr=asked.public_bytes(Encoding.DER))
    text = world.ca.log.head().text
    signature = own.sign(text, ec.ECDSA(hashes.SHA256()))
    forged = offline.HeadFile(text, signature, (holder.der, *issuing))
    with pytest.raises(IntegrityFailed, match="transparency log"):
        offline.verify_head(forged, anchors)


HOSTILE: tuple[tuple[str, dict[str, str], type[Exception]], ...] = (
    ("entries", {}, Invalid),
    ("entries", {"start": "0", "end": "-1"}, Invalid),
    ("entries", {"start": "9" * 15, "end": "9" * 15}, Invalid),
    ("entries", {"start": "5", "end": "1"}, Invalid),
    ("entries", {"start": "\uff19", "end": "9"}, Invalid),
    ("proof/inclusion", {"hash": "00", "size": "1"}, Invalid),
    ("proof/inclusion", {"hash": "00" * 32, "size": "1"}, NotFound),
    ("proof/inclusion", {"hash": "00" * 32, "size": "0"}, Invalid),
    ("proof/inclusion", {"hash": " 0" * 32, "size": "1"}, Invalid),
    ("proof/consistency", {"first": "0", "second": "1"}, Invalid),
    ("proof/consistency", {"first": "2", "second": "1"}, Invalid),
    ("proof/consistency", {"first": "1", "second": "9" * 40}, Invalid),
    ("sth/", {}, NotFound),
    ("proof", {}, NotFound),
)


def test_hostile_questions_are_refused(world: World) -> None:
    world.ca.log.sequencer.run()
    for what, asked, refused in HOSTILE:
        with pytest.raises(refused):
            public.answer(world.ca.log, what, asked)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"tree_head": 1, "signature": "", "certificates": []}',
        b"\xff",
        b"{" * 5000,
    ],
)
def test_what_is_no_head_or_proof_is_invalid(data: bytes) -> None:
    for read in (offline.read_head_file, offline.read_proof, offline.read_inclusion):
        with pytest.raises(Invalid):
            read(data)


# --- the stored tree
@pytest.mark.parametrize("batches", [[1] * 300, [255, 1, 1], [256, 256, 3], [1000], [65_600]])
def test_a_tree_appended_to_in_any_pieces_is_the_same(database: Database, batches: list[int]) -> None:
    hashes = [merkle.leaf_hash(b"%d" % number) for number in range(sum(batches))]
    frontier, size = merkle.Frontier(), 0
    with database.begin() as uow:
        for batch in batches:
            tiles.append(uow.connection, size, hashes[size : size + batch])
            size += batch
    for one in hashes:
        frontier.append(one)
    with database.read() as connection:
        tree = tiles.Tree(connection)
        assert merkle.root(tree.node, size) == frontier.root
        for number in {0, 1, 255 % size, 256 % size, size // 2, size - 1}:
            path = merkle.inclusion(tree.node, number, size)
            assert merkle.included(hashes[number], number, size, path, frontier.root)
        for first in {1, size // 2, size - 1}:
            old = merkle.root(tree.node, first)
            assert merkle.consistent(
                first, size, old, frontier.root, merkle.consistency(tree.node, first, size)
            )
        with pytest.raises(KeyError):
            merkle.root(tree.node, 4 * size)


# --- helpers
def _waiting(world: World) -> int:
    with world.ca.database.read() as connection:
        return len(store.waiting(connection, 10_000))


def _serials(world: World) -> list[str]:
    with world.ca.database.read() as connection:
        return list(
            connection.execute(
                select(certificates.c.serial).where(certificates.c.fingerprint != "")
            ).scalars()
        )


def _relog(world: World, connection: object, serial: str) -> None:
    found = connection.execute(select(certificates).where(certificates.c.serial == serial)).one()  # type: ignore[attr-defined]
    leaf = Leaf(EntryType.ISSUED, serial, found.fingerprint, "00" * 32, world.ca.clock.now())
    store.enqueue(connection, [leaf])  # type: ignore[arg-type]
