"""A next hop that takes mail, but thinks for seconds about each command: in a thread of its own, and mail for it."""

import asyncio
import smtplib
import threading

DOMAIN = "tarpit.example"
THINKS = 3.0  # seconds before each answer
MESSAGES = 400  # that wait for it, or are under way there, while others are measured
EHLO = b"250-tarpit.example\r\n250 PIPELINING\r\n"


async def serve(reader, writer):
    try:
        await say(writer, b"220 tarpit.example ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                await say(writer, b"354 go ahead\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            await say(writer, EHLO if verb == b"EHLO" else b"221 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 ok\r\n")
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # the client went away
    writer.close()


async def say(writer, reply):
    await asyncio.sleep(THINKS)
    writer.write(reply)
    await writer.drain()


class Tarpit:
    """Listens on `port` while the `with` lasts."""

    def __init__(self, port):
        self._port = port
        self._loop = asyncio.new_event_loop()

    def __enter__(self):
        listening = asyncio.start_server(serve, "127.0.0.1", self._port, limit=2 ** 20)
        self._loop.run_until_complete(listening)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def fill(port):
    """Hands in mail for the tarpit."""
    with smtplib.SMTP("127.0.0.1", port) as client:
        for number in range(MESSAGES):
            client.sendmail("sender@bench.example", [f"user{number}@{DOMAIN}"], "Subject: slow\r\n\r\nslow\r\n")
