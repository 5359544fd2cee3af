"""A centre behind a real HTTP server, and what a person with a small telephone does on its pages."""

import threading

import uvicorn

from modules.citizen.receipt import read_receipt
from tests.fakes.ports import free_port
from tests.modules.citizen.centre import BASE

REFUSED = ("Failed to load resource: the server responded with a status of 4",)  # what a test brings about on purpose
CUT = ("Failed to load resource: net::ERR_",)
SMALL = {"width": 320, "height": 640}


class Served:
    """A centre behind a real HTTP server that can be taken off the network and put back."""

    def __init__(self, centre):
        self.centre = centre
        self.port = free_port()
        config = uvicorn.Config(centre.app, host="127.0.0.1", port=self.port, log_level="warning", lifespan="off")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            threading.Event().wait(0.02)
        self.origin = f"http://127.0.0.1:{self.port}"
        self.form = f"{self.origin}{BASE}/"

    def close(self):
        self.server.should_exit = True
        self.thread.join(15)


def fill(page, text="Rác đổ thành đống trước chợ, bốc mùi."):
    page.check("input[name=category][value=environment]")
    page.fill("#description", text)


def code_of(page):
    page.wait_for_selector("#done:not([hidden])")
    code = page.inner_text("#done-code")
    assert read_receipt(code) == code
    return code
