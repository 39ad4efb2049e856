"""This library's ring driven without Python: the native rows of the table."""
