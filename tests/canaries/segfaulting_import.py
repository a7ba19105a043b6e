"""A module that cannot be imported alive."""

import ctypes

ctypes.string_at(0)
