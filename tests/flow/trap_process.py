"""A trap receiver as a process of its own, for the test that kills it: the settings say where, its port goes to stdout."""

import time

from console.compose.app import App
from console.compose.monitor import build_trap_receiver
from kernel.config import load_settings


def main() -> None:
    app = App(load_settings())
    receiver = build_trap_receiver(app.floor, app.monitor)
    receiver.start()
    print(receiver.port, flush=True)
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main()
