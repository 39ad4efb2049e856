"""Machines put together: one after the other, side by side, and shared out over several."""

from headrace.compose.drawing import draw as draw
from headrace.compose.elastic import Elastic as Elastic
from headrace.compose.elastic import elastic as elastic
from headrace.compose.layout import Layout as Layout
from headrace.compose.layout import lay_out as lay_out
from headrace.compose.stages import as_topology as as_topology
from headrace.compose.stages import stages_of as stages_of
from headrace.compose.topology import Chain as Chain
from headrace.compose.topology import Fanout as Fanout
from headrace.compose.topology import Pipeline as Pipeline
from headrace.compose.topology import Shard as Shard
from headrace.compose.topology import Topology as Topology
from headrace.compose.topology import chain as chain
from headrace.compose.topology import fanout as fanout
from headrace.compose.topology import shard as shard
