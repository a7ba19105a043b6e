"""CPython's own tests over the fake kernels. Run by ``tox run -m oracle``, not with the other tests."""
