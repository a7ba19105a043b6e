"""Tests of the fake kernels."""
