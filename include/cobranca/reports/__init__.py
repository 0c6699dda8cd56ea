"""The finance pack of a night: one offline page and one workbook.

It is made from the approved batch alone.
"""

from cobranca.reports.write_reports import write_reports

__all__ = ["write_reports"]
