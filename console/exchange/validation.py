"""What pydantic found wrong, as people read it: the field's name and a sentence in their language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from kernel.i18n import N_, translate

_SENTENCES: Mapping[str, str] = {
    "missing": N_("This is needed."),
    "extra_forbidden": N_("There is no such field."),
    "string_too_short": N_("This is needed: at least %(min_length)s characters."),
    "string_too_long": N_("This is longer than %(max_length)s characters."),
    "string_pattern_mismatch": N_("This has not the right form."),
    "string_type": N_("This has to be text."),
    "int_type": N_("This has to be a whole number."),
    "int_parsing": N_("This has to be a whole number."),
    "float_parsing": N_("This has to be a number."),
    "bool_parsing": N_("This has to be yes or no."),
    "bool_type": N_("This has to be yes or no."),
    "greater_than_equal": N_("This is smaller than %(ge)s."),
    "less_than_equal": N_("This is greater than %(le)s."),
    "greater_than": N_("This has to be greater than %(gt)s."),
    "less_than": N_("This has to be smaller than %(lt)s."),
    "enum": N_("This is none of the choices: %(expected)s"),
    "literal_error": N_("This is none of the choices: %(expected)s"),
    "datetime_parsing": N_("This is no date and time such as 2026-11-23T08:00."),
    "datetime_from_date_parsing": N_("This is no date and time such as 2026-11-23T08:00."),
    "timezone_aware": N_("The time needs its zone, such as 2026-11-23T08:00+08:00."),
    "date_parsing": N_("This is no date such as 2026-11-23."),
    "date_from_datetime_parsing": N_("This is no date such as 2026-11-23."),
    "too_short": N_("This needs at least %(min_length)s entries."),
    "too_long": N_("This has more than %(max_length)s entries."),
    "base64_decode": N_("This is no Base64."),
    "json_invalid": N_("This is no JSON."),
    "model_type": N_("This has to be a JSON object."),
    "dict_type": N_("This has to be a JSON object."),
    "list_type": N_("This has to be a list."),
    "tuple_type": N_("This has to be a list."),
    "string_unicode": N_("This holds characters that are no text."),
}
_OTHER = N_("This is not right.")


@dataclass(frozen=True)
class FieldError:
    """``field`` is the input's field ("" : the input as a whole), ``place`` the way inside it, as a JSON pointer."""

    field: str
    place: str
    message: str


def explain(error: ValidationError, model: type[BaseModel]) -> list[FieldError]:
    """Each fault in the current language. What was given is not repeated: it may be a secret."""
    return [_explained(one, model) for one in error.errors(include_url=False, include_input=False)]


def _explained(one: Any, model: type[BaseModel]) -> FieldError:
    place = [str(part) for part in one["loc"]]
    name = place[0] if place and (place[0] in model.model_fields or one["type"] == "extra_forbidden") else ""
    context = {key: str(value) for key, value in one.get("ctx", {}).items()}
    return FieldError(name, "".join(f"/{part[:60]}" for part in place), _sentence(one, context))


def _sentence(one: Any, context: Mapping[str, str]) -> str:
    cause = one.get("ctx", {}).get("error")
    if one["type"] == "value_error" and hasattr(cause, "text"):
        return str(cause.text())  # one of our own errors, raised by a validator
    return translate(_SENTENCES.get(one["type"], _OTHER), **context)
