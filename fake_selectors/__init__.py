"""Fake kernels, and CPython's own event loops over them. Imports the standard library only."""
