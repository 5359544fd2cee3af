"""YAML as people write it, read so that nothing is guessed: every scalar is a text, and nothing refers elsewhere."""

from pathlib import Path
from typing import Any

import yaml


class UnreadableError(Exception):
    """A file that cannot be read; the message is one line for whoever wrote it."""


def read(file: Path) -> object:
    """What stands in a file, in dictionaries, lists and texts; raises UnreadableError."""
    try:
        found: object = yaml.load(file.read_text("utf-8"), Loader=_Text)  # noqa: S506 - a SafeLoader of texts only
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UnreadableError(" ".join(str(error).split())) from error
    return found


class _Text(yaml.SafeLoader):
    """YAML in which every scalar is a text, no key stands twice, and nothing refers to anything else."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - as PyYAML has it
        """Refuse what refers to another place: a definition says everything where it stands."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("anchors and aliases are not used in definitions")
        return super().compose_node(parent, index)


def _texts_only(loader: yaml.SafeLoader, node: yaml.nodes.Node) -> object:
    return loader.construct_scalar(node)  # type: ignore[arg-type]  # registered for scalars only


def _mapping(loader: yaml.SafeLoader, node: yaml.nodes.MappingNode) -> dict[str, object]:
    found: dict[str, object] = {}
    for key_node, value_node in node.value:
        key = str(loader.construct_object(key_node, deep=True))
        if key in found:
            raise yaml.YAMLError(f"{key} stands twice")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


for _kind in ("str", "int", "float", "bool", "null", "timestamp"):
    _Text.add_constructor(f"tag:yaml.org,2002:{_kind}", _texts_only)
_Text.add_constructor("tag:yaml.org,2002:map", _mapping)
