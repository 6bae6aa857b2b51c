"""What the command line takes."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from tests.range.plan import FOLDER, load_plan
from tests.range.snmp.trap import KINDS
from tests.range.ssh.terminal import Faults

DEFAULT_FOLDER = FOLDER.parent.parent / "var" / "range"
DEFAULT_SEED = 2239


def parser() -> argparse.ArgumentParser:
    """The parser; ``verb`` in its result names the command."""
    made = argparse.ArgumentParser(prog="tests.range", description="演练网络 | The practice network")
    verbs = made.add_subparsers(dest="verb", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help="运行状态目录 | its folder"
    )
    common.add_argument("--output", choices=("table", "json"), default="table")
    _up(verbs.add_parser("up", parents=[common], help="启动 | start"))
    verbs.add_parser("down", parents=[common], help="停止 | stop")
    verbs.add_parser("status", parents=[common], help="哪些主机有应答 | which hosts answer")
    _logs(verbs.add_parser("logs", parents=[common], help="发送一小时日志 | send an hour of logs"))
    _trap(verbs.add_parser("trap", parents=[common], help="发送告警陷阱 | send a trap"))
    verbs.add_parser("faults", parents=[common], help="故意埋设的问题 | what is planted")
    return made


def _up(up: argparse.ArgumentParser) -> None:
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


def _logs(logs: argparse.ArgumentParser) -> None:
    receivers = load_plan().receivers
    for transport in ("udp", "tcp", "tls"):
        default = _address(receivers[f"syslog_{transport}"])
        logs.add_argument(f"--{transport}", type=_address, default=default, metavar="HOST:PORT")
    logs.add_argument(
        "--ca", type=Path, metavar="FILE", help="校验接收端证书的 CA | checks the receiver's certificate"
    )
    logs.add_argument(
        "--server-name", default="", metavar="NAME", help="接收端证书中的名称 | name in that certificate"
    )
    logs.add_argument("--seed", type=int, default=DEFAULT_SEED, metavar="N")
    logs.add_argument(
        "--end",
        type=_moment,
        default=datetime.now(UTC),
        metavar="TIME",
        help="最后一刻（ISO 8601），默认现在 | default now",
    )
    logs.add_argument("--show", action="store_true", help="只打印不发送 | print, send nothing")


def _trap(trap: argparse.ArgumentParser) -> None:
    trap.add_argument("host")
    trap.add_argument("kind", choices=sorted(KINDS))
    trap.add_argument(
        "--port", default="", metavar="NAME", help="端口名 | the interface, for link-down and link-up"
    )
    trap.add_argument(
        "--to", type=_address, default=_address(load_plan().receivers["trap"]), metavar="HOST:PORT"
    )
    trap.add_argument(
        "--community", default="", metavar="TEXT", help="改用 SNMP v2c | version 2c instead of 3"
    )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"HOST:PORT, not {text!r}")
    return host, int(port)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _injection(text: str) -> str:
    name, _, faults = text.partition(":")
    try:
        Faults.parse(faults)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return f"{name}:{faults}"
