"""A stand-in for SendGrid's API of lists and of its log of messages."""

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest


class StandIn:
    """Answers GET requests as SendGrid does.

    From ``lists`` (path → rows) and ``log`` (message key → status); ``status`` answers instead.
    """

    def __init__(self):
        self.lists: dict[str, list[dict]] = {}
        self.log: dict[str, str] = {}
        self.status: dict[str, int] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                path = parts.path.removeprefix("/v3/")
                outer.asked.append(path)
                assert self.headers["Authorization"] == "Bearer SG.key"
                status, body = outer.answer(path, query)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str, query: dict) -> tuple[int, bytes]:
        if path in self.status:
            return self.status[path], b"<html>not JSON</html>"
        if path == "messages":
            key = query["query"].split('"')[1]
            found = (
                [{"msg_id": f"id-{key}", "status": self.log[key], "to_email": "x@example.com"}]
                if key in self.log
                else []
            )
            return 200, json.dumps({"messages": found}).encode()
        start = int(query["offset"])
        return 200, json.dumps(
            self.lists.get(path.removeprefix("suppression/"), [])[
                start : start + int(query["limit"])
            ]
        ).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider(monkeypatch):
    stand_in = StandIn()
    monkeypatch.setenv("AIRFLOW_CONN_SENDGRID", f"http://:SG.key@127.0.0.1:{stand_in.port}")
    yield stand_in
    stand_in.close()


@pytest.fixture
def real(settings):
    return replace(settings, delivery="sendgrid")
