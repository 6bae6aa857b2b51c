"""A device's terminal: echo per character, erase, paging, questions, and the ways in which sessions go wrong."""

import asyncio
from dataclasses import dataclass

import asyncssh

from tests.range.ssh.shell import Answer, Expect, Shell

ERASE, INTERRUPT, END = {0x7F, 0x08}, 0x03, 0x04
CUT_SLICE = 40  # lines written between two looks at the faults


@dataclass(frozen=True)
class Faults:
    """What a session suffers, for tests. Numbers count lines of one long answer; seconds are waited.

    ``cut_after``: the connection drops behind so many lines. ``hang_after``: nothing more comes. ``pause_at_hash``: a pause
    behind each of the first three bare ``#`` lines, which look like a prompt. ``slow``: before each answer.
    ``password_question``: the login question of a new account.
    """

    cut_after: int = 0
    hang_after: int = 0
    pause_at_hash: float = 0.0
    slow: float = 0.0
    password_question: bool = False

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """``cut_after=40,slow=0.5,password_question``; ValueError names what is not known."""
        values: dict[str, object] = {}
        for part in filter(None, text.split(",")):
            name, _, value = part.partition("=")
            kind = cls.__annotations__.get(name)
            if kind is None:
                raise ValueError(f"no such fault: {name}")
            values[name] = {int: int, float: float}.get(kind, lambda _: True)(value)
        return cls(**values)  # type: ignore[arg-type]


class Terminal:
    """Drives one Shell over one SSH session."""

    def __init__(self, process: "asyncssh.SSHServerProcess[bytes]", shell: Shell, faults: Faults) -> None:
        self._process = process
        self._shell = shell
        self._faults = faults
        self._typed = bytearray()
        self._after_return = False

    async def run(self) -> None:
        """Serve until the user leaves or the connection ends."""
        self._write(self._shell.dialect.login_text.replace("\n", "\r\n"))
        if self._faults.password_question and self._shell.dialect.password_question:
            self._write("\r\n" + self._shell.dialect.password_question)
            await self._line(echo=True)
        answer = self._shell.enter("")
        while answer.expect is not Expect.NOTHING:
            self._write(answer.prompt)
            line = await self._line(echo=answer.expect is not Expect.SECRET)
            if line is None:
                return
            if answer.expect is Expect.COMMAND:
                answer = self._shell.enter(line)
            else:
                answer = self._shell.reply(line)
            await asyncio.sleep(self._faults.slow)
            await self._show(answer)
        await self._process.stdout.drain()

    async def once(self, command: str) -> None:
        """``ssh host command``: one answer without paging."""
        self._shell.page_lines = 0
        await self._show(self._shell.enter(command))

    # --- out
    def _write(self, text: str) -> None:
        self._process.stdout.write(text.encode("utf-8"))

    async def _show(self, answer: Answer) -> None:
        if not answer.text:
            return
        lines = answer.text.rstrip("\n").split("\n")
        size = self._shell.page_lines if answer.paged else 0
        for number, line in enumerate(lines):
            if size and number and number % (size - 1) == 0 and not await self._more():
                return
            self._write(line + "\r\n")
            await self._suffer(number + 1, line)
            if number % CUT_SLICE == 0:
                await self._process.stdout.drain()

    async def _more(self) -> bool:
        """Show the pager and wait for a key: blank goes on a page, Return too, anything else ends the answer."""
        dialect = self._shell.dialect
        self._write(dialect.pager)
        key = await self._key()
        self._write(dialect.pager_clear)
        return key in b" \r\n" if key else False

    async def _suffer(self, shown: int, line: str) -> None:
        faults = self._faults
        if faults.cut_after and shown == faults.cut_after:
            await self._process.stdout.drain()
            self._process.channel.get_connection().abort()
            raise asyncio.CancelledError
        if faults.hang_after and shown == faults.hang_after:
            await asyncio.sleep(3600)
        if faults.pause_at_hash and line == "#" and shown < 20:
            await self._process.stdout.drain()
            await asyncio.sleep(faults.pause_at_hash)

    # --- in
    async def _key(self) -> bytes:
        if not self._typed:
            self._typed += await self._read()
        key = bytes(self._typed[:1])
        del self._typed[:1]
        if key == b"\r":
            self._after_return = True
        elif key == b"\n" and self._after_return:
            self._after_return = False
            return await self._key()
        else:
            self._after_return = False
        return key

    async def _read(self) -> bytes:
        while True:
            try:
                return await self._process.stdin.read(4096)
            except (asyncssh.TerminalSizeChanged, asyncssh.BreakReceived, asyncssh.SignalReceived):
                continue

    async def _line(self, *, echo: bool) -> str | None:
        """One typed line without its end; None when the user is gone."""
        line = bytearray()
        while True:
            key = await self._key()
            if not key or (key[0] == END and not line):
                return None
            if key in b"\r\n":
                self._write("\r\n")
                return line.decode("utf-8", "replace")
            self._typed_key(key, line, echo)

    def _typed_key(self, key: bytes, line: bytearray, echo: bool) -> None:
        if key[0] in ERASE:
            if line:
                del line[-1:]
                self._write("\b \b" if echo else "")
        elif key[0] == INTERRUPT:
            line.clear()
            self._write("^C\r\n" + self._shell.prompt)
        elif key == b"?" and echo:
            typed = line.decode("utf-8", "replace")
            listed = self._shell.help(typed).replace("\n", "\r\n")
            self._write(f"?\r\n{listed}\r\n{self._shell.prompt}{typed}")
        elif key[0] >= 0x20:
            line += key
            if echo:
                self._process.stdout.write(key)
