"""The tree against published values, against an implementation that is not ours, and against tampering."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from ca.encoding import merkle

# leaves and roots of the trees of 1 to 8 leaves as the tests of Certificate Transparency publish them
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
FIFTH_OF_EIGHT = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
)
SIX_TO_EIGHT = (
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
)
MANY = 260


def nodes(leaves: Sequence[bytes]) -> merkle.Node:
    """Nodes made by the definition alone: hash upon hash."""
    hashed = [merkle.leaf_hash(leaf) for leaf in leaves]

    def node(level: int, number: int) -> bytes:
        if level == 0:
            return hashed[number]
        return merkle.node_hash(node(level - 1, 2 * number), node(level - 1, 2 * number + 1))

    return node


NUMBERED = [b"leaf %d" % number for number in range(MANY)]
NODE = nodes(NUMBERED)
HASHES = [merkle.leaf_hash(leaf) for leaf in NUMBERED]
ROOT = [merkle.root(NODE, size) for size in range(MANY + 1)]


def test_the_published_trees() -> None:
    node = nodes(LEAVES)
    assert [merkle.root(node, size).hex() for size in range(1, 9)] == list(ROOTS)
    assert merkle.root(node, 0) == hashlib.sha256(b"").digest()
    assert [one.hex() for one in merkle.inclusion(node, 5, 8)] == list(FIFTH_OF_EIGHT)
    assert [one.hex() for one in merkle.consistency(node, 6, 8)] == list(SIX_TO_EIGHT)


def test_every_tree_and_proof_is_that_of_another_implementation() -> None:
    other = InmemoryTree(algorithm="sha256")
    for size, leaf in enumerate(NUMBERED[:130], 1):
        other.append_entry(leaf)
        assert other.get_root() == ROOT[size]
    for size in (1, 2, 3, 7, 8, 64, 100, 129, 130):
        for number in range(size):
            proof = other.prove_inclusion(number + 1, size)
            theirs = [one for one in proof.path if one != HASHES[number]] if size > 1 else []
            assert sorted(theirs) == sorted(merkle.inclusion(NODE, number, size)), (number, size)


def test_every_leaf_of_every_tree_is_proven() -> None:
    for size in range(1, MANY + 1):
        for number in {0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size)):
            path = merkle.inclusion(NODE, number, size)
            assert merkle.included(HASHES[number], number, size, path, ROOT[size])


def test_every_tree_is_proven_to_begin_with_every_smaller_one() -> None:
    for second in range(1, MANY + 1):
        for first in {1, 2, second // 3, second // 2, second - 1, second} & set(range(1, second + 1)):
            path = merkle.consistency(NODE, first, second)
            assert merkle.consistent(first, second, ROOT[first], ROOT[second], path), (first, second)


def test_a_tree_read_once_has_the_same_roots() -> None:
    frontier = merkle.Frontier()
    for size, one in enumerate([*HASHES, b""]):
        assert (frontier.size, frontier.root) == (size, ROOT[size])
        frontier.append(one)


sizes = st.integers(1, MANY)


@given(size=sizes, data=st.data())
def test_no_other_leaf_place_size_or_path_is_accepted(size: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion(NODE, number, size)
    leaf = HASHES[number]
    assert not merkle.included(merkle.leaf_hash(b"other"), number, size, path, ROOT[size])
    wrong = data.draw(st.integers(-2, MANY).filter(lambda one: one != number))
    assert not merkle.included(leaf, wrong, size, path, ROOT[size])
    assert not merkle.included(leaf, number, size, [*path, leaf], ROOT[size])
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        changed = [*path[:place], bytes(byte ^ 1 for byte in path[place]), *path[place + 1 :]]
        assert not merkle.included(leaf, number, size, changed, ROOT[size])
        assert not merkle.included(leaf, number, size, path[:-1], ROOT[size])


@given(second=sizes, data=st.data())
def test_a_rewritten_log_has_no_proof(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, second))
    path = merkle.consistency(NODE, first, second)
    other = merkle.leaf_hash(b"another tree")
    assert not merkle.consistent(first, second, other, ROOT[second], path)
    assert not merkle.consistent(first, second, ROOT[first], other, path)
    assert not merkle.consistent(first, second, ROOT[first], ROOT[second], [*path, other])
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        changed = [*path[:place], other, *path[place + 1 :]]
        assert not merkle.consistent(first, second, ROOT[first], ROOT[second], changed)


@settings(max_examples=300)
@given(
    first=st.integers(-3, 40),
    second=st.integers(-3, 40),
    path=st.lists(st.sampled_from([*HASHES[:4], ROOT[3], ROOT[5]]), max_size=8),
)
def test_hostile_proofs_end_and_prove_nothing_false(first: int, second: int, path: list[bytes]) -> None:
    old, new = ROOT[3], ROOT[5]
    told = merkle.consistent(first, second, old, new, path)
    assert not told or (first, second) == (3, 5)
    merkle.included(HASHES[1], first, second, path, new)


@pytest.mark.parametrize(("first", "second"), [(0, 5), (0, 0), (6, 5)])
def test_the_empty_tree_and_a_shrunk_one(first: int, second: int) -> None:
    told = merkle.consistent(first, second, ROOT[min(first, 5)], ROOT[second], [])
    assert told is (first <= second)
