"""The fake kernels: a folder per operating system, a file per kernel object. State and facts, no asyncio."""
