"""Messages in Chinese and English.

The English text is the message's id; ``<package>/locale/zh_CN.po`` holds the Chinese. ``N_`` marks a text where it is
written, ``translate`` renders it where it is shown: at the edges, in the reader's language.
"""

import gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("zh_CN", "en")
DEFAULT_LANGUAGE = "zh_CN"
PACKAGES = ("kernel", "ca", "netops", "monitor", "siem", "backup", "policies", "console")

_language: ContextVar[str] = ContextVar("language", default=DEFAULT_LANGUAGE)


def N_(msgid: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark an English message for translation and return it unchanged; placeholders are ``%(name)s``."""
    return msgid


def current_language() -> str:
    """The language of the person served by the running request or command."""
    return _language.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Serve the enclosed work in ``language``."""
    token = _language.set(normalise_language(language))
    try:
        yield
    finally:
        _language.reset(token)


def set_language(language: str) -> None:
    """Serve the rest of this context (a command-line run) in ``language``."""
    _language.set(normalise_language(language))


def normalise_language(tag: str | None) -> str:
    """Map a language tag or locale name (``zh-Hans-CN``, ``en_GB.UTF-8``) to one of LANGUAGES; Chinese if unknown."""
    return "en" if (tag or "").lower().startswith("en") else DEFAULT_LANGUAGE


def translate(msgid: str, language: str | None = None, /, **params: object) -> str:
    """Return the message in ``language`` (the current one if None) with its placeholders filled in."""
    if not msgid:
        return ""
    lang = normalise_language(language) if language else current_language()
    text = msgid if lang == "en" else _lookup(msgid, lang)
    return text % params if params else text.replace("%%", "%")


def _lookup(msgid: str, language: str) -> str:
    for package in PACKAGES:
        text = _catalogue(package, language).gettext(msgid)
        if text != msgid:
            return text
    return msgid


@cache
def _catalogue(package: str, language: str) -> gettext.NullTranslations:
    path = Path(__file__).parent.parent / package / "locale" / f"{language}.mo"
    if not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        return gettext.GNUTranslations(file)
