"""The bodies that the API answers with: pages of records, what a verb did, problems (RFC 9457)."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from kernel.edges.resources import Record
from kernel.i18n import N_

R = TypeVar("R", bound=Record)


class Body(BaseModel):
    """Base of the bodies. Titles and descriptions are message ids."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Listed(Body, Generic[R]):
    """One page of a list."""

    items: tuple[R, ...]
    next_cursor: str | None = Field(
        description=N_("The cursor parameter of the next page; null on the last one.")
    )
    total: int = Field(description=N_("How many rows the filters let through."))
    total_exact: bool = Field(description=N_("Whether there are no more than total; the count stops early."))
    facets: Mapping[str, Mapping[str, int]] = Field(description=N_("How many rows each value would show."))


class HandedOver(Body):
    """A file that the act hands over, once."""

    name: str
    media_type: str
    data: Base64Bytes = Field(description=N_("The octets in Base64."))


class Outcome(Body, Generic[R]):
    """What a verb did."""

    id: str = Field(description=N_("The object's id."))
    message: str = Field(description=N_("What was done, in the caller's language."))
    record: R | None = Field(description=N_("The object afterwards, where there is one."))
    job: str | None = Field(description=N_("Where the job is that carries on the work."))
    secrets: Mapping[str, str] = Field(description=N_("Secrets that are shown this once."))
    rows: tuple[Mapping[str, Any], ...] = Field(description=N_("What came out, part by part."))
    file: HandedOver | None = Field(description=N_("The file that is handed over this once."))


class Fault(Body):
    """A wrong part of the input."""

    field: str = Field(description=N_("The input's field; empty for the input as a whole."))
    pointer: str = Field(description=N_("Where it is in the body, as a JSON pointer (RFC 6901)."))
    detail: str


class Problem(Body):
    """What went wrong and how to mend it (RFC 9457)."""

    type: str = Field(description=N_("urn:weicheng:problem: and the kind; programs go by this."))
    title: str
    status: int
    detail: str = Field(description=N_("What is wrong, in the caller's language."))
    mend: str = Field(description=N_("How to mend it, in the caller's language."))
    place: str = Field(description=N_("Where the fault is: a field, a host, a parameter."))
    instance: str = Field(description=N_("The path that was asked for."))
    request_id: str = Field(description=N_("The request's number in the log."))
    errors: tuple[Fault, ...] = ()


class ItemOutcome(Body, Generic[R]):
    """What a verb did to one of many objects: an outcome or a problem."""

    id: str
    status: int = Field(description=N_("The status that the verb on this object alone would have had."))
    outcome: Outcome[R] | None
    problem: Problem | None


class Outcomes(Body, Generic[R]):
    """What a verb did to many objects; one that fails stops no other."""

    items: tuple[ItemOutcome[R], ...]
    done: int
    failed: int


def listed(record: type[Record]) -> type[Listed[Any]]:
    """The body of a page of such records."""
    return Listed[record]  # type: ignore[valid-type]


def outcome(record: type[Record]) -> type[Outcome[Any]]:
    """The body that tells what a verb did to such an object."""
    return Outcome[record]  # type: ignore[valid-type]


def outcomes(record: type[Record]) -> type[Outcomes[Any]]:
    """The body that tells what a verb did to many such objects."""
    return Outcomes[record]  # type: ignore[valid-type]
