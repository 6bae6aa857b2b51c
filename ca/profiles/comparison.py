"""What differs between two versions of a profile, value by value, as people read it. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from ca.profiles.model import Change
from kernel.i18n import N_, translate

# what the fields of a profile's document are called; those below ``subject`` and ``names`` by their own keys
FIELDS = {
    "title.zh": N_("Name in Chinese"),
    "title.en": N_("Name in English"),
    "usage": N_("For whom"),
    "keys": N_("Keys allowed"),
    "own_key": N_("Where the key comes from"),
    "subject": N_("Rules of the subject"),
    "names": N_("Alternative names allowed"),
    "names_required": N_("Alternative names required"),
    "validity_days": N_("Days of validity"),
    "renewal_days": N_("Renewable days before its end"),
    "key_usage": N_("Key usage"),
    "extended_key_usage": N_("Extended key usage"),
    "extended_key_usage_critical": N_("Extended key usage is critical"),
    "path_length": N_("CAs allowed below (path length)"),
    "policies": N_("Certificate policies"),
    "addresses": N_("Addresses of status and issuer"),
    "ocsp_no_check": N_("Not checked by OCSP itself"),
    "listed": N_("Listed in the directory"),
    "lint": N_("Checked before it is signed"),
    "approvals": N_("Approvals needed"),
}


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Change]:
    """What ``after`` has otherwise than ``before`` (None: there was nothing), by path."""
    old, new = dict(_flat(before or {})), dict(_flat(after))
    paths = sorted(old.keys() | new.keys())
    found = [Change(path, old.get(path), new.get(path)) for path in paths]
    return [change for change in found if change.before != change.after]


def called(path: str) -> str:
    """The field's name in the reader's language; its path where it has none."""
    name = FIELDS.get(path) or FIELDS.get(path.partition(".")[0])
    return translate(name) if name else path


def shown(value: Any) -> str:
    """A value of the document as text; lists on one line."""
    if isinstance(value, list):
        return ", ".join(shown(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={shown(one)}" for key, one in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _flat(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that is no mapping by its path."""
    for key, value in document.items():
        path = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, path)
        else:
            yield path, value
