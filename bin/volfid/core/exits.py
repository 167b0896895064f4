"""Exit codes (sysexits, plus 75 for "try again with less") and the error that carries them."""

EXIT_USAGE = 2
EXIT_PARAMETER = 64
EXIT_DATA = 65
EXIT_INPUT = 66
EXIT_UNAVAILABLE = 69
EXIT_BUG = 70
EXIT_NODE = 71  # the node that a scheduler chose is unfit; another may do
EXIT_CREATE = 73
EXIT_IO = 74
EXIT_RETRY = 75
EXIT_PERMISSION = 77
EXIT_CONFIG = 78


class VolfidError(Exception):
    """A failure the user can understand and mend; ends the command with `code`.

    `message` says what is wrong and where (file, row, field); `mend` says what to do.
    """

    code = EXIT_BUG

    def __init__(self, message: str, *, mend: str | None = None, code: int | None = None):
        super().__init__(message)
        self.message = message
        self.mend = mend
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message}. {self.mend}" if self.mend else self.message


class ParameterError(VolfidError):
    """A parameter has a value that means nothing (64)."""

    code = EXIT_PARAMETER


class DataError(VolfidError):
    """A file's content breaks its contract; the message names file, row and field (65)."""

    code = EXIT_DATA


class InputMissingError(VolfidError):
    """A file that was asked for does not exist (66)."""

    code = EXIT_INPUT


class UnavailableError(VolfidError):
    """A device, model or service cannot be had (69)."""

    code = EXIT_UNAVAILABLE


class RetryError(VolfidError):
    """A temporary failure; the same work with less may succeed (75)."""

    code = EXIT_RETRY


class ConfigError(VolfidError):
    """A design, model or claims file is inconsistent (78)."""

    code = EXIT_CONFIG
