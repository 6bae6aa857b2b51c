"""The public status service: CRLs, issuing certificates, OCSP, time-stamps. No session, no secret; answers are signed."""

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import unquote

from flask import Blueprint, Flask, Response, request

from ca.encoding import ocsp
from kernel.errors import NotFound, WeichengError

if TYPE_CHECKING:
    from ca.service import CaService

_MAX_BODY = 65536
_CACHED_SECONDS = 60  # a revocation is seen through every cache within a minute


def create_status_app(service: "CaService") -> Flask:
    """A Flask app with nothing but the status service."""
    app = Flask("weicheng-status", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    app.url_map.merge_slashes = False  # base64 in an OCSP path may hold two slashes in a row
    app.register_blueprint(status_blueprint(service))

    @app.errorhandler(NotFound)
    def not_found(error: WeichengError) -> tuple[str, int]:
        return error.text("en") + "\n", 404

    return app


def status_blueprint(service: "CaService") -> Blueprint:
    """GET /crl/ID.crl, GET /ca/ID.cer (AIA), GET and POST /ocsp, POST /tsa."""
    status = Blueprint("status", __name__)

    @status.get("/crl/<authority>.crl")
    def crl(authority: str) -> Response:
        return _der(service.publication.crl(authority), "application/pkix-crl", max_age=300)

    @status.get("/ca/<authority>.cer")
    def certificate(authority: str) -> Response:
        return _der(service.authority(authority).certificate, "application/pkix-cert", max_age=86400)

    @status.post("/ocsp")
    def ocsp_post() -> Response:
        return _der(service.responder.answer(request.get_data()), "application/ocsp-response")

    @status.get("/ocsp/<path:encoded>")
    def ocsp_get(encoded: str) -> Response:
        # RFC 6960 appendix A.1: base64, percent-encoded; some clients double the slashes of the path
        try:
            asked = base64.b64decode(unquote(encoded), validate=True)
        except (binascii.Error, ValueError):
            return _der(ocsp.failure(ocsp.MALFORMED_REQUEST), "application/ocsp-response")
        return _der(service.responder.answer(asked), "application/ocsp-response", max_age=_CACHED_SECONDS)

    @status.post("/tsa")
    def timestamp() -> Response:
        return _der(service.services.stamp(request.get_data()), "application/timestamp-reply")

    @status.get("/healthz")
    def healthy() -> dict[str, str]:
        return {"status": "ok"}

    return status


def _der(data: bytes, media_type: str, *, max_age: int = 0) -> Response:
    answer = Response(data, mimetype=media_type)
    answer.headers["Cache-Control"] = f"max-age={max_age}" if max_age else "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
