"""A request that is sent twice takes effect once: the first answer is kept under its key and given again.

That a request began is written before it acts. When the process is killed in between, nobody knows whether it took effect;
whoever repeats it is told so instead of having it done a second time.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Row, String, Table, Text, and_, delete, select, update

from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, WeichengError
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.secrets import SecretBox
from kernel.store import Database, UnitOfWork, UtcDateTime, insert_if_absent, metadata

LIFE = timedelta(hours=24)
KEY = re.compile(r"[\x21-\x7e]{1,200}")

answers = Table(
    "api_idempotency",
    metadata,
    Column("principal", String(80), primary_key=True),
    Column("key", String(64), primary_key=True),  # its SHA-256
    Column("digest", String(64), nullable=False),
    Column("begun_at", UtcDateTime, nullable=False, index=True),
    Column("sealed", Text),  # answers may hold secrets that are shown once
)


class Keyed(NamedTuple):
    """Somebody's request under a key; ``digest`` (hex) stands for it."""

    principal: Principal
    key: str
    digest: str = ""


@dataclass(frozen=True, repr=False)
class Answer:
    """What was answered: the status, the header fields that belong to the content, the content."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Idempotency:
    """Keys of each principal for themselves, for a day."""

    def __init__(self, database: Database, clock: Clock, box: SecretBox) -> None:
        self._database = database
        self._clock = clock
        self._box = box

    def begin(self, principal: Principal, key: str, digest: str) -> Answer | None:
        """Note that the request begins: None. The kept answer when it was done already.

        ``digest`` (hex) stands for the request. Invalid when the key belongs to another one; Conflict while the first one
        runs, or when it was interrupted.
        """
        (found,) = self.begin_all([Keyed(principal, key, digest)])
        if isinstance(found, WeichengError):
            raise found
        return found

    def begin_all(self, requests: Sequence[Keyed]) -> list[Answer | WeichengError | None]:
        """As ``begin`` for each, in one transaction; one that is refused stops no other."""
        now = self._clock.now()
        with self._database.begin() as uow:
            uow.execute(delete(answers).where(answers.c.begun_at < now - LIFE))
            # in the order of the rows, so that two processes that note the same keys never wait for each other
            places = sorted(range(len(requests)), key=lambda place: _row(requests[place]))
            kept = {place: self._begun(uow, requests[place], now) for place in places}
        return [
            self._found(one, found) if isinstance(found := kept[place], Row) else found
            for place, one in enumerate(requests)
        ]

    def _begun(self, uow: UnitOfWork, one: Keyed, now: datetime) -> Row[Any] | Invalid | None:
        """None when it is noted now; what was kept before."""
        if KEY.fullmatch(one.key) is None:
            return Invalid(
                N_("An Idempotency-Key has 1 to 200 visible ASCII characters."), place="Idempotency-Key"
            )
        row = {
            "principal": _owner(one.principal),
            "key": _name(one.key),
            "digest": self._mark(*one),
            "begun_at": now,
        }
        if insert_if_absent(uow.connection, answers, row):
            return None
        return uow.execute(select(answers).where(_same(one.principal, one.key))).one()

    def _found(self, one: Keyed, kept: Row[Any]) -> Answer | WeichengError:
        try:
            return self._opened(one.principal, one.key, kept, self._mark(*one))
        except WeichengError as error:
            return error

    def answered(self, principal: Principal, key: str, digest: str) -> Answer | None:
        """As ``begin`` for a request that was done already; None, and nothing noted, when it was not begun."""
        with self._database.read() as connection:
            recent = and_(_same(principal, key), answers.c.begun_at >= self._clock.now() - LIFE)
            kept = connection.execute(select(answers).where(recent)).one_or_none()
        if kept is None:
            return None
        return self._opened(principal, key, kept, self._mark(principal, key, digest))

    def _mark(self, principal: Principal, key: str, digest: str) -> str:
        """Requests may hold passwords: what is kept of them is nothing that a guess can be compared with."""
        return self._box.mark(digest.encode(), context=_context(principal, key))

    def _opened(self, principal: Principal, key: str, kept: Row[Any], digest: str) -> Answer:
        if kept.digest != digest:
            raise Invalid(
                N_("This Idempotency-Key belongs to another request."),
                mend=N_("Use a new key for each request."),
                place="Idempotency-Key",
            )
        if kept.sealed is None:
            raise Conflict(
                N_("The first request with this Idempotency-Key is still running, or was interrupted."),
                mend=N_(
                    "Repeat it after a while; if the answer stays the same, look whether it took effect and use a new key."
                ),
                place="Idempotency-Key",
            )
        return _read(self._box.open(kept.sealed, context=_context(principal, key)))

    def finish(self, principal: Principal, key: str, answer: Answer) -> None:
        """Keep the answer, sealed."""
        self.end_all([(Keyed(principal, key), answer)])

    def forget(self, principal: Principal, key: str) -> None:
        """The request was refused and nothing was done: its key may be used again."""
        self.end_all([(Keyed(principal, key), None)])

    def end_all(self, ended: Sequence[tuple[Keyed, Answer | None]]) -> None:
        """Keep each answer as ``finish`` does, ``forget`` those without one; in one transaction."""
        with self._database.begin() as uow:
            for one, answer in ended:
                mine = _same(one.principal, one.key)
                if answer is None:
                    uow.execute(delete(answers).where(mine))
                else:
                    uow.execute(update(answers).where(mine).values(sealed=self._sealed(one, answer)))

    def _sealed(self, one: Keyed, answer: Answer) -> str:
        text = json.dumps({**asdict(answer), "body": b64encode(answer.body).decode()})
        return self._box.seal(text.encode(), context=_context(one.principal, one.key))


def digest_of(path: str, query: str, body: bytes) -> str:
    """Stands for a request: its path with the query as it came, and its octets."""
    return sha256_hex(f"{path}?{query}".encode() + b"\0" + body)


def _same(principal: Principal, key: str) -> ColumnElement[bool]:
    return and_(answers.c.principal == _owner(principal), answers.c.key == _name(key))


def _row(one: Keyed) -> tuple[str, str]:
    """The primary key."""
    return _owner(one.principal), _name(one.key)


def _owner(principal: Principal) -> str:
    """A token for itself: another one of the same person may be allowed less than what was answered."""
    return principal.via if principal.method == "token" else principal.id


def _name(key: str) -> str:
    return sha256_hex(key.encode())


def _context(principal: Principal, key: str) -> str:
    return f"answer:{_owner(principal)}:{_name(key)}"


def _read(text: bytes) -> Answer:
    kept = json.loads(text)
    return Answer(kept["status"], kept["headers"], b64decode(kept["body"]))
