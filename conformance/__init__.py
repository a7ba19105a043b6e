"""The catalogue of behaviours that asyncio promises, and the cases that show them on a loop.

The catalogue is data (``catalogue/*.toml``, one file an area). An area's cases are in the module its file names:
functions carrying :func:`~everyloop.conformance.declare.shows`. They are ordinary pytest tests whose fixtures
``loop``, ``new_loop``, ``run`` and ``observe`` come from whoever runs them
(see :mod:`everyloop.conformance.subject`).
"""
