"""The REST API's description."""

import json
from typing import Any

from kernel.edges.cli import group, pass_app
from kernel.i18n import N_

commands = group("api", N_("The REST API's description for tools."))


@commands.command(
    "openapi", help=N_("Print the OpenAPI document of the API, in the language of the command.")
)
@pass_app
def document(app: Any) -> None:
    from console.api.document import openapi
    from console.resources import resources

    app.out.text(json.dumps(openapi(resources()), ensure_ascii=False, indent=2))
