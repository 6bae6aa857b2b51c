"""The hierarchy through its forms, as console and API use them: proposals, ceremonies, offline requests, cross-certificates."""

import re
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from ca.hierarchy.machine import OfflineMachine
from ca.hierarchy.offline import read_request
from ca.signer.memory import MemoryKeys
from kernel.clock import FixedClock
from kernel.errors import Conflict
from kernel.store.listing import Ask
from tests.unit.ca.conftest import World
from tests.unit.ca.test_hierarchy import foreign_csr
from tests.unit.ca.test_resources import BY_NAME, Desk, Settings, Units


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world.ca, Units(), Settings())


def perform(world: World, desk: Desk) -> str:
    """The one ceremony that is proposed, by the second officer."""
    (proposed,) = BY_NAME["ceremonies"].page(desk, world.officer, Ask(filters={"state": ("proposed",)})).items
    assert desk.offered(world.second, "ceremonies", proposed.id) == {"perform", "reject"}
    assert any(
        re.match(r"1\. ", line) for line in desk.preview(world.second, "ceremonies", "perform", proposed.id)
    )
    desk.do(world.second, "ceremonies", "perform", proposed.id)
    return str(proposed.id)


def test_a_ca_is_added_renewed_rolled_over_and_retired(world: World, desk: Desk) -> None:
    desk.do(
        world.officer,
        "ceremonies",
        "extend",
        id="people",
        name="人员 CA",
        organisation="局",
        profiles=["person"],
    )
    perform(world, desk)
    assert desk.item(world.officer, "authorities", "people").profiles == ("person",)
    before = desk.item(world.officer, "authorities", "people").fingerprint
    desk.do(world.officer, "authorities", "renew", "people", years=9)
    done = perform(world, desk)
    assert desk.item(world.officer, "authorities", "people").fingerprint != before
    assert b"people" in desk.file(world.officer, "ceremonies", "text", done)
    desk.do(world.officer, "authorities", "assign", "people", profiles=["person", "device"])
    perform(world, desk)
    desk.do(world.officer, "authorities", "roll-over", "people", years=9)
    perform(world, desk)
    old, new = (desk.item(world.officer, "authorities", one) for one in ("people", "people-g2"))
    assert (old.working, new.working, new.profiles) == ("retiring", "active", ("person", "device"))
    assert "roll-over" not in desk.offered(world.officer, "authorities", "people")
    desk.do(world.officer, "authorities", "retire", "people")
    perform(world, desk)
    assert desk.offered(world.officer, "authorities", "people") == set()
    kinds = BY_NAME["authorities"].page(desk, world.officer, Ask(filters={"kind": ("root",)})).items
    assert [one.id for one in kinds] == ["root"]


def test_minutes_are_signed_from_the_list(world: World, desk: Desk) -> None:
    (founding,) = BY_NAME["ceremonies"].page(desk, world.officer, Ask()).items
    assert not founding.signed
    desk.do(world.officer, "ceremonies", "seal")
    assert desk.item(world.officer, "ceremonies", founding.id).signed
    assert desk.file(world.officer, "ceremonies", "package", founding.id).startswith(b"PK")


def test_an_offline_roots_requests_through_the_forms(
    world: World, desk: Desk, clock: FixedClock, tmp_path: Path
) -> None:
    machine = OfflineMachine(MemoryKeys(), tmp_path / "journal", clock.now)
    desk.do(world.officer, "authorities", "roll-over", "root", years=20, offline=True)
    perform(world, desk)
    for _ in range(2):
        (waiting,) = BY_NAME["offline"].page(desk, world.officer, Ask(filters={"state": ("waiting",)})).items
        assert any(
            waiting.digest in line for line in desk.preview(world.second, "offline", "export", waiting.id)
        )
        file = desk.do(world.second, "offline", "export", waiting.id).file
        assert file is not None
        answer = machine.sign(read_request(file.data), "王五").encode()
        desk.do(world.second, "offline", "take", answer=b64encode(answer))
    assert desk.item(world.officer, "authorities", "root-g2").offline
    made = desk.do(world.officer, "offline", "order-list", authority="root-g2", days=200)
    desk.do(world.second, "offline", "void", made.id, reason="改期")
    assert desk.item(world.officer, "offline", made.id).state == "void"
    with pytest.raises(Conflict, match="does not wait"):
        desk.do(world.second, "offline", "export", made.id)
    with pytest.raises(Conflict, match="in the signer"):
        desk.do(world.officer, "offline", "order-list", authority="root", days=200)


def test_cross_certificates_through_the_forms(world: World, desk: Desk, tmp_path: Path) -> None:
    csr = b64encode(foreign_csr(tmp_path, "Province CA"))
    desk.do(world.officer, "ceremonies", "certify", csr=csr, permitted=["dns:province.gov.cn"])
    perform(world, desk)
    file = desk.do(world.officer, "authorities", "request", "root").file
    assert file is not None
    (tmp_path / "ours.p10").write_bytes(file.data)
    check = ["openssl", "req", "-inform", "DER", "-in", "ours.p10", "-verify", "-noout"]
    subprocess.run(check, cwd=tmp_path, check=True, capture_output=True)
    assert desk.file(world.officer, "authorities", "p7c", "root")


def test_a_ceremony_is_turned_down_through_its_form(world: World, desk: Desk) -> None:
    desk.do(world.officer, "authorities", "renew", "issuing", years=9)
    (proposed,) = BY_NAME["ceremonies"].page(desk, world.officer, Ask(filters={"state": ("proposed",)})).items
    desk.do(world.second, "ceremonies", "reject", proposed.id, reason="改期")
    assert desk.item(world.officer, "ceremonies", proposed.id).state == "rejected"
