"""The device behind the terminal: takes one typed line, gives the answer; no input or output here."""

import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tests.range.plan import Host, Neighbour
from tests.range.ssh.dialect import Command, Dialect
from tests.range.ssh.editor import ConfigEditor


class Expect(Enum):
    """What the shell waits for after an answer."""

    COMMAND = "command"
    SECRET = "secret"  # typed without echo
    ANSWER = "answer"
    NOTHING = "nothing"  # the session is over


@dataclass(frozen=True)
class Answer:
    """Lines to show (paged or not), the text the next input is typed behind, and what that input is."""

    text: str
    prompt: str
    expect: Expect = Expect.COMMAND
    paged: bool = True


class Device:
    """What all sessions of one device share: its configuration and its passwords."""

    def __init__(self, host: Host, dialect: Dialect, neighbours: list[Neighbour], enable: str) -> None:
        self.host = host
        self.dialect = dialect
        self.neighbours = neighbours
        self.enable = enable
        self.running = host.text("running-config").splitlines()
        self.saved = list(self.running)
        self.booted = time.time() - 86400 * 47

    @property
    def lldp_table(self) -> str:
        form = self.dialect.lldp
        rows = [
            form["row"].format(
                port=n.port, mac=n.host.mac.replace(":", ""), mac4=_dotted(n.host.mac, form.get("dot", ".")),
                name=n.host.name, name_port=n.host_port, title=n.host.title["en"],
            )
            for n in self.neighbours
        ]  # fmt: skip
        return form["head"] + "\n".join(rows) + form.get("foot", "").format(count=len(rows))


class Shell:
    """One session's command interpreter: view, paging, pending question."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.dialect = device.dialect
        self.view = self.dialect.start
        self.page_lines = self.dialect.page_lines
        self._candidate = list(device.running) if self.dialect.two_stage else device.running
        self._editor = ConfigEditor(self._candidate, self.dialect)
        self._pending: Command | None = None
        self._tries = 0

    @property
    def prompt(self) -> str:
        name = self.device.host.name
        mark = "~" if self._candidate == self.device.running else "*"
        return self.dialect.prompt(self.view, name, self._editor.section_label, mark)

    def enter(self, line: str) -> Answer:
        """The answer to a typed command line."""
        command_text, _, filter_text = line.partition(" | ")
        typed = command_text.split()
        if not typed:
            return self._say("")
        command = self._find(typed)
        if isinstance(command, Command):
            text = self._run(command, typed)
            return text if isinstance(text, Answer) else self._say(_filtered(text, filter_text))
        if command == "unknown" and self.view == self.dialect.config_view and self._editor.apply(line):
            return self._say("")
        return self._say(self._error(command, line, typed), paged=False)

    def reply(self, text: str) -> Answer:
        """The answer to what was typed at a question or a password prompt."""
        command, self._pending = self._pending, None
        assert command is not None
        replied: Callable[[Command, str], Answer] = getattr(self, f"_replied_{command.do}")
        return replied(command, text)

    def help(self, line: str) -> str:
        """What may follow, for ``?``."""
        typed, fresh = line.split(), line.endswith(" ") or not line
        known = typed if fresh else typed[:-1]
        begin = "" if fresh else typed[-1]
        words = {
            command.words[len(known)]
            for command in self._here()
            if command.begins_with(known) and command.words[len(known)].startswith(begin)
        }
        return "\n".join(f"  {word}" for word in sorted(words))

    # --- finding a command
    def _here(self) -> list[Command]:
        return [command for command in self.dialect.commands if self.view in command.views]

    def _find(self, typed: list[str]) -> Command | str:
        found = [command for command in self._here() if command.matches(typed)]
        if found:
            best = max(command.exactness(typed) for command in found)
            found = [command for command in found if command.exactness(typed) == best]
            return found[0] if len(found) == 1 else "ambiguous"
        return "incomplete" if any(command.begins_with(typed) for command in self._here()) else "unknown"

    def _error(self, kind: str, line: str, typed: list[str]) -> str:
        good = 0
        while good < len(typed) and any(c.begins_with(typed[: good + 1]) for c in self._here()):
            good += 1
        wrong = typed[min(good, len(typed) - 1)]
        caret = " " * (len(self.prompt) + line.find(wrong)) + "^"
        return self.dialect.errors[kind].format(caret=caret, line=line.strip(), word=wrong)

    # --- actions
    def _run(self, command: Command, typed: list[str]) -> str | Answer:
        action: Callable[[Command, list[str]], str | Answer] = getattr(self, f"_do_{command.do}")
        return action(command, typed)

    def _say(self, text: str, *, paged: bool = True) -> Answer:
        return Answer(text, self.prompt, Expect.COMMAND, paged)

    def _do_say(self, command: Command, typed: list[str]) -> str:
        return command.text

    def _do_file(self, command: Command, typed: list[str]) -> str:
        return self.device.host.text(command.text)

    def _do_running(self, command: Command, typed: list[str]) -> str:
        return "\n".join(self.device.running)

    def _do_running_whole(self, command: Command, typed: list[str]) -> Answer:
        return self._say("\n".join(self.device.running), paged=False)

    def _do_saved(self, command: Command, typed: list[str]) -> str:
        return "\n".join(self.device.saved)

    def _do_lldp(self, command: Command, typed: list[str]) -> str:
        return self.device.lldp_table

    def _do_clock(self, command: Command, typed: list[str]) -> str:
        return time.strftime(command.text, time.gmtime(time.time() + 8 * 3600))

    def _do_paging(self, command: Command, typed: list[str]) -> str:
        self.page_lines = int(typed[-1]) if typed[-1].isdigit() else command.pages
        return command.text

    def _do_view(self, command: Command, typed: list[str]) -> str:
        self.view = command.view
        self._editor.leave_section()
        self._candidate[:] = self.device.running
        return command.text

    def _do_back(self, command: Command, typed: list[str]) -> str:
        if not self._editor.leave_section():
            self.view = command.view
            self._candidate[:] = self.device.running
        return command.text

    def _do_commit(self, command: Command, typed: list[str]) -> str:
        self.device.running[:] = self._candidate
        return command.text

    def _do_rollback(self, command: Command, typed: list[str]) -> str:
        self._candidate[:] = self.device.running
        return command.text

    def _do_leave(self, command: Command, typed: list[str]) -> Answer:
        return Answer(command.text, "", Expect.NOTHING, paged=False)

    def _do_enable(self, command: Command, typed: list[str]) -> Answer:
        self._pending, self._tries = command, 0
        return Answer("", "Password: ", Expect.SECRET, paged=False)

    def _replied_enable(self, command: Command, text: str) -> Answer:
        if hmac.compare_digest(text.encode(), self.device.enable.encode()):
            self.view = command.view
            return self._say("", paged=False)
        self._tries += 1
        if self._tries < 3:
            self._pending = command
            return Answer("", "Password: ", Expect.SECRET, paged=False)
        return self._say(command.text, paged=False)

    def _do_save(self, command: Command, typed: list[str]) -> Answer:
        return self._ask(command)

    def _replied_save(self, command: Command, text: str) -> Answer:
        if text.strip().lower() not in ("y", "yes", ""):
            return self._say("", paged=False)
        self.device.saved = list(self.device.running)
        return self._say(command.text.partition("\n")[2], paged=False)

    def _do_write(self, command: Command, typed: list[str]) -> str:
        self.device.saved = list(self.device.running)
        return command.text

    def _do_reload(self, command: Command, typed: list[str]) -> Answer:
        return self._ask(command)

    def _replied_reload(self, command: Command, text: str) -> Answer:
        if text.strip().lower() not in ("y", "yes", ""):
            return self._say("", paged=False)
        self.device.running[:] = self.device.saved
        return Answer(command.text.partition("\n")[2], "", Expect.NOTHING, paged=False)

    def _ask(self, command: Command) -> Answer:
        self._pending = command
        return Answer("", command.text.partition("\n")[0], Expect.ANSWER, paged=False)


def _filtered(text: str, filter_text: str) -> str:
    """``| include X``, ``| exclude X``, ``| begin X`` as all vendors have them."""
    word, _, pattern = filter_text.strip().partition(" ")
    if not pattern:
        return text
    lines, found = text.splitlines(), re.compile(pattern.strip().strip('"'))
    if "include".startswith(word):
        return "\n".join(line for line in lines if found.search(line))
    if "exclude".startswith(word):
        return "\n".join(line for line in lines if not found.search(line))
    start = next((index for index, line in enumerate(lines) if found.search(line)), len(lines))
    return "\n".join(lines[start:])


def _dotted(mac: str, dot: str) -> str:
    digits = mac.replace(":", "")
    return dot.join(digits[i : i + 4] for i in range(0, 12, 4))
