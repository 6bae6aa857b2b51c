"""The suite's processes. Without a part's name: all of them, supervised, on this machine."""

from typing import Any

import click

from kernel.edges.cli import Group, pass_app
from kernel.i18n import N_
from kernel.log import configure_logging


@click.group(
    cls=Group,
    invoke_without_command=True,
    help=N_("Start web, worker, collector, status service, enrolment service and signer."),
)
@click.pass_context
def commands(ctx: click.Context) -> int:
    configure_logging(ctx.obj.settings.log_level)
    if ctx.invoked_subcommand is not None:
        return 0
    from console.supervisor import supervise

    web = ctx.obj.settings.web
    ctx.obj.out.note(N_("Console: %(url)s"), url=f"https://{web.host}:{web.port}/")
    return supervise()


@commands.command("web", help=N_("The console, over HTTPS."))
@pass_app
def web(app: Any) -> None:
    from console.web.server import serve

    serve(app.settings)


@commands.command("worker", help=N_("Jobs, schedules and events."))
@pass_app
def worker(app: Any) -> int:
    from console.compose.app import App
    from console.worker import Worker, register_work

    whole = App(app.settings)
    register_work(whole)
    return Worker(whole).run()


@commands.command("collector", help=N_("Receivers of logs and traps."))
@pass_app
def collector(app: Any) -> int:
    from console.collector import serve

    return serve(app.settings)


@commands.command("ocsp", help=N_("The public status service: CRL, OCSP, time-stamps."))
@pass_app
def ocsp(app: Any) -> None:
    from console.status import serve

    serve(app.settings)


@commands.command("enrol", help=N_("The enrolment service: programs ask for certificates over HTTPS."))
@pass_app
def enrol(app: Any) -> None:
    from console.enrolment.serve import serve

    serve(app.settings)


@commands.command("signer", help=N_("The process that holds the private keys; it has no network."))
@pass_app
def signer(app: Any) -> int:
    from console.signer import serve

    return serve(app.settings)
