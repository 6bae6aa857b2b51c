"""The menu: every list of the suite is in exactly one group, or belongs to another object's pages."""

from collections import Counter

from console.resources import resources
from console.web.menu import ELSEWHERE, GROUPS


def test_every_list_has_one_place() -> None:
    parts = Counter(part for _, group in GROUPS.values() for part in group)
    found = {name: parts[name] + parts[one.room] for name, one in resources().items()}
    assert {name: count for name, count in found.items() if count != 1} == dict.fromkeys(ELSEWHERE, 0)


def test_no_group_is_longer_than_one_looks_through() -> None:
    of_room = Counter(one.room for one in resources().values())
    sizes = {label: sum(of_room.get(part, 1) for part in parts) for label, (_, parts) in GROUPS.items()}
    assert max(sizes.values()) <= 12, sizes
