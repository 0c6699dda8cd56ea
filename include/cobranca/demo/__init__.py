"""A synthetic company for demonstrations, tests and benchmarks: no person, address or number in it exists on purpose."""
