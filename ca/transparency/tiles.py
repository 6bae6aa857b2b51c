"""The tree as tiles: tile (level, number) holds up to 256 hashes of complete subtrees of ``256 ** level`` leaves each.

A million leaves are 3,925 rows. Appending touches the last tile of each level; a proof reads two or three tiles a level. Tiles
are only ever extended, so the tree of every past size can be read from them.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from ca.encoding.merkle import HASH_SIZE, node_hash
from ca.transparency.tables import tiles

WIDTH = 256
_BITS = 8
_Key = tuple[int, int]


def append(connection: Connection, size: int, hashes: Sequence[bytes]) -> None:
    """Append leaf hashes to the tree of ``size`` leaves; the caller holds the log's lock."""
    level = 0
    while hashes:
        begun, kept = size // WIDTH, size % WIDTH
        before = _read(connection, [(level, begun)]).get((level, begun), b"") if kept else b""
        whole = before[: kept * HASH_SIZE] + b"".join(hashes)
        rows = _cut(whole, level, begun)
        if kept:
            _extend(connection, rows.pop(0))
        if rows:
            connection.execute(insert(tiles), rows)
        complete = len(whole) // (WIDTH * HASH_SIZE)
        hashes = [_top(whole, one) for one in range(complete)]
        level, size = level + 1, begun


def clear(connection: Connection) -> None:
    """Forget the tree, before it is made anew of the entries."""
    connection.execute(delete(tiles))


class Tree:
    """Nodes of the stored tree, as ``merkle.Node``; each tile is read once. Good for one look in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tiles: dict[_Key, bytes] = {}

    def node(self, level: int, number: int) -> bytes:
        """KeyError for a subtree that is not complete in the stored tree."""
        above, within = divmod(level, _BITS)
        key = (above, number >> _BITS - within)
        if key not in self._tiles:
            self._tiles[key] = _read(self._connection, [key])[key]
        first = (number << within) % WIDTH
        return fold(self._tiles[key], first, 1 << within)


def fold(hashes: bytes, first: int, count: int) -> bytes:
    """The hash above ``count`` (a power of two) adjacent hashes; KeyError when they are not all there."""
    row = [hashes[at * HASH_SIZE : (at + 1) * HASH_SIZE] for at in range(first, first + count)]
    if len(row[-1]) != HASH_SIZE:
        raise KeyError((first, count))
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def _top(whole: bytes, number: int) -> bytes:
    return fold(whole, number * WIDTH, WIDTH)


def _cut(whole: bytes, level: int, begun: int) -> list[dict[str, object]]:
    octets = WIDTH * HASH_SIZE
    return [
        {"level": level, "number": begun + at // octets, "hashes": whole[at : at + octets]}
        for at in range(0, len(whole), octets)
    ]


def _extend(connection: Connection, row: Mapping[str, object]) -> None:
    same = and_(tiles.c.level == row["level"], tiles.c.number == row["number"])
    connection.execute(update(tiles).where(same).values(hashes=row["hashes"]))


def _read(connection: Connection, keys: Sequence[_Key]) -> dict[_Key, bytes]:
    wanted = or_(*(and_(tiles.c.level == level, tiles.c.number == number) for level, number in keys))
    return {
        (row.level, row.number): bytes(row.hashes) for row in connection.execute(select(tiles).where(wanted))
    }
