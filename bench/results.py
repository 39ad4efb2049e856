"""What a run of the benchmarks came to, as a file: the machine, the date, every line."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import build, lmax, newer
from bench.cores import cores
from bench.measure import Plan, Result, Unavailable

LATEST = Path(__file__).resolve().parent / "results" / "latest.json"
DIGITS = 4
PACKAGES = (
    "headrace", "numpy", "Cython", "faster-fifo", "pyzmq", "iceoryx2", "river", "bytewax"
)  # fmt: skip


def _cpu() -> str:
    """The processor's name; some virtual machines give but the maker's."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _says(*command: str) -> str:
    """The first line that a program prints; nothing if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _c_compiler() -> str:
    try:
        command = build.compiler()[0]
    except Unavailable:
        return ""
    return _says(command, "--version")


def _disruptor() -> str:
    try:
        return lmax.find_jar().stem
    except Unavailable:
        return ""


def machine() -> dict[str, str]:
    """What this was measured on, without names of hosts and folders."""
    found = {
        "cpu": _cpu(),
        "architecture": platform.machine(),
        "cores": f"{os.cpu_count()}, of which {len(cores())} are used",
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "python_compiler": platform.python_compiler(),
        "c_compiler": _c_compiler(),
        "java": _says("java", "-version") if shutil.which("java") else "",
        "disruptor": _disruptor(),
        **{package: _version(package) for package in PACKAGES},
        "simulators": ", ".join(
            version if name == "python" else f"{name} {version}"
            for name, version in newer.about_where_peers_run().items()
        ),
    }
    return {name: value for name, value in found.items() if value}


def as_document(results: Sequence[Result], plan: Plan) -> dict[str, Any]:
    """All of it, ready for JSON."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "scale": plan.scale,
        "figures": [
            {
                "name": result.name,
                "rounds": result.rounds,
                "calibration": {"before": result.before, "after": result.after},
                "missing": result.missing,
                "failed": result.failed,
                "answers": result.answers(),
                "lines": result.lines,
            }
            for result in results
        ],
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value


def write(document: dict[str, Any], path: Path = LATEST) -> None:
    """Write the file, all of it or nothing; numbers to four digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_suffix(".tmp")
    made.write_text(json.dumps(_rounded(document), indent=1) + "\n")
    made.replace(path)


def read(path: Path = LATEST) -> dict[str, Any]:
    """What `write` has written. Raises FileNotFoundError that says how to make it."""
    if not path.exists():
        raise FileNotFoundError(f"no results at {path}: run `make bench` first")
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def lines_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of all figures, in the order of the table."""
    return [line for figure in document["figures"] for line in figure["lines"]]
