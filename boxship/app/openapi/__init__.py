"""An OpenAPI document of the API, read from the code that serves it: `python -m boxship.app.openapi` prints it."""
