"""What a verb did, as the API answers it: status, header fields, JSON."""

from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from console.api.answers import HandedOver, Outcome
from console.api.operations import PREFIX
from console.exchange.idempotency import Answer
from console.exchange.records import etag
from kernel.edges.resources import Done, Resource
from kernel.i18n import translate

JSON = "application/json"


def outcome_of(done: Done) -> Outcome[Any]:
    """The outcome in the current language."""
    return Outcome(
        id=done.id,
        message=translate(done.message, **done.params),
        record=done.record,
        job=f"{PREFIX}/jobs/jobs/{quote(done.job, safe='')}" if done.job else None,
        secrets=done.secrets,
        rows=tuple(done.rows),
        file=HandedOver.model_construct(**vars(done.file)) if done.file else None,
    )


def answer_of(resource: Resource, done: Done, status: int) -> Answer:
    """202 and the job's address where the work goes on, 201 and the object's address where one was made."""
    told = outcome_of(done)
    headers = {"Content-Type": JSON} | ({} if done.record is None else tag_of(done.record))
    if told.job:
        return Answer(202, headers | {"Location": told.job}, octets(told))
    if status == 201 and done.id and resource.item is not None:
        path = f"{PREFIX}/{resource.room}/{resource.plural}/{quote(done.id, safe='')}"
        headers["Location"] = path
    return Answer(status, headers, octets(told))


def tag_of(record: Any) -> dict[str, str]:
    """The record's entity tag as a header field."""
    return {"ETag": f'"{etag(record)}"'}


def octets(answer: BaseModel) -> bytes:
    """The body as JSON."""
    return type(answer).__pydantic_serializer__.to_json(answer)
