"""The version of the cleaning rules: it decides whether rows that landed earlier may be reused.

Raise :data:`CLEANING_RULES_VERSION` by one with every change that lands other values from the same
source rows: a rule of cleaning, of money, dates, phones or return files, or another version of a
library whose data decide what is valid. The next incremental read then reads each entity whole,
once. A comment, a rename or a faster way to the same values needs no new version.

``tests/sources/cleaning/test_version.py`` holds what a fixed corpus lands as, and fails where that
changes without a new version.
"""

CLEANING_RULES_VERSION = 6
