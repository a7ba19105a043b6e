"""The version of everyloop, in one place."""

VERSION = "0.1.0"
