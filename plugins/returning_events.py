"""Mounts what the outside world may call (reports of the e-mail provider, the page that stops our e-mails) under ``/cobranca``.

Airflow leaves an application of a plugin open to everybody; these addresses are meant to be, and every request is
proved by its signature or its token. See ``cobranca.events.web``.
"""

from airflow.plugins_manager import AirflowPlugin


class _OnFirstRequest:
    """Every component of Airflow loads every plugin at its start; only the API server ever needs this application."""

    _app = None

    async def __call__(self, scope, receive, send) -> None:
        if self._app is None:
            self._app = self._create()
        await self._app(scope, receive, send)

    @staticmethod
    def _create():
        from cobranca.events.web import create_app
        from cobranca.orchestration.connections import use_airflow_connections
        from cobranca.settings import Settings

        use_airflow_connections()
        return create_app(Settings.from_environment())


class ReturningEvents(AirflowPlugin):
    name = "returning_events"
    fastapi_apps = [{"name": "returning events", "app": _OnFirstRequest(), "url_prefix": "/cobranca"}]
