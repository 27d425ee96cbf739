"""The front end: a page about what the application tells."""

import html
import json
import os
import socket
import urllib.request

from serve import Answer, serve

PAGE = """<!doctype html>
<title>{greeting}</title>
<h1>{greeting}</h1>
<p>{visits} visits, counted in PostgreSQL by {application}, shown by {front}. Redis {redis}.</p>
"""


def answer(path: str) -> Answer:
    if path == "/healthy":
        return 200, "text/plain", b"ok\n"
    with urllib.request.urlopen(os.environ["APP"], timeout=5) as reply:
        told = json.load(reply)
    told |= {"front": socket.gethostname(), "greeting": os.environ["GREETING"]}
    return 200, "text/html", PAGE.format(**{key: html.escape(str(value)) for key, value in told.items()}).encode()


if __name__ == "__main__":
    serve(answer)
