"""The pure core: states, inventories, receipts, levels, plans, and what restic says."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from backup.adapters.plan_files import read_plan_book
from backup.adapters.restic_output import (
    Said,
    check_verdict,
    failure,
    parse_snapshots,
    parse_summary,
    restore_verdict,
)
from backup.codec import receipt_of
from backup.inventory import Inventory, InventoryEntry, decode, presence_findings
from backup.ladder import overall, reached
from backup.levels import compare
from backup.model import (
    TRANSITIONS,
    Aims,
    FindingKind,
    Layer,
    Level,
    LevelOutcome,
    RunState,
    StoredSet,
    Verdict,
    move,
)
from backup.plans import load_document, longest_gap, parse_plan
from backup.receipts import GENESIS, Receipt, body, chain_faults, freshness_findings, proved, sealed
from kernel.errors import Conflict, IntegrityFailed, Invalid, NotFound, Unavailable, WeichengError
from tests.unit.backup.world import PLANS

SHA = "ab" * 32
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


# --- states
@pytest.mark.parametrize("current", list(RunState))
@pytest.mark.parametrize("target", list(RunState))
def test_only_the_moves_of_the_table_are_possible(current: RunState, target: RunState) -> None:
    if target in TRANSITIONS[current]:
        assert move("run_1", current, target) is target
    else:
        with pytest.raises(Conflict):
            move("run_1", current, target)


# --- inventory
names = st.text(st.sampled_from("abcdef0123456789/"), min_size=1, max_size=12)
entries = st.lists(st.builds(InventoryEntry, names, st.integers(0, 10**12), st.just(SHA)), max_size=40)


@given(entries)
def test_an_inventory_survives_its_stored_form(found: list[InventoryEntry]) -> None:
    inventory = Inventory(found)
    again = decode(inventory.encode())
    assert again.by_name == inventory.by_name
    assert again.root == inventory.root
    assert again.bucket_digests == inventory.bucket_digests


@given(entries.filter(bool), st.data())
def test_any_change_shows_in_root_and_in_one_bucket(found: list[InventoryEntry], data: st.DataObject) -> None:
    before = Inventory(found)
    chosen = data.draw(st.sampled_from(sorted(before.by_name)))
    changed = dataclasses.replace(before.by_name[chosen], sha256="cd" * 32)
    after = Inventory([*(entry for name, entry in before.by_name.items() if name != chosen), changed])
    assert after.root != before.root
    pairs = zip(before.bucket_digests, after.bucket_digests, strict=True)
    assert sum(one != other for one, other in pairs) == 1


@given(st.binary(max_size=200))
@example(b"{}")
@example(b'""')
def test_bytes_that_are_no_inventory_are_the_typed_error(data: bytes) -> None:
    try:
        decode(data)
    except IntegrityFailed:
        return
    assert json.loads(data) == [] or data.startswith(b"[")


def test_missing_cut_and_foreign_files_are_named() -> None:
    reference = Inventory([InventoryEntry("a", 5, SHA), InventoryEntry("b", 5, SHA)])
    found = presence_findings("remote", reference, {"b": 4, "c": 1})
    assert [(finding.kind, finding.file) for finding in found] == [
        (FindingKind.MISSING, "a"),
        (FindingKind.TRUNCATED, "b"),
        (FindingKind.EXTRA, "c"),
    ]


# --- receipts
def chain(length: int) -> list[Receipt]:
    made: list[Receipt] = []
    for seq in range(1, length + 1):
        stored = StoredSet("database", Layer.DATABASE, f"snap{seq}", SHA, 1, 10, SHA, NOW)
        previous = made[-1].digest if made else GENESIS
        blank = Receipt("city", seq, "run", NOW, "restic 0.14.0", (stored,), 3, 30, SHA, SHA, (), previous)
        made.append(sealed(blank))
    return made


def test_a_receipt_survives_its_stored_form() -> None:
    (receipt,) = chain(1)
    assert receipt_of(body(receipt).decode(), receipt.digest) == receipt


@given(st.text(max_size=60))
def test_text_that_is_no_receipt_is_the_typed_error(text: str) -> None:
    with pytest.raises(IntegrityFailed):
        receipt_of(text, SHA)


def test_a_chain_shows_change_removal_and_exchange() -> None:
    sound = chain(4)
    assert chain_faults(sound) == []
    changed = [*sound[:1], dataclasses.replace(sound[1], bytes=31), *sound[2:]]
    assert chain_faults(changed) == [2]
    resealed = [*sound[:1], sealed(dataclasses.replace(sound[1], bytes=31)), *sound[2:]]
    assert chain_faults(resealed) == [3]
    assert chain_faults([sound[0], *sound[2:]]) == [3]
    assert 2 in chain_faults([sound[0], sound[2], sound[1], sound[3]])


def test_stale_and_rolled_back_are_told_apart() -> None:
    receipts = chain(3)
    assert proved(receipts, {"snap1", "snap2"}) == 2
    assert proved(receipts, set()) == 0
    assert freshness_findings("remote", 3, 3, 3) == []
    assert [finding.kind for finding in freshness_findings("remote", 3, 2, 2)] == [FindingKind.STALE]
    assert [finding.kind for finding in freshness_findings("remote", 3, 2, 3)] == [FindingKind.ROLLED_BACK]


# --- ladder
def outcomes(*verdicts: Verdict) -> list[LevelOutcome]:
    return [LevelOutcome(Level(number), verdict) for number, verdict in enumerate(verdicts)]


def test_a_level_presupposes_those_below_it() -> None:
    good, bad, open_ = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
    assert reached(outcomes(good, good, good)) is Level.V2
    assert reached(outcomes(good, open_, good)) is Level.V0
    assert reached(outcomes(bad, good)) is Level.NONE
    assert reached([]) is Level.NONE
    assert overall([good, open_, bad]) is bad
    assert overall([good, open_]) is open_
    assert overall([]) is open_


# --- levels and plans
def test_the_shipped_plan_and_both_editions_are_sound() -> None:
    book = read_plan_book(PLANS)
    assert book.faults == ()
    assert list(book.plans) == ["suite"]
    assert {edition: table.confidence for edition, table in book.levels.items()} == {
        "GB/T 20988-2007": "high",
        "GB/T 20988-2025": "low",
    }
    for table in book.levels.values():
        bounds = [table.levels[number].rpo.at_most for number in range(1, 7)]
        assert all(bound is not None for bound in bounds)
        assert bounds == sorted(bounds, reverse=True)  # type: ignore[type-var]


def test_figures_are_compared_but_never_prove_a_level() -> None:
    table = read_plan_book(PLANS).levels["GB/T 20988-2025"]
    aims = Aims(timedelta(hours=1), timedelta(hours=2), 4, table.edition)
    quick = compare(table, aims, timedelta(minutes=5), timedelta(minutes=10))
    assert (quick["meets_plan"], quick["meets_level_figures"], quick["figures_allow"]) == (True, True, 5)
    assert not quick["proves_level"]
    assert len(quick["elements_to_document"]) == 7
    slow = compare(table, aims, timedelta(hours=13), timedelta(minutes=10))
    assert (slow["meets_plan"], slow["meets_level_figures"]) == (False, False)
    undated = compare(table, aims, timedelta(minutes=5), None)
    assert (undated["meets_plan"], undated["rpo_seconds"], undated["figures_allow"]) == (False, None, 0)


def shipped() -> dict[str, object]:
    document: dict[str, object] = yaml.safe_load((PLANS / "suite.yaml").read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"id": "Not An Id"}, "id"),
        ({"sites": []}, "sites"),
        ({"keep": {"daily": 0, "weekly": 1, "monthly": 1}}, "keep/daily"),
        ({"surprise": 1}, "-"),
        ({"engine": "tar"}, "engine"),
    ],
)
def test_a_wrong_entry_is_named(change: dict[str, object], place: str) -> None:
    schema = json.loads((PLANS / "schema" / "plan.json").read_text())
    with pytest.raises(Invalid) as caught:
        load_document(yaml.safe_dump({**shipped(), **change}), "plan.yaml", schema)
    assert caught.value.params["entry"] == place


def test_a_wrong_cron_and_an_unknown_edition_are_named() -> None:
    tables = read_plan_book(PLANS).levels
    broken = {**shipped(), "schedule": {"run": "every hour"}}
    with pytest.raises(Invalid) as caught:
        parse_plan(broken, "plan.yaml", tables)
    assert caught.value.place == "plan.yaml: schedule/run"
    aims = {"rpo_minutes": 1, "rto_minutes": 1, "level": 4, "edition": "GB/T 20988-1999"}
    with pytest.raises(Invalid, match="no level table"):
        parse_plan({**shipped(), "aims": aims}, "plan.yaml", tables)


@given(st.text(max_size=200))
def test_any_text_is_a_plan_or_the_typed_error(text: str) -> None:
    schema = json.loads((PLANS / "schema" / "plan.json").read_text())
    with pytest.raises(Invalid):
        load_document(text, "plan.yaml", schema)


def test_a_broken_plan_file_leaves_the_others_usable(tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "plans"
    shutil.copytree(PLANS, folder)
    (folder / "broken.yaml").write_text("id: [")
    (folder / "latin.yaml").write_bytes(b"\xff\xfe\xfa")
    book = read_plan_book(folder)
    assert list(book.plans) == ["suite"]
    assert sorted(fault.place for fault in book.faults) == ["broken.yaml:1", "latin.yaml"]


def test_the_longest_gap_of_a_schedule_bounds_its_rpo() -> None:
    assert longest_gap("0 * * * *") == timedelta(hours=1)
    assert longest_gap("0 8-18 * * 1-5", "Asia/Shanghai") == timedelta(hours=62)


# --- what restic says
PASSED = "load indexes\ncheck all packs\nno errors were found\n"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (Said(0, PASSED, ""), Verdict.PASS),
        (Said(0, "", ""), Verdict.UNKNOWN),
        (Said(1, PASSED, ""), Verdict.FAIL),
        (Said(1, "", "Fatal: repository contains errors"), Verdict.FAIL),
        (Said(1, "", "Fatal: wrong password or no key found"), Verdict.UNKNOWN),
        (Said(12, "", ""), Verdict.UNKNOWN),
        (Said(11, "", "unable to create lock"), Verdict.UNKNOWN),
        (Said(-9, "", ""), Verdict.UNKNOWN),
        (Said(None, "", ""), Verdict.UNKNOWN),
    ],
)
def test_exit_status_and_text_together_decide(said: Said, verdict: Verdict) -> None:
    assert check_verdict(said, "repository").verdict is verdict


def test_a_restore_that_ignored_errors_is_no_pass() -> None:
    said = Said(0, "restoring <Snapshot 1234 of [/x]> to /y\n", "ignoring error for /a: ciphertext")
    assert restore_verdict(said, "repository").verdict is Verdict.FAIL
    assert restore_verdict(Said(0, "restoring <Snapshot 1234> to /y\n", ""), "r").verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (1, "Fatal: wrong password or no key found", IntegrityFailed),
        (1, "unable to create lock in backend: repository is already locked by PID 1", Conflict),
        (1, "Save(<data/1>) returned error: write: no space left on device", Unavailable),
        (1, "Fatal: unable to open config file\nIs there a repository at the following location?", NotFound),
        (1, "Fatal: load <index/58edbf7f50>: invalid data returned", IntegrityFailed),
        (1, "something new", Unavailable),
        (None, "", Unavailable),
    ],
)
def test_every_failure_has_its_type(code: int | None, text: str, kind: type[WeichengError]) -> None:
    error = failure(Said(code, "", text), "repository")
    assert type(error) is kind
    assert error.place == "repository"


@given(st.text(max_size=300))
def test_any_answer_is_read_or_the_typed_error(text: str) -> None:
    for parse in (parse_summary, parse_snapshots):
        try:
            parse(text, "repository")
        except Unavailable:
            continue


@given(st.integers(-20, 20) | st.none(), st.text(max_size=200), st.text(max_size=200))
def test_no_noise_is_ever_a_pass(code: int | None, out: str, err: str) -> None:
    said = check_verdict(Said(code, out, err), "repository")
    assert said.verdict is not Verdict.PASS or "no errors were found" in out + err
    assert isinstance(failure(Said(code, out, err), "repository"), WeichengError)
