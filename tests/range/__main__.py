"""``python -m tests.range up|down|status|faults``: the practice network's own command line."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.range import control
from tests.range.plan import FOLDER, load_faults
from tests.range.ssh.terminal import Faults
from tests.range.state import Folder

DONE, FAILED, PARTLY = 0, 1, 3
DEFAULT_FOLDER = FOLDER.parent.parent / "var" / "range"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return VERBS[options.verb](options)
    except control.NotStarted as error:
        print(error, file=sys.stderr)
        return FAILED


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
        print("演练网络没有运行 | the practice network is not running", file=sys.stderr)
        return FAILED
    return _show(state, options.output)


def _faults(options: argparse.Namespace) -> int:
    faults = load_faults()
    if options.output == "json":
        print(json.dumps(faults, ensure_ascii=False, indent=1))
        return DONE
    rows = [(f["id"], f["host"] or "-", ",".join(e["room"] for e in f["expected"]), f["title"]["zh"], f["title"]["en"])
            for f in faults]  # fmt: skip
    _table(("fault", "host", "rooms", "问题", "title"), rows)
    return DONE


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


def _table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    widths = [max(len(str(row[i])) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        print("  ".join(f"{cell!s:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


VERBS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "up": _up, "down": _down, "status": _status, "faults": _faults,
}  # fmt: skip


def _injection(text: str) -> str:
    name, _, faults = text.partition(":")
    try:
        Faults.parse(faults)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return f"{name}:{faults}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.range", description="演练网络 | The practice network")
    verbs = parser.add_subparsers(dest="verb", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help="运行状态目录 | its folder"
    )
    common.add_argument("--output", choices=("table", "json"), default="table")
    up = verbs.add_parser("up", parents=[common], help="启动 | start")
    up.add_argument("--only", default="", metavar="A,B", help="只启动这些主机 | these hosts only")
    up.add_argument("--offset", type=int, default=0, metavar="N", help="所有端口加 N | added to every port")
    up.add_argument(
        "--certificates", type=Path, metavar="DIR", help="使用给定的证书 | host.pem, host.key, ca.pem to use"
    )
    kinds = "cut_after hang_after pause_at_hash slow password_question"
    up.add_argument(
        "--inject", action="append", default=[], type=_injection, metavar="HOST:FAULT[=N],…",
        help=f"让会话出错 | make sessions go wrong: {kinds}",
    )  # fmt: skip
    verbs.add_parser("down", parents=[common], help="停止 | stop")
    verbs.add_parser("status", parents=[common], help="哪些主机有应答 | which hosts answer")
    verbs.add_parser("faults", parents=[common], help="故意埋设的问题 | what is planted")
    return parser


if __name__ == "__main__":
    sys.exit(main())
