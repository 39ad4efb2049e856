"""A wheel built from an sdist of this tree, and installed in an environment of its own."""

from __future__ import annotations

import sys

import pytest
from packages import Installed, copy_tree, make_environment, run


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Compiled without optimisation, and with the build requirements installed here: quick."""
    folder = tmp_path_factory.mktemp("dist")
    copy_tree(folder / "tree")
    build = "import setuptools.build_meta as b; b.build_sdist('..')"
    run(sys.executable, "-c", build, cwd=folder / "tree")
    (sdist,) = folder.glob("*.tar.gz")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    make = [*pip, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", "."]
    run(*make, sdist, cwd=folder, CFLAGS="-O0")
    (wheel,) = folder.glob("*.whl")
    python, site_packages = make_environment(folder / "venv")
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    return Installed(sdist, wheel, python, site_packages)
