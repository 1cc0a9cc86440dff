"""
A page of text as PDF, as completion reports and return labels are.

The text is for people: AWS asks to read the report before the source is deleted, so who rehearses a
migration opens it. Pages differ in their text only, which has a room of fixed size; so what a PDF
says of where its objects begin is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["page_of"]

#: Characters of a line that fit on the page.
_WIDTH = 90
#: An A4 page; its text is filled up with blanks, which mean nothing in a PDF.
_PAGE = (
    "%PDF-1.4\n"
    "1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n"
    "2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n"
    "3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R\n"
    "/Resources << /Font << /F1 5 0 R >> >> >> endobj\n"
    "4 0 obj << /Length 1000 >> stream\n{text:1000}\nendstream endobj\n"
    "5 0 obj << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> endobj\n"
    "xref\n0 6\n"
    "0000000000 65535 f \n"
    "0000000009 00000 n \n"
    "0000000058 00000 n \n"
    "0000000115 00000 n \n"
    "0000000241 00000 n \n"
    "0000001293 00000 n \n"
    "trailer << /Size 6 /Root 1 0 R >>\n"
    "startxref\n1390\n%%EOF\n"
)


def page_of(lines: Sequence[str]) -> bytes:
    """
    Return a PDF of one page with up to ten lines.

    What is too long for the page is cut off; what Latin-1 does not have becomes a question mark.
    """
    shown = "\n".join(f"({_escaped(line[:_WIDTH])}) '" for line in lines)
    return _PAGE.format(text=f"BT /F1 11 Tf 16 TL 56 796 Td\n{shown}\nET").encode("latin-1", "replace")


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
