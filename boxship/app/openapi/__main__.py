"""Print the OpenAPI document, or with the word `table` the page of it."""

import sys

from boxship.app.openapi.document import table, text

sys.stdout.write(table() if sys.argv[1:] == ["table"] else text())
