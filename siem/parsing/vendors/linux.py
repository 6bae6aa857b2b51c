"""Linux hosts: OpenSSH, sudo, su, PAM, accounts, the kernel; and FRRouting, which logs by the same daemon."""

import re

from siem.ecs import Document
from siem.parsing.shapes import (
    CONFIGURED,
    LOG_CLEARED,
    LOG_STOPPED,
    LOGIN_FAILED,
    LOGIN_OK,
    LOGOUT,
    Shape,
    Vendor,
    read_first,
    shape,
)
from siem.parsing.syslog import Header

_FROM = r"from (?P<source__ip><ip>)(?: port (?P<source__port><port>))?"
_USER = r"(?P<user__name>\S{1,128})"
_SSH = {"event.action": "ssh_login", "network.protocol": "ssh"}

SSHD = (
    shape(rf"^Accepted (?P<_method>\S+) for {_USER} {_FROM}", LOGIN_OK, _SSH),
    shape(
        rf"^Failed (?P<_method>\S+) for (?:invalid user |illegal user )?{_USER} {_FROM}", LOGIN_FAILED, _SSH
    ),
    shape(
        rf"^(?:Invalid|Illegal) user (?P<user__name>\S{{0,128}}) {_FROM}",
        LOGIN_FAILED,
        _SSH,
        {"event.action": "ssh_invalid_user"},
    ),
    shape(
        rf"maximum authentication attempts exceeded for (?:invalid user )?{_USER} {_FROM}",
        LOGIN_FAILED,
        _SSH,
        {"event.action": "ssh_attempts_exceeded"},
    ),
    shape(
        r"^(?:Disconnected|Received disconnect|Connection closed|Connection reset).*?"
        r"(?P<source__ip><ip>) port (?P<source__port><port>)",
        LOGOUT,
        {"network.protocol": "ssh", "event.action": "ssh_disconnect"},
    ),
    shape(r"session opened for user (?P<user__name>[^\s(]+)", LOGIN_OK, {"event.action": "session_opened"}),
    shape(r"session closed for user (?P<user__name>[^\s(]+)", LOGOUT, {"event.action": "session_closed"}),
    shape(
        r"subsystem request for (?P<_subsystem>\S+) by user (?P<user__name>\S+)",
        {"event.category": ["session"]},
    ),
    shape(
        r"authentication failure;.* rhost=(?P<source__ip><ip>)?\s*(?:user=(?P<user__name>\S+))?",
        LOGIN_FAILED,
        {"event.action": "pam_failure"},
    ),
)

_WHO = r"^\s*(?P<user__name>\S+) : "
_WHERE = r"TTY=\S+ ; PWD=(?P<process__working_directory>[^;]+) ; USER=(?P<user__effective__name>\S+) ; "
_REFUSED = r"(?P<event__reason>[^;=]{0,60}(?:NOT in sudoers|incorrect password|not allowed)[^;=]{0,60}) ; "
_RUN = rf"{_WHO}{_WHERE}COMMAND=(?P<process__command_line>"
_LOG_FILES = r"(?:journalctl --(?:vacuum|rotate)|(?:rm|truncate|shred)\b.*?/var/log/)"
_LOG_SERVICES = (
    r"(?:systemctl (?:stop|disable|mask) (?:r?syslog(?:-ng|d)?|auditd|systemd-journald)"
    r"|service (?:r?syslog|auditd) stop|auditctl -e ?0)"
)
_RAN = {
    "event.category": ["process"],
    "event.type": ["start"],
    "event.action": "sudo",
    "event.outcome": "success",
}
SUDO = (
    shape(rf"{_RUN}.{{0,400}}?{_LOG_FILES}.{{0,2000}})", LOG_CLEARED),
    shape(rf"{_RUN}.{{0,400}}?{_LOG_SERVICES}.{{0,2000}})", LOG_STOPPED),
    shape(rf"{_RUN}.{{0,4000}})", _RAN),
    shape(
        rf"{_WHO}{_REFUSED}{_WHERE}COMMAND=(?P<process__command_line>.{{0,4000}})",
        _RAN,
        {"event.outcome": "failure"},
    ),
    shape(
        r"session opened for user (?P<user__effective__name>[^\s(]+)(?:\(uid=\d+\))? by (?P<user__name>[^\s(]*)",
        LOGIN_OK,
        {"event.action": "session_opened"},
    ),
    shape(r"session closed for user (?P<user__name>\S+)", LOGOUT, {"event.action": "session_closed"}),
    shape(
        r"authentication failure;.*(?:ruser|logname)=(?P<user__name>\S+)",
        LOGIN_FAILED,
        {"event.action": "pam_failure"},
    ),
)
SU = (
    shape(
        r"(?:FAILED SU|FAILED su for) \(?(?:to )?(?P<user__effective__name>[^\s)]+)\)? (?:by )?(?P<user__name>\S+)",
        LOGIN_FAILED,
        {"event.action": "su"},
    ),
    shape(
        r"(?:Successful su for|\(to) (?P<user__effective__name>[^\s)]+)\)? (?:by )?(?P<user__name>\S+)",
        LOGIN_OK,
        {"event.action": "su"},
    ),
)
ACCOUNTS = (
    shape(
        r"new user: name=(?P<user__target__name>[^,\s]+)",
        {
            "event.category": ["iam"],
            "event.type": ["user", "creation"],
            "event.action": "user-added",
            "event.outcome": "success",
        },
    ),
    shape(
        r"new group: name=(?P<group__name>[^,\s]+)",
        {
            "event.category": ["iam"],
            "event.type": ["group", "creation"],
            "event.action": "group-added",
            "event.outcome": "success",
        },
    ),
    shape(
        r"delete user '(?P<user__target__name>[^']+)'",
        {
            "event.category": ["iam"],
            "event.type": ["user", "deletion"],
            "event.action": "user-deleted",
            "event.outcome": "success",
        },
    ),
)
SYSTEM = (
    shape(
        r"Stopp(?:ed|ing) (?:System Logging Service|Security Auditing Service|rsyslog|Journal Service)",
        LOG_STOPPED,
    ),
    shape(r"exiting on signal 15", LOG_STOPPED, code="rsyslogd|syslogd|auditd"),
)
FRR = (
    shape(r"Configuration Read in|configured from vty by (?P<user__name>\S+)", CONFIGURED),
    shape(
        r"\[(?:EC \d+)\]|%(?:ADJCHANGE|NOTIFICATION): neighbor (?P<destination__ip><ip>)",
        {"event.category": ["network"], "event.type": ["info"], "event.action": "routing-changed"},
    ),
    shape(r"Vty connection (?:from|is from) (?P<source__ip><ip>)", LOGIN_OK, {"event.action": "vty_login"}),
)

_PROGRAMS: dict[str, tuple[str, tuple[Shape, ...]]] = {
    **dict.fromkeys(("sshd", "sshd-session", "sshd-auth", "dropbear"), ("linux.sshd", SSHD)),
    "sudo": ("linux.sudo", SUDO),
    "su": ("linux.auth", SU),
    **dict.fromkeys(
        ("useradd", "userdel", "groupadd", "usermod", "passwd", "chpasswd"), ("linux.auth", ACCOUNTS)
    ),
    **dict.fromkeys(("login", "systemd-logind"), ("linux.auth", SSHD)),
    **dict.fromkeys(("systemd", "rsyslogd", "syslogd", "auditd"), ("linux.syslog", SYSTEM)),
    **dict.fromkeys(
        (
            "zebra",
            "bgpd",
            "ospfd",
            "ospf6d",
            "staticd",
            "mgmtd",
            "watchfrr",
            "vtysh",
            "isisd",
            "bfdd",
            "ripd",
        ),
        ("frr.log", FRR),
    ),
}


def _program(header: Header) -> str:
    return re.split(r"[(/]", header.program.rsplit("/", 1)[-1], maxsplit=1)[0].lower()


def _decoder(dataset: str) -> Vendor:
    def recognise(header: Header) -> bool:
        return _PROGRAMS.get(_program(header), ("", ()))[0] == dataset

    def decode(header: Header) -> Document:
        program = _program(header)
        return {"message": header.body} | read_first(_PROGRAMS[program][1], program, header.body)

    observer = {"observer.vendor": "FRRouting", "observer.type": "router"} if dataset == "frr.log" else {}
    return Vendor(dataset, recognise, decode, observer)


def _any_program(header: Header) -> Document:
    return {"message": header.body}


VENDORS = (
    *(_decoder(name) for name in ("linux.sshd", "linux.sudo", "linux.auth", "linux.syslog", "frr.log")),
    Vendor("linux.syslog", lambda header: bool(header.program), _any_program),
)
