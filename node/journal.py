"""The log of a node: one JSON object per line on standard error, and no secret in it."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_SECRET_NAME = re.compile(r"pass|secret|token|cookie|authorization|key_pem", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"(lt_[a-z2-7]{1,8}=)[^;\s]+|(://[^:/\s]+:)[^@\s]+(@)|(?i:(password|token)=)[^&\s]+")
LONGEST_LINE = 16_000


class JsonLines(logging.Formatter):
    """Makes one line of a log record; what looks like a secret is blotted out."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, source, message, and whatever was given as `extra`."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "source": record.name,
            "message": blot(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _OWN:
                line[name] = "***" if _SECRET_NAME.search(name) else _plain(value)
        if record.exc_info:
            line["trace"] = blot(self.formatException(record.exc_info))[-LONGEST_LINE // 2 :]
        return json.dumps(line, ensure_ascii=False, default=str)[:LONGEST_LINE]


def blot(text: str) -> str:
    """Take passwords in addresses, cookies and parameters out of a text."""
    return _SECRET_TEXT.sub(lambda found: f"{found[1] or found[2] or (found[4] or '') + '='}***{found[3] or ''}", text)


def begin(stream: TextIO = sys.stderr, level: int = logging.INFO) -> logging.Handler:
    """Send every log of this process to the stream; what servers say about each request is left out."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn.access", "uvicorn.error", "httpx", "alembic", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | bool | None) else blot(str(value))
