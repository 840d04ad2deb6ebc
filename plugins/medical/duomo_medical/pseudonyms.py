"""Names, numbers and dates that stand for the real ones: the same for the same secret, and no way back without it."""

from __future__ import annotations

import datetime
import hashlib
import hmac

from duomo_medical.dicom_file import pydicom

MIN_SECRET = 16
"""Bytes of a secret at least; a short one can be guessed, and with it who is who."""
STANDARD_UIDS = frozenset(pydicom.uid.UID_dictionary)
"""DICOM's own words, which name nobody. Its root alone proves nothing: a serial number can stand behind it."""
_DAYS = (30, 1825)
"""Every date of a patient moves back by one number of days between these."""


class Pseudonyms:
    """HMAC-SHA256 of what is asked for, under one secret of the site.

    Files of one study keep belonging together, and the days between two visits of a patient stay true.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < MIN_SECRET:
            raise ValueError(f"a secret needs {MIN_SECRET} bytes at least, this one has {len(secret)}")
        self._secret = secret

    def key(self, kind: str, text: str) -> str:
        """Sixteen hexadecimal digits for a text; other kinds give other digits."""
        return self._digest(kind, text)[:8].hex()

    def uid(self, uid: str) -> str:
        """Another UID; DICOM's own stay as they are."""
        if not uid or uid in STANDARD_UIDS:
            return uid
        return f"2.25.{int.from_bytes(self._digest('uid', uid)[:16], 'big')}"

    def days(self, patient: str) -> int:
        """How many days every date of this patient moves back."""
        low, high = _DAYS
        return low + int.from_bytes(self._digest("days", patient)[:4], "big") % (high - low + 1)

    def date(self, date: str, patient: str) -> str:
        """``YYYYMMDD`` moved back; empty for what is not a date, because what it is cannot be known."""
        try:
            day = datetime.datetime.strptime(date.replace(".", "").strip()[:8], "%Y%m%d")
            return (day - datetime.timedelta(days=self.days(patient))).strftime("%Y%m%d")
        except (ValueError, OverflowError):
            return ""

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.new(self._secret, f"{kind}\0{text}".encode(), hashlib.sha256).digest()


def of_any(secret: bytes) -> bytes:
    """A key of full length from a secret of any: a site's own is checked where it is set."""
    return hashlib.sha256(secret).digest()
