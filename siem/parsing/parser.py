"""The parser stage: one received line in, one ECS document out, whatever the line is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from siem.ecs import ECS_VERSION, Document, FieldKind, is_address, iso, kind_of
from siem.parsing.shapes import Vendor
from siem.parsing.syslog import Header, Malformed, parse_header
from siem.parsing.text import decode
from siem.parsing.times import parse_time
from siem.parsing.vendors import VENDORS

BEIJING = timezone(timedelta(hours=8))
_FACILITIES = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "audit",
    "alert",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
]
_SEVERITIES = ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"]
_PROTOCOL_NUMBERS = {
    "1": "icmp",
    "6": "tcp",
    "17": "udp",
    "47": "gre",
    "50": "esp",
    "58": "ipv6-icmp",
    "89": "ospf",
}
_MAC = re.compile(r"[0-9a-fA-F]{12}")
_ADDRESSES = (
    "source.ip",
    "destination.ip",
    "source.nat.ip",
    "destination.nat.ip",
    "host.ip",
    "observer.ip",
    "client.ip",
)
_USERS = ("user.name", "user.effective.name", "user.target.name", "source.user.name", "destination.user.name")
_HOSTS = ("host.name", "observer.name", "url.domain")


@dataclass(frozen=True)
class Raw:
    """One line as a receiver put it into the spool. ``source`` is the sender's address or the file's name."""

    id: str
    received_at: datetime
    transport: str
    source: str
    data: bytes
    truncated: bool = False


@dataclass(frozen=True)
class SourceSettings:
    """What is set for one sender: its charset (None: UTF-8, then GB18030) and the zone of times that name none."""

    charset: str | None = None
    zone: tzinfo = BEIJING


@dataclass(frozen=True)
class Parser:
    """Turns lines into documents; ``sources`` holds settings by sender's address."""

    default: SourceSettings = SourceSettings()
    sources: Mapping[str, SourceSettings] = field(default_factory=dict)

    def document(self, raw: Raw) -> Document:
        """The line's document. A line that can't be parsed is one too, with ``error.message``."""
        settings = self.sources.get(raw.source, self.default)
        text = decode(raw.data, settings.charset)
        document = _frame(raw, text)
        try:
            header = parse_header(text, raw.received_at, settings.zone)
        except Malformed as error:
            return self.unparsed(raw, str(error))
        vendor = _vendor(header)
        fields = vendor.decode(header) if vendor else {"message": header.body}
        time = parse_time(fields.pop("_time", ""), raw.received_at, settings.zone) or header.time
        document |= _from_header(header) | _identity(vendor, header, raw) | _cleaned(fields)
        if time is not None:
            document["@timestamp"] = iso(time)
        return document | _related(document)

    def unparsed(self, raw: Raw, reason: str) -> Document:
        """The document of a line that could not be taken apart."""
        text = decode(raw.data, self.sources.get(raw.source, self.default).charset)
        failed = {"error.message": reason, "event.kind": "pipeline_error", "message": text}
        return _frame(raw, text) | failed


def _frame(raw: Raw, text: str) -> Document:
    """What every document has, whatever the line says."""
    moment = iso(raw.received_at)
    frame: Document = {
        "@timestamp": moment,
        "ecs.version": ECS_VERSION,
        "event.id": raw.id,
        "event.ingested": moment,
        "event.kind": "event",
        "event.original": text,
        "log.syslog.transport": raw.transport,
    }
    if is_address(raw.source):
        frame["log.source.ip"] = raw.source
    else:
        frame["log.file.path"] = raw.source
    if raw.truncated:
        frame["log.truncated"] = True
    return frame


def _vendor(header: Header) -> Vendor | None:
    return next((vendor for vendor in VENDORS if vendor.recognise(header)), None)


def _from_header(header: Header) -> Document:
    made: Document = {}
    if header.priority is not None:
        facility, severity = divmod(header.priority, 8)
        made |= {
            "log.syslog.priority": header.priority,
            "log.syslog.facility.code": facility,
            "log.syslog.facility.name": _FACILITIES[facility],
            "log.syslog.severity.code": severity,
            "log.syslog.severity.name": _SEVERITIES[severity],
        }
    if header.program:
        made["process.name"] = header.program
    if header.pid is not None:
        made["process.pid"] = header.pid
    if header.sequence is not None:
        made["event.sequence"] = header.sequence
    if header.message_id:
        made["log.syslog.msgid"] = header.message_id
    if header.structured:  # one field: names that senders choose must not become fields of the store
        made["log.syslog.structured_data"] = [
            f"{element}.{name}={value}"
            for element, parameters in header.structured.items()
            for name, value in parameters.items()
        ]
    return made


def _identity(vendor: Vendor | None, header: Header, raw: Raw) -> Document:
    """Who speaks: the dataset, the host by its own name, and for network devices the observer."""
    made: Document = {"event.dataset": "syslog.unknown", "event.module": "syslog"}
    if vendor is not None:
        made = {
            "event.dataset": vendor.dataset,
            "event.module": vendor.dataset.partition(".")[0],
            **vendor.observer,
        }
    if header.host:
        made["host.name"] = header.host
    if is_address(raw.source):
        made["host.ip"] = raw.source
        if vendor is not None and vendor.observer:
            made["observer.ip"] = raw.source
    if vendor is not None and vendor.observer and header.host:
        made["observer.name"] = header.host
    return made


def _cleaned(fields: Document) -> Document:
    """Values in ECS form: whole ports, lower-case transports, true addresses, MACs in capitals with dashes."""
    made: Document = {}
    for name, value in fields.items():
        if name.startswith("_"):
            continue
        kept = _value(name, value)
        if kept is None and kind_of(name) is FieldKind.IP:
            kept, name = value, name.removesuffix(".ip") + ".address"
        if kept is not None and kept != "":
            made[name] = kept
    return made


def _value(name: str, value: Any) -> Any:
    kind = kind_of(name)
    if kind is FieldKind.IP:
        return value if is_address(value) else None
    if kind is FieldKind.LONG:
        number = (
            int(value) if str(value).isascii() and str(value).isdigit() and len(str(value)) < 19 else None
        )
        too_large = name.endswith(".port") and number is not None and number > 65535
        return None if too_large else number
    if name == "network.transport":
        return _PROTOCOL_NUMBERS.get(value, value.lower())
    if name in ("network.protocol", "event.outcome", "network.direction"):
        return value.lower()
    if name.endswith(".mac"):
        digits = re.sub(r"[:.-]", "", value)
        return (
            "-".join(digits[i : i + 2] for i in range(0, 12, 2)).upper() if _MAC.fullmatch(digits) else None
        )
    return value


def _related(document: Document) -> Document:
    made = {
        "related.ip": _gathered(document, _ADDRESSES),
        "related.user": _gathered(document, _USERS),
        "related.hosts": _gathered(document, _HOSTS),
    }
    return {name: found for name, found in made.items() if found}


def _gathered(document: Document, names: tuple[str, ...]) -> list[str]:
    return sorted({document[name] for name in names if name in document})
