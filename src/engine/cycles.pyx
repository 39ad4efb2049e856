"""Walks in a graph of states: from where to where one gets, and where one can go round.

A graph is two arrays: the edges of node i go to `targets[ends[i - 1]:ends[i]]`. NOWHERE is no node.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int64_t, uint32_t

NOWHERE = 0xFFFFFFFF
cdef enum:
    NONE = 0xFFFFFFFFU


def reach(const int64_t[::1] ends, const uint32_t[::1] targets, const uint32_t[::1] roots,
          uint32_t[::1] parents, uint32_t[::1] order):
    """Walk breadth first; how many nodes can be reached, which are then in `order`, nearest first.

    `parents`: NOWHERE everywhere; afterwards where one came from, a root from itself.
    """
    cdef int64_t head = 0, count = 0, edge
    cdef uint32_t node, target
    for node in roots:
        if parents[node] == NONE:
            parents[node] = node
            order[count] = node
            count += 1
    while head < count:
        node = order[head]
        head += 1
        for edge in range(ends[node - 1] if node else 0, ends[node]):
            target = targets[edge]
            if target != NONE and parents[target] == NONE:
                parents[target] = node
                order[count] = target
                count += 1
    return count


def components(const int64_t[::1] ends, const uint32_t[::1] targets, const uint32_t[::1] nodes,
               uint32_t[::1] of):
    """Number the strongly connected components among `nodes`; how many there are.

    `of`: NOWHERE everywhere; afterwards the component of each of them, and of what they reach.
    Tarjan's algorithm (Depth-first search and linear graph algorithms, 1972), with a stack of its
    own.
    """
    cdef int64_t count = of.shape[0], depth = 0, waiting = 0, edge
    cdef uint32_t seen = 0, found = 0, node, target, root
    cdef int64_t *at = <int64_t *>PyMem_Calloc(count, sizeof(int64_t))  # the next edge to follow
    cdef uint32_t *index = <uint32_t *>PyMem_Calloc(count, sizeof(uint32_t))  # 0: not seen
    cdef uint32_t *low = <uint32_t *>PyMem_Calloc(count, sizeof(uint32_t))
    cdef uint32_t *path = <uint32_t *>PyMem_Calloc(count, sizeof(uint32_t))
    cdef uint32_t *open_nodes = <uint32_t *>PyMem_Calloc(count, sizeof(uint32_t))
    try:
        if not (at and index and low and path and open_nodes):
            raise MemoryError
        for root in nodes:
            if index[root]:
                continue
            path[depth] = root
            depth += 1
            while depth:
                node = path[depth - 1]
                if not index[node]:
                    seen += 1
                    index[node] = low[node] = seen
                    at[node] = ends[node - 1] if node else 0
                    open_nodes[waiting] = node
                    waiting += 1
                while at[node] < ends[node]:
                    target = targets[at[node]]
                    if target == NONE or (index[target] and of[target] != NONE):
                        at[node] += 1
                    elif not index[target]:
                        break
                    else:
                        low[node] = min(low[node], low[target])
                        at[node] += 1
                if at[node] < ends[node]:
                    path[depth] = targets[at[node]]
                    depth += 1
                    continue
                depth -= 1
                if low[node] == index[node]:
                    while True:
                        waiting -= 1
                        of[open_nodes[waiting]] = found
                        if open_nodes[waiting] == node:
                            break
                    found += 1
        return found
    finally:
        PyMem_Free(at)
        PyMem_Free(index)
        PyMem_Free(low)
        PyMem_Free(path)
        PyMem_Free(open_nodes)
