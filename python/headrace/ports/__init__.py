"""What machines never touch themselves, as interfaces, and the real things behind them."""

from headrace.ports.disk import Buffer, Bytes, Disk, File, Lock
from headrace.ports.local_disk import LocalDisk

__all__ = ["Buffer", "Bytes", "Disk", "File", "LocalDisk", "Lock"]
