"""Revocation lists: full, delta and in shards, judged by parsers that are not ours; what happens when something goes wrong."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from ca.model import Certificate, Reason
from ca.scopes import ListKind, ListRules, Scope, named
from ca.status import publication, store
from ca.status.files import ListFiles
from ca.web import StatusSite
from kernel.clock import FixedClock
from kernel.edges.public import Asked
from kernel.errors import Conflict, NotFound
from kernel.pki.pem import certificate_pem
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, build, on_both
from tests.unit.ca.test_faults import Killed

WHOLE = Scope("issuing")


def loaded(world: World, kind: ListKind, scope: Scope = WHOLE) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(world.ca.publication.newest(scope, kind).path.read_bytes())


def number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def base(crl: x509.CertificateRevocationList) -> int:
    found = crl.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
    assert found.critical
    return found.value.crl_number


def reason_on(crl: x509.CertificateRevocationList, certificate: Certificate) -> x509.ReasonFlags | None:
    entry = crl.get_revoked_certificate_by_serial_number(int(certificate.serial, 16))
    return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason if entry else None


def long_lists(patched: pytest.MonkeyPatch) -> None:
    """From one entry on a list is too long to be signed within an ordinary request."""
    patched.setattr(publication, "AT_ONCE", 0)


@on_both
def test_an_urgent_change_of_a_long_list_is_on_the_delta_at_once_and_an_ordinary_one_soon(
    world: World, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, urgent, ordinary = world.issue(), world.issue(), world.issue()
    world.ca.lifecycle.revoke(world.officer, first.serial, Reason.SUPERSEDED, "更换")
    long_lists(monkeypatch)
    full = number(loaded(world, ListKind.FULL))
    world.ca.lifecycle.revoke(world.officer, urgent.serial, Reason.KEY_COMPROMISE, "丢失")
    assert number(loaded(world, ListKind.FULL)) == full
    delta = loaded(world, ListKind.DELTA)
    assert base(delta) == full < number(delta)
    assert reason_on(delta, urgent) is x509.ReasonFlags.key_compromise
    assert reason_on(delta, first) is None
    world.ca.lifecycle.revoke(world.officer, ordinary.serial, Reason.CESSATION_OF_OPERATION, "停用")
    assert reason_on(loaded(world, ListKind.DELTA), ordinary) is None
    assert world.ca.publication.refresh() == 1  # the worker, which has the urgent one to put on a full list
    listed = loaded(world, ListKind.FULL)
    assert {reason_on(listed, one) for one in (first, urgent, ordinary)} == {
        x509.ReasonFlags.superseded,
        x509.ReasonFlags.key_compromise,
        x509.ReasonFlags.cessation_of_operation,
    }
    assert world.ca.publication.refresh() == 0


@on_both
def test_an_ordinary_change_of_a_long_list_is_on_a_delta_first_and_on_a_full_list_within_minutes(
    world: World, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = world.issue(), world.issue()
    world.ca.lifecycle.revoke(world.officer, first.serial, Reason.SUPERSEDED, "更换")
    long_lists(monkeypatch)
    world.ca.lifecycle.revoke(world.officer, second.serial, Reason.SUPERSEDED, "更换")
    assert world.ca.publication.refresh() == 1
    assert reason_on(loaded(world, ListKind.DELTA), second) is x509.ReasonFlags.superseded
    assert reason_on(loaded(world, ListKind.FULL), second) is None
    clock.advance(minutes=10)
    assert world.ca.publication.refresh() == 1
    assert reason_on(loaded(world, ListKind.FULL), second) is x509.ReasonFlags.superseded


@on_both
def test_a_delta_takes_off_what_has_ended(world: World, clock: FixedClock) -> None:
    ended = world.issue()
    world.ca.lifecycle.revoke(world.officer, ended.serial, Reason.SUPERSEDED, "更换")
    clock.advance(days=731)
    world.ca.publication.publish("issuing", world.officer)  # bears it for the last time
    clock.advance(minutes=1)
    world.ca.publication.publish("issuing", world.officer)
    assert reason_on(loaded(world, ListKind.FULL), ended) is None
    assert reason_on(loaded(world, ListKind.DELTA), ended) is x509.ReasonFlags.remove_from_crl


@on_both
def test_a_released_hold_is_taken_off_by_the_delta(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held, other = world.issue(), world.issue()
    world.ca.lifecycle.hold(world.officer, held.serial, "送修")
    world.ca.lifecycle.revoke(world.officer, other.serial, Reason.SUPERSEDED, "更换")
    long_lists(monkeypatch)
    world.ca.lifecycle.release(world.officer, held.serial, "修复")
    assert world.ca.publication.refresh() == 1
    assert reason_on(loaded(world, ListKind.DELTA), held) is x509.ReasonFlags.remove_from_crl
    assert reason_on(loaded(world, ListKind.FULL), held) is x509.ReasonFlags.certificate_hold


def test_openssl_believes_a_full_list_with_its_delta(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: FixedClock
) -> None:
    first, second = world.issue(), world.issue()
    world.ca.lifecycle.hold(world.officer, first.serial, "送修")
    long_lists(monkeypatch)
    clock.advance(seconds=1)
    world.ca.lifecycle.revoke(world.officer, second.serial, Reason.KEY_COMPROMISE, "丢失")
    for authority in ("root", "issuing"):
        (tmp_path / f"{authority}.pem").write_bytes(
            certificate_pem(world.ca.authority(authority).certificate)
        )
    (tmp_path / "second.pem").write_bytes(certificate_pem(second.der))
    lists = [(world.ca.publication.newest(WHOLE, kind).path, kind) for kind in ListKind]
    for path, kind in lists:
        _openssl(tmp_path, f"crl -inform DER -in {path} -out {kind}.pem")
    at = f"-attime {int(clock.now().timestamp())}"
    chain = f"verify {at} -crl_check -CAfile root.pem -untrusted issuing.pem"
    assert "OK" in _openssl(tmp_path, f"{chain} -CRLfile full.pem second.pem")
    together = (tmp_path / "full.pem").read_bytes() + (tmp_path / "delta.pem").read_bytes()
    (tmp_path / "both.pem").write_bytes(together)
    told = _openssl(tmp_path, f"{chain} -extended_crl -use_deltas -CRLfile both.pem second.pem")
    assert "certificate revoked" in told


def _openssl(folder: Path, command: str) -> str:
    done = subprocess.run(
        ["openssl", *command.split()], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.fixture
def sharded(world: World, clock: FixedClock, tmp_path: Path) -> World:
    """The same CA, which parts what it issues from now on into three lists."""
    rules = ListRules("http://127.0.0.1:8080", shards={"issuing": 3})
    service, _ = build(world.ca.database, clock, world.signer, tmp_path / "sharded", rules)
    service.publication.publish("issuing", world.officer)
    return World(service, world.signer, world.evidence, world.registrar, world.officer, world.second)


def test_a_certificate_names_its_shards_list_and_is_on_it_and_on_the_list_of_all(sharded: World) -> None:
    issued = sharded.issue()
    shard = int(issued.serial, 16) % 3 + 1
    points = x509.load_der_x509_certificate(issued.der).extensions
    point = points.get_extension_for_class(x509.CRLDistributionPoints).value[0].full_name
    freshest = points.get_extension_for_class(x509.FreshestCRL).value[0].full_name
    assert point is not None
    assert freshest is not None
    assert point[0].value == f"http://127.0.0.1:8080/crl/issuing/{shard}.crl"
    assert freshest[0].value == f"http://127.0.0.1:8080/crl/issuing/{shard}/delta.crl"
    sharded.ca.lifecycle.revoke(sharded.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")
    mine, others = Scope("issuing", shard), [Scope("issuing", one) for one in (1, 2, 3) if one != shard]
    listed = loaded(sharded, ListKind.FULL, mine)
    assert reason_on(listed, issued) is x509.ReasonFlags.key_compromise
    told = listed.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert told.critical
    assert told.value.full_name is not None
    assert told.value.full_name[0].value == point[0].value
    assert reason_on(loaded(sharded, ListKind.FULL), issued) is x509.ReasonFlags.key_compromise
    assert all(reason_on(loaded(sharded, ListKind.FULL, other), issued) is None for other in others)
    answer = StatusSite(sharded.ca).answer([Asked("GET", f"/crl/issuing/{shard}.crl")])[0]
    assert answer.status == 200
    shown = sharded.ca.lists.page(sharded.officer, Ask(filters={"authority": ("issuing",)}, limit=50)).items
    assert {(one.shard, one.kind) for one in shown} == {(n, kind) for n in range(4) for kind in ListKind}


def test_openssl_checks_a_certificate_by_its_shards_list(
    sharded: World, tmp_path: Path, clock: FixedClock
) -> None:
    issued = sharded.issue()
    shard = Scope("issuing", int(issued.serial, 16) % 3 + 1)
    for authority in ("root", "issuing"):
        (tmp_path / f"{authority}.pem").write_bytes(
            certificate_pem(sharded.ca.authority(authority).certificate)
        )
    (tmp_path / "leaf.pem").write_bytes(certificate_pem(issued.der))
    other = Scope("issuing", shard.shard % 3 + 1)
    chain = (
        f"verify -attime {int(clock.now().timestamp())} -crl_check -CAfile root.pem -untrusted issuing.pem"
    )
    for scope, name in ((shard, "mine"), (other, "other")):
        _openssl(tmp_path, f"crl -inform DER -in {sharded.ca.publication.newest(scope).path} -out {name}.pem")
    assert "OK" in _openssl(tmp_path, f"{chain} -CRLfile mine.pem leaf.pem")
    assert "OK" not in _openssl(tmp_path, f"{chain} -CRLfile other.pem leaf.pem")
    sharded.ca.lifecycle.revoke(sharded.officer, issued.serial, Reason.SUPERSEDED, "更换")
    _openssl(tmp_path, f"crl -inform DER -in {sharded.ca.publication.newest(shard).path} -out mine.pem")
    assert "certificate revoked" in _openssl(tmp_path, f"{chain} -CRLfile mine.pem leaf.pem")


@pytest.mark.parametrize("name", ["issuing", "issuing:delta", "issuing:3", "issuing:3:delta"])
def test_a_lists_name_says_what_it_is(name: str) -> None:
    found = named(name)
    assert found is not None
    scope, kind = found
    assert scope.name(kind) == name
    for wrong in ("", ":delta", f"{name}:x", "issuing:0", "issuing:00001", "issuing:３"):
        assert named(wrong) is None


# --- what goes wrong
def test_a_restored_database_brings_no_older_list_back(world: World) -> None:
    """The lists are files beside the database: the newest is served whatever was restored, and the next is above it."""
    with world.ca.database.read() as connection:
        before = store.number_of(connection, WHOLE)
    revoked = world.issue()
    world.ca.lifecycle.revoke(world.officer, revoked.serial, Reason.KEY_COMPROMISE, "丢失")
    newest = number(loaded(world, ListKind.FULL))
    with world.ca.database.begin() as uow:  # as it was before: number, lists and changes are forgotten
        store.raise_number(uow.connection, WHOLE, store.number_of(uow.connection, WHOLE), before)
        uow.execute(store.lists.delete().where(store.lists.c.number > before))
    assert number(loaded(world, ListKind.FULL)) == newest
    world.ca.publication.publish("issuing", world.officer)
    assert number(loaded(world, ListKind.FULL)) > newest


def test_lists_that_are_lost_are_made_anew(world: World) -> None:
    path = world.ca.publication.newest(WHOLE).path
    path.unlink()
    with pytest.raises(NotFound):
        world.ca.publication.newest(WHOLE)
    assert world.ca.publication.refresh() == 1
    assert world.ca.publication.newest(WHOLE).number > int(path.name.split("-")[0])


def test_two_publishers_at_once_make_two_lists_with_two_numbers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has read before the first recorded: it reads anew."""
    issued, real, first = world.issue(), world.signer.sign, []
    before = number(loaded(world, ListKind.FULL))

    def slow(*given: object, **named: object) -> bytes:
        if not first:
            first.append(True)
            world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")
        return real(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(world.signer, "sign", slow)
    world.ca.publication.publish("issuing", world.officer)
    assert number(loaded(world, ListKind.FULL)) >= before + 2
    assert reason_on(loaded(world, ListKind.FULL), issued) is x509.ReasonFlags.key_compromise


@pytest.mark.parametrize("moment", ["draft", "keep"])
def test_a_publisher_killed_on_the_way_leaves_nothing_half_done(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    issued = world.issue()
    before = world.ca.publication.newest(WHOLE)

    def power_cut(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(ListFiles, moment, power_cut)
        with pytest.raises(Killed):
            world.ca.lifecycle.revoke(world.officer, issued.serial, Reason.KEY_COMPROMISE, "丢失")
    assert world.ca.publication.newest(WHOLE) == before
    assert world.ca.publication.refresh() == 1
    assert world.ca.publication.newest(WHOLE).number > before.number
    assert reason_on(loaded(world, ListKind.FULL), issued) is x509.ReasonFlags.key_compromise


def test_a_full_disk_keeps_the_old_list_and_records_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.ca.publication.newest(WHOLE)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("ca.status.files.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            world.ca.publication.publish("issuing", world.officer)
    assert world.ca.publication.newest(WHOLE) == before
    assert world.ca.lists.show(world.officer, "issuing").number == before.number
    assert not list(before.path.parents[3].glob(".new-*"))


def test_who_always_comes_second_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "raise_number", lambda *_: False)
    with pytest.raises(Conflict, match="Others are publishing"):
        world.ca.publication.publish("issuing", world.officer)


def test_a_bounded_number_of_old_lists_is_kept(world: World, clock: FixedClock) -> None:
    folder = world.ca.publication.newest(WHOLE).path.parent
    for _ in range(15):
        clock.advance(minutes=1)
        world.ca.publication.publish("issuing", world.officer)
    assert len(list(folder.iterdir())) == 10
    assert world.ca.publication.newest(WHOLE).this_update == clock.now()


# --- over HTTP
def test_lists_are_served_with_what_caches_need(world: World, clock: FixedClock) -> None:
    site = StatusSite(world.ca)
    full, delta = (
        site.answer([Asked("GET", path)])[0] for path in ("/crl/issuing.crl", "/crl/issuing/delta.crl")
    )
    assert isinstance(full.body, Path)
    assert full.etag
    assert full.headers["Last-Modified"] == "Mon, 23 Nov 2026 01:00:00 GMT"
    assert (full.max_age, delta.max_age) == (300, 60)
    clock.advance(days=7, seconds=-30)
    assert site.answer([Asked("GET", "/crl/issuing.crl")])[0].max_age == 30
    clock.advance(minutes=1)
    assert site.answer([Asked("GET", "/crl/issuing.crl")])[0].max_age == 0
    for path in (
        "/crl/none.crl",
        "/crl/issuing/9.crl",
        "/crl/issuing/0.crl",
        "/crl/../root.crl",
        "/crl/..crl",
    ):
        assert site.answer([Asked("GET", path)])[0].status == 404
