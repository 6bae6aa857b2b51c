"""A process over a CA that dies at a step of issuing, as by SIGKILL of the system; run by test_ca_faults."""

import os
import signal
import sys
from typing import Any

from ca import store
from console.compose.app import App
from console.compose.tables import import_all_tables
from kernel.config import load_settings
from kernel.identity.model import Principal, Role

OFFICER = Principal("usr_first", "first", frozenset({Role.SECURITY_OFFICER}), "u_city", "password")


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_after(owner: Any, name: str) -> None:
    """Let the owner's function do its work, and be killed before anybody hears of it."""
    real = getattr(owner, name)

    def killed(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        die()

    setattr(owner, name, killed)


def approve(app: App, step: str, request: str) -> None:
    issuance = app.ca.issuance
    if step == "in the intent's transaction":
        dying_after(issuance, "prepare")
    elif step == "before the signature":
        issuance._signer.sign_warranted = die  # type: ignore[method-assign, assignment]
    elif step == "after the signature":
        dying_after(issuance._signer, "sign_warranted")
    elif step == "in the result's transaction":
        dying_after(store, "store_signed")
    elif step == "after the result":
        dying_after(issuance, "sign")
    app.ca.registration.approve(OFFICER, request)


def main() -> None:
    import_all_tables()
    app = App(load_settings())
    verb, *arguments = sys.argv[1:]
    if verb == "approve":
        approve(app, *arguments)
    elif verb == "recover":
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()  # all start at once
        app.ca.issuance.recover()


if __name__ == "__main__":
    main()
