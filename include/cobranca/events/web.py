"""The web application for providers' webhooks and for the unsubscribe page.

These addresses are open to the internet, so each request carries its own proof: a signature over
its body, or a sealed token. Nothing here reads a cookie, shows personal data or says more than a
stranger may know.
"""

import functools
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import parse_qs

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from cobranca.connections import get_connection
from cobranca.errors import CobrancaError, ConfigError
from cobranca.events import sendgrid_events, twilio_events
from cobranca.ledger import open_ledger
from cobranca.ledger.contact_lookups import ContactLookups
from cobranca.ledger.provider_event import Event
from cobranca.ledger.provider_events import record_events, record_opt_out_by_link
from cobranca.policy import load_policy
from cobranca.policy.creditor import Creditors
from cobranca.reminders.render.unsubscribe import PARAMETER, InvalidToken, named_by
from cobranca.settings import Settings

log = logging.getLogger(__name__)

# The provider sends at most 768 KiB at once.
LARGEST_BODY = 2 * 1024 * 1024
TEMPLATES = Path(__file__).parent / "templates"
# Name of the button that stops the e-mails of the letter's creditor alone.
ONLY_THIS = "only_this"
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}


class BodyTooLarge(CobrancaError):
    """The request's body is larger than any that a provider sends."""


def create_app(
    settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> FastAPI:
    """The application.

    ``now`` (with a zone) is used only to see whether a signature is fresh and when an opt-out came.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    ledger = functools.cache(lambda: open_ledger(settings.ledger, pool_pre_ping=True))

    async def receive(request: Request, read: Callable[[Request, bytes], list[Event]]) -> Response:
        try:
            body = await _body(request)
            recorded = await run_in_threadpool(lambda: record_events(ledger(), read(request, body)))
        except BodyTooLarge:
            return Response(status_code=413)
        except sendgrid_events.InvalidSignature as why:
            log.warning("a report was refused: %s", why)
            return Response(status_code=403)
        except sendgrid_events.UnreadableReport as why:
            log.warning("a signed report cannot be read: %s", why)
            return Response(status_code=400)
        except Exception as error:
            # Anything else is an error of ours; the provider keeps its reports and repeats them.
            log.error(
                "reports could not be kept: %s",
                error if isinstance(error, CobrancaError) else type(error).__name__,
            )
            return Response(status_code=503)
        log.info("reports: %s", recorded.as_dict())
        return Response(status_code=204)

    @app.post("/events/sendgrid")
    async def from_sendgrid(request: Request) -> Response:
        return await receive(request, lambda request, body: _from_sendgrid(request, body, now()))

    @app.post("/events/twilio")
    async def from_twilio(request: Request) -> Response:
        return await receive(
            request, lambda request, body: _from_twilio(settings, request, body, now())
        )

    @app.get("/unsubscribe")
    async def ask(request: Request) -> Response:
        named = _named(request.query_params.get(PARAMETER, ""))
        situation, creditor = ("ask", named[1]) if named else ("unknown", None)
        return await run_in_threadpool(_page, settings, now(), situation, creditor)

    # Mail programs post "List-Unsubscribe=One-Click" here without showing anything (RFC 8058): it
    # stops the e-mails of all creditors, as whoever clicks there has not seen a choice.
    @app.post("/unsubscribe")
    async def stop(request: Request) -> Response:
        named = _named(request.query_params.get(PARAMETER, ""))
        if named is None:
            return await run_in_threadpool(_page, settings, now(), "unknown", None)
        customer_key, creditor = named
        try:
            only = creditor if ONLY_THIS in parse_qs((await _body(request)).decode()) else None
            await run_in_threadpool(_stop, ledger, customer_key, only, now())
        except Exception as error:
            log.error("a payer's wish could not be kept: %s", type(error).__name__)
            return await run_in_threadpool(_page, settings, now(), "failed", creditor)
        situation = "stopped_one" if only else "stopped"
        return await run_in_threadpool(_page, settings, now(), situation, creditor)

    return app


async def _body(request: Request) -> bytes:
    """The raw body; reading stops as soon as it is too large, whatever its header says."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise BodyTooLarge("the body is too large")
    return bytes(body)


def _from_sendgrid(request: Request, body: bytes, now: datetime) -> list[Event]:
    verifier = _verifier(get_connection(sendgrid_events.CONNECTION).password or "")
    verifier.verify(
        body,
        request.headers.get(sendgrid_events.SIGNATURE),
        request.headers.get(sendgrid_events.TIMESTAMP),
        now,
    )
    events, _ = sendgrid_events.read_events(body)
    return events


def _from_twilio(settings: Settings, request: Request, body: bytes, now: datetime) -> list[Event]:
    texts = load_policy(settings.config, now.date()).texts
    if not texts.connection or not texts.status_url:
        raise ConfigError(
            "a report of Twilio came, but texts.yml names no connection or no status_url."
        )
    # Behind a proxy only the configured address is the one that was signed.
    query, token = request.url.query, get_connection(texts.connection).password or ""
    twilio_events.verify(
        texts.status_url, query, body, request.headers.get(twilio_events.SIGNATURE), token
    )
    return twilio_events.read_events(query, body, now)


@functools.lru_cache(maxsize=4)
def _verifier(public_keys: str) -> sendgrid_events.SignatureVerifier:
    return sendgrid_events.SignatureVerifier(public_keys.split())


def _named(token: str) -> tuple[str, str] | None:
    """The customer key and the creditor of a link; ``None`` where it is none of ours."""
    try:
        return named_by(token)
    except InvalidToken:
        return None
    except ConfigError as error:
        log.error("the page that stops our e-mails has no secret: %s", error)
        return None


def _stop(
    ledger: Callable[[], sa.Engine], customer_key: str, only_creditor: str | None, now: datetime
) -> None:
    # A link that is opened again and again must not fill a table whose rows stay for good.
    refused = ContactLookups(ledger()).opted_out([customer_key])
    if not refused & {(customer_key, "email", None), (customer_key, "email", only_creditor)}:
        record_opt_out_by_link(ledger(), customer_key, only_creditor, now)


def _page(
    settings: Settings, now: datetime, situation: str, creditor_id: str | None
) -> HTMLResponse:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    creditors = _creditors(settings, now.date())
    one = creditors.get(creditor_id or "")
    html = environment.get_template("unsubscribe.html.j2").render(
        situation=situation,
        creditor=one or (next(iter(creditors.values())) if len(creditors) == 1 else None),
        others=[other for other in creditors.values() if other is not one] if one else [],
        only_this=ONLY_THIS,
    )
    status = {"unknown": 404, "failed": 503}.get(situation, 200)
    return HTMLResponse(html, status_code=status, headers=_PAGE_HEADERS)


def _creditors(settings: Settings, day: date) -> Creditors:
    try:
        return load_policy(settings.config, day).creditors
    except ConfigError as error:
        log.error("the policy cannot be read: %s", error)
        return {}
