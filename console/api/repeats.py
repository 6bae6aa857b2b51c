"""``Idempotency-Key``: a POST that is sent again is answered again, and done once."""

import functools
from collections.abc import Callable

from flask import Response, g, request
from werkzeug.exceptions import HTTPException

from console.api.problems import Refused
from console.compose.app import App
from console.exchange.idempotency import Answer, Idempotency, digest_of
from kernel.errors import WeichengError

KEPT_HEADERS = ("Content-Type", "ETag", "Location")


class Repeats:
    """Guards handlers against being done twice."""

    def __init__(self, app: App) -> None:
        self._app = app

    def once(self, view: Callable[..., Response]) -> Callable[..., Response]:
        """``view``, or the answer it gave before under the same key."""

        @functools.wraps(view)
        def guarded(**path: str) -> Response:
            key = request.headers.get("Idempotency-Key")
            if key is None:
                return view(**path)
            return self._keyed(key, lambda: view(**path))

        return guarded

    def _keyed(self, key: str, act: Callable[[], Response]) -> Response:
        floor = self._app.floor
        kept = Idempotency(floor.database, floor.clock, floor.box)
        asked = digest_of(request.path, request.query_string.decode("latin-1"), request.get_data())
        before = kept.begin(g.principal, key, asked)
        if before is not None:
            headers = {**before.headers, "Idempotency-Replayed": "true"}
            return Response(before.body, before.status, headers)
        try:
            response = act()
        except (WeichengError, Refused, HTTPException):  # refused, so nothing was done
            kept.forget(g.principal, key)
            raise
        headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        kept.finish(g.principal, key, Answer(response.status_code, headers, response.get_data()))
        return response
