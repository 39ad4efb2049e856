"""Seeing quickly which of many objects have changed since they were looked at last."""

from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject


cpdef list moved(object objects, object kind, tuple names, list seen):
    """The places of objects of which an attribute is another object than it was.

    `objects`: all of one `kind`, or the answer is None. `seen`: their attributes `names`, as they
    were, of one object after the other; objects behind the last of them are not looked at.
    """
    cdef list places = []
    cdef Py_ssize_t at = 0, place = 0, width = len(names)
    for one in objects:
        if type(one) is not kind:
            return None
        if at + width > PyList_GET_SIZE(seen):
            break
        for name in names:
            value = getattr(one, name)
            if <PyObject *>value != PyList_GET_ITEM(seen, at):
                places.append(place)
                at = (place + 1) * width
                break
            at += 1
        place += 1
    return places
