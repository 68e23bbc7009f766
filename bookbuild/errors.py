"""The errors that end a build."""


class BuildError(RuntimeError):
    """The book cannot be built. The message says why and what to do."""


class SourceError(ValueError):
    """A source has faults. The message says for each where, what, and the cure."""
