"""TLS contexts that judge certificates as OpenSSL and the stock client do.

Python wants more from 3.13 on (RFC 5280's key identifiers and key usage), which the certificates that people made for
Docker by its manual lack.
"""

import functools
import ssl


def context(authority: str | None = None, purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH) -> ssl.SSLContext:
    """Return Python's usual context, which trusts the authorities in the file `authority`, or the system's.

    Raises OSError or ssl.SSLError for a file that does not serve.
    """
    made = ssl.create_default_context(purpose, cafile=authority)
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return made


@functools.cache
def system() -> ssl.SSLContext:
    """Return one context for all who trust the system's authorities: to read them all takes long."""
    return context()
