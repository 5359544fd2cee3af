"""Capabilities that a centre switches on by its settings.

One folder is one capability, described by its `manifest.toml` and by one frozen `Module(...)` in `module.py`.
Modules do not know each other: they meet through the nouns of `node/`.
"""
