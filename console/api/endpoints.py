"""A handler for each operation: read the request, call the declared function, write the answer."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, request
from pydantic import BaseModel

from console.api.answers import ItemOutcome, Outcomes, listed
from console.api.operations import PREFIX, Kind, Operation, many, operations
from console.api.problems import internal, problem_of
from console.api.reading import arguments, body, no_arguments, require_unchanged
from console.api.refusing import about
from console.api.repeats import Repeats
from console.api.telling import JSON, answer_of, octets, outcome_of, tag_of
from console.compose.app import App
from console.exchange.asking import ask_of
from console.exchange.records import matches
from kernel.edges.plain import file_name
from kernel.edges.resources import Done, Input, Resource, Verb, outcome
from kernel.errors import WeichengError
from kernel.identity.permissions import Permission
from kernel.store.listing import COUNTED

View = Callable[..., Response]


def install(flask: Flask, app: App, resources: Mapping[str, Resource]) -> None:
    """A route for each operation of each resource."""
    makers: Mapping[Kind, Callable[[App, Operation], View]] = {
        Kind.LIST: _list,
        Kind.ITEM: _item,
        Kind.NEW: _whole,
        Kind.WHOLE: _whole,
        Kind.ACT: _act,
        Kind.MANY: _many,
        Kind.FILE: _file,
    }
    repeats = Repeats(app)
    for resource in resources.values():
        for operation in operations(resource):
            view = makers[operation.kind](app, operation)
            if operation.method == "POST":
                view = repeats.once(view)
            path = PREFIX + operation.path.replace("{id}", "<object_id>")
            view = _permitted(app, operation.permission, view)
            flask.add_url_rule(path, operation.name, view, methods=[operation.method])


def _permitted(app: App, permission: Permission | None, view: View) -> View:
    """``view`` for whoever holds what is declared, as on the console's pages; also of answers kept from an earlier request."""

    @wraps(view)
    def guarded(**path: str) -> Response:
        app.floor.access.require(g.principal, permission)
        return view(**path)

    return guarded


def _list(app: App, operation: Operation) -> View:
    resource = operation.resource
    answer = listed(resource.record)

    def view() -> Response:
        page = resource.page(app, g.principal, ask_of(resource, arguments()))
        made = answer.model_construct(
            items=page.items,
            next_cursor=page.next_cursor,
            total=min(page.total, COUNTED),
            total_exact=page.counted,
            facets=page.facets,
        )
        return _json(made)

    return view


def _item(app: App, operation: Operation) -> View:
    item = operation.resource.item
    assert item is not None

    def view(object_id: str) -> Response:
        no_arguments()
        record = item(app, g.principal, object_id)
        known = request.headers.get("If-None-Match")
        if known is not None and matches(record, known):
            return Response(status=304, headers=tag_of(record))
        return _json(record, headers=tag_of(record))

    return view


def _whole(app: App, operation: Operation) -> View:
    """A verb on the collection, or one that makes an object."""
    resource, verb = operation.resource, operation.of_verb

    def view() -> Response:
        no_arguments()
        done = verb.run(app, g.principal, "", body(verb.input))
        return _done(resource, done, 201 if operation.kind is Kind.NEW else 200)

    return view


def _act(app: App, operation: Operation) -> View:
    resource, verb = operation.resource, operation.of_verb

    def view(object_id: str) -> Response:
        no_arguments()
        wanted = body(verb.input)
        require_unchanged(app, g.principal, resource, object_id)
        return _done(resource, verb.run(app, g.principal, object_id, wanted), 200)

    return view


def _many(app: App, operation: Operation) -> View:
    resource, verb = operation.resource, operation.of_verb

    def view() -> Response:
        no_arguments()
        wanted = body(many(verb.input))
        input_of_each = _without_ids(verb, wanted)
        items = _each(app, resource, verb, tuple(dict.fromkeys(wanted.ids)), input_of_each)
        failed = sum(item.problem is not None for item in items)
        return _json(Outcomes(items=items, done=len(items) - failed, failed=failed), 207)

    return view


def _file(app: App, operation: Operation) -> View:
    assert operation.download is not None
    get = operation.download.get

    def view(object_id: str = "") -> Response:
        no_arguments()
        file = get(app, g.principal, object_id)
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file_name(file.name), safe='')}"
        }
        return Response(file.data, headers=headers, content_type=file.media_type)

    return view


def _each(
    app: App, resource: Resource, verb: Verb, ids: tuple[str, ...], given: Input
) -> tuple[ItemOutcome[Any], ...]:
    """The verb on each object, or, where it is one act on all of them, that act: done whole or not at all."""
    together = verb.together
    if verb.many is not None:
        came = verb.many(app, g.principal, ids, given)
        return tuple(_one_of_many(one, partial(outcome, came[one])) for one in ids)
    if together is None:
        return tuple(_one_of_many(one, partial(verb.run, app, g.principal, one, given)) for one in ids)
    found = _one_of_many(ids[0], partial(together, app, g.principal, ids, given))
    return tuple(found.model_copy(update={"id": one}) for one in ids)


def _one_of_many(object_id: str, act: Callable[[], Done]) -> ItemOutcome[Any]:
    """An act on one of many objects: whatever goes wrong with it stays with it."""
    try:
        told = outcome_of(act())
        return ItemOutcome(id=object_id, status=202 if told.job else 200, outcome=told, problem=None)
    except WeichengError as error:
        problem = problem_of(error, about())
    except Exception as error:  # noqa: BLE001 - recorded whole; the other objects are still to be done
        problem = internal(error, about())
    return ItemOutcome(id=object_id, status=problem.status, outcome=None, problem=problem)


def _without_ids(verb: Verb, wanted: Input) -> Input:
    names = [name for name in verb.input.model_fields if name in wanted.model_fields_set]
    return verb.input.model_construct(**{name: getattr(wanted, name) for name in names})


def _done(resource: Resource, done: Done, status: int) -> Response:
    answer = answer_of(resource, done, status)
    return Response(answer.body, answer.status, answer.headers)


def _json(answer: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(octets(answer), status, headers, content_type=JSON)
