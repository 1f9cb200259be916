"""[io] The demo's helpers as processes of their own, which end when the demo ends, however it ends.

``python -m edge.io.child broker PORT`` runs the embedded broker, anything else is a verb. A child ends at the
end of its standard input: the demo holds the other end of that pipe.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import warnings

from firmware_bridge.types import BadInput


def spawn(*words: str, **environ: str) -> subprocess.Popen[str]:
    """Start a child, with these variables beside our own; its errors come out of its `stderr`."""
    command = [sys.executable, "-m", "edge.io.child", *words]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environ},
    )


def end(child: subprocess.Popen[str]) -> None:
    """End a child and wait for it."""
    child.terminate()
    try:
        child.wait(3.0)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for pipe in (child.stdin, child.stderr):
        if pipe is not None:
            pipe.close()


def run_broker(port: int) -> None:
    """Run amqtt on the loopback until the process ends.

    Its own defaults bind every address and log every packet, hence a configuration of our own.
    """
    warnings.simplefilter("ignore")
    try:
        from amqtt.broker import Broker
    except ImportError:
        raise BadInput("demo: the embedded broker is missing; pip install 'heartwire[demo]'") from None
    logging.disable(logging.CRITICAL)
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }

    async def serve() -> None:
        broker = Broker(config)
        await broker.start()
        await asyncio.Event().wait()

    asyncio.run(serve())


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def main(words: list[str]) -> int:
    """Run one child."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if words[:1] == ["broker"]:
        try:
            run_broker(int(words[1]))
        except BadInput as error:
            print(f"heartwire: {error}", file=sys.stderr)
            return 2
        return 0
    from edge.cli import main as verb

    return verb(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
