"""Prints the requirements of one extra of pyproject.toml that apply here, one a line."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
for line in project["optional-dependencies"][sys.argv[1]]:
    requirement = Requirement(line)
    if requirement.marker is None or requirement.marker.evaluate():
        requirement.marker = None
        print(requirement)
