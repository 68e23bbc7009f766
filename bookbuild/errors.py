"""The error that ends a build."""


class BuildError(RuntimeError):
    """The book cannot be built. The message says why and what to do."""
