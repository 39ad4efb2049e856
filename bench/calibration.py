"""What the machine does at the moment: measured before and after every figure."""

from __future__ import annotations

from bench import yardstick


def calibrate() -> dict[str, float]:
    """Round trip of two bare flags between the cores, in ns, and one core's memcpy, in GB/s."""
    trip = yardstick.flags(4000).metrics["p50"]
    records = yardstick.copy(1 << 16, 1 << 20, 1 << 20).metrics["rate"]
    return {"flags_ns": trip, "memcpy_gb_s": records * 64 / 1e3}
