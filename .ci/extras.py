"""Prints requirements of pyproject.toml that apply here, one a line.

Arguments: the names of extras, or "own" for what the package itself needs.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def applies(line: str) -> bool:
    """Whether its marker, if it has one, is true here."""
    if ";" not in line:
        return True
    from packaging.markers import Marker  # not there yet in an environment that is being made

    return Marker(line.partition(";")[2]).evaluate()


project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
for name in sys.argv[1:]:
    lines = project["dependencies"] if name == "own" else project["optional-dependencies"][name]
    for line in filter(applies, lines):
        print(line.partition(";")[0])
