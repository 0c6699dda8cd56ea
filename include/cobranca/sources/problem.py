"""How a source's errors are worded, in one place: where, what is wrong, and the cure."""

from cobranca.errors import SourceError


class SourceProblem(SourceError):
    """A source error that keeps its cure apart, so that ``cobranca check`` can print it in a column of its own.

    None of the three texts may hold a value read from a row: a row is about a person.
    """

    def __init__(self, where: str, problem: str, cure: str):
        super().__init__(f"{where}: {problem}; {cure}.")
        self.where, self.problem, self.cure = where, problem, cure

    def __reduce__(self):
        return type(self), (self.where, self.problem, self.cure)


class FileProblem(SourceProblem):
    """A file that is missing, half written or cannot be believed: it may be whole a moment later."""
