"""The table of what the door answers. A protocol adds its routes; what gathers is answered many at once."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernel.edges.public import Answer, Asked, text

_HEALTHY = Answer(200, "application/json", b'{"status":"ok"}\n')


@dataclass(frozen=True)
class Route:
    """``method`` (None: any) on paths that match ``path`` as they came. ``answer`` gives the answers in the same order: of
    one request, or of several when they go ``together``."""

    path: re.Pattern[str]
    method: str | None
    answer: Callable[[Sequence[Asked]], list[Answer]]
    together: bool = False


class EnrolmentSite:
    """What its routes answer, the first that fits; and GET /healthz."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes

    def quick(self, asked: Asked) -> Answer | None:
        return _HEALTHY if asked.path == "/healthz" and asked.method in ("GET", "HEAD") else None

    def together(self, asked: Asked) -> bool:
        route = self._route(asked)
        return route is not None and route.together

    def answer(self, asked: Sequence[Asked]) -> list[Answer]:
        """Each route answers what came to it as one piece of work."""
        places: dict[Route | None, list[int]] = {}
        for place, one in enumerate(asked):
            places.setdefault(self._route(one), []).append(place)
        answers: dict[int, Answer] = {}
        for route, those in places.items():
            came = [asked[place] for place in those]
            answers |= zip(those, _nothing(came) if route is None else route.answer(came), strict=True)
        return [answers[place] for place in range(len(asked))]

    def _route(self, asked: Asked) -> Route | None:
        method = "GET" if asked.method == "HEAD" else asked.method
        for route in self._routes:
            if route.method in (None, method) and route.path.fullmatch(asked.path):
                return route
        return None


def _nothing(asked: Sequence[Asked]) -> list[Answer]:
    return [text(404, "There is nothing here.") for _ in asked]
