"""The current filter's rows as CSV or JSON, page by page: bounded memory, an end, and a record of who took them away."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from console.compose.app import App
from console.exchange.asking import query_of
from console.web.engine.names import names_in, value_of
from kernel.audit.model import AuditAction
from kernel.edges.cells import cell_text, guarded
from kernel.edges.plain import as_json_text
from kernel.edges.resources import Cell, Column, Resource
from kernel.errors import Invalid
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.store.listing import MOST, Ask, Page

ROWS = 100_000  # at most; a narrower filter gives the rest
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def export(
    app: App, principal: Principal, resource: Resource, ask: Ask, columns: Sequence[Column], form: str
) -> Iterator[bytes]:
    """The rows in ``form``; the first page is asked for at once, so that a refusal is an error and no half file."""
    if form not in MEDIA_TYPES:
        raise Invalid(N_("A list is exported as csv or json."), place=form[:20])
    ask = replace(ask, cursor="", limit=MOST)
    first = resource.page(app, principal, ask)
    with app.floor.database.begin() as uow:
        details = {"form": form, "filter": query_of(ask)[:1000]}
        uow.audit(principal, AuditAction.LIST_EXPORT, resource.name, details=details)
    pages = _pages(app, principal, resource, ask, first)
    if form == "json":
        return _json(record for page in pages for record in page.items)
    return _csv(app, principal, pages, columns)


def _pages(
    app: App, principal: Principal, resource: Resource, ask: Ask, page: Page[Any]
) -> Iterator[Page[Any]]:
    given = 0
    while True:
        yield page
        given += len(page.items)
        if page.next_cursor is None or given >= ROWS:
            return
        page = resource.page(app, principal, replace(ask, cursor=page.next_cursor))


def _csv(
    app: App, principal: Principal, pages: Iterator[Page[Any]], columns: Sequence[Column]
) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, without which spreadsheets of Chinese systems read GBK."""
    yield "\ufeff".encode()
    yield _line([translate(column.label) for column in columns])
    for page in pages:
        names = names_in(app, principal, columns, page.items)
        for record in page.items:
            yield _line([guarded(_text(column, value_of(column, record, names))) for column in columns])


def _line(cells: Sequence[str]) -> bytes:
    target = io.StringIO()
    csv.writer(target).writerow(cells)
    return target.getvalue().encode("utf-8", "replace")


def _text(column: Column, value: Any) -> str:
    if column.cell is Cell.STATE and str(value) in column.labels:
        return translate(column.labels[str(value)].text)
    return value.isoformat() if isinstance(value, datetime) else cell_text(value)


def _json(records: Iterator[Any]) -> Iterator[bytes]:
    yield b"["
    for number, record in enumerate(records):
        text = as_json_text(json.dumps(record.model_dump(mode="json"), ensure_ascii=False))
        yield (",\n" if number else "\n").encode() + text.encode("utf-8", "replace")
    yield b"\n]\n"
