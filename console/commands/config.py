"""The settings, checked and shown; secrets never are."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from kernel.config import load_settings
from kernel.edges.cli import group, pass_app
from kernel.i18n import N_

commands = group("config", N_("Check and show the settings."))


@commands.command("check", help=N_("Validate the settings file, the variables and the secret files."))
@pass_app
def check(app: Any) -> None:
    settings = load_settings()
    app.out.note(N_("The settings are right."))
    if _is_loopback(settings.status.public_url):
        app.out.note(
            N_(
                "Certificates name %(url)s for life, where nobody else reaches it: set status.public_url first."
            ),
            url=settings.status.public_url,
        )


@commands.command("show", help=N_("The settings in force; secrets are hidden."))
@pass_app
def show(app: Any) -> None:
    app.out.record(load_settings().model_dump(mode="json"))


def _is_loopback(url: str) -> bool:
    """Whether only this machine finds what is at the address."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
