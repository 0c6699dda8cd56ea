"""Reading a source database into landing.

``mapping`` reads the YAML file that is a source, ``engine`` opens one read-only snapshot of its database,
``clean`` turns rows into the canonical columns, and :mod:`cobranca.landing` puts the files in place.
"""

from datetime import date

from cobranca.settings import Settings


def check(settings: Settings, business_date: date | None = None) -> list:
    """Reach every source and try every query; see :func:`cobranca.sources.probe.check`."""
    from cobranca.sources.probe import check as run

    return run(settings, business_date)
