"""A synthetic company for demonstrations, tests and benchmarks.

No person, address or number in it exists on purpose.
"""
