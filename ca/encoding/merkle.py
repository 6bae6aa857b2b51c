"""Merkle trees as RFC 9162 section 2.1 defines them: roots, inclusion and consistency proofs, and their verification. Pure.

A tree is given as ``node(level, number)``: the hash of the complete subtree over the leaves ``number * 2**level`` to
``(number + 1) * 2**level``. Every root and proof of every size, past ones too, is made of O(log size) such nodes.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Node = Callable[[int, int], bytes]
HASH_SIZE = 32
EMPTY = hashlib.sha256().digest()  # the root of no leaves


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of 0x00 and the leaf; the prefixes keep leaves and nodes apart (second preimages)."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


# --- proving
def root(node: Node, size: int) -> bytes:
    """The root of the first ``size`` leaves."""
    return _hash_of(node, 0, size) if size else EMPTY


def inclusion(node: Node, number: int, size: int) -> list[bytes]:
    """The proof (RFC 9162 2.1.3.1) that leaf ``number`` is in the tree of ``size`` leaves; 0 <= number < size."""
    start, end, path = 0, size, list[bytes]()
    while end - start > 1:
        middle = start + _split(end - start)
        if number < middle:
            path.append(_hash_of(node, middle, end))
            end = middle
        else:
            path.append(_hash_of(node, start, middle))
            start = middle
    return path[::-1]


def consistency(node: Node, first: int, second: int) -> list[bytes]:
    """The proof (RFC 9162 2.1.4.1) that the tree of ``second`` leaves begins with that of ``first``; 0 < first <= second."""
    start, end, path, known = 0, second, list[bytes](), True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_hash_of(node, middle, end))
            end = middle
        else:
            path.append(_hash_of(node, start, middle))
            start, known = middle, False
    if not known:  # the asker does not know this subtree as the root of what they have
        path.append(_hash_of(node, start, end))
    return path[::-1]


def _hash_of(node: Node, start: int, end: int) -> bytes:
    """The hash over leaves ``start`` to ``end``, a range as the splitting of a tree brings it about."""
    size = end - start
    if size & size - 1 == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(size)
    return node_hash(_hash_of(node, start, middle), _hash_of(node, middle, end))


def _split(size: int) -> int:
    """The largest power of two below ``size``, which is 2 or more."""
    return 1 << (size - 1).bit_length() - 1


class Frontier:
    """A tree that is only read once, leaf by leaf: it keeps the complete subtrees on its right edge and knows its root."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []  # largest subtree first

    def append(self, leaf: bytes) -> None:
        """Append a leaf by its hash."""
        size, found = self.size, leaf
        while size & 1:
            found, size = node_hash(self._edge.pop(), found), size >> 1
        self._edge.append(found)
        self.size += 1

    @property
    def root(self) -> bytes:
        if not self._edge:
            return EMPTY
        found = self._edge[-1]
        for subtree in reversed(self._edge[:-1]):
            found = node_hash(subtree, found)
        return found


# --- verifying
@dataclass(frozen=True)
class Step:
    """One step from a leaf to the root: the sibling, whether it stands on the left, and the hash above both."""

    sibling: bytes
    left: bool
    above: bytes


def climb(leaf: bytes, number: int, size: int, path: Sequence[bytes]) -> list[Step] | None:
    """The steps from the leaf with that hash and place (RFC 9162 2.1.3.2); None for a path of another length."""
    if not 0 <= number < size:
        return None
    at, last, found, steps = number, size - 1, leaf, list[Step]()
    for sibling in path:
        if last == 0:
            return None
        left = bool(at & 1) or at == last
        found = node_hash(sibling, found) if left else node_hash(found, sibling)
        steps.append(Step(sibling, left, found))
        while left and at and not at & 1:
            at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    return steps if last == 0 else None


def included(leaf: bytes, number: int, size: int, path: Sequence[bytes], tree_root: bytes) -> bool:
    """Whether ``path`` proves that the leaf with hash ``leaf`` is at ``number`` in the tree with that root."""
    steps = climb(leaf, number, size, path)
    return steps is not None and (steps[-1].above if steps else leaf) == tree_root


def consistent(first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether ``path`` proves that the larger tree only appended to the smaller one (RFC 9162 2.1.4.2)."""
    if first == second:
        return not path and first_root == second_root
    if first == 0:  # everything begins with nothing
        return second > 0 and not path and first_root == EMPTY
    if not 0 < first < second:
        return False
    steps = [first_root, *path] if first & first - 1 == 0 else list(path)
    if not steps:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, step)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root
