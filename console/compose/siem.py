"""Building the security monitoring centre."""

import codecs
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console.compose.floor import Floor
from kernel.config import LogSource
from kernel.errors import Invalid
from kernel.i18n import N_
from siem.adapters.assets import AssetsByAddress
from siem.adapters.open_events import open_events
from siem.intake import Intake, RuleFolder
from siem.parsing.parser import Parser, SourceSettings
from siem.service import SiemService

DETECTIONS = Path(__file__).parent.parent.parent / "policies" / "data" / "detections"


def build(floor: Floor) -> SiemService:
    """The service over one floor: spool below the data folder, rules from policies, the event store by its URL."""
    settings = floor.settings
    events = open_events(settings.events, settings.retention.events_days)
    intake = Intake(
        folder=settings.data_dir / "spool",
        database=floor.database,
        clock=floor.clock,
        events=events,
        parser=_parser(settings.timezone, settings.siem.sources),
        assets=AssetsByAddress(floor.register.assets, floor.clock),
        rules=RuleFolder(settings.siem.rules or DETECTIONS),
        log=floor.log.bind(room="siem"),
    )
    return SiemService(
        database=floor.database,
        clock=floor.clock,
        access=floor.access,
        evidence=floor.evidence,
        events=events,
        intake=intake,
        keep_days=settings.retention.events_days,
    )


def _parser(timezone: str, sources: dict[str, LogSource]) -> Parser:
    known = {address: _source(f"siem.sources.{address}", source) for address, source in sources.items()}
    return Parser(_source("timezone", LogSource(timezone=timezone)), known)


def _source(place: str, source: LogSource) -> SourceSettings:
    try:
        zone = ZoneInfo(source.timezone)
        charset = codecs.lookup(source.charset).name if source.charset else None
    except (ZoneInfoNotFoundError, ValueError, LookupError) as error:
        raise Invalid(
            N_("The charset or time zone is unknown: %(detail)s"), place=place, detail=error
        ) from None
    return SourceSettings(charset, zone)
