"""Commands as a person types them, each in a process of its own."""

import asyncio
import sys
from pathlib import Path

from node.demo.check.scene import DidNotHold


async def run_python(folder: Path, *arguments: str, expected: int = 0) -> str:
    """Run Python with these arguments in that folder and give its output; DidNotHold for another exit status."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, problem = await process.communicate()
    if process.returncode != expected:
        words = (problem or out).decode(errors="replace")[-600:]
        raise DidNotHold(f"{' '.join(arguments[:6])} ended with {process.returncode}: {words}")
    return out.decode()
