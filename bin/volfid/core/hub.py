"""Failures of the Hugging Face hub in words, for the steps that may use the network."""

from typing import Any

from volfid.core.exits import EXIT_PERMISSION, ConfigError, InputMissingError, UnavailableError, VolfidError

TRANSPORTS = ("httpx", "httpx2", "httpcore", "httpcore2", "requests")


def hub_failure(error: Exception, what: str, errors: Any, offline_mend: str) -> Exception:
    """The failure of a hub request, in words; `error` itself when it has nothing to do with the hub.

    errors: the module huggingface_hub.errors. offline_mend: what to do without a network.
    """
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.RevisionNotFoundError):
        return ConfigError(f"{what} has no commit of that revision")
    if isinstance(error, errors.GatedRepoError) or status == 403:
        mend = "Accept its terms on the hub and put a token into HF_TOKEN"
        return VolfidError(f"{what} is gated", mend=mend, code=EXIT_PERMISSION)
    if isinstance(error, errors.RepositoryNotFoundError):
        return InputMissingError(f"{what} is not on the hub, or private", mend="A private one wants HF_TOKEN")
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return InputMissingError(f"{what}: a file that the hub lists is not there", mend="Try again later")
    unreachable = (errors.LocalEntryNotFoundError, errors.HfHubHTTPError, ConnectionError, TimeoutError)
    if isinstance(error, unreachable) or type(error).__module__.split(".")[0] in TRANSPORTS:
        return UnavailableError(f"{what}: the hub cannot be reached ({type(error).__name__})", mend=offline_mend)
    return error
