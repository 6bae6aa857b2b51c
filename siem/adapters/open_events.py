"""The event store that a URL names."""

from pathlib import Path
from urllib.parse import urlsplit

from kernel.errors import Invalid
from kernel.i18n import N_
from siem.ports import EventStore

STREAM = "weicheng-events"


def open_events(url: str, keep_days: int | None = None, stream: str = STREAM) -> EventStore:
    """``tantivy:///folder`` for the embedded store, ``http(s)://host:port`` for Elasticsearch, ``memory:`` for trials.

    ``keep_days`` is how long an Elasticsearch that has a life cycle of its own keeps events as a second net.
    """
    parts = urlsplit(url)
    if parts.scheme == "tantivy" and parts.path.startswith("/") and not parts.netloc:
        from siem.adapters.tantivy_events import TantivyEvents

        return TantivyEvents(Path(parts.path))
    if parts.scheme in ("http", "https") and parts.hostname:
        from siem.adapters.elastic_events import ElasticEvents

        return ElasticEvents(url, stream, keep_days)
    if parts.scheme == "memory":
        from siem.adapters.memory_events import MemoryEvents

        return MemoryEvents()
    raise Invalid(
        N_("The event store's URL is not understood."),
        mend=N_("Set events_url to tantivy:///folder or to http(s)://host:port of Elasticsearch."),
        place="events_url",
    )
