"""Tests of somebody's application, run by pytest with and without everyloop's options."""
