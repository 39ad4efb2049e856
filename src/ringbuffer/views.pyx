"""Making the NumPy views that `views.pxd` moves."""

cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF

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
        self.current = self.make(<char *>start, 0)
        self.spare = self.make(<char *>start, 0)

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

    cdef cnp.ndarray replace_kept(self, char *data, Py_ssize_t length):
        self.kept += 1
        return self.make(data, length)
