"""Revoking many: a dry run does nothing, another officer performs exactly what was previewed, each has its result."""

import io
from base64 import b64encode
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.bulk.selection import Selection, serials_in
from ca.bulk.service import WORK
from ca.bulk.store import BulkState, Outcome
from ca.jobs import handlers
from ca.model import Certificate, Reason, State
from ca.resources.bulk import Look
from kernel.clock import FixedClock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted, WeichengError
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.queue import JobQueue
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World, on_both
from tests.unit.ca.relying import crl_of
from tests.unit.ca.test_inventory import add_range, ours, scan
from tests.unit.ca.tls_servers import declare_loopback, served


def issued(world: World, *names: str) -> list[Certificate]:
    return [world.issue(subject={"O": "临江县大数据中心", "CN": name}) for name in names]


def work(world: World, clock: FixedClock) -> None:
    queue = JobQueue(world.ca.database, clock, Access(world.ca.database))
    queue.register({WORK: handlers(world.ca)[WORK]})
    assert queue.run_next("w1")


def state(world: World, serial: str) -> State:
    return world.ca.lifecycle.show(world.officer, serial).state


@on_both
def test_from_a_look_to_one_list_that_tells_of_all(world: World, clock: FixedClock) -> None:
    mine = issued(world, "陈一", "陈二", "陈三")
    others = world.issue(
        profile="tls-server", subject={"O": "局里", "CN": "w.gov.internal"}, names=("dns:w.gov.internal",)
    )
    chosen = Selection(profile="person")
    found = world.ca.bulk.preview(world.officer, chosen)
    assert (found.total, found.profiles, found.units) == (3, {"person": 3}, {"u_county": 3})
    assert {serial for serial, _ in found.sample} == {one.serial for one in mine}
    assert all(state(world, one.serial) is State.ISSUED for one in mine)
    made = world.ca.bulk.propose(world.officer, chosen, Reason.CESSATION_OF_OPERATION, "机构撤并")
    later = issued(world, "陈四")[0]
    with pytest.raises(NotPermitted):
        world.ca.bulk.perform(world.officer, made.id)
    world.ca.bulk.perform(world.second, made.id)
    before = crl_of(world).extensions
    work(world, clock)
    done = world.ca.bulk.show(world.officer, made.id)
    assert (done.state, done.done, done.refused) == (BulkState.PERFORMED, 3, 0)
    assert {state(world, one.serial) for one in mine} == {State.REVOKED}
    assert state(world, later.serial) is state(world, others.serial) is State.ISSUED
    listed = {f"{entry.serial_number:032x}" for entry in crl_of(world)}
    assert listed == {one.serial for one in mine}
    assert _number(crl_of(world).extensions) == _number(before) + 1
    with pytest.raises(Conflict):
        world.ca.bulk.perform(world.second, made.id)


def test_what_was_tried_is_what_is_proposed_or_nothing(world: World, at: Any) -> None:
    first, second = issued(world, "陈一", "陈二")
    chosen = Selection(serials=(first.serial, second.serial))
    tried = world.ca.bulk.preview(world.officer, chosen).digest
    world.ca.lifecycle.revoke(world.officer, first.serial, Reason.KEY_COMPROMISE, "失窃")
    with pytest.raises(Conflict, match="1 certificates by now"):
        world.ca.bulk.propose(world.officer, chosen, Reason.SUPERSEDED, "换发", expected=tried)
    assert not world.ca.bulk.page(world.officer, Ask()).items
    officer = at(world.officer)
    tried = officer.run("bulk", "look", "--profile", "person")["digest"]
    why = ("--profile", "person", "--code", "superseded", "--reason", "换发")
    made = officer.run("bulk", "propose", *why, "--tried", tried)
    assert (made["total"], made["state"]) == (1, "proposed")


def test_serials_are_typed_or_in_a_table_and_a_slip_is_told_with_its_line() -> None:
    first, second = "0f" * 16, "1e" * 16
    typed = Look(numbers=(first.upper(), "1e:" * 15 + "1e"), serials=b64encode(f"{first}\n".encode()))
    assert typed.selection().serials == (first, second)
    with pytest.raises(Invalid) as caught:
        Look(numbers=(first, "keine Nummer")).selection()
    assert caught.value.place == "numbers:2"


def _number(extensions) -> int:  # type: ignore[no-untyped-def]
    from cryptography import x509

    return extensions.get_extension_for_class(x509.CRLNumber).value.crl_number  # type: ignore[no-any-return]


def test_one_that_was_revoked_meanwhile_stops_no_other(world: World, clock: FixedClock) -> None:
    first, second = issued(world, "陈一", "陈二")
    made = world.ca.bulk.propose(world.officer, Selection(profile="person"), Reason.SUPERSEDED, "换发")
    world.ca.lifecycle.revoke(world.officer, first.serial, Reason.KEY_COMPROMISE, "失窃")
    world.ca.bulk.perform(world.second, made.id)
    work(world, clock)
    rows = world.ca.bulk.rows(world.officer, Ask(filters={"bulk": (made.id,)})).items
    results = {one.serial: one.outcome for one in rows}
    assert results == {first.serial: Outcome.REFUSED, second.serial: Outcome.REVOKED}
    assert world.ca.lifecycle.show(world.officer, first.serial).reason is Reason.KEY_COMPROMISE
    again = issued(world, "陈三")[0]
    kept = world.ca.bulk.propose(world.officer, Selection(serials=(again.serial,)), Reason.SUPERSEDED, "x")
    world.ca.bulk.reject(world.second, kept.id, "不同意")
    assert world.ca.bulk.show(world.officer, kept.id).state is BulkState.REJECTED
    assert state(world, again.serial) is State.ISSUED


def test_certificates_are_chosen_by_where_they_were_seen_and_by_key(
    world: World, clock: FixedClock, tmp_path: Path
) -> None:
    mine, serial = ours(world)
    with served(mine, tmp_path) as port:
        declare_loopback(world)
        add_range(world, port)
        scan(world, clock)
        found = world.ca.bulk.preview(world.officer, Selection(hosts=("127.0.0.1",)))
        assert (found.total, found.endpoints, found.sample[0][0]) == (1, 1, serial)
        impact = world.ca.impacts.show(world.officer, serial)
        assert (impact.seen, impact.places) == ((f"127.0.0.1:{port}",), 1)
    by_port = Selection(hosts=(f"127.0.0.1:{port}",), profile="person")
    assert world.ca.bulk.preview(world.officer, by_port).total == 0


def test_the_impact_of_a_ca_tells_what_hangs_below(world: World) -> None:
    world.issue()
    issuing = world.ca.overview.authority(world.officer, "issuing").serial
    impact = world.ca.impacts.show(world.officer, issuing)
    assert impact.authority == "issuing"
    assert impact.subordinates >= 1


def test_cas_and_other_units_are_left_out(world: World, other_registrar: Principal) -> None:
    issued(world, "陈一")
    everything = Selection(authority="root")
    assert world.ca.bulk.preview(world.officer, everything).left_out >= 1
    with pytest.raises(Invalid):
        world.ca.bulk.propose(world.officer, everything, Reason.SUPERSEDED, "x")
    with pytest.raises(Invalid):
        world.ca.bulk.preview(world.officer, Selection())
    made = world.ca.bulk.propose(world.officer, Selection(profile="person"), Reason.SUPERSEDED, "x")
    with pytest.raises(NotFound):
        world.ca.bulk.show(other_registrar, made.id)
    assert not world.ca.bulk.rows(other_registrar, Ask()).items


def test_a_table_of_serials_is_read_whatever_it_looks_like() -> None:
    one, two = "0a" * 16, "1b" * 16
    assert serials_in(f"{one}\n{two}\n{one}\n".encode()) == (one, two)
    assert serials_in(f"序列号,姓名\n{':'.join(['0A'] * 16)},陈\n".encode()) == (one,)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["姓名", "序列号"])
    sheet.append(["陈", one])
    octets = io.BytesIO()
    book.save(octets)
    assert serials_in(octets.getvalue()) == (one,)
    with pytest.raises(Invalid):
        serials_in(f"{one}\n没有\n".encode())


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda data: b"PK\x03\x04" + data)))
def test_any_octets_as_a_table(data: bytes) -> None:
    try:
        assert serials_in(data)
    except WeichengError:
        return
