"""Copying states: for checkpoints, so it must be quick, and exact.

Containers and arrays are copied here, all that cannot change is shared, and what is neither goes
to copy.deepcopy. One object that stands in two places stays one in the copy, since a step that
changes it in place changes both.
"""

import copy
import dataclasses
import types

import msgspec
import numpy as np

from cpython.dict cimport PyDict_Copy, PyDict_Next
from cpython.object cimport PyObject

cdef object STRUCT_META = type(msgspec.Struct)
cdef frozenset ATOMS = frozenset({
    int, float, complex, bool, str, bytes, type(None), type(Ellipsis), range,
    np.datetime64, np.timedelta64, *np.sctypeDict.values(),
} - {np.void, np.object_})


cpdef bint is_immutable(object value):
    """Whether nothing in `value` can change: it need not be copied, ever."""
    cdef object kind = type(value)
    if kind in ATOMS:
        return True
    if kind is tuple or kind is frozenset:
        for one in value:
            if not is_immutable(one):
                return False
        return True
    if dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen:
        for field in dataclasses.fields(kind):
            if not is_immutable(getattr(value, field.name)):
                return False
        return not hasattr(value, "__dict__") or (
            len(value.__dict__) <= len(dataclasses.fields(kind)))
    return isinstance(kind, STRUCT_META) and _is_immutable_struct(value, kind)


cdef bint _is_immutable_struct(object value, object kind):
    if not kind.__struct_config__.frozen or hasattr(value, "__dict__"):
        return False
    for name in kind.__struct_fields__:
        if not is_immutable(getattr(value, name)):
            return False
    return True


cpdef object copy_state(object value):
    """A copy of a state that shares nothing with it that can change."""
    if is_immutable(value):
        return value
    return _copy(value, {})


cdef object _copy(object value, dict memo):
    cdef object kind = type(value)
    if kind in ATOMS:
        return value
    found = memo.get(id(value))
    if found is not None:
        return found
    if kind is dict:
        result = _copy_dict(value, memo)
    elif kind is list:
        result = memo[id(value)] = []
        for one in value:
            (<list>result).append(_copy(one, memo))
    elif kind is tuple:
        result = tuple([_copy(one, memo) for one in value])
    elif kind is np.ndarray and not value.dtype.hasobject:
        result = value.copy(order="K")
    elif _is_plain_dataclass(kind):
        result = memo[id(value)] = kind.__new__(kind)
        result.__dict__.update(_copy_dict(value.__dict__, memo))
    elif _slots_of(kind) is not None:
        result = memo[id(value)] = kind.__new__(kind)
        _copy_slots(value, result, _slots_of(kind), memo)
    elif kind is set and is_immutable(frozenset(value)):
        result = set(value)
    elif isinstance(kind, STRUCT_META) and _is_immutable_struct(value, kind):
        result = value
    else:
        return copy.deepcopy(value, memo)
    memo[id(value)] = result
    return result


cdef dict _plain_dataclasses = {}
cdef dict _slotted_dataclasses = {}


cdef bint _is_plain_dataclass(object kind):
    """Whether copying its `__dict__` is all that copying an instance means."""
    cdef object known = _plain_dataclasses.get(kind)
    if known is None:
        known = _plain_dataclasses[kind] = (
            _is_copied_by_attributes(kind)
            and not any("__slots__" in vars(base) for base in kind.__mro__))
    return known


cdef object _slots_of(object kind):
    """The names of its slots, if copying these is all that copying an instance means; or None."""
    cdef object known = _slotted_dataclasses.get(kind, 0)
    if known == 0:
        known = None
        if (_is_copied_by_attributes(kind)
                and kind.__dictoffset__ == 0
                and kind.__getattribute__ is object.__getattribute__
                and kind.__setattr__ is object.__setattr__
                and not hasattr(kind, "__getattr__")):
            known = tuple({
                name: None for base in kind.__mro__ for name, value in vars(base).items()
                if type(value) is types.MemberDescriptorType})
        _slotted_dataclasses[kind] = known
    return known


cdef bint _is_copied_by_attributes(object kind):
    return (
        dataclasses.is_dataclass(kind)
        and kind.__new__ is object.__new__
        and kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and getattr(kind, "__getstate__", None) is getattr(object, "__getstate__", None)
        and not hasattr(kind, "__deepcopy__"))


cdef int _copy_slots(object value, object result, tuple names, dict memo) except -1:
    for name in names:
        try:
            one = getattr(value, name)
        except AttributeError:  # not set
            continue
        setattr(result, name, one if type(one) in ATOMS else _copy(one, memo))
    return 0


cdef dict _copy_dict(dict value, dict memo):
    """Keys cannot change; values are often atoms, and then the copy of the table is all."""
    cdef dict result = PyDict_Copy(value)
    cdef PyObject *key
    cdef PyObject *item
    cdef Py_ssize_t position = 0
    memo[id(value)] = result
    while PyDict_Next(value, &position, &key, &item):
        if type(<object>item) not in ATOMS:
            result[<object>key] = _copy(<object>item, memo)
    return result
