"""Stand-in for SendGrid's mail endpoint on loopback, with scripted faults.

It speaks HTTP over plain sockets, so that it can break the protocol. Each accepted mail is written
to a file and flushed to disk before the answer. The checker compares the ledger with this file.
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

# Answers that the sender cannot tell from a lost mail: the message must end as unknown.
AMBIGUOUS = (
    "drop",
    "accept_then_drop",
    "accept_then_late",
    "late",
    "accept_then_500",
    "500",
    "accept_then_cut",
    "302",
    "200",
)
# After "accept_then_hang_up" the connection is closed: the next message on it may be ambiguous.
BEHAVIOURS = ("ok", "slow", "accept_then_hang_up", "429", "400", "413", "401", *AMBIGUOUS)
SLOW_SECONDS = 0.15
# An answer slower than this, on a busy machine, may have exceeded the sender's timeout.
OVERDUE_SECONDS = 0.6


class StandInProvider:
    """Stand-in provider; ``script(number, message_key)`` is the behaviour of a request (from 0).

    ``late_seconds`` is how long a late answer takes; it must exceed the sender's timeout.
    """

    def __init__(
        self,
        log: Path,
        script: Callable[[int, str], str] = lambda number, key: "ok",
        late_seconds: float = 1.0,
    ):
        self.log, self.script, self.late_seconds = log, script, late_seconds
        self.behaved: Counter[str] = Counter()
        self.overdue = 0
        self.paths: list[str] = []
        self.batches: dict[str, str] = {}
        self.cancels: bool | str = True
        self._number = 0
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._closing = False
        log.touch()
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "StandInProvider":
        return self

    def __exit__(self, *_) -> None:
        self._closing = True
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def accepted(self) -> list[dict]:
        """All mails accepted so far, without those of cancelled batches."""
        # The last line may be incomplete.
        lines = self.log.read_text(encoding="utf-8").split("\n")[:-1]
        mails = [json.loads(line) for line in lines]
        return [mail for mail in mails if self.batches.get(mail.get("batch_id")) != "cancel"]

    def accepted_keys(self) -> list[str]:
        return [key_of(mail) for mail in self.accepted()]

    @property
    def ambiguous(self) -> int:
        """Count the answers that were ambiguous for the sender."""
        return (
            sum(self.behaved[name] for name in (*AMBIGUOUS, "accept_then_hang_up")) + self.overdue
        )

    def _serve(self) -> None:
        while not self._closing:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while request := _read_request(client):
                path, mail = request
                if path != "/v3/mail/send":
                    self._schedule(client, path, mail)
                    continue
                asked = time.monotonic()
                with self._lock:
                    self.paths.append(path)
                    behaviour = self.script(self._number, key_of(mail))
                    self._number += 1
                    self.behaved[behaviour] += 1
                    if behaviour in ("ok", "slow") or behaviour.startswith("accept_then_"):
                        self._accept(mail)
                try:
                    if not self._behave(client, behaviour):
                        return
                finally:
                    with self._lock:
                        self.overdue += (
                            behaviour not in AMBIGUOUS
                            and time.monotonic() - asked > OVERDUE_SECONDS
                        )

    def _schedule(self, client: socket.socket, path: str, body: dict) -> None:
        """Answer requests about batches.

        ``cancels`` ``False`` refuses to cancel; ``"silently"`` cancels but does not confirm it.
        """
        status, answer = 404, None
        with self._lock:
            self.paths.append(path)
            if path == "/v3/mail/batch":
                status, answer = 201, {"batch_id": f"batch-{len(self.batches)}"}
                self.batches[answer["batch_id"]] = "open"
            elif path == "/v3/user/scheduled_sends" and self.cancels:
                status, answer = 201, body
                self.batches[body["batch_id"]] = body["status"]
            elif path.startswith("/v3/user/scheduled_sends/"):
                if self.cancels == "silently":
                    raise OSError("no answer")
                batch = path.rpartition("/")[2]
                is_cancelled = self.batches.get(batch) == "cancel"
                status, answer = (
                    200,
                    [{"batch_id": batch, "status": "cancel"}] if is_cancelled else [],
                )
        content = json.dumps(answer).encode()
        client.sendall(
            f"HTTP/1.1 {status} Answer\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
        )

    def _accept(self, mail: dict) -> None:
        with self.log.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(mail | {"accepted_at": time.time()}) + "\n")
            handle.flush()
            os.fsync(handle.fileno())

    def _behave(self, client: socket.socket, behaviour: str) -> bool:
        """Answer a request; returns whether the connection stays open."""
        if behaviour in ("drop", "accept_then_drop"):
            return False
        if behaviour == "slow":
            time.sleep(SLOW_SECONDS)
        if behaviour in ("late", "accept_then_late"):
            time.sleep(self.late_seconds)
        if behaviour == "accept_then_cut":
            client.sendall(b"HTTP/1.1 202 Acc")
            return False
        status = {
            "429": 429,
            "400": 400,
            "413": 413,
            "401": 401,
            "302": 302,
            "200": 200,
            "500": 500,
            "accept_then_500": 500,
        }
        # The mail was not accepted, so a sender that still waits must not read 202.
        status["late"] = 500
        code = status.get(behaviour, 202)
        stays = code == 202 or code == 429
        headers = ["Content-Length: 0", f"Connection: {'keep-alive' if stays else 'close'}"]
        if code == 202:
            headers.append(f"X-Message-Id: stand-in-{time.monotonic_ns()}")
        if code == 429:
            headers.append(f"X-RateLimit-Reset: {int(time.time()) + 1}")
        if code == 302:
            headers.append(f"Location: {self.url}/elsewhere")
        client.sendall("\r\n".join([f"HTTP/1.1 {code} Answer", *headers, "", ""]).encode())
        return stays and behaviour != "accept_then_hang_up"


def key_of(mail: dict) -> str:
    return mail["custom_args"]["message_key"]


def _read_request(client: socket.socket) -> tuple[str, dict] | None:
    """Read path and body of the next request; ``None`` when the sender closed the connection."""
    client.settimeout(60)
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = client.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next(
        (int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0
    )
    while len(body) < length:
        chunk = client.recv(65536)
        if not chunk:
            raise OSError("the sender went away")
        body += chunk
    return lines[0].split(" ")[1], json.loads(body or b"{}")
