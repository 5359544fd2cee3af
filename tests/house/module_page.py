"""The files of docs/write-a-module.md, cut out of the page: `python -m tests.house.module_page FOLDER` writes them."""

import re
import sys
from pathlib import Path, PurePosixPath

from tests.house import tree

PAGE = "docs/write-a-module.md"
_BLOCK = re.compile(r"^(`{3,})(\w+) (\S+/\S+)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> dict[str, str]:
    """Path -> content of each block that names a file; raises ValueError for one path twice or one that leads away."""
    found: dict[str, str] = {}
    for _, _, path, content in _BLOCK.findall(text):
        if path in found:
            raise ValueError(f"{path} stands on the page twice")
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ValueError(f"{path} leads away")
        found[path] = content
    return found


def write(folder: Path, files: dict[str, str]) -> None:
    """Put the files into a folder."""
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")


def main(folder: str) -> None:
    """Write the files of the page into a folder and name them."""
    files = blocks(tree.text(PAGE))
    write(Path(folder), files)
    sys.stdout.write("".join(f"{path}\n" for path in files))


if __name__ == "__main__":
    main(sys.argv[1])
