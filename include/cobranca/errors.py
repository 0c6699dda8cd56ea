"""The errors a person is meant to read: each names the thing, the place and the cure.

No message holds a password, an API key, a tax id, an e-mail address or a phone number.
"""


class CobrancaError(Exception):
    """Base of every error raised on purpose; ``exit_code`` is what the command line returns."""

    exit_code = 1


class ConfigError(CobrancaError):
    """A setting, a configuration file or an argument is wrong. Nothing was started."""

    exit_code = 2


class LedgerError(CobrancaError):
    """The ledger's database does not answer; it may come back by itself."""


class SourceError(CobrancaError):
    """A source could not be read completely. Nothing of it was landed."""


class PartitionError(CobrancaError):
    """A landing or outbound partition is absent, incomplete or was changed after it was written."""


class GateFailed(CobrancaError):
    """A critical check failed: no one is contacted and the last good outputs stay."""


class ProviderSilent(CobrancaError):
    """The provider did not give its lists; trying again later may help."""


class DeliveryHalted(CobrancaError):
    """The provider refuses everything, so nothing more was tried.

    All that had not left is planned again.
    """


class BuildFailed(CobrancaError):
    """A model or one of its tests failed in the warehouse."""


class DeliveryRefused(CobrancaError):
    """The business date may not be sent through a real channel yet."""


class VolumeUnusual(DeliveryRefused):
    """So many messages leave only with a person's word."""
