"""What others say, so that nothing in it steers what shows it: a loop's message is whatever it likes.

Control characters move a terminal's cursor and are not allowed in XML; marks of direction let text read backwards, and
so say something else than it does; half a surrogate pair is in no encoding.
"""

from __future__ import annotations

_CONTROL = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_DIRECTION = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_NO_CHARACTER = (*range(0xD800, 0xE000), 0xFEFF, 0xFFFE, 0xFFFF)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


_LINE = {code: _escape(code) for code in (*_CONTROL, *_DIRECTION, *_NO_CHARACTER) if code != ord("\t")}
_LINES = {code: text for code, text in _LINE.items() if code != ord("\n")}


def line(text: str) -> str:
    """Return a text as one line: what cannot be seen in it is written as in Python's literals."""
    return text.translate(_LINE)


def lines(text: str) -> str:
    """Return a text as several lines; they end with a newline only."""
    return text.replace("\r\n", "\n").translate(_LINES)
