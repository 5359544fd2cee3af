"""Drills: a disaster arranged on purpose, with real processes and data of its own, and a verdict in one JSON line.

Each drill is a file here with one function that gives the facts as a dictionary, with at least `drill`, `ok`, `lost`
and `doubled`; `command` puts them together. A drill touches no node but those that it has made in its own folder.
"""
