"""What the REST API costs: a page of 50 of 100,000 register entries, and a new entry, in requests per CPU second, on SQLite.

Ours is asked with a token, as programs do: it is looked up, permission and unit are checked, input and output go through the
declared models, what is done is audited. Peer: a bare Flask view that runs the very SQL statements that ours ran, without
asking who is there or looking at what comes in, and writes the same JSON; its writes are rolled back, so that each round finds
the same state, which is in its favour. Mark: 0.3 of the peer. Informative: a bare view that returns the finished octets.
"""

import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask, Response, jsonify, request
from sqlalchemy import Engine, PrimaryKeyConstraint, Table, UniqueConstraint, event
from werkzeug.test import Client, TestResponse

from benchmarks.installation import BASE, Bench, bench
from benchmarks.report import line
from benchmarks.seeds import SEEDS
from kernel.identity.model import Role
from kernel.identity.permissions import APPROVING, permissions_of
from kernel.store import Database, metadata

ROWS, ROUNDS, REQUESTS = 100_000, 9, 40
MARK = 0.3
Statement = tuple[str, Any]


@dataclass(frozen=True)
class Asked:
    """One kind of request, to ours and to the peers; ``body`` of the n-th one."""

    name: str
    path: str
    body: Callable[[int], Any] | None = None
    numbers: Iterator[int] = field(default_factory=count)

    def send(self, client: Client, path: str, token: str = "") -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if self.body is None:
            return client.get(path, base_url=BASE, headers=headers)
        return client.post(path, base_url=BASE, headers=headers, json=self.body(next(self.numbers)))


def device(n: int) -> dict[str, Any]:
    return {
        "kind": "device",
        "name": f"new-sw-{n:06}",
        "unit": "u_city",
        "address": f"10.250.{n // 250}.{n % 250 + 1}",
        "platform": "huawei_vrp",
    }


ASSETS = "/api/v1/assets/assets"
ROLE = Role.NETWORK_ADMINISTRATOR
REQUESTED = (Asked("list", f"{ASSETS}?limit=50"), Asked("create", ASSETS, device))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as world:
        SEEDS["assets"].fill(world, ROWS)
        for asked in REQUESTED:
            _measure(world, asked, _token(world))


def _token(world: Bench) -> str:
    """For all that the role lets programs do."""
    person = world.app.floor.sign_in.principal(world.tokens[ROLE])
    scope = permissions_of(frozenset({ROLE})) - APPROVING
    until = world.app.clock.now() + timedelta(days=1)
    return world.app.floor.tokens.create(person, "benchmark", scope, person.unit, until).secret


def _measure(world: Bench, asked: Asked, token: str) -> None:
    client = Client(world.flask.wsgi_app)
    asked.send(client, asked.path, token)  # what is done once only, such as the note that the token was used
    before = _copy(world)
    with _recorded(world.app.floor.database.engine) as statements:
        answer = asked.send(client, asked.path, token)
    if answer.status_code not in (200, 201):
        sys.exit(f"{asked.path}: {answer.status_code} {answer.text[:500]}")
    peers = Client(_bare(before.engine, asked, statements, answer).wsgi_app)
    ours, same, canned = _in_turn(
        lambda: asked.send(client, asked.path, token),
        lambda: asked.send(peers, "/same"),
        lambda: asked.send(peers, "/canned"),
    )
    n, unit = ROUNDS * REQUESTS, "requests/cpu_s"
    told = f"bare Flask view, the same {len(statements)} statements and JSON"
    line(f"api {asked.name}", unit, ours, same, told, mark=MARK, met=ours / same >= MARK, n=n)
    line(f"api {asked.name}", unit, ours, canned, "bare Flask view, finished octets", mark=0.0, met=True, n=n)


def _copy(world: Bench) -> Database:
    """The database as it is now, for the peer."""
    file = world.app.settings.data_dir / "before.sqlite"
    with (
        sqlite3.connect(world.app.settings.data_dir / "weicheng.sqlite") as now,
        sqlite3.connect(file) as copy,
    ):
        now.backup(copy)
    return Database(f"sqlite:///{file}", world.app.clock)


@contextmanager
def _recorded(engine: Engine) -> Iterator[list[Statement]]:
    found: list[Statement] = []

    def seen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_others: Any) -> None:
        if not statement.startswith("BEGIN"):
            found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", seen)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", seen)


def _bare(engine: Engine, asked: Asked, statements: list[Statement], answer: TestResponse) -> Flask:
    flask = Flask("bare")
    value, octets = answer.get_json(), answer.data
    writing, numbers = asked.body is not None, count(1)

    @flask.route("/same", methods=["GET", "POST"])
    def same() -> Response:
        if writing:
            request.get_json()
        n = next(numbers)
        with engine.connect().execution_options(read_only=not writing) as connection:
            for statement, parameters in statements:
                found = connection.exec_driver_sql(statement, _anew(statement, parameters, n))
                if found.returns_rows:
                    found.all()
            connection.commit()
        return jsonify(value)

    @flask.route("/canned", methods=["GET", "POST"])
    def canned() -> Response:
        return Response(octets, content_type="application/json")

    return flask


def _anew(statement: str, parameters: Any, n: int) -> Any:
    """The parameters; those of keys that are inserted are others each time."""
    found = re.match(r"INSERT INTO (\w+) \(([^)]*)\)", statement)
    if found is None or not parameters:
        return parameters
    if isinstance(parameters, list):
        return [_anew(statement, row, n) for row in parameters]
    keys = _keys(metadata.tables[found[1]])
    named = zip(found[2].split(", "), parameters, strict=True)
    return tuple(_other(value, n) if name in keys else value for name, value in named)


def _keys(table: Table) -> set[str]:
    """Columns whose values are there once."""
    single = [part for part in table.constraints if isinstance(part, PrimaryKeyConstraint | UniqueConstraint)]
    return {
        column.name for part in (*single, *(i for i in table.indexes if i.unique)) for column in part.columns
    }


def _other(value: Any, n: int) -> Any:
    return value + n if isinstance(value, int) else f"{value[:-8]}{n:08x}"


def _in_turn(*asks: Callable[[], TestResponse]) -> list[float]:
    """Requests per CPU second of each, measured in turn so that a change of the machine's speed hits all."""
    rates: list[list[float]] = [[] for _ in asks]
    for _ in range(ROUNDS):
        for ask, found in zip(asks, rates, strict=True):
            began = time.process_time()
            for _ in range(REQUESTS):
                if ask().status_code >= 400:
                    sys.exit("a request failed while it was measured")
            found.append(REQUESTS / (time.process_time() - began))
    return [median(found) for found in rates]


if __name__ == "__main__":
    main()
