"""What an idle Python process costs that has a database library and gRPC in memory, and does nothing at all.

Stands alone: `bare_idle.py`, then one line on its standard input; it ends when there is no more to read.
"""

import sys

import grpc
import grpc.aio  # noqa: F401 - as above
import sqlalchemy
import sqlalchemy.orm  # noqa: F401 - as above

if __name__ == "__main__":
    sys.stdin.readline()
    print("{}", flush=True)
    sys.stdin.read()
