"""The command lines of the benchmarks."""

import argparse
import contextlib

from measuring import BenchmarkError


class Parser(argparse.ArgumentParser):
    """A parser whose error messages are one line."""

    def __init__(self, description: str, epilog: str | None = None):
        super().__init__(
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message):
        """Print the message and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")

    @contextlib.contextmanager
    def reporting_errors(self):
        """Exit with one line if a measurement fails or is interrupted."""
        try:
            yield
        except BenchmarkError as error:
            self.exit(1, f"{self.prog}: {error}\n")
        except KeyboardInterrupt:
            self.exit(130, f"{self.prog}: interrupted\n")

    def add_subset(self, name: str, choices) -> None:
        """Add a flag that takes some of the choices."""
        self.add_argument(
            name,
            nargs="+",
            choices=choices,
            default=list(choices),
            metavar="NAME",
            help=f"some of {', '.join(choices)} (default: all)",
        )


def at_least(minimum: int):
    """Return the type of a flag that takes integers from a minimum on."""

    def integer(text: str) -> int:
        value = int(text)
        if value < minimum:
            raise argparse.ArgumentTypeError(
                f"must be at least {minimum}, got {value}"
            )
        return value

    return integer
