"""A real browser before a real proxy and Streamlit, with a fake node behind; what every page is watched for."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.fakes.ports import free_port
from ui.settings import HOUSE

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
PATIENCE_MS = 30_000
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
FLOOD = "01890000-0000-7000-8000-000000001042"
FIRE = "01890000-0000-7000-8000-000000001041"

expect.set_options(timeout=PATIENCE_MS)


def chromium():
    """The browser, or a skip in plain words; in CI its absence is a failure."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        reason = "no Chromium on this machine; install it with: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@contextmanager
def served(node_url):
    """`python -m ui` before a node, ended by its process id."""
    port = free_port()
    command = [sys.executable, "-m", "ui", "--node", node_url, "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, cwd=HOUSE, stdout=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def browser():
    path = chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield opened
        finally:
            opened.close()


class Watch:
    """A page whose errors, and whose requests to anywhere else, are kept."""

    def __init__(self, context, origin):
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.origin = origin
        self.errors = []
        self.strays = []
        self.expected = ()  # how lines in the console may begin that a test brings about on purpose
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("request", self._request)
        self.page.on("dialog", lambda dialog: (self.errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def _console(self, message):
        if message.type == "error" and not message.text.startswith(("WebSocket", *self.expected)):
            self.errors.append(message.text)

    def _request(self, request):
        if not request.url.startswith((self.origin, "data:", "blob:", "ws" + self.origin.removeprefix("http"))):
            self.strays.append(request.url)

    def log_in(self, username="dieuhanh", password="mat-khau-1", where="/dash/"):  # noqa: S107 - of a fake
        self.page.goto(f"{self.origin}{where}")
        self.page.fill("input[name=username]", username)
        self.page.fill("input[name=password]", password)
        self.page.click("button")
        return self.page

    def is_clean(self):
        assert self.errors == []
        assert self.strays == []


def back(page, url):
    """Go one page back once the script of this one has ended: it may still write into the address until then."""
    settled(page)
    page.go_back()
    expect(page).to_have_url(url)
    settled(page)


def settled(page):
    """Wait until Streamlit runs no script for this page."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def until_ready(origin, cookie):
    """Wait until Streamlit answers behind the proxy."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
        for _ in range(400):
            try:
                answer = client.get(f"{origin}/dash/", headers={"Accept": "text/html", "Cookie": cookie}, timeout=10)
            except httpx.HTTPError:
                continue
            if answer.status_code == 200:
                return
            threading.Event().wait(0.15)
    pytest.fail("Streamlit did not start")
