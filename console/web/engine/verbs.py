"""Forms of verbs and what becomes of them: checked, done once, answered with a page that says what was done.

A form names the object, tells the consequences, asks for the reason. It carries a number of its own, so that sending it twice
acts once, and the entity tag of the object as it was shown, so that nobody acts on what has changed meanwhile.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from werkzeug.datastructures import FileStorage, MultiDict

from console.compose.app import App
from console.exchange.records import etag, matches
from console.exchange.validation import explain
from console.problems import HTTP_STATUS
from console.web.engine.forms import FormField, fields_of, kept, read
from console.web.engine.links import act_url
from console.web.engine.names import called
from kernel.edges.resources import Done, Input, On, Resource, Verb, outcome
from kernel.errors import Conflict, ErrorCode, NotFound, WeichengError
from kernel.i18n import N_, translate
from kernel.identity.model import Principal
from kernel.ids import new_id

MOST = 500  # objects of one bulk act
_CHANGED = 412  # Precondition Failed, RFC 9110 section 15.5.13
_PASSED_ON = (ErrorCode.NOT_FOUND, ErrorCode.NOT_PERMITTED, ErrorCode.UNAUTHENTICATED, ErrorCode.INTERNAL)


@dataclass(frozen=True)
class Sent:
    """What a browser sent back."""

    form: "MultiDict[str, str]"
    files: "MultiDict[str, FileStorage]"
    zone: ZoneInfo


@dataclass(frozen=True)
class Target:
    """A verb and what it is done to; ``record`` is None unless it acts on one object."""

    resource: Resource
    verb: Verb
    id: str = ""
    record: Any = None

    @property
    def headline(self) -> str:
        if self.record is None:
            return ""
        return called(self.resource, self.record)


@dataclass(frozen=True)
class VerbView:
    """All that the template of a form needs; texts of ``preview``, ``second`` and ``errors`` are ready."""

    target: Target
    fields: tuple[FormField, ...]
    preview: tuple[str, ...]
    second: tuple[str, ...] | None  # who may approve afterwards; None when nobody needs to
    number: str
    tag: str
    errors: tuple[tuple[str, str], ...] = ()
    status: int = 200
    objects: tuple[tuple[str, str], ...] = ()  # (id, headline) of a bulk act
    first: bool = False  # it asks only for what the rest of the form depends on
    trial: tuple[str, str] | None = None  # label and address of the verb that tells what this one would do


@dataclass(frozen=True)
class Outcome:
    """What became of one object of a bulk act; ``fault`` is "" where it was done."""

    id: str
    headline: str
    message: str
    fault: str = ""


class Refused(Exception):
    """The form is shown again with what was sent; ``errors`` are (field or "", text), ``by_field`` the texts alone."""

    def __init__(
        self, status: int, errors: tuple[tuple[str, str], ...], by_field: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, errors)
        self.status = status
        self.errors = errors
        self.by_field = by_field or {}


def verb_of(app: App, principal: Principal, resource: Resource, name: str, object_id: str) -> Verb:
    """The verb by its name; NotFound for what there is not, NotPermitted (audited)."""
    verb = resource.verb(name)
    if verb is None or (verb.on is On.ITEM) == (object_id == ""):
        raise NotFound(N_("There is no such page."))
    app.floor.access.require(principal, verb.permission)
    return verb


def shaped(app: App, principal: Principal, verb: Verb, chosen: str) -> Verb:
    """The verb with the input that fits what was chosen first; as it is while nothing was, or where nothing need be."""
    if verb.shape is None or not chosen:
        return verb
    shape = verb.shape(app, principal, chosen)
    return replace(verb, input=shape.input, explain=shape.explain or verb.explain)


def target_of(app: App, principal: Principal, resource: Resource, verb: Verb, object_id: str) -> Target:
    """The verb with the object as it is now; NotFound when the asker sees none, Conflict when its state does not allow it."""
    if verb.on is not On.ITEM:
        return Target(resource, verb)
    assert resource.item is not None
    record = resource.item(app, principal, object_id)
    if not verb.when(record):
        raise Conflict(
            N_("The present state does not allow this: %(what)s."),
            mend=N_("Look at the object again: somebody may have been quicker."),
            what=translate(verb.label),
        )
    return Target(resource, verb, str(getattr(record, resource.key)), record)


def form_view(
    app: App,
    principal: Principal,
    target: Target,
    sent: Sent | None = None,
    refused: Refused | None = None,
    chosen: str = "",
) -> VerbView:
    """The form, empty or (``sent``) with what was sent and what is wrong with it. ``chosen`` is the value of the verb's field
    ``by``; without it the form asks for that alone."""
    verb = target.verb
    first = verb.by != "" and not chosen and sent is None
    choices = {name: choose(app, principal) for name, choose in verb.choices.items()}
    values: Mapping[str, Any] = {}
    if sent is not None:
        values = kept(verb.input, sent.form, tuple(verb.choices))
    elif verb.initial is not None:
        values = {**verb.initial(app, principal, target.id), **({verb.by: chosen} if chosen else {})}
    fields = fields_of(verb.input, values, choices, refused.by_field if refused else {})
    return VerbView(
        target=target,
        fields=tuple(one for one in fields if one.name == verb.by) if first else fields,
        preview=tuple(verb.preview(app, principal, target.id)) if verb.preview else (),
        second=_second(app, principal, target),
        number=sent.form.get("number", "") if sent and refused else new_id("form"),
        tag=etag(target.record) if target.record is not None else "",
        errors=refused.errors if refused else (),
        status=refused.status if refused else 200,
        first=first,
        trial=_trial(target),
    )


def _trial(target: Target) -> tuple[str, str] | None:
    verb = target.resource.verb(target.verb.trial)
    return None if verb is None else (translate(verb.label), act_url(target.resource.name, verb.name))


def input_of(target: Target, sent: Sent) -> Input:
    """What was sent as the verb's input; Refused names each wrong field."""
    model, chosen = target.verb.input, tuple(target.verb.choices)
    try:
        return model.model_validate(read(model, sent.form, sent.files, sent.zone, chosen))
    except ValidationError as error:
        found = explain(error, model)
        raise Refused(
            HTTP_STATUS[ErrorCode.INVALID],
            tuple((one.field, _named(model, one.field, one.message)) for one in found),
            {one.field: one.message for one in found if one.field},
        ) from None


def check_unchanged(target: Target, sent: Sent) -> None:
    """Refused when the object is no longer what the form was made for."""
    tag = sent.form.get("tag", "")
    if target.record is not None and not matches(target.record, tag):
        text = translate(
            N_(
                "The object has changed since this form was opened. Look at it again, then send the form anew."
            )
        )
        raise Refused(_CHANGED, (("", text),))


def perform(app: App, principal: Principal, target: Target, given: Input) -> Done:
    """Do it; Refused with the service's words when the input or the state does not allow it."""
    try:
        return target.verb.run(app, principal, target.id, given)
    except WeichengError as error:
        if error.code in _PASSED_ON:
            raise
        raise _refused(target.verb.input, error) from error


def perform_each(
    app: App, principal: Principal, target: Target, objects: tuple[tuple[str, str], ...], given: Input
) -> tuple[Outcome, ...]:
    """Do it to each object; one that fails stops no other. An act on all together is done whole or not at all."""
    together, many = target.verb.together, target.verb.many
    ids = tuple(object_id for object_id, _headline in objects)
    if many is not None:
        came = many(app, principal, ids, given)
        return tuple(_outcome(one, partial(outcome, came[one[0]])) for one in objects)
    if together is None:
        return tuple(
            _outcome(one, partial(target.verb.run, app, principal, one[0], given)) for one in objects
        )
    found = _outcome(objects[0], partial(together, app, principal, ids, given))
    return tuple(replace(found, id=object_id, headline=headline) for object_id, headline in objects)


def objects_of(
    app: App, principal: Principal, resource: Resource, ids: list[str]
) -> tuple[tuple[str, str], ...]:
    """(id, headline) of what a bulk act is to be done to, each once; NotFound for one that the asker does not see."""
    wanted = list(dict.fromkeys(ids))
    if not wanted or len(wanted) > MOST:
        raise Refused(
            HTTP_STATUS[ErrorCode.INVALID],
            (("", translate(N_("Select 1 to %(most)s objects in the list first."), most=MOST)),),
        )
    assert resource.item is not None
    found = [(object_id, resource.item(app, principal, object_id)) for object_id in wanted]
    return tuple((object_id, called(resource, record)) for object_id, record in found)


def _refused(model: type[Input], error: WeichengError) -> Refused:
    """The form again, with the service's words at the field that they are about, if there is one."""
    status, name = HTTP_STATUS[error.code], _field_at(model, error.place)
    if not name:
        return Refused(status, (("", error.text()),))
    text = error.text() if ":" in error.place else error.sentence()
    return Refused(status, ((name, _named(model, name, text)),), {name: text})


def _field_at(model: type[Input], place: str) -> str:
    """The field that a service calls so, by its own name or by ``place`` of its extra; after a colon stands where in it."""
    called = place.partition(":")[0]
    for name, info in model.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        if called and called in (name, extra.get("place")):
            return name
    return ""


def _outcome(one: tuple[str, str], act: Callable[[], Done]) -> Outcome:
    object_id, headline = one
    try:
        done = act()
    except WeichengError as error:
        if error.code is ErrorCode.INTERNAL:
            raise
        return Outcome(object_id, headline, "", error.text())
    return Outcome(object_id, headline, translate(done.message, **done.params))


def _second(app: App, principal: Principal, target: Target) -> tuple[str, ...] | None:
    if target.verb.second is None:
        return None
    unit = getattr(target.record, "unit", None) or principal.unit
    return tuple(app.identity.holders(principal, target.verb.second, unit))


def _named(model: type[Input], name: str, message: str) -> str:
    title = model.model_fields[name].title if name in model.model_fields else ""
    return f"{translate(title or name)}: {message}" if name else message
