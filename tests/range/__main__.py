"""``python -m tests.range up|down|status|logs|trap|faults``: the practice network's own command line."""

import argparse
import json
import ssl
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tests.range import control
from tests.range.arguments import parser
from tests.range.logs.scenario import log_lines
from tests.range.logs.send import Receivers, send_all
from tests.range.plan import load_faults, load_plan
from tests.range.snmp.trap import Trap, send, version2_message, version3_message
from tests.range.snmp.usm import Engine, User
from tests.range.state import Folder

DONE, FAILED, PARTLY = 0, 1, 3


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return VERBS[options.verb](options)
    except control.NotStarted as error:
        return _refused(str(error))


def _up(options: argparse.Namespace) -> int:
    injected = dict(item.split(":", 1) for item in options.inject)
    only = options.only.split(",") if options.only else ()
    state = control.up(Folder(options.state), only, injected, options.offset, options.certificates)
    return _show(state, options.output)


def _down(options: argparse.Namespace) -> int:
    ended = control.down(Folder(options.state))
    print("演练网络已停止 | stopped" if ended else "没有运行 | not running", file=sys.stderr)
    return DONE


def _status(options: argparse.Namespace) -> int:
    state = control.status(Folder(options.state))
    if not state:
        return _refused("演练网络没有运行 | the practice network is not running")
    return _show(state, options.output)


def _logs(options: argparse.Namespace) -> int:
    """Send (or show) the hour; without --ca the devices that use TLS are left out, exit status 3."""
    lines = log_lines(load_plan(), options.seed, options.end)
    if options.show:
        print("\n".join(line.text for line in lines))
        return DONE
    silent = (
        sorted({x.host.name for x in lines if x.host.syslog["transport"] == "tls"}) if not options.ca else []
    )
    receivers = Receivers(options.udp, options.tcp, options.tls, options.ca, options.server_name)
    try:
        sent = send_all([line for line in lines if line.host.name not in silent], receivers)
    except (OSError, ssl.SSLError) as error:
        return _refused(f"发送失败 | sending failed: {error}")
    result = {"sent": sent, "lines": sum(sent.values()), "left_out": silent}
    if options.output == "json":
        print(json.dumps(result, ensure_ascii=False))
    else:
        transports = {host.name: host.syslog.get("transport", "-") for host in load_plan().hosts}
        _table(
            ("host", "transport", "lines"), [(name, transports[name], count) for name, count in sent.items()]
        )
    if silent:
        print(f"未发送（需要 --ca）| not sent (they need --ca): {', '.join(silent)}", file=sys.stderr)
    return PARTLY if silent else DONE


def _trap(options: argparse.Namespace) -> int:
    """One trap from one simulated device; version 3 unless --community."""
    state = Folder(options.state).read()
    hosts = {host.name: host for host in load_plan().of_kind("simulated")}
    if not state or options.host not in hosts:
        return _refused(f"没有运行或没有该主机 | not running, or no such host; {', '.join(hosts)}")
    host, trap = hosts[options.host], Trap(options.kind, options.port)
    try:
        if options.community:
            message = version2_message(host, trap, options.community)
        else:
            credential, engine = state["credential"], Engine.of(host, state["started"])
            user = User.at(
                engine.id, credential["snmp_user"], credential["snmp_auth"], credential["snmp_priv"]
            )
            message = version3_message(host, trap, engine, user)
    except KeyError as error:
        return _refused(f"该设备没有这个端口 | the device has no such port: {error}")
    send(host, message, options.to)
    return DONE


def _faults(options: argparse.Namespace) -> int:
    faults = load_faults()
    if options.output == "json":
        print(json.dumps(faults, ensure_ascii=False, indent=1))
        return DONE
    rows = [(f["id"], f["host"] or "-", ",".join(e["room"] for e in f["expected"]), f["title"]["zh"], f["title"]["en"])
            for f in faults]  # fmt: skip
    _table(("fault", "host", "rooms", "问题", "title"), rows)
    return DONE


VERBS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "up": _up, "down": _down, "status": _status, "logs": _logs, "trap": _trap, "faults": _faults,
}  # fmt: skip


def _show(state: Mapping[str, Any], output: str) -> int:
    """The hosts, without secrets; exit status 3 when some are left out, 1 when some are silent."""
    hosts = state["hosts"]
    if output == "json":
        shown = {key: value for key, value in state.items() if key != "credential"}
        print(json.dumps(shown, ensure_ascii=False, indent=1))
    else:
        rows = [
            (name, entry["address"], entry["platform"], entry["ssh_port"], entry["snmp_port"], entry["tls_port"] or "-",
             entry["state"], entry["reason"])
            for name, entry in hosts.items()
        ]  # fmt: skip
        _table(("host", "address", "platform", "ssh", "snmp", "tls", "state", "reason"), rows)
    states = {entry["state"] for entry in hosts.values()}
    return FAILED if "silent" in states else PARTLY if "left_out" in states else DONE


def _refused(text: str) -> int:
    print(text, file=sys.stderr)
    return FAILED


def _table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    widths = [max(len(str(row[i])) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        print("  ".join(f"{cell!s:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
