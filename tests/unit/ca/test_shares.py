"""A secret in shares: any of them that are enough give it back, fewer do not, and what is damaged is named."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.signer import passphrase, shares
from ca.signer.shares import Share, ShareRefused, combine, seal, split, unseal
from kernel.errors import Invalid

WORDS = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_derivation(monkeypatch: pytest.MonkeyPatch) -> None:
    """argon2id with 8 KiB instead of 64 MiB: what is tested here is the text, not the time it takes."""
    monkeypatch.setattr(passphrase, "_MEMORY_KIB", 32)
    monkeypatch.setattr(passphrase, "_PASSES", 1)


@given(
    secret=st.binary(min_size=32, max_size=32),
    numbers=st.integers(2, 16).flatmap(lambda count: st.tuples(st.integers(2, count), st.just(count))),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=120, deadline=None)
def test_any_shares_that_are_enough_give_the_secret_and_fewer_do_not(
    secret: bytes, numbers: tuple[int, int], order: object
) -> None:
    threshold, count = numbers
    made = split(secret, threshold, count)
    order.shuffle(made)  # type: ignore[attr-defined]
    assert combine(made[:threshold]) == secret
    assert combine(made) == secret
    assert combine(made[: threshold - 1]) != secret


def test_every_choice_of_three_out_of_five() -> None:
    made = split(bytes(range(32)), 3, 5)
    assert {combine(choice) for choice in combinations(made, 3)} == {bytes(range(32))}
    assert len({share.value for share in made}) == 5


def test_fewer_shares_fit_every_secret() -> None:
    """Two shares of three-of-n: for each first octet there is exactly one third share that gives it."""
    made = split(bytes(32), 3, 4)
    possible = {
        combine([*made[:2], Share(made[0].set, 3, 3, 4, bytes((octet, *made[2].value[1:])))])[0]
        for octet in range(256)
    }
    assert possible == set(range(256))


@pytest.mark.parametrize(("threshold", "count"), [(1, 3), (4, 3), (2, 17), (0, 0)])
def test_numbers_that_make_no_sense_are_refused(threshold: int, count: int) -> None:
    with pytest.raises(Invalid, match="not possible"):
        split(bytes(32), threshold, count)


def test_an_officer_reads_a_share_back_from_paper() -> None:
    share = split(bytes(32), 2, 3)[1]
    text = seal(share, WORDS)
    assert "share 2 of 3, 2 needed" in text
    assert unseal(text, WORDS) == share
    rows = text.splitlines()
    typed = "\n".join([*rows[:2], *(row.lower().replace(" ", "  ") for row in rows[2:-1]), rows[-1]])
    assert unseal(f"\n  {typed}\n\n", WORDS) == share
    misread = "\n".join(
        [*rows[:2], *(row.replace("O", "0").replace("B", "8") for row in rows[2:-1]), rows[-1]]
    )
    assert unseal(misread, WORDS) == share


def test_two_shares_sealed_alike_have_nothing_in_common_and_show_nothing() -> None:
    share = split(bytes(32), 2, 2)[0]
    first, second = (seal(share, WORDS).splitlines()[3:-1] for _ in range(2))
    assert set(first).isdisjoint(second)
    assert share.value.hex() not in repr(share)


@given(
    line=st.integers(0, 4),
    place=st.integers(0, 33),
    letter=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
)
@settings(max_examples=150, deadline=None)
def test_a_line_that_was_misread_is_named(line: int, place: int, letter: str) -> None:
    rows = seal(split(bytes(32), 2, 3)[0], WORDS).splitlines()
    row = rows[2 + line]
    place = min(place, len(row) - 1)
    if row[place] in (" ", letter):
        return
    rows[2 + line] = row[:place] + letter + row[place + 1 :]
    with pytest.raises(ShareRefused, match=f"Line {line + 1} of the share is damaged"):
        unseal("\n".join(rows), WORDS)


def test_lines_in_another_order_and_missing_ones_are_found() -> None:
    rows = seal(split(bytes(32), 2, 3)[0], WORDS).splitlines()
    with pytest.raises(ShareRefused, match="Line 1"):
        unseal("\n".join([*rows[:2], rows[3], rows[2], *rows[4:]]), WORDS)
    with pytest.raises(ShareRefused, match="no share, or a part of it is missing"):
        unseal("\n".join([*rows[:-2], rows[-1]]), WORDS)


@given(text=st.text(max_size=400) | st.binary(max_size=400).map(lambda data: data.decode("latin-1")))
@settings(max_examples=200, deadline=None)
def test_what_is_no_share_is_a_typed_error(text: str) -> None:
    for whole in (text, f"{shares._BEGIN}\nset\n{text}\n{shares._END}"):
        with pytest.raises(ShareRefused):
            unseal(whole, WORDS)


def test_a_wrong_passphrase_tells_only_that() -> None:
    text = seal(split(bytes(32), 2, 3)[2], WORDS)
    with pytest.raises(ShareRefused, match="pass-phrase does not open this share") as refused:
        unseal(text, WORDS + "!")
    assert WORDS not in str(refused.value)
    with pytest.raises(Invalid, match="too short"):
        seal(split(bytes(32), 2, 3)[2], "short")


def test_shares_are_known_by_a_commitment_that_binds_set_number_and_value() -> None:
    first, second = split(bytes(32), 2, 2)
    other = split(bytes(32), 2, 2)[0]
    changed = Share(first.set, second.number, 2, 2, first.value)
    assert len({first.commitment, second.commitment, other.commitment, changed.commitment}) == 4
