"""Forms of a verb's input: which field is asked for how, and what was sent back as values for pydantic."""

import base64
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from werkzeug.datastructures import FileStorage, MultiDict

from kernel.i18n import translate

_SEQUENCES = (list, tuple, set, frozenset, Sequence)


@dataclass(frozen=True)
class FormField:
    """A field as the template shows it. ``kind``: text, area, number, date, datetime, select, many, flag, file, secret,
    told (shown, not typed), hidden. ``value`` is what it holds at first or held when it was sent: a text, or a list of them
    for "many".
    ``choices`` are (value, text), ``most`` the characters it takes.
    """

    name: str
    label: str
    hint: str
    kind: str
    required: bool
    value: Any
    choices: tuple[tuple[str, str], ...]
    most: int | None
    error: str = ""


def fields_of(
    model: type[BaseModel],
    values: Mapping[str, Any],
    choices: Mapping[str, Mapping[str, str]],
    errors: Mapping[str, str],
) -> tuple[FormField, ...]:
    """The form of ``model``; ``choices`` by field (value -> text), ``errors`` by field, in the current language."""
    return tuple(
        _field(name, info, values, choices.get(name), errors.get(name, ""))
        for name, info in model.model_fields.items()
    )


def read(
    model: type[BaseModel],
    form: "MultiDict[str, str]",
    files: "MultiDict[str, FileStorage]",
    zone: ZoneInfo,
    chosen: Sequence[str] = (),
) -> dict[str, Any]:
    """What was sent, by field, as pydantic takes it. An empty field that may be absent is absent.

    ``chosen`` names fields whose values come from a verb's choices.
    """
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        value = _sent(name, _widget(info, name in chosen), form, files, zone)
        if value not in (None, "", [], {}) or (info.is_required() and value is not None):
            found[name] = value
    return found


def kept(model: type[BaseModel], form: "MultiDict[str, str]", chosen: Sequence[str] = ()) -> dict[str, Any]:
    """What was sent, to be shown again; secrets and files are not. Browsers end lines with CR LF, pages with LF."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        widget = _widget(info, name in chosen)
        if widget not in ("secret", "file"):
            text = form.get(name, "").replace("\r\n", "\n")
            found[name] = form.getlist(name) if widget == "many" else text
    return found


def _field(
    name: str, info: FieldInfo, values: Mapping[str, Any], choices: Mapping[str, str] | None, error: str
) -> FormField:
    widget = _widget(info, choices is not None)
    value = values.get(name, None if info.is_required() else info.get_default(call_default_factory=True))
    return FormField(
        name=name,
        label=translate(info.title or name),
        hint=translate(info.description) if info.description else "",
        kind="area" if widget in ("lines", "pairs") else widget,
        required=info.is_required() and widget != "flag",
        value=_shown(value, widget),
        choices=_choices(info, choices),
        most=None if widget in ("lines", "pairs", "many") else _most(info),
        error=error,
    )


def _most(info: FieldInfo) -> int | None:
    return next((found.max_length for found in info.metadata if hasattr(found, "max_length")), None)


def _extra(info: FieldInfo) -> Mapping[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def _bare(annotation: Any) -> Any:
    """The type itself, without Annotated and without "or None"."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        inner = [one for one in get_args(annotation) if one is not type(None)]
        return _bare(inner[0])
    return annotation


def _widget(info: FieldInfo, has_choices: bool) -> str:
    named = _extra(info).get("widget")
    if isinstance(named, str):
        return named
    bare = _bare(info.annotation)
    origin = get_origin(bare) or bare
    if origin in _SEQUENCES:
        inner = _bare((get_args(bare) or (str,))[0])
        return "many" if has_choices or _is_enumeration(inner) else "lines"
    if has_choices or _is_enumeration(bare):
        return "select"
    if origin in (dict, Mapping):
        return "pairs"
    return {bool: "flag", int: "number", float: "number", datetime: "datetime", date: "date"}.get(
        bare, "text"
    )


def _is_enumeration(kind: Any) -> bool:
    return get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum))


def _values_of(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    return [str(member.value) for member in kind]


def _choices(info: FieldInfo, given: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    if given is not None:
        return tuple(given.items())
    bare = _bare(info.annotation)
    if (get_origin(bare) or bare) in _SEQUENCES:
        bare = _bare((get_args(bare) or (str,))[0])
    if not _is_enumeration(bare):
        return ()
    labels = _extra(info).get("labels")
    named = labels if isinstance(labels, dict) else {}
    return tuple((value, translate(str(named.get(value, value)))) for value in _values_of(bare))


def _shown(value: Any, widget: str) -> Any:
    if widget == "many":
        return [str(one.value if isinstance(one, Enum) else one) for one in value or ()]
    if value is None:
        return ""
    if widget == "lines" and not isinstance(value, str):
        return "\n".join(str(one) for one in value)
    if widget == "pairs" and isinstance(value, Mapping):
        return "\n".join(f"{key}={one}" for key, one in value.items())
    if isinstance(value, bool):
        return value
    return str(value.value if isinstance(value, Enum) else value)


def _sent(
    name: str,
    widget: str,
    form: "MultiDict[str, str]",
    files: "MultiDict[str, FileStorage]",
    zone: ZoneInfo,
) -> Any:
    if widget == "file":
        upload = files.get(name)
        return base64.b64encode(upload.read()).decode() if upload and upload.filename else None
    if widget == "hidden" and (upload := files.get(name.removesuffix("_name"))):
        return (upload.filename or "").replace("\\", "/").rpartition("/")[2]
    if widget == "flag":
        return name in form
    if widget == "many":
        return form.getlist(name)
    text = form.get(name)
    if text is None:
        return None
    if widget == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if widget == "pairs":
        return _pairs(text)
    return _in_zone(text, zone) if widget == "datetime" else text.replace("\r\n", "\n")


def _pairs(text: str) -> Any:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any("=" not in line for line in lines):
        return lines  # no mapping: pydantic says so
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}


def _in_zone(text: str, zone: ZoneInfo) -> str:
    """Times of forms are the installation's local times; one that can't be read is left for pydantic to refuse."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return found.replace(tzinfo=zone).isoformat() if found.tzinfo is None else text
