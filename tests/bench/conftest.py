import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # as `python -m pytest` does
    sys.path.append(str(ROOT))
