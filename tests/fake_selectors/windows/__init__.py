"""Tests of Windows' fake kernel."""
