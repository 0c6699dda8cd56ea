"""What a source is and how it is read: its mapping, its drivers, cleaning, bank return files.

``mapping`` is the YAML file of a source, ``open_snapshot`` opens one moment of it through
``drivers``, ``cleaning`` turns rows into the canonical columns. :mod:`cobranca.landing` makes
partitions of them.
"""
