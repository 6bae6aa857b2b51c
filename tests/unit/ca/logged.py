"""What the tests of the transparency log have in common."""

from sqlalchemy import select

from ca.transparency.checking import Finding
from ca.transparency.model import Restart
from kernel.events import EventKind, event_outbox
from kernel.identity.model import Role
from tests.conftest import person
from tests.unit.ca.conftest import World

AUDITOR = person("auditor", Role.AUDITOR)


class Killed(BaseException):
    """The power goes."""


def alarms(world: World) -> list[str]:
    query = select(event_outbox.c.data).where(event_outbox.c.kind == str(EventKind.LOG_ALARM))
    with world.ca.database.read() as connection:
        return [str(row) for row in connection.execute(query).scalars()]


def report(world: World) -> set[Finding]:
    return {kind for kind, _ in world.ca.log.check.run().findings}


def begin_anew(world: World, why: str) -> Restart:
    proposed = world.ca.log.restarts.propose(world.officer, why)
    return world.ca.log.restarts.perform(world.second, proposed.id)
