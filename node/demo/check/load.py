"""Reports come in at every commune while the desks pass them upwards."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence

from node.demo.check import desks
from node.demo.check.citizen import photograph, send
from node.demo.check.requests import Request
from node.demo.check.scene import Scene

_AT_ONCE = 3
_PHOTO_EVERY = 8
_TELL_EVERY_S = 4.0


async def report(scene: Scene, requests: Iterable[Request]) -> None:
    """Send the requests, a few at once, some with a photograph; each 201 is kept."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(index: int, request: Request) -> None:
        async with gate:
            photo = await asyncio.to_thread(photograph, index) if index % _PHOTO_EVERY == 0 else None
            url = scene.sites[request.commune].citizens_url
            scene.receipts.append(await send(scene.http, url, request, scene.clock, photo))

    async with asyncio.TaskGroup() as group:
        for index, request in enumerate(requests):
            group.create_task(one(index, request))


@contextlib.asynccontextmanager
async def desks_at_work(scene: Scene, codes: Sequence[str] | None = None) -> AsyncIterator[None]:
    """While this lasts, somebody at each (or each named) centre passes upwards what lies there."""
    working = [
        asyncio.create_task(
            desks.pass_upwards(scene.offices[code], scene.clock, has_parent=code != scene.plan.root.code)
        )
        for code in codes or list(scene.offices)
    ]
    try:
        yield
        for task in working:
            if task.done():
                task.result()
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


async def everything_is_above(scene: Scene, *, within_s: float) -> None:
    """Wait until the province answers for every report that a citizen was promised."""
    told_s = scene.clock.monotonic()

    async def complete() -> bool:
        nonlocal told_s
        there = {incident["id"]: incident["custody"]["holder"]["name"] for incident in await scene.province.incidents()}
        arrived = sum(there.get(receipt.incident_id) == scene.province.name for receipt in scene.receipts)
        if scene.clock.monotonic() - told_s > _TELL_EVERY_S:
            told_s = scene.clock.monotonic()
            scene.tell(f"{arrived} of {len(scene.receipts)} at the province")
        return bool(arrived == len(scene.receipts))

    await scene.until("every report at the province", complete, within_s=within_s, again_s=0.4)
