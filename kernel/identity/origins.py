"""Where failed sign-ins come from: one place can't try on and on, under whatever logins."""

from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import Connection, delete, select, update

from kernel.clock import Clock
from kernel.errors import LimitExceeded
from kernel.i18n import N_
from kernel.identity.store import origins
from kernel.store.base import insert_if_absent


class Origins:
    """Counts the failures of each origin (an address) within ``window``; ``most`` of them close it until the window ends.

    An account locks after a few failures of its own; this stops those who try one password on many accounts. It is generous,
    for a whole office may come from one address.
    """

    def __init__(self, clock: Clock, most: int, window: timedelta) -> None:
        self._clock = clock
        self._most = most
        self._window = window

    def check(self, connection: Connection, origin: str) -> None:
        """LimitExceeded, with the seconds to wait, while the origin is closed."""
        since = self._clock.now() - self._window
        query = select(origins.c.since).where(
            origins.c.origin == _place(origin), origins.c.failures >= self._most, origins.c.since > since
        )
        began = connection.execute(query).scalar_one_or_none()
        if began is None:
            return
        left = (began - since).total_seconds()
        raise LimitExceeded(
            N_("There were too many failed attempts from your address."),
            mend=N_("Wait %(minutes)s minutes and try again, or ask the system administrator."),
            minutes=int(left // 60) + 1,
            seconds=int(left) + 1,
        )

    def count(self, connection: Connection, origin: str) -> bool:
        """Count one more failure; whether it closed the origin. An unknown origin ("") is never closed."""
        if not origin:
            return False
        now, place = self._clock.now(), _place(origin)
        connection.execute(delete(origins).where(origins.c.since <= now - self._window))
        insert_if_absent(connection, origins, {"origin": place, "failures": 0, "since": now})
        counted = update(origins).where(origins.c.origin == place).values(failures=origins.c.failures + 1)
        failures: int = connection.execute(counted.returning(origins.c.failures)).scalar_one()
        return failures == self._most


def _place(origin: str) -> str:
    """What counts as one place: an address, or the /64 that one machine has of IPv6 (RFC 4291 section 2.5.4)."""
    try:
        address = ip_address(origin)
    except ValueError:
        return origin[:200]
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False))
    return str(address)
