"""The picture of an elastic stage is what the simulation gives now."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_picture_of_the_docs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import elastic_picture

    made, stored = elastic_picture.picture(), elastic_picture.PICTURE.read_text()
    numbers = re.compile(r"-?\d+\.\d+")
    assert numbers.sub("#", made) == numbers.sub("#", stored)
    drawn, kept = (list(map(float, numbers.findall(text))) for text in (made, stored))
    assert drawn == pytest.approx(kept, abs=0.2)  # a cosine may differ in its last bit
    assert not re.search(r"url\(|href|@import", made)  # nothing is loaded from elsewhere
    ElementTree.fromstring(made)
    top, width = elastic_picture.TOP, elastic_picture.WIDTH
    for path in re.findall(r' d="([^"]*)"', made):
        across = [float(at) for at in re.findall(r"[MLH](-?[\d.]+)", path)]
        assert min(across) >= elastic_picture.LEFT
        assert max(across) <= width - elastic_picture.RIGHT
        down = [float(at) for at in re.findall(r"(?:[ML][\d.]+ |V)(-?[\d.]+)", path)]
        assert min(down) >= top
