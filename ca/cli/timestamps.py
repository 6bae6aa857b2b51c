"""`weicheng ca timestamp`: stamp a file, look through the register. Checked by `weicheng ca verify-timestamp`."""

from pathlib import Path
from typing import Any

import click

from ca.cli.base import NEW_FILE, OLD_FILE, commands
from kernel.edges.cli import list_options, pass_app
from kernel.i18n import N_

_DIGESTS = ("sha256", "sha384", "sha512", "sm3")


@commands.group("timestamp", help=N_("Time-stamps (RFC 3161): give and list."))
def timestamp() -> None:
    """Giving and listing."""


@timestamp.command("stamp", help=N_("Stamp a file; the answer is what /tsa would send (RFC 3161)."))
@click.argument("file", type=OLD_FILE)
@click.option("--out", type=NEW_FILE, required=True, help=N_("Where the answer is written (.tsr)."))
@click.option("--digest", type=click.Choice(_DIGESTS), default="sha256", help=N_("Digest that is stamped."))
@pass_app
def stamp(app: Any, file: Path, out: Path, digest: str) -> None:
    import secrets

    from ca.validation.content import Content
    from kernel.pki import tsp

    imprint = Content.of_file(file).digest(digest)
    answer = app.ca.timestamps.answer(tsp.request(imprint, digest=digest, nonce=secrets.randbits(63)))
    said = tsp.read_token(tsp.token_of(answer))
    out.write_bytes(answer)
    app.out.record({"file": str(out), "at": said.at, "serial": f"{said.serial:032x}", "policy": said.policy})


@timestamp.command("list", help=N_("The register of the time-stamps given, newest first."))
@click.option("--imprint", help=N_("Only those over this digest (hex)."))
@list_options
@pass_app
def list_stamps(app: Any, ask: Any, imprint: str | None) -> None:
    from dataclasses import asdict

    page = app.ca.timestamps.page(app.principal, ask.narrowed(imprint=imprint))
    app.out.page(page.map(asdict), (N_("at"), N_("serial"), N_("digest"), N_("imprint")))


@timestamp.command("clock", help=N_("What the system says of the clock that is signed for."))
@pass_app
def clock(app: Any) -> None:
    told = app.ca.timestamps.clock_state(app.principal)
    known = (
        {"synchronised": told.synchronised, "error_seconds": told.error} if told else {"synchronised": None}
    )
    app.out.record(known)
