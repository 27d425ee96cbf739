"""The language of Python programs: `import boxship`, typed and awaitable, and a pytest plugin. Over HTTP only."""
