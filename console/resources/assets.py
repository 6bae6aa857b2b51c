"""The register as pages and API (NET-1): entries, zones and links, by hand and from tables."""

from console.resources.register.entries import ASSETS
from console.resources.register.links import LINKS
from console.resources.register.zones import ZONES

RESOURCES = (ASSETS, ZONES, LINKS)
