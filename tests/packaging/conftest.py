"""A wheel built from an sdist of this tree, and installed in an environment of its own."""

from __future__ import annotations

import sys

import pytest
from packages import (
    Installed,
    lend_built,
    make_environment,
    make_sdist,
    make_wheel,
    run,
)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Compiled without optimisation, and with the build requirements installed here: quick.

    What Cython made of the same sources, and most of what was compiled of that, is taken from this
    tree, if it was built here; `test_all_is_compiled_from_an_sdist` takes nothing.
    """
    folder = tmp_path_factory.mktemp("dist")
    sdist, unpacked = make_sdist(folder)
    lend_built(unpacked)
    wheel = make_wheel(unpacked)
    python, site_packages = make_environment(folder / "venv")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--python", python]
    run(*pip, "install", "--no-deps", "--no-index", "--no-compile", wheel, cwd=folder)
    return Installed(sdist, wheel, python, site_packages)
