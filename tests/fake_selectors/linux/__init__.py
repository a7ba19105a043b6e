"""Tests of Linux' fake kernel."""
