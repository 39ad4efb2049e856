"""The readers of a journal under a coverage-guided fuzzer, where it can be had."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 60


@pytest.mark.torture
@pytest.mark.timeout(300)
def test_nothing_but_named_errors(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        installing = [sys.executable, "-m", "pip", "install", "-q", "--target", str(tmp_path)]
        done = subprocess.run([*installing, "atheris"], capture_output=True, text=True)
        if done.returncode:
            pytest.skip("atheris cannot be installed here: it has no wheel for this Python")
    script = Path(__file__).with_name("fuzz_journal.py")
    prelude = f"import sys; sys.path.append({str(tmp_path)!r}); sys.argv = sys.argv[1:]; "
    running = f"{prelude}import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", running, str(script), str(SECONDS)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Done" in done.stdout, done.stdout[-2000:]
