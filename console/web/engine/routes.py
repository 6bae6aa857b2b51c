"""The addresses of every declaration's pages, and what happens at each: parse, one service call, render."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import partial, update_wrapper
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Flask, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from console.exchange.asking import ask_of
from console.exchange.idempotency import Answer, Idempotency
from console.web.context import local_path, the_app, the_principal
from console.web.engine import exports, items, lists, verbs
from console.web.engine.links import act_url, item_url, list_url
from console.web.engine.verbs import Refused, Sent, Target
from console.web.panels import Panel
from kernel.canonical import canonical_json, sha256_hex
from kernel.edges.plain import file_name
from kernel.edges.resources import Done, File, On, Resource
from kernel.errors import Invalid, NotFound, WeichengError
from kernel.i18n import N_, translate
from kernel.identity.permissions import Permission

FLASHED = 300  # characters of a message that a cookie can carry
Panels = Mapping[str, Sequence[Panel]]


def install(flask: Flask, resources: Mapping[str, Resource], panels: Panels) -> None:
    """Add the pages of every declaration."""
    for resource in resources.values():
        add = partial(_add, flask, resource)
        add("", "GET", "list", _bound(listed, resource))
        add("/-/columns", "POST", "columns", _bound(_choose_columns, resource))
        add("/-/saved", "POST", "saved", _bound(_save_filters, resource))
        add("/-/download/<name>", "GET", "file", _bound(_download, resource, ""))
        add("/-/bulk/<name>", "POST", "bulk", _bound(_bulk, resource))
        add("/-/<name>", "GET,POST", "act", _bound(_verb, resource, object_id=""))
        if resource.item is not None:
            add("/<object_id>", "GET", "item", _bound(_item, resource, panels, resources))
            add("/<object_id>/download/<name>", "GET", "item-file", _bound(_download, resource))
            add("/<object_id>/<name>", "GET,POST", "item-act", _bound(_verb, resource))


def _add(
    flask: Flask,
    resource: Resource,
    path: str,
    methods: str,
    name: str,
    view: Callable[..., ResponseReturnValue],
) -> None:
    rule = list_url(resource.name) + path
    flask.add_url_rule(rule, f"{resource.name}:{name}", view, methods=methods.split(","))


def _bound(
    view: Callable[..., ResponseReturnValue], *given: Any, **named: Any
) -> Callable[..., ResponseReturnValue]:
    """The view of one declaration; under the view's name, by which Flask's extensions know it."""
    return update_wrapper(partial(view, *given, **named), view)


# --- lists
def listed(resource: Resource) -> ResponseReturnValue:
    """The list as a page or, asked for with ``format``, as a file."""
    app, principal = the_app(), the_principal()
    zone = ZoneInfo(app.settings.timezone)
    ask = ask_of(resource, request.args.to_dict(flat=False), also=("format",), zone=zone)
    kept = app.floor.preferences.all(principal)
    if form := request.args.get("format"):
        columns = lists.shown_columns(resource, kept.get(lists.columns_key(resource), ()))
        data = exports.export(app, principal, resource, ask, columns, form)
        return _file(File(f"{resource.name}.{form}", exports.MEDIA_TYPES[form], data))
    return render_template("list.html", view=lists.list_view(app, principal, resource, ask, kept))


def _choose_columns(resource: Resource) -> ResponseReturnValue:
    known = [column.name for column in resource.columns]
    chosen = [name for name in request.form.getlist("columns") if name in known]
    the_app().floor.preferences.put(the_principal(), lists.columns_key(resource), chosen or None)
    return _back(list_url(resource.name))


def _save_filters(resource: Resource) -> ResponseReturnValue:
    """Keep the filters in force under a name, or remove those of that name."""
    preferences, principal = the_app().floor.preferences, the_principal()
    removed = request.args.get("remove")
    name = (removed or request.form.get("name", "")).strip()
    query = request.form.get("query", "")
    if not 1 <= len(name) <= 60 or len(query) > 1000:
        raise Invalid(N_("Saved filters need a name of 1 to 60 characters."), place="name")
    others = [
        one for one in preferences.all(principal).get(lists.filters_key(resource), []) if one["name"] != name
    ]
    kept = others if removed else [*others, {"name": name, "query": query}]
    preferences.put(principal, lists.filters_key(resource), kept or None)
    return _back(list_url(resource.name))


# --- one object
def _item(
    resource: Resource, panels: Panels, others: Mapping[str, Resource], object_id: str
) -> ResponseReturnValue:
    app, principal = the_app(), the_principal()
    shown = items.item_view(app, principal, resource, object_id, panels.get(resource.name, ()), others)
    return render_template("detail.html", view=shown)


def _download(resource: Resource, object_id: str, name: str) -> ResponseReturnValue:
    on = On.ITEM if object_id else On.LIST
    found = next((one for one in resource.downloads if one.name == name and one.on is on), None)
    if found is None:
        raise NotFound(N_("There is no such page."))
    app, principal = the_app(), the_principal()
    app.floor.access.require(principal, found.permission)
    return _file(found.get(app, principal, object_id))


def _file(file: File) -> Response:
    response = Response(file.data, content_type=file.media_type)
    name = quote(file_name(file.name), safe="")  # RFC 6266: headers hold no Chinese
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


# --- verbs
def _verb(resource: Resource, name: str, object_id: str) -> ResponseReturnValue:
    app, principal = the_app(), the_principal()
    verb = verbs.verb_of(app, principal, resource, name, object_id)
    sent, chosen = _sent(), request.values.get(verb.by, "") if verb.by else ""
    if request.method == "POST" and (repeated := _repeated(sent)) is not None:
        return repeated  # before the object is looked at: it is no longer what the form was made for
    verb = verbs.shaped(app, principal, verb, chosen)
    target = verbs.target_of(app, principal, resource, verb, object_id)
    if "number" not in sent.form:  # looked at, or led here by another act with what it begins with
        filled = sent if request.method == "POST" else None
        return _form(verbs.form_view(app, principal, target, filled, chosen=chosen))
    try:
        verbs.check_unchanged(target, sent)
        given = verbs.input_of(target, sent)
        return _once(sent, lambda: _done(target, verbs.perform(app, principal, target, given)))
    except Refused as refused:
        return _form(verbs.form_view(app, principal, target, sent, refused))


def _bulk(resource: Resource, name: str) -> ResponseReturnValue:
    """First the form, for the objects that were ticked; then, sent back, the act on each and what became of it."""
    app, principal, sent = the_app(), the_principal(), _sent()
    verb = resource.verb(name)
    if verb is None or not verb.bulk:
        raise NotFound(N_("There is no such page."))
    app.floor.access.require(principal, verb.permission)
    target = Target(resource, verb)
    try:
        objects = verbs.objects_of(app, principal, resource, sent.form.getlist("id"))
    except Refused as refused:
        return _form(verbs.form_view(app, principal, target, sent, refused))
    if "number" not in sent.form:
        return _form(verbs.form_view(app, principal, target), objects)
    try:
        given = verbs.input_of(target, sent)
    except Refused as refused:
        return _form(verbs.form_view(app, principal, target, sent, refused), objects)
    return _once(
        sent,
        lambda: _outcomes(target, verbs.perform_each(app, principal, target, objects, given)),
    )


def _sent() -> Sent:
    return Sent(request.form, request.files, ZoneInfo(the_app().settings.timezone))


def _form(view: verbs.VerbView, objects: tuple[tuple[str, str], ...] = ()) -> ResponseReturnValue:
    wanted = local_path(request.values.get("next"))
    back = wanted if wanted != "/" else _home(view.target.resource, view.target.id)
    text = render_template("verb.html", view=view, objects=objects, next=wanted, back=back)
    return text, view.status


def _outcomes(target: Target, found: tuple[verbs.Outcome, ...]) -> Response:
    done = sum(not one.fault for one in found)
    next_url = local_path(request.form.get("next"))
    text = render_template("outcomes.html", target=target, outcomes=found, done=done, next=next_url)
    return Response(text, content_type="text/html; charset=utf-8")


def _done(target: Target, done: Done) -> Response:
    """Where to go after it: the job that carries on, what was made, the page it was asked from; or what to read once."""
    message = translate(done.message, **done.params)
    if done.secrets or done.rows or done.file:
        secrets = [(translate(label), value) for label, value in done.secrets.items()]
        told: dict[str, Any] = {"target": target, "done": done, "message": message, "secrets": secrets}
        if done.onward and (verb := target.resource.verb(done.onward.verb)):
            url = act_url(target.resource.name, verb.name)
            told["onward"] = {"verb": verb, "url": url, "values": done.onward.values}
        if done.file:
            octets = b64encode(done.file.data).decode()
            told["file_url"] = f"data:{done.file.media_type};base64,{octets}"
        text = render_template("done.html", **told, url=_after(target, done))
        return Response(text, content_type="text/html; charset=utf-8")
    flash(message[:FLASHED])
    return _back(_after(target, done))


def _after(target: Target, done: Done) -> str:
    if done.job and Permission.JOB_READ in the_app().floor.access.permissions(the_principal()):
        return item_url("jobs.jobs", done.job)
    asked_from = local_path(request.form.get("next"))
    if asked_from != "/" and target.verb.on is On.ITEM:
        return asked_from
    return _home(target.resource, done.id or target.id)


def _home(resource: Resource, object_id: str) -> str:
    if resource.item is not None and object_id:
        return item_url(resource.name, object_id)
    return list_url(resource.name)


def _back(url: str) -> Response:
    """Onwards after a form; a script is told to load the page as a whole."""
    if request.headers.get("HX-Request"):
        return Response(status=204, headers={"HX-Redirect": url})
    return redirect(url, 303)


def _repeated(sent: Sent) -> Response | None:
    """The answer that this very form had before."""
    found = _answers().answered(the_principal(), _number(sent), _digest(sent))
    return None if found is None else _again(found)


def _once(sent: Sent, act: Callable[[], Response]) -> Response:
    """Act and keep the answer under the form's number: the same form sent again gets the same answer."""
    principal, kept, number = the_principal(), _answers(), _number(sent)
    found = kept.begin(principal, number, _digest(sent))
    if found is not None:
        return _again(found)
    try:
        response = act()
    except (Refused, WeichengError):
        # nothing was done; after any other failure nobody knows, and who repeats the form is told so
        kept.forget(principal, number)
        raise
    headers = {name: value for name, value in response.headers.items() if name in _KEPT}
    kept.finish(principal, number, Answer(response.status_code, headers, response.get_data()))
    return response


_KEPT = ("Location", "HX-Redirect", "Content-Type")


def _answers() -> Idempotency:
    floor = the_app().floor
    return Idempotency(floor.database, floor.clock, floor.box)


def _number(sent: Sent) -> str:
    """The form's own, for each verb that it can be sent to: tried first, then done."""
    return f"{sent.form.get('number', '')}:{request.path.rpartition('/')[2]}"


def _digest(sent: Sent) -> str:
    fields = {name: sent.form.getlist(name) for name in sent.form if name not in ("csrf_token", "next")}
    return sha256_hex(canonical_json([request.path, fields]))


def _again(found: Answer) -> Response:
    return Response(found.body, found.status, dict(found.headers))
