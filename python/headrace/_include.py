"""Where the C header and the Cython declarations of this installation are."""

from __future__ import annotations

from pathlib import Path

from headrace.ringbuffer.errors import EnvironmentFailure

_INSTALLED = Path(__file__).resolve().parent / "include"
_BUILT = Path(__file__).resolve().parents[2] / "build" / "include"  # of an editable install


def get_include() -> str:
    """The folder to compile against, for C and for Cython.

    As a C include directory it has `<headrace/step.h>`, the signature of native steps; on Cython's
    `include_path` it makes `from headrace.ringbuffer.sequencer cimport ...` work. Raises
    `EnvironmentFailure` when the folder is gone, as after `make clean` in an editable install.
    Does not block; may be called from anywhere.
    """
    for folder in (_INSTALLED, _BUILT):
        if (folder / "headrace" / "ringbuffer" / "__init__.pxd").is_file():
            return str(folder)
    raise EnvironmentFailure(
        f"neither {_INSTALLED} nor {_BUILT} has headrace's declarations; install the package "
        "anew (in a clone: make build)"
    )
