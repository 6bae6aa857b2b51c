"""What a DR administrator learns when a replica is damaged: the damage matrix on real restic repositories."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backup.model import FindingKind, Level, RunState, Verdict
from kernel.identity.model import Principal
from kernel.store.listing import Ask
from tests.unit.backup.world import SITES, World


def test_sound_replicas_reach_v2_at_every_site(restic_world: World, dr_admin: Principal) -> None:
    found = restic_world.service.verify(dr_admin, "city")
    assert [(one.site, one.verdict, one.reached) for one in found] == [
        (site, Verdict.PASS, Level.V2) for site in SITES
    ]
    assert all(one.receipt == 1 and not one.findings and one.bytes_read > 100_000 for one in found)
    assert restic_world.service.lists.runs(dr_admin, Ask()).items[0].state is RunState.VERIFIED


def flip_pack(world: World, site: str) -> str:
    pack = world.largest_pack(site)
    world.flip(pack)
    return pack.relative_to(world.repository(site)).as_posix()


def cut_pack(world: World, site: str) -> str:
    pack = world.largest_pack(site)
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:-1000])
    return pack.relative_to(world.repository(site)).as_posix()


def delete_pack(world: World, site: str) -> str:
    pack = world.largest_pack(site)
    pack.unlink()
    return pack.relative_to(world.repository(site)).as_posix()


def flip_index(world: World, site: str) -> str:
    index = next((world.repository(site) / "index").iterdir())
    world.flip(index, 50)
    return index.relative_to(world.repository(site)).as_posix()


def delete_index(world: World, site: str) -> str:
    index = next((world.repository(site) / "index").iterdir())
    index.unlink()
    return index.relative_to(world.repository(site)).as_posix()


def flip_config(world: World, site: str) -> str:
    world.flip(world.repository(site) / "config", 30)
    return "config"


def add_file(world: World, site: str) -> str:
    (world.repository(site) / "index" / "notes.txt").write_text("who put this here?")
    return "index/notes.txt"


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (flip_pack, FindingKind.CHANGED),
        (cut_pack, FindingKind.TRUNCATED),
        (delete_pack, FindingKind.MISSING),
        (flip_index, FindingKind.CHANGED),
        (delete_index, FindingKind.MISSING),
        (flip_config, FindingKind.CHANGED),
        (add_file, FindingKind.EXTRA),
    ],
)
def test_each_damage_is_named_with_its_file(
    restic_world: World, dr_admin: Principal, damage: Callable[[World, str], str], kind: FindingKind
) -> None:
    file = damage(restic_world, "remote")
    (found,) = restic_world.service.verify(dr_admin, "city", "remote")
    assert found.verdict is Verdict.FAIL
    assert found.reached < Level.V2
    by_file = [finding for finding in found.findings if finding.kind is not FindingKind.STRUCTURE]
    assert [(finding.kind, finding.site, finding.file) for finding in by_file] == [(kind, "remote", file)]
    assert by_file[0].expected != by_file[0].actual


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_file_that_became_a_pipe_or_link_is_named_and_nothing_waits_for_it(
    world: World, dr_admin: Principal, kind: str
) -> None:
    world.service.run(dr_admin, "city")
    pack = world.largest_pack("remote")
    pack.unlink()
    if kind == "pipe":
        os.mkfifo(pack)
    else:
        pack.symlink_to(world.repository("same-city") / pack.relative_to(world.repository("remote")))
    (found,) = world.service.verify(dr_admin, "city", "remote")
    assert (found.verdict, found.findings[0].file) == (
        Verdict.FAIL,
        pack.relative_to(world.repository("remote")).as_posix(),
    )


def test_a_changed_byte_is_found_in_that_site_alone(restic_world: World, dr_admin: Principal) -> None:
    file = flip_pack(restic_world, "remote")
    found = {one.site: one for one in restic_world.service.verify(dr_admin, "city")}
    assert {site: one.verdict for site, one in found.items()} == {
        "same-city": Verdict.PASS,
        "remote": Verdict.FAIL,
        "provincial": Verdict.PASS,
    }
    changed = next(f for f in found["remote"].findings if f.kind is FindingKind.CHANGED)
    assert (changed.file, changed.expected) == (file, Path(file).name)
    assert restic_world.service.lists.runs(dr_admin, Ask()).items[0].state is RunState.FAILED


def test_restic_check_alone_does_not_see_a_flipped_pack_but_the_ladder_does(
    restic_world: World, dr_admin: Principal
) -> None:
    flip_pack(restic_world, "remote")
    (structure,) = restic_world.service.verify(dr_admin, "city", "remote", Level.V1)
    assert (structure.verdict, structure.reached) == (Verdict.PASS, Level.V1)
    (bytes_,) = restic_world.service.verify(dr_admin, "city", "remote", Level.V2)
    assert (bytes_.verdict, bytes_.reached) == (Verdict.FAIL, Level.V1)


def copy_of(world: World, site: str) -> Path:
    aside = world.folder / "aside"
    shutil.copytree(world.repository(site), aside)
    return aside


def put_back(world: World, site: str, aside: Path) -> None:
    shutil.rmtree(world.repository(site))
    shutil.copytree(aside, world.repository(site))


def test_a_stale_replica_and_one_set_back_are_told_apart(restic_world: World, dr_admin: Principal) -> None:
    old = copy_of(restic_world, "remote")
    (restic_world.folder / "source" / "configurations" / "sw-9.cfg").write_text("hostname sw-9\n")
    restic_world.service.run(dr_admin, "city")
    kept = copy_of_provincial = restic_world.folder / "kept"
    shutil.copytree(restic_world.repository("provincial"), copy_of_provincial)

    put_back(restic_world, "remote", old)
    (stale,) = restic_world.service.verify(dr_admin, "city", "remote", Level.V0)
    assert FindingKind.STALE in {finding.kind for finding in stale.findings}
    assert (stale.receipt, stale.verdict) == (1, Verdict.FAIL)

    put_back(restic_world, "remote", kept)
    (fresh,) = restic_world.service.verify(dr_admin, "city", "remote", Level.V1)
    assert (fresh.receipt, fresh.verdict) == (2, Verdict.PASS)

    put_back(restic_world, "remote", old)  # the engine's own check is content with it
    assert (
        restic_world.room.engines["restic"].check(restic_world.repository("remote"), read_data=True).verdict
        is Verdict.PASS
    )
    (set_back,) = restic_world.service.verify(dr_admin, "city", "remote", Level.V0)
    first = set_back.findings[0]
    assert (first.kind, first.expected, first.actual) == (FindingKind.ROLLED_BACK, "2", "1")


def test_a_damaged_site_is_mended_from_a_good_one(restic_world: World, dr_admin: Principal) -> None:
    file = flip_pack(restic_world, "same-city")
    cut_pack(restic_world, "same-city")
    restic_world.service.verify(dr_admin, "city", "same-city")
    mended, again = restic_world.service.mend(dr_admin, "city", "same-city", reason="disk replaced")
    assert mended == [file]
    assert (again.verdict, again.findings) == (Verdict.PASS, ())
    assert restic_world.service.lists.runs(dr_admin, Ask()).items[0].state is RunState.REPLICATED
    restic_world.service.run(dr_admin, "city")
