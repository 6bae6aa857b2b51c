"""What a room adds to the console beside its declarations: own pages in the menu, extra sections of detail pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from console.compose.app import App
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission


@dataclass(frozen=True)
class Panel:
    """A section of a detail page; ``load(app, principal, record)`` gives what its template needs, as ``panel``."""

    title: str
    template: str
    load: Callable[[App, Principal, Any], Mapping[str, Any]]
    permission: Permission | None = None  # None: that of the page


@dataclass(frozen=True)
class Entry:
    """An own page in the menu. A ``permission`` of None: everybody may see it."""

    label: str
    endpoint: str
    permission: Permission | None
