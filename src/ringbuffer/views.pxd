"""NumPy views of slots, recycled so that a batch costs no allocation.

A view is moved to other slots only while its reference count shows that nobody but the pool
holds it; a name still bound to the last view (the variable of a `for` loop) is why there are two.
"""

cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

cdef extern from *:
    """
    #ifndef HEADRACE_VIEWS
    #define HEADRACE_VIEWS
    #include <numpy/arrayobject.h>
    static inline void hr_view_move(PyObject *view, char *data, npy_intp length, int writable) {
        PyArrayObject_fields *fields = (PyArrayObject_fields *)view;
        fields->data = data;
        fields->dimensions[0] = length;
        if (writable) fields->flags |= NPY_ARRAY_WRITEABLE; else fields->flags &= ~NPY_ARRAY_WRITEABLE; }
    static inline void hr_view_freeze(PyObject *view) {
        ((PyArrayObject_fields *)view)->flags &= ~NPY_ARRAY_WRITEABLE; }
    static inline int hr_view_is_ours(PyObject *view) {
    #ifdef Py_GIL_DISABLED
        return 0;   /* counts are split between threads there: always make a new one */
    #else
        return Py_REFCNT(view) == 1;
    #endif
    }
    #endif
    """
    void view_move "hr_view_move"(
        PyObject *view, char *data, Py_ssize_t length, bint writable) noexcept
    void view_freeze "hr_view_freeze"(PyObject *view) noexcept
    bint view_is_ours "hr_view_is_ours"(PyObject *view) noexcept


@cython.final
cdef class ViewPool:
    # Owned references, by hand: swapping them is all that a batch costs.
    cdef PyObject *current
    cdef PyObject *spare
    cdef cnp.dtype dtype
    cdef object owner           # keeps the memory mapped
    cdef bint writable
    cdef int64_t kept           # views that somebody still held two turns later

    cdef PyObject *new(self, char *data, Py_ssize_t length) except NULL
    cdef cnp.ndarray make(self, char *data, Py_ssize_t length)
    cdef int replace_kept(self, char *data, Py_ssize_t length) except -1

    cdef inline object view(self, char *data, Py_ssize_t length):
        """A view of `length` items at `data`."""
        cdef PyObject *view = self.spare
        if view_is_ours(view):  # the pool's reference is the only one left
            view_move(view, data, length, self.writable)
            self.spare = self.current
            self.current = view
        else:
            self.replace_kept(data, length)
        return <object>self.current

    cdef inline void freeze(self) noexcept:
        """Make the view handed out last read-only: its slots are published."""
        view_freeze(self.current)
