"""`python -m node`."""

from node.cli import app

app(prog_name="python -m node")
