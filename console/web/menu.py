"""The menu: the lists and own pages that the signed-in person may see, by room."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flask import Flask, g, request, url_for

from console.web.context import the_app
from console.web.engine.links import list_url
from console.web.panels import Entry
from kernel.edges.resources import Resource
from kernel.i18n import N_, translate
from kernel.identity.permissions import Permission

# group -> its icon and what is in it: whole rooms and parts of the kernel, or, of a large room, lists and own pages by name
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    N_("Certificates"): (
        "certificate",
        ("ca.certificates", "ca.requests", "ca.batches", "ca.intents", "ca.renewals", "ca.own"),
    ),
    N_("Revocation and status"): (
        "refresh",
        ("ca.status", "ca.revocations", "ca.bulk-revocations", "ca.crls", "ca.services", "ca.resumptions"),
    ),
    N_("CAs, profiles and keys"): (
        "key",
        (
            "ca.authorities",
            "ca.ends",
            "ca.ceremonies",
            "ca.offline",
            "ca.profiles",
            "ca.profile-versions",
            "ca.blocklists",
            "ca.signers",
            "ca.keys",
        ),
    ),
    N_("Proofs and validation"): (
        "history",
        (
            "ca.validations",
            "ca.anchors",
            "ca.foreign-crls",
            "ca.timestamps",
            "ca.tree-heads",
            "ca.log-entries",
            "ca.log-restarts",
        ),
    ),
    N_("Certificates in the network"): (
        "search",
        ("ca.inventory", "ca.endpoints", "ca.inventory-findings", "ca.ranges"),
    ),
    N_("Configurations"): ("router", ("netops",)),
    N_("Monitoring"): ("activity", ("monitor",)),
    N_("Security events"): ("shield-search", ("siem",)),
    N_("Backup and recovery"): ("database-export", ("backup",)),
    N_("Graded protection"): ("clipboard-check", ("policies",)),
    N_("Register and evidence"): ("building", ("assets", "evidence")),
    N_("People and suite"): ("users", ("identity", "audit", "jobs", "suite")),
}
ELSEWHERE = frozenset({"ca.papers", "ca.bulk-rows"})  # parts of other objects, reached from their pages


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
    for label, (icon, parts) in GROUPS.items():
        links = [
            _link(translate(text), url)
            for part in parts
            for text, url, permission in _of(part, resources, entries)
            if permission is None or permission in held
        ]
        if links:
            groups.append(MenuGroup(translate(label), icon, tuple(links)))
    return tuple(groups)


def _of(
    part: str, resources: Mapping[str, Resource], entries: Mapping[str, Sequence[Entry]]
) -> Iterator[tuple[str, str, Permission | None]]:
    """Label, address and permission of a list or page, or of all in a room."""
    for one in entries.get(part.partition(".")[0], ()):
        if "." not in part or part == one.endpoint:
            yield one.label, url_for(one.endpoint), one.permission
    for resource in resources.values():
        if part in (resource.name, resource.room):
            yield resource.title, list_url(resource.name), resource.permission


def _link(label: str, url: str) -> MenuLink:
    return MenuLink(label, url, request.path == url or request.path.startswith(f"{url}/"))
