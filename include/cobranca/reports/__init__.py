"""The finance pack of a night: one offline page and one workbook, made from the approved batch alone."""

from cobranca.reports.write import write_reports

__all__ = ["write_reports"]
