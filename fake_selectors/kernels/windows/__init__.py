"""Windows: Winsock's ``select()``, sockets, signals and the modules that CPython has there only."""
