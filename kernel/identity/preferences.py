"""What each person chose for themselves: language, colours, columns and saved filters of their lists."""

import json
import re
from typing import Any

from sqlalchemy import and_, delete, func, select, update

from kernel.clock import Clock
from kernel.errors import Invalid, LimitExceeded
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.store import preferences
from kernel.store import Database
from kernel.store.base import insert_if_absent

MOST = 200  # preferences of one person
LARGEST = 8_000  # characters of one, as JSON
NAME = re.compile(r"[a-z][a-z0-9._:-]{0,79}")


class Preferences:
    """Small JSON values by name, of one person each; nobody sees anybody else's."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def all(self, principal: Principal) -> dict[str, Any]:
        """Everything that this person chose."""
        query = select(preferences.c.name, preferences.c.value).where(preferences.c.user == principal.id)
        with self._database.read() as connection:
            return {row.name: row.value for row in connection.execute(query)}

    def put(self, principal: Principal, name: str, value: Any) -> None:
        """Keep a JSON value, or forget it when it is None; Invalid for a wrong name, LimitExceeded for too much."""
        if NAME.fullmatch(name) is None:
            raise Invalid(N_("This is no name of a preference."), place=name[:80])
        if len(json.dumps(value, ensure_ascii=False)) > LARGEST:
            raise LimitExceeded(N_("This is larger than %(most)s characters."), place=name, most=LARGEST)
        mine = preferences.c.user == principal.id
        this = and_(mine, preferences.c.name == name)
        with self._database.begin() as uow:
            if value is None:
                uow.execute(delete(preferences).where(this))
                return
            row = {"value": value, "updated_at": self._clock.now()}
            if uow.execute(update(preferences).where(this).values(row)).rowcount == 1:
                return
            count = uow.execute(select(func.count()).select_from(preferences).where(mine)).scalar_one()
            if count >= MOST:
                raise LimitExceeded(
                    N_("%(most)s choices are kept for you already."),
                    mend=N_("Remove saved filters."),
                    most=MOST,
                )
            insert_if_absent(uow.connection, preferences, {"user": principal.id, "name": name, **row})
