"""Define the errors that end a build."""


class BuildError(RuntimeError):
    """Say why the book cannot be built, and what to do about it."""


class SourceError(ValueError):
    """List the faults of a source: for each its place, what is wrong, and a fix."""
