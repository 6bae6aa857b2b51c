"""Own pages of the rooms and extra sections of their detail pages, beside what the declarations give."""

from collections.abc import Mapping, Sequence
from importlib import import_module

from flask import Flask

from console.web.panels import Entry, Panel

# each has ``pages`` (a Blueprint), PANELS and MENU; whoever writes a room's pages adds the module here
MODULES: tuple[str, ...] = ("ca", "netops", "monitor", "siem", "suite", "backup", "policies")


def install(flask: Flask) -> tuple[Mapping[str, Sequence[Panel]], Mapping[str, Sequence[Entry]]]:
    """Add the rooms' own pages; returns the panels by resource and the menu's entries by room."""
    panels: dict[str, Sequence[Panel]] = {}
    entries: dict[str, Sequence[Entry]] = {}
    for room in MODULES:
        module = import_module(f"console.web.rooms.{room}")
        flask.register_blueprint(module.pages)
        panels |= module.PANELS
        entries[room] = module.MENU
    return panels, entries
