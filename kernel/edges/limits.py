"""How often somebody may ask: a token bucket each, in bounded memory.

Each process counts for itself, since a common counter would cost a write a request; what one may in all is a multiple of it.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

KEPT = 10_000  # buckets; the one that was used longest ago makes room


class Buckets:
    """Buckets that hold ``most`` and fill up again within a minute."""

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic, kept: int = KEPT) -> None:
        self._most = float(most)
        self._now = now
        self._kept = kept
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name -> (content, at)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, name: str, take: int = 1) -> float:
        """Take so much out of the bucket: 0. If there is less than 1 in it take nothing: the seconds until there is."""
        now = self._now()
        with self._lock:
            content, at = self._buckets.pop(name, (self._most, now))
            content = min(self._most, content + (now - at) * self._most / 60)
            empty = content < 1
            self._buckets[name] = (content if empty else content - take, now)
            if len(self._buckets) > self._kept:
                self._buckets.popitem(last=False)
        return (1 - content) * 60 / self._most if empty else 0.0
