"""The API's verbs that are cheaper for many at once, answered as the API answers them: to programs that hold a token."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qsl

import structlog

from console.api.admission import MEND, Admission, bearer, language_of
from console.api.inputs import parsed, refuse_arguments
from console.api.operations import PREFIX, Kind, Operation, operations
from console.api.problems import (
    MEDIA_TYPE,
    About,
    NoMethod,
    Nowhere,
    Refused,
    fault,
    headers_of,
    problem_of,
    record,
)
from console.api.telling import answer_of, octets
from console.compose.app import App
from console.enrolment.site import Route
from console.exchange.idempotency import Answer as Kept
from console.exchange.idempotency import Idempotency, Keyed, digest_of
from kernel.edges.public import Answer, Asked
from kernel.edges.resources import Done, Input, Resource
from kernel.errors import ErrorCode, Unauthenticated, WeichengError
from kernel.i18n import N_, speaking
from kernel.identity.model import Principal
from kernel.ids import new_id

NOBODY = N_("This needs a token.")


@dataclass
class Call:
    """A request on its way through: who asks what, and the answer once there is one."""

    asked: Asked
    about: About
    language: str
    principal: Principal | None = None
    key: Keyed | None = None
    input: Input | None = None
    answer: Kept | None = None
    extra: dict[str, str] = field(default_factory=dict)  # header fields of this answer alone, kept by nobody

    @property
    def who(self) -> Principal:
        assert self.principal is not None
        return self.principal

    def refuse(self, error: WeichengError | Refused) -> None:
        """Answer with the problem, in the language that is spoken."""
        if isinstance(error, WeichengError) and error.code is ErrorCode.INTERNAL:
            record(error, self.about)
            self.fail()
            return
        problem = problem_of(error, self.about)
        self.answer = Kept(problem.status, {"Content-Type": MEDIA_TYPE}, octets(problem))
        self.extra = headers_of(error, authorized="authorization" in self.asked.headers)

    def fail(self) -> None:
        """Answer that it is our fault. Whether it took effect is not known, so its key stays taken."""
        self.key = None
        problem = fault(self.about)
        self.answer = Kept(problem.status, {"Content-Type": MEDIA_TYPE}, octets(problem))


class Programs:
    """Requests below the API's prefix: a piece of work each verb, whoever asks."""

    def __init__(self, app: App, resources: Iterable[Resource]) -> None:
        self._app = app
        self._admission = Admission(app.settings.web.api_per_minute)
        self._kept = Idempotency(app.floor.database, app.floor.clock, app.floor.box)
        self._operations: Mapping[str, Operation] = {
            PREFIX + one.path: one
            for resource in resources
            for one in operations(resource)
            if one.kind is Kind.WHOLE and one.of_verb.gathered is not None
        }

    def routes(self) -> list[Route]:
        """Those of the verbs, and one that tells whoever holds a token that there is nothing else."""
        paths = "|".join(re.escape(path) for path in self._operations)
        rest = re.compile(rf"{re.escape(PREFIX)}(?:/.*)?", re.DOTALL)
        return [
            Route(re.compile(paths), "POST", self.answer, together=True),
            Route(rest, None, self.answer),
        ]

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        """One answer each. What is asked of the same verb is one piece of work."""
        started = time.monotonic()
        calls = [self._call(one) for one in asked]
        self._authenticate(calls)
        _each(calls, self._read)
        self._begin([call for call in calls if call.key and call.answer is None])
        for path, operation in self._operations.items():
            waiting = [call for call in calls if call.asked.path == path and call.answer is None]
            if waiting:
                self._act(operation, waiting)
        return [_answer(call, started) for call in calls]

    def _call(self, asked: Asked) -> Call:
        language = language_of(asked.headers.get("accept-language", ""), self._app.settings.language)
        return Call(asked, About(asked.path, new_id("req")), language)

    def _authenticate(self, calls: Sequence[Call]) -> None:
        """Find out who asks; the tokens are looked up together."""
        _each(calls, lambda call: self._admission.look(call.asked.origin))
        coming = [call for call in calls if call.answer is None]
        raws = [bearer(call.asked.headers.get("authorization", "")) for call in coming]
        with _failing(coming):
            found = self._app.floor.tokens.principals([raw or "" for raw in raws])
            for call, raw, principal in zip(coming, raws, found, strict=True):
                _each([call], partial(self._admit, raw, principal))

    def _admit(self, raw: str | None, found: Principal | Unauthenticated, call: Call) -> None:
        if isinstance(found, Unauthenticated):
            self._admission.failed(call.asked.origin)
            raise found if raw is not None else Unauthenticated(NOBODY, mend=MEND)
        self._admission.count(found)
        call.principal = found

    def _read(self, call: Call) -> None:
        """What is asked: a verb that there is and that the principal may use, with an input that fits it."""
        asked = call.asked
        operation = self._operations.get(asked.path)
        if operation is None:
            raise Nowhere
        if asked.method != operation.method:
            raise NoMethod({"Allow": operation.method})
        self._app.floor.access.require(call.who, operation.permission)
        key = asked.headers.get("idempotency-key")
        if key is not None:
            call.key = Keyed(call.who, key, digest_of(asked.path, asked.query, asked.body))
        refuse_arguments(name for name, _ in parse_qsl(asked.query, keep_blank_values=True))
        call.input = parsed(operation.of_verb.input, asked.body, asked.headers.get("content-type", ""))

    def _begin(self, calls: Sequence[Call]) -> None:
        """Give the kept answers to what was asked before; note that the others begin."""
        if not calls:
            return
        with _failing(calls):
            found = self._kept.begin_all([call.key for call in calls if call.key])
            for call, before in zip(calls, found, strict=True):
                _each([call], partial(_take_up, before))

    def _act(self, operation: Operation, calls: Sequence[Call]) -> None:
        gathered = operation.of_verb.gathered
        assert gathered is not None
        with _failing(calls):
            told = gathered(self._app, [(call.who, call.input) for call in calls])
            for call, tell in zip(calls, told, strict=True):
                _each([call], partial(_tell, operation.resource, tell))
        keyed = [call for call in calls if call.key]
        with _failing(keyed):
            self._end(keyed)

    def _end(self, calls: Sequence[Call]) -> None:
        """Keep what was answered under its key; let go the keys of what was refused, for nothing was done."""
        ended = [(call.key, call.answer) for call in calls if call.key and call.answer]
        if ended:
            self._kept.end_all([(key, None if kept.status >= 400 else kept) for key, kept in ended])


def _tell(resource: Resource, tell: Callable[[], Done], call: Call) -> None:
    call.answer = answer_of(resource, tell(), 200)


def _take_up(before: Kept | WeichengError | None, call: Call) -> None:
    """Give the answer that was given before to the same request."""
    if before is None:
        return
    call.key = None  # it has its answer, or is another request's
    if isinstance(before, WeichengError):
        raise before
    call.answer, call.extra = before, {"Idempotency-Replayed": "true"}


@contextmanager
def _failing(calls: Sequence[Call]) -> Iterator[None]:
    """Work for all of them: when it fails, each of them is told so."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - recorded whole
        record(error, *[call.about for call in calls])
        for call in calls:
            with speaking(call.language):
                call.fail()


def _each(calls: Iterable[Call], step: Callable[[Call], None]) -> None:
    """Take the step with every call that has no answer yet; an error is the answer to that call alone."""
    for call in calls:
        if call.answer is not None:
            continue
        with speaking(call.language):
            try:
                step(call)
            except (WeichengError, Refused) as error:
                call.refuse(error)
            except Exception as error:  # noqa: BLE001 - recorded whole; the other calls go on
                record(error, call.about)
                call.fail()


def _answer(call: Call, started: float) -> Answer:
    kept = call.answer
    assert kept is not None
    headers = dict(kept.headers)
    media_type = headers.pop("Content-Type")
    headers |= {
        "Content-Language": "en" if call.language == "en" else "zh-CN",
        "Vary": "Accept-Language, Authorization",
        "X-Request-Id": call.about.number,
        **call.extra,
    }
    structlog.get_logger("enrol").info(
        "request",
        method=call.asked.method,
        path=call.asked.path,
        status=kept.status,
        milliseconds=round((time.monotonic() - started) * 1000, 1),
        who=call.principal.id if call.principal else None,
        origin=call.asked.origin,
        request_id=call.about.number,
    )
    return Answer(kept.status, media_type, kept.body, headers=headers)
