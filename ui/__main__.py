"""Start the proxy and its Streamlit process: `python -m ui --node http://127.0.0.1:8001 --listen 127.0.0.1:9001`."""

import argparse
import logging
import secrets

from aiohttp import web

from ui.proxy import Proxy
from ui.settings import AppSettings, ProxySettings


def main() -> None:
    """Read the two addresses and serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m ui", description="The screens of one centre, at one address.")
    parser.add_argument("--node", required=True, help="where the node answers, such as http://127.0.0.1:8001")
    parser.add_argument("--listen", required=True, help="where browsers come to, such as 127.0.0.1:9001")
    parser.add_argument("--intake", default="", help="where citizens' pages are, if a process apart serves them")
    arguments = parser.parse_args()
    try:
        settings = ProxySettings.parse(arguments.node, arguments.listen, arguments.intake)
    except ValueError as error:
        parser.error(str(error))
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    proxy = Proxy(settings, AppSettings(node=settings.node, secret=secrets.token_urlsafe(32)))
    print(f"http://{settings.host}:{settings.port}/dash/ -> {settings.node}", flush=True)  # noqa: T201 - for a person
    web.run_app(
        proxy.application(),
        host=settings.host,
        port=settings.port,
        print=None,
        access_log=None,
        shutdown_timeout=2.0,
        handler_cancellation=True,
    )


if __name__ == "__main__":
    main()
