"""Mount the webhooks of the providers and the unsubscribe page under ``/cobranca``.

Airflow asks for no login before an application of a plugin. These addresses are meant to be open:
every request is proved by its signature or its token. See ``cobranca.events.web``.
"""

from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class _LazyApp:
    """Create the application at the first request.

    Every component of Airflow loads every plugin at its start, and only the API server ever needs
    this application.
    """

    _app: "ASGIApp | None" = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if self._app is None:
            self._app = self._create()
        await self._app(scope, receive, send)

    @staticmethod
    def _create() -> "ASGIApp":
        from cobranca.events.web import create_app
        from cobranca.orchestration.airflow_connections import use_airflow_connections
        from cobranca.settings import Settings

        use_airflow_connections()
        return create_app(Settings.from_environment())


class ProviderWebhooks(AirflowPlugin):
    name = "provider_webhooks"
    # Airflow declares this as a variable of the instance.
    fastapi_apps: list[Any] = [  # noqa: RUF012
        {"name": "provider webhooks", "app": _LazyApp(), "url_prefix": "/cobranca"}
    ]
