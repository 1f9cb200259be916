"""[io] The page's server: messages from a subscription, through the ward, to every viewer's own bounded queue.

One thread runs it all but the broker's connection, and waits for no viewer: what one does not read is dropped,
and who takes nothing, or answers no ping, for `PING_S` is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from edge.config import MqttConfig
from edge.explain.message import ExplainHeard
from edge.io.dashboard import assets, feed
from edge.io.dashboard.access import HEADERS, Access
from edge.io.dashboard.outgoing import Outgoing
from edge.io.log import Say
from edge.io.subscription import Subscription
from edge.log_lines import Line
from edge.throttle import Throttle
from edge.ward.beds import Change, Ward
from firmware_bridge.types import BadInput

LIVE = "/live"
TICK_S = 0.25
PACE_S = 0.04
"""A viewer gets what has come at most 25 times a second, in one message."""
PING_S = 4.0
MAX_VIEWERS = 100
SEND_BUFFER = 65_536
"""What the kernel may hold for one viewer: more would be old news when it is read."""
START_S = 15.0
"""A refusal by the broker ends the server only this soon after its start; later it keeps trying."""


class Viewer:
    """One open page: what waits for it, and a word when there is something."""

    def __init__(self) -> None:
        self.queue = Outgoing()
        self.news = asyncio.Event()
        self.asks = Throttle(10, 5.0)
        self.inside: int | None = None
        """Number of the bed of which it wants to be told what the networks saw."""

    def push(self, one: feed.Item) -> None:
        """Let an item wait for this viewer."""
        self.queue.push(one.key, one.text)
        self.news.set()


class PageServer:
    """Serves the page and the live feed.

    Parameters
    ----------
    config : MqttConfig
        The broker and the base topic.
    access : Access
        Who may have what.
    log : callable
        Takes one line for the person at the terminal.

    Attributes
    ----------
    n_refused : int
        Requests that were not answered with what they asked for.
    """

    def __init__(self, config: MqttConfig, access: Access, log: Say) -> None:
        self._config, self._access, self._log = config, access, log
        self._ward = Ward(config.base, explain=True)
        self._files = assets.load()
        self._viewers: set[Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = False
        self._up: bool | None = None
        self._subscription = Subscription(config, self._ward.topics, self._wake)
        self.n_refused = 0

    async def run(self, host: str, port: int, on_ready: Callable[[int], None], stop: asyncio.Event) -> None:
        """Serve until `stop` is set; `on_ready` gets the port.

        Raises
        ------
        BadInput
            Nothing can listen there, or the broker refuses us at start.
        """
        self._loop = asyncio.get_running_loop()
        quiet = logging.getLogger("heartwire.page")
        quiet.disabled = True  # what strangers send is counted, not printed
        try:
            server = await serve(
                self._view, host, port, process_request=self._answer, logger=quiet, compression=None,
                max_size=feed.MAX_REQUEST_BYTES, max_queue=4, write_limit=8192, open_timeout=5.0,
                ping_interval=PING_S, ping_timeout=PING_S, close_timeout=0.5, server_header=None,
            )  # fmt: skip
        except OSError as error:
            why = error.strerror or str(error)
            raise BadInput(f"--listen {host}:{port}: cannot listen there: {why}") from None
        self._subscription.start()
        try:
            on_ready(next(iter(server.sockets)).getsockname()[1])
            await self._tick(stop)
        finally:
            await asyncio.to_thread(self._subscription.close)
            server.close()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(server.wait_closed(), 2.0)

    # -- from the broker -----------------------------------------------------------------------------

    def _wake(self) -> None:
        """In the connection's thread: something came."""
        if not self._woken and self._loop is not None:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._woken = False
        messages = self._subscription.take()
        now_s = time.monotonic()
        for message in messages:
            self._tell(self._ward.push(message.topic, message.payload, message.retain, now_s))
        if messages:
            self._wake()  # after those who wait for this loop

    def _tell(self, changes: list[Change]) -> None:
        for change in changes:
            viewers = self._viewers
            if isinstance(change.what, ExplainHeard):
                viewers = {viewer for viewer in viewers if viewer.inside == change.bed.number}
            one = feed.item(change) if viewers else None
            if one is not None:
                for viewer in viewers:
                    viewer.push(one)

    async def _tick(self, stop: asyncio.Event) -> None:
        refusable_until_s = time.monotonic() + START_S
        while not stop.is_set():
            now_s = time.monotonic()
            self._tell(self._ward.tick(now_s))
            word = self._subscription.word
            if word.refused and now_s < refusable_until_s:
                raise BadInput(
                    f"mqtt: the broker refused us ({word.why.removeprefix('refused: ')}); check "
                    "mqtt.username and HEARTWIRE_MQTT_PASSWORD or mqtt.password_file"
                )
            if word.up != self._up and (word.up or self._up or word.why != "not connected yet"):
                self._up = word.up
                level = "info" if word.up else "warning"
                self._log(Line("broker", f"{self._config.place}: {word.why or 'connected'}", level))
            one = self._now()
            for viewer in self._viewers:
                viewer.push(one)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), TICK_S)

    def _now(self) -> feed.Item:
        word = self._subscription.word
        return feed.tick(time.time() * 1000.0, word.up, word.why, self._ward.n_refused, self._ward.base)

    # -- to the viewers ------------------------------------------------------------------------------

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Before anything else: may it, and what does it want? None lets a WebSocket through."""
        headers, path = request.headers, request.path.partition("?")[0]
        refusal = self._access.refusal(
            headers.get_all("Host"), headers.get_all("Origin"), needs_origin=path == LIVE
        )
        if refusal is None and path == LIVE and len(self._viewers) >= MAX_VIEWERS:
            refusal = HTTPStatus.SERVICE_UNAVAILABLE, "too many viewers"
        if refusal is None and path == LIVE:
            return None
        if refusal is None and path in self._files:
            kind, body = self._files[path]
            return _response(HTTPStatus.OK, kind, body)
        self.n_refused += 1
        status, why = refusal or (HTTPStatus.NOT_FOUND, "no such page")
        return _response(status, "text/plain; charset=utf-8", f"{why}\n".encode())

    async def _view(self, connection: ServerConnection) -> None:
        """One viewer, from its first message to its last."""
        raw = connection.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        viewer = Viewer()
        for one in (self._now(), *feed.snapshot(self._ward)):
            viewer.push(one)
        self._viewers.add(viewer)
        sender = asyncio.create_task(self._send(connection, viewer))
        try:
            async for said in connection:
                self._on_said(viewer, said if isinstance(said, bytes) else said.encode())
        except ConnectionClosed:
            pass
        finally:
            self._viewers.discard(viewer)
            sender.cancel()

    async def _send(self, connection: ServerConnection, viewer: Viewer) -> None:
        """Until the viewer goes, or has not taken one message for `PING_S`: its queue is bounded meanwhile.

        A send that waits keeps the pings waiting too, hence a limit of its own.
        """
        try:
            while not viewer.queue.lost:
                await viewer.news.wait()
                viewer.news.clear()
                await asyncio.wait_for(connection.send(viewer.queue.take(), text=True), PING_S)
                await asyncio.sleep(PACE_S)
        except ConnectionClosed:
            return
        except asyncio.TimeoutError:
            pass
        connection.transport.abort()

    def _on_said(self, viewer: Viewer, text: bytes) -> None:
        """What a viewer asks for goes to its monitor as a command; anything else nowhere."""
        if viewer.asks.push("ask", time.monotonic()) is None:
            return
        asked = feed.read_asked(text)
        if isinstance(asked, feed.Inside):
            viewer.inside = asked.explain
            return
        bed = None if asked is None else self._ward.beds.get(asked.bed)
        if asked is None or bed is None:
            self.n_refused += 1
            return
        command, verb = feed.command_of(self._ward, asked), asked.verb
        if not self._access.may_command(asked.token):
            viewer.push(feed.told(bed, verb, "wrong key: open the address that heartwire printed"))
        elif command is None:
            viewer.push(feed.told(bed, verb, "there is no such alarm any more"))
        elif not self._subscription.word.up:
            viewer.push(feed.told(bed, verb, "the broker is away"))
        else:
            self._subscription.send(*command)
            return
        self.n_refused += 1


def _response(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers(
        {**HEADERS, "Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
    )
    return Response(status.value, status.phrase, headers, body)
