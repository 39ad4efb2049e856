"""Making the NumPy views that `views.pxd` moves."""

cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF, Py_XDECREF

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    cnp.ndarray new_from_descr "PyArray_NewFromDescr"(
        PyTypeObject *subtype, cnp.dtype descr, int ndim, cnp.npy_intp *dims,
        cnp.npy_intp *strides, void *data, int flags, PyObject *owner)


@cython.final
cdef class ViewPool:
    def __cinit__(self, cnp.dtype dtype not None, object owner, bint writable, Py_ssize_t start):
        self.dtype = dtype
        self.owner = owner
        self.writable = writable
        self.kept = 0
        self.current = self.new(<char *>start, 0)
        self.spare = self.new(<char *>start, 0)

    def __dealloc__(self):
        Py_XDECREF(self.current)
        Py_XDECREF(self.spare)

    cdef PyObject *new(self, char *data, Py_ssize_t length) except NULL:
        """A view whose one reference is the caller's."""
        cdef cnp.ndarray view = self.make(data, length)
        Py_INCREF(view)
        return <PyObject *>view

    cdef cnp.ndarray make(self, char *data, Py_ssize_t length):
        cdef cnp.npy_intp dims = length
        cdef int flags = cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_F_CONTIGUOUS
        cdef cnp.ndarray view
        if self.dtype.alignment <= 1 or (<size_t>data) % self.dtype.alignment == 0:
            flags |= cnp.NPY_ARRAY_ALIGNED
        if self.writable:
            flags |= cnp.NPY_ARRAY_WRITEABLE
        Py_INCREF(self.dtype)  # the descriptor's reference is taken over
        view = new_from_descr(<PyTypeObject *>cnp.ndarray, self.dtype, 1, &dims, NULL, data, flags, NULL)
        cnp.set_array_base(view, self.owner)
        return view

    cdef int replace_kept(self, char *data, Py_ssize_t length) except -1:
        """Leave the spare view to whoever holds it."""
        cdef PyObject *view = self.new(data, length)
        self.kept += 1
        Py_XDECREF(self.spare)
        self.spare = self.current
        self.current = view
        return 0
