"""NumPy views of slots, recycled so that a batch costs no allocation.

A view is moved to other slots only while its reference count shows that nobody but the pool
holds it; a name still bound to the last view (the variable of a `for` loop) is why there are two.
"""

cimport cython
cimport numpy as cnp
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
    void view_move "hr_view_move"(object view, char *data, Py_ssize_t length, bint writable)
    void view_freeze "hr_view_freeze"(object view) noexcept
    bint view_is_ours "hr_view_is_ours"(object view)


@cython.final
cdef class ViewPool:
    cdef cnp.ndarray current
    cdef cnp.ndarray spare
    cdef cnp.dtype dtype
    cdef object owner           # keeps the memory mapped
    cdef bint writable
    cdef int64_t kept           # views that somebody still held two turns later

    cdef cnp.ndarray make(self, char *data, Py_ssize_t length)
    cdef cnp.ndarray replace_kept(self, char *data, Py_ssize_t length)

    cdef inline cnp.ndarray view(self, char *data, Py_ssize_t length):
        """A view of `length` items at `data`."""
        cdef cnp.ndarray view = self.spare
        self.spare = self.current
        if view_is_ours(view):  # this function's own reference is the only one left
            view_move(view, data, length, self.writable)
        else:
            view = self.replace_kept(data, length)
        self.current = view
        return view

    cdef inline void freeze(self) noexcept:
        """Make the view handed out last read-only: its slots are published."""
        view_freeze(self.current)
