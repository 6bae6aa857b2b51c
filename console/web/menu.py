"""The menu: the lists and own pages that the signed-in person may see, by room."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Flask, g, request, url_for

from console.web.context import the_app
from console.web.engine.links import list_url
from console.web.panels import Entry
from kernel.edges.resources import Resource
from kernel.i18n import N_, translate

# group -> rooms and parts of the kernel in it, and its icon
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    N_("Certificates"): ("certificate", ("ca",)),
    N_("Configurations"): ("router", ("netops",)),
    N_("Monitoring"): ("activity", ("monitor",)),
    N_("Security events"): ("shield-search", ("siem",)),
    N_("Backup and recovery"): ("database-export", ("backup",)),
    N_("Graded protection"): ("clipboard-check", ("policies",)),
    N_("Register and evidence"): ("building", ("assets", "evidence")),
    N_("People and suite"): ("users", ("identity", "audit", "jobs", "suite")),
}


@dataclass(frozen=True)
class MenuLink:
    label: str
    url: str
    active: bool


@dataclass(frozen=True)
class MenuGroup:
    label: str
    icon: str
    links: tuple[MenuLink, ...]

    @property
    def active(self) -> bool:
        return any(link.active for link in self.links)


def install(flask: Flask, resources: Mapping[str, Resource], entries: Mapping[str, Sequence[Entry]]) -> None:
    """Give templates ``menu``; ``entries`` are the rooms' own pages, which stand before their lists."""

    @flask.context_processor
    def menu() -> dict[str, object]:
        principal = g.get("principal")  # with a first password everything leads to changing it
        inside = principal is not None and not principal.must_change
        return {"menu": _groups(resources, entries) if inside else ()}


def _groups(
    resources: Mapping[str, Resource], entries: Mapping[str, Sequence[Entry]]
) -> tuple[MenuGroup, ...]:
    held = the_app().floor.access.permissions(g.principal)
    groups = []
    for label, (icon, rooms) in GROUPS.items():
        links = [
            _link(translate(one.label), url_for(one.endpoint))
            for room in rooms
            for one in entries.get(room, ())
            if one.permission is None or one.permission in held
        ]
        links += [
            _link(translate(one.title), list_url(one.name))
            for one in resources.values()
            if one.room in rooms and (one.permission is None or one.permission in held)
        ]
        if links:
            groups.append(MenuGroup(translate(label), icon, tuple(links)))
    return tuple(groups)


def _link(label: str, url: str) -> MenuLink:
    return MenuLink(label, url, request.path == url or request.path.startswith(f"{url}/"))
