"""The errors of sources: where, what is wrong, and the cure."""

from cobranca.errors import SourceError


class SourceProblem(SourceError):
    """A source error that keeps its place, problem and cure apart.

    So ``cobranca check`` can print the cure by itself. None of the three texts may hold a value
    read from a row: a row is about a person.
    """

    def __init__(self, where: str, problem: str, cure: str):
        super().__init__(f"{where}: {problem}; {cure}.")
        self.where, self.problem, self.cure = where, problem, cure

    def __reduce__(self) -> tuple[type["SourceProblem"], tuple[str, str, str]]:
        return type(self), (self.where, self.problem, self.cure)


class FileProblem(SourceProblem):
    """A file that is missing, half written or cannot be believed.

    It may be whole a moment later.
    """
