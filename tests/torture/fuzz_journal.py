"""Coverage-guided fuzzing of what reads a journal, with atheris: `fuzz_journal.py SECONDS`.

The first byte says which file of a real journal is changed, and whether it is vouched for; the next
ones where; the rest is put there. Ends with a traceback if anything but a named error comes of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["headrace.journal", "headrace.replay"]):
    from journal_fuzzing import (
        FOLDER,
        disk_with,
        paths,
        places_of,
        read_everything,
        read_notes,
        real_files,
        vouch,
    )


def try_one(data: bytes) -> None:
    """One input of the fuzzer's."""
    provider = atheris.FuzzedDataProvider(data)
    files = dict(real_files())
    for _ in range(provider.ConsumeIntInRange(1, 3)):
        path = paths()[provider.ConsumeIntInRange(0, 2)]
        if provider.ConsumeBool():
            place = provider.PickValueInList(places_of(path))
        else:
            place = provider.ConsumeIntInRange(0, len(files[path]))
        put = provider.ConsumeBytes(provider.ConsumeIntInRange(0, 24))
        files[path] = files[path][:place] + put + files[path][place + len(put) :]
        if not put:
            files[path] = files[path][:place]
    if provider.ConsumeBool():
        files = {path: vouch(path, part) for path, part in files.items()}
    read_everything(files)
    read_notes(provider.ConsumeBytes(200))


def main() -> None:
    seconds = int(sys.argv[1])
    assert disk_with(real_files()).exists(FOLDER)
    options = [f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=20", "-max_len=400"]
    atheris.Setup([sys.argv[0], *options], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
