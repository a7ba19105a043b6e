"""Failures that users of asyncio really met, reproduced on the platforms where they meet them."""
