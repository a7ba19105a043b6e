"""A module that is there and cannot be imported."""

raise OSError("libfast.so: cannot open shared object file")
