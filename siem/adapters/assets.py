"""Assets by address, out of the suite's register."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from kernel.clock import Clock


class Listed(Protocol):
    """What is used of an entry of the register."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def level(self) -> int: ...
    @property
    def kind(self) -> str: ...


@dataclass(frozen=True)
class AssetInfo:
    """An asset as events are enriched with it; ``level`` is its protection level, 0 to 4."""

    id: str
    name: str
    unit: str
    level: int


class AssetsByAddress:
    """Looks assets up by management address; the register is read again once a minute."""

    def __init__(
        self, load: Callable[[], Sequence[Listed]], clock: Clock, every: timedelta = timedelta(seconds=60)
    ) -> None:
        self._load = load
        self._clock = clock
        self._every = every
        self._read_at: datetime | None = None
        self._known: dict[str, AssetInfo] = {}

    def find(self, address: str) -> AssetInfo | None:
        now = self._clock.now()
        if self._read_at is None or now - self._read_at >= self._every:
            self._known = {
                asset.address: AssetInfo(asset.id, asset.name, asset.unit, asset.level)
                for asset in sorted(self._load(), key=_sends_logs)
                if asset.address
            }
            self._read_at = now
        return self._known.get(address)


def _sends_logs(asset: Listed) -> bool:
    """Of several entries with one address the device or gateway itself counts, not a service on it."""
    return asset.kind in ("device", "gateway")
