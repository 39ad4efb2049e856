"""The model's modules as one value, whole or with a planted bug.

A bug is a change of source text, so the table in tests/mutants reads like a diff.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Mapping
from pathlib import Path

MODULES = ("parking", "sequencer", "barrier", "membership")


def load_model(patches: Mapping[str, tuple[str, str]] | None = None) -> types.SimpleNamespace:
    """All names of the model's modules; `patches`: module -> (old text, new text).

    An old text that does not stand in its module exactly once is an error: the table is stale.
    """
    names: dict[str, object] = {}
    package = importlib.import_module("headrace.reference")
    saved = {name: sys.modules.get(f"{package.__name__}.{name}") for name in MODULES}
    try:
        for name in MODULES:
            module = _execute(package, name, (patches or {}).get(name))
            names.update(vars(module))
    finally:
        for name, module_before in saved.items():
            if module_before is not None:
                sys.modules[f"{package.__name__}.{name}"] = module_before
                setattr(package, name, module_before)
    return types.SimpleNamespace(**names)


def _execute(
    package: types.ModuleType, name: str, patch: tuple[str, str] | None
) -> types.ModuleType:
    assert package.__file__ is not None
    path = Path(package.__file__).parent / f"{name}.py"
    source = path.read_text()
    if patch is not None:
        old, new = patch
        found = source.count(old)
        if found != 1:
            raise ValueError(f"{name}.py holds this text {found} times, not once:\n{old}")
        source = source.replace(old, new)
    module = types.ModuleType(f"{package.__name__}.{name}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module
