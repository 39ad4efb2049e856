"""Copying states."""

cpdef bint is_immutable(object value)
cpdef object copy_state(object value)
