"""A whole federation of real processes for a test, and a browser to meet it with."""

import asyncio
import os
import shutil
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import async_playwright

from node.clock import SystemClock
from node.demo.check.latency import BROWSER_ARGUMENTS
from node.demo.founding import lay
from node.demo.people import people
from node.demo.plan import DemoPlan
from node.demo.running import Running
from node.demo.sites import place, write_settings

PATIENCE_MS = 40_000


class Federation:
    """The demo's seven centres, started for one test and ended with it."""

    def __init__(self, folder):
        self.plan = DemoPlan.load()
        self.sites = place(folder, self.plan, habit=False)
        self.told = []
        self.running = Running(self.sites, SystemClock(), self.told.append)
        self.people = people(self.sites.accounts, self.plan.centres)

    async def start(self, screens):
        for site in self.sites.by_code.values():
            write_settings(self.sites, site, has_screens=site.centre.code in screens)
        authority = await asyncio.to_thread(lay, self.sites, SystemClock())
        await asyncio.gather(
            self.running.start_along_the_tree(authority, self.people.values(), self.told.append),
            *(self.running.bring_up_screens(self.sites[code], self.told.append) for code in screens),
        )

    async def stop(self):
        await self.running.children.stop(patience_s=6.0)


@asynccontextmanager
async def browser():
    """This machine's Chromium; where there is none, a skip in plain words, and in CI a failure."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        reason = "no Chromium on this machine; install it with: apt-get install chromium"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=path, args=list(BROWSER_ARGUMENTS))
        try:
            yield opened
        finally:
            await opened.close()
