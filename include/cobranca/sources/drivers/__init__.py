"""Read one moment of a source: a database (in Arrow columns where that is possible), or files.

What a driver owes its caller is the protocol ``SourceSnapshot`` of ``stream.py``.
"""
