"""A local server that stands for Twilio's endpoint of messages."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from reminders.plans import PHONE


class TwilioServer:
    """Answers as ``behaviour`` says; ``accepted`` holds the forms that it really took."""

    def __init__(self, behaviour: str = "ok"):
        self.behaviour, self.accepted = behaviour, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                outer.respond(self, {name: values[0] for name, values in form.items()})

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def respond(self, request: BaseHTTPRequestHandler, form: dict) -> None:
        if self.behaviour in ("ok", "accept then drop", "accept then late", "accept then 500"):
            self.accepted.append(form)
        if self.behaviour == "accept then drop":
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        if self.behaviour == "accept then late":
            time.sleep(1.5)
        status = {
            "401": 401,
            "403": 403,
            "429": 429,
            "400": 400,
            "302": 302,
            "accept then 500": 500,
            "503": 503,
        }
        code = status.get(self.behaviour, 201)
        answer = {"sid": f"SM{len(self.accepted):032x}", "status": "queued"}
        if code >= 400:
            answer = {"code": 21211, "message": f"{PHONE} is not valid", "status": code}
        request.send_response(code)
        if code == 302:
            request.send_header("Location", f"http://127.0.0.1:{self.port}/elsewhere")
        request.end_headers()
        request.wfile.write(b"{" if self.behaviour == "half" else json.dumps(answer).encode())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
