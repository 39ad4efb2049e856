"""A file of seeds that failed once: they are run first, and new ones are added to it."""

from __future__ import annotations

from headrace.errors import InputError


def read_seeds(file: str | None) -> list[int]:
    """The seeds in a file: one a line, and behind a # what failed. Raises InputError."""
    if file is None:
        return []
    try:
        with open(file, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return []  # it is made with the first failure
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(file, None, None, f"cannot be read: {error}") from None
    seeds = []
    for number, line in enumerate(lines, 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        if not text.isdecimal():
            raise InputError(file, number, None, f"{text!r} is no seed, which is a whole number")
        seeds.append(int(text))
    return list(dict.fromkeys(seeds))


def add_seed(file: str | None, seed: int, failure: str) -> None:
    """Add a seed that failed, if it is not there already. Raises OSError, InputError."""
    if file is None or seed in read_seeds(file):
        return
    told = failure.splitlines()[0] if failure else ""
    with open(file, "a", encoding="utf-8") as stream:
        stream.write(f"{seed}  # {told}\n")
