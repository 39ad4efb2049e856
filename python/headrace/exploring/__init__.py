"""Every state that a system can reach, within bounds: nothing of it is left to chance."""

from headrace.exploring.explore import Progress, explore
from headrace.exploring.path import Path, Step
from headrace.exploring.result import Exploration, Verdict

__all__ = ["Exploration", "Path", "Progress", "Step", "Verdict", "explore"]
