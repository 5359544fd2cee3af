"""Who looks at this page, in which language, and with which session the node is asked."""

import hmac
from collections.abc import Mapping
from functools import cache
from typing import Protocol

import httpx
import streamlit as st

from ui.client import Client, open_connection
from ui.settings import ORIGIN_HEADER, SECRET_HEADER, AppSettings
from ui.texts.words import Language, language_of, say

_COOKIE_PREFIX = "lt_"


class Words(Protocol):
    """`t("...")` gives the words of a message in the visitor's language."""

    def __call__(self, message: str, **values: object) -> str:
        """Fill the message's `{name}` places with the values."""
        ...


def headers() -> Mapping[str, str]:
    """The headers of the visitor's WebSocket, as the proxy sent them."""
    return st.context.headers


def cookies() -> Mapping[str, str]:
    """The visitor's session cookie, and no other."""
    return {name: value for name, value in st.context.cookies.items() if name.startswith(_COOKIE_PREFIX)}


def came_through_proxy(settings: AppSettings) -> bool:
    """Whether the request carries the secret of this start; somebody on the same machine could call the port."""
    sent = headers().get(SECRET_HEADER, "")
    return bool(settings.secret) and hmac.compare_digest(sent.encode(), settings.secret.encode())


@cache
def _connection(node: str) -> httpx.Client:
    return open_connection(node)


def client() -> Client:
    """The node, asked with this visitor's session."""
    settings = AppSettings.from_environment()
    return Client(_connection(settings.node), cookies(), headers().get(ORIGIN_HEADER, ""))


def language() -> Language:
    """The address decides, so that a link or a reload keeps it; Vietnamese where nobody chose."""
    return language_of(st.query_params.get("lang"))


def words() -> Words:
    """The words of this visitor."""
    chosen = language()
    return lambda message, **values: say(message, chosen, **values)
