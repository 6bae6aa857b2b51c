"""Pages in Chinese or English: the person's own choice, else the installation's; and times as people read them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Flask, request

from kernel.config import Settings
from kernel.i18n import LANGUAGES, current_language, set_language, translate

COOKIE = "__Host-weicheng-language"


def install(flask: Flask, settings: Settings) -> None:
    """Choose the language of each request and teach templates ``_`` and ``when``."""
    zone = ZoneInfo(settings.timezone)

    @flask.before_request
    def choose() -> None:
        chosen = request.cookies.get(COOKIE)
        set_language(chosen if chosen in LANGUAGES else settings.language)

    def when(moment: datetime | None) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z") if moment else ""

    flask.jinja_env.filters["when"] = when
    flask.jinja_env.globals.update(_=translate, language=current_language)
