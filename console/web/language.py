"""Pages in Chinese or English: the person's own choice, else the installation's; times and numbers as people read them."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from babel.dates import format_timedelta
from flask import Flask, request

from kernel.clock import Clock, local, written
from kernel.config import Settings
from kernel.i18n import LANGUAGES, current_language, set_language, translate

COOKIE = "__Host-weicheng-language"
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def install(flask: Flask, settings: Settings, clock: Clock) -> None:
    """Choose the language of each request and teach templates ``_`` and how to show times and numbers."""
    zone = ZoneInfo(settings.timezone)

    @flask.before_request
    def choose() -> None:
        chosen = request.cookies.get(COOKIE)
        set_language(chosen if chosen in LANGUAGES else settings.language)

    flask.jinja_env.filters.update(
        when=lambda moment: written(moment, zone) if moment else "",
        day=lambda moment: day(moment, zone),
        ago=lambda moment: ago(moment, clock.now()),
        iso=lambda moment: instant(moment).isoformat(timespec="seconds"),
        octets=octets,
        figures=figures,
    )
    flask.jinja_env.globals.update(_=translate, language=current_language, timezone=settings.timezone)


def day(moment: date | None, zone: ZoneInfo) -> str:
    """The day in that zone, as ISO 8601 writes it."""
    if moment is None:
        return ""
    return (local(moment, zone).date() if isinstance(moment, datetime) else moment).isoformat()


def ago(moment: date | None, now: datetime) -> str:
    """How long ago or ahead, in the reader's language: ``3 分钟前``, ``in 2 days``."""
    if moment is None:
        return ""
    return format_timedelta(instant(moment) - now, add_direction=True, locale=current_language())


def instant(moment: date) -> datetime:
    """The moment itself; of a day its beginning in UTC."""
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time(), UTC)


def octets(number: int) -> str:
    """A size in binary units, such as ``1.4 MiB``."""
    size, unit = float(number), 0
    while abs(size) >= 1024 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {UNITS[unit]}" if unit else f"{number} B"


def figures(number: float) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"
