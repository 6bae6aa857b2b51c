"""Which requests a declaration answers: the one table behind the routes and the OpenAPI document."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import BaseModel, Field, create_model

from console.api.answers import listed, outcome, outcomes
from kernel.edges.resources import Download, Input, On, Resource, Verb
from kernel.i18n import N_
from kernel.identity.permissions import Permission
from kernel.store.listing import MOST

PREFIX = "/api/v1"


class Kind(StrEnum):
    """What a request is about."""

    LIST = "list"
    ITEM = "get"
    NEW = "new"  # makes an object
    WHOLE = "whole"  # a verb on the collection
    ACT = "act"  # a verb on one object
    MANY = "many"  # a verb on many objects
    FILE = "file"


@dataclass(frozen=True)
class Operation:
    """A method on a path below ``PREFIX``, where ``{id}`` stands for the object's id."""

    kind: Kind
    resource: Resource
    method: str
    path: str
    name: str  # the OpenAPI operationId and the route's endpoint
    verb: Verb | None = None
    download: Download | None = None

    @property
    def permission(self) -> Permission | None:
        """What its declaration asks for; None: everybody signed in."""
        return (self.verb or self.download or self.resource).permission

    @property
    def of_verb(self) -> Verb:
        """The verb; only of operations that have one."""
        assert self.verb is not None
        return self.verb

    @property
    def input(self) -> type[Input] | None:
        """What its body holds; None: it takes no body."""
        if self.verb is None:
            return None
        return many(self.verb.input) if self.kind is Kind.MANY else self.verb.input

    @property
    def output(self) -> type[BaseModel] | None:
        """What it answers; None for a file."""
        record = self.resource.record
        match self.kind:
            case Kind.LIST:
                return listed(record)
            case Kind.ITEM:
                return record
            case Kind.FILE:
                return None
            case Kind.MANY:
                return outcomes(record)
        return outcome(record)


class Many(Input):
    """The objects that a verb acts on."""

    ids: tuple[str, ...] = Field(
        min_length=1, max_length=MOST, description=N_("The ids of the objects; each is answered for itself.")
    )


@cache
def many(given: type[Input]) -> type[Many]:
    """The verb's input together with the ids of many objects."""
    bases: Any = (Many, given)
    made: type[Many] = create_model(f"{given.__name__}ForMany", __base__=bases, __module__=given.__module__)
    return made


def operations(resource: Resource) -> Iterator[Operation]:
    """All that the declaration answers. The first verb that makes an object is POST on the collection."""
    base, stem = f"/{resource.room}/{resource.plural}", f"{resource.room}_{resource.plural}"
    yield Operation(Kind.LIST, resource, "GET", base, f"{stem}_list")
    if resource.item is not None:
        yield Operation(Kind.ITEM, resource, "GET", f"{base}/{{id}}", f"{stem}_get")
    first = next((verb for verb in resource.verbs if verb.on is On.NEW), None)
    for verb in resource.verbs:
        name = f"{stem}_{verb.name}"
        if verb is first:
            yield Operation(Kind.NEW, resource, "POST", base, name, verb)
        elif verb.on is not On.ITEM:
            kind = Kind.NEW if verb.on is On.NEW else Kind.WHOLE
            yield Operation(kind, resource, "POST", f"{base}/{verb.name}", name, verb)
        else:
            yield Operation(Kind.ACT, resource, "POST", f"{base}/{{id}}/{verb.name}", name, verb)
            if verb.bulk:
                yield Operation(Kind.MANY, resource, "POST", f"{base}/{verb.name}", f"{name}_many", verb)
    for download in resource.downloads:
        owner = "{id}" if download.on is On.ITEM else "-"
        path, name = f"{base}/{owner}/{download.name}", f"{stem}_download_{download.name}"
        yield Operation(Kind.FILE, resource, "GET", path, name, download=download)
