"""Many strangers at once, over plain sockets: a request costs the sender as little as can be."""

import asyncio
import os
import time
from collections import Counter
from urllib.parse import urlencode

CONNECTIONS = 60


def spell(number, port):
    """A complete report from an address of its own, as one write."""
    fields = {
        "key": os.urandom(16).hex(),
        "category": "flood",
        "urgency": "danger",  # it rises: each of them is a frame for the centre above
        "description": f"Nước tràn vào nhà, cần giúp, lượt {number}",
        "lat": "10.8813",
        "lon": "106.958",
    }
    body = urlencode(fields).encode()
    head = (
        f"POST /modules/citizen/api/reports HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n"
        f"X-Forwarded-For: 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Flood:
    """Sends at a rate, whatever is answered; counts the answers by status."""

    def __init__(self, port, *, per_s, for_s):
        self.port, self.per_s, self.for_s = port, per_s, for_s
        self.answers = Counter()
        self.took_s = 0.0

    async def run(self):
        turns = asyncio.Queue()
        workers = [asyncio.create_task(self._work(turns)) for _ in range(CONNECTIONS)]
        begun = time.monotonic()
        for number in range(self.per_s * self.for_s):
            late = begun + number / self.per_s - time.monotonic()
            if late > 0:
                await asyncio.sleep(late)
            turns.put_nowait(number)
        for _ in workers:
            turns.put_nowait(None)
        await asyncio.gather(*workers)
        self.took_s = time.monotonic() - begun
        return self.answers

    async def _work(self, turns):
        reader = writer = None
        while (number := await turns.get()) is not None:
            request = spell(number, self.port)
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(request)
            status, stays = await _answer(reader)
            self.answers[status] += 1
            if not stays:
                writer.close()
                writer = None
        if writer is not None:
            writer.close()


async def _answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1]), b"connection: close" not in head


class Acks:
    """How long each own frame waited for its receipt from the parent, seen in the database beside its owner."""

    QUERY = """
        select f.stream_id, f.pos, f.at_us from federation_frame f join federation_stream s on s.id = f.stream_id
        where s.origin_no = (select origin_no from federation_stream group by origin_no order by count(*) desc limit 1)
        and f.at_us >= ? and s.audience in ('up', 'parent')
    """

    def __init__(self, stage):
        self.stage = stage
        self.seen = {}
        self.since_us = time.time_ns() // 1000

    async def watch(self, until):
        """Look again and again until the event is set."""
        while not until.is_set():
            self.look()
            await asyncio.sleep(0.02)

    def look(self):
        now_us = time.time_ns() // 1000
        cursors = "select stream_id, pos from federation_cursor where peer = ?"
        acked = dict(self.stage.rows(cursors, self.stage.district_name))
        for stream, pos, at_us in self.stage.rows(self.QUERY, self.since_us):
            if pos <= acked.get(stream, 0):
                self.seen.setdefault((stream, pos), now_us - at_us)

    def p99_ms(self):
        ordered = sorted(self.seen.values())
        return None if not ordered else round(ordered[max(0, -(-len(ordered) * 99 // 100) - 1)] / 1000, 1)
