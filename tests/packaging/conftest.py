"""A wheel built from an sdist of this tree, and installed in an environment of its own."""

from __future__ import annotations

import sys

import pytest
from packages import (
    Installed,
    copy_tree,
    lend_translations,
    make_environment,
    run,
    unpack,
)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Compiled without optimisation, and with the build requirements installed here: quick.

    What Cython made of the same sources is taken from this tree, if it was built here.
    """
    folder = tmp_path_factory.mktemp("dist")
    copy_tree(folder / "tree")
    build = "import setuptools.build_meta as b; b.build_{}('..')"
    run(sys.executable, "-c", build.format("sdist"), cwd=folder / "tree")
    (sdist,) = folder.glob("*.tar.gz")
    unpacked = unpack(sdist, folder)
    lend_translations(unpacked)
    run(sys.executable, "-c", build.format("wheel"), cwd=unpacked, CFLAGS="-O0")
    (wheel,) = folder.glob("*.whl")
    python, site_packages = make_environment(folder / "venv")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--python", python]
    run(*pip, "install", "--no-deps", "--no-index", "--no-compile", wheel, cwd=folder)
    return Installed(sdist, wheel, python, site_packages)
