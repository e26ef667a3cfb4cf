"""Bytes of a Python file to text."""

from __future__ import annotations

import io
import tokenize

from govflow.errors import SourceError


def decode_source(data: bytes, path: str) -> str:
    r"""Decode as Python does: byte-order mark or coding comment (PEP 263), else UTF-8; newlines become ``\n``.

    Raises:
        SourceError: the encoding is unknown or the bytes are not in it; the message names the file.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise SourceError(
            f"{path}: cannot be decoded: {error}",
            mend="Save the file as UTF-8, or name its encoding in a coding comment.",
            details={"file": path},
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
