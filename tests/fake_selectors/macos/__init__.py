"""Tests of macOS' fake kernel."""
