"""``maf-exec``: run a program so that it sees Software-Defined Accelerators as CUDA devices."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import click

from maf_vdev.cli.environment import (
    Settings,
    UsageError,
    build,
    find_program,
    is_static,
    parse_size,
)
from maf_vdev.cli.loaded import answers, watch


class _Size(click.ParamType):
    name = "SIZE"

    def convert(self, value: object, param: object, ctx: object) -> int:
        try:
            return value if isinstance(value, int) else parse_size(str(value))
        except UsageError as error:
            self.fail(str(error))


@click.command(
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    help="Run COMMAND so that it sees Software-Defined Accelerators as its CUDA devices.",
)
@click.option("--device", metavar="NAME", help="backing device: cpu, opencl:N, opencl:NAME or hip:N")
@click.option("--count", type=int, metavar="N", help="number of SDAs the program sees (1 to 16)")
@click.option("--memory", type=_Size(), metavar="SIZE", help="device memory of each SDA, for example 4G")
@click.option("--profile", metavar="NAME", help="what the program is told about the SDA: a profile's name or file")
@click.option("--print-env", is_flag=True, help="print the variables as shell lines instead of running a program")
@click.option(
    "--explain-libs",
    is_flag=True,
    help="print which file answers each CUDA library name; with COMMAND, those it loaded, when it ends",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def _command(
    device: str | None,
    count: int | None,
    memory: int | None,
    profile: str | None,
    print_env: bool,
    explain_libs: bool,
    command: tuple[str, ...],
) -> int:
    variables = build(Settings(device, count, memory, profile), dict(os.environ))
    if explain_libs and not command:
        for name, library in answers().items():
            print(f"{name:28} {library}")
        return 0
    if print_env:
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")
        return 0
    if not command:
        raise UsageError("no command given (try 'maf-exec python train.py')")
    program = find_program(command[0], os.environ.get("PATH", ""))
    if program is None:
        print(f"maf-exec: {command[0]}: command not found", file=sys.stderr)
        return 127
    if is_static(program):
        raise UsageError(f"{command[0]} is statically linked, LD_PRELOAD cannot reach it")
    sys.stdout.flush()
    environment = {**os.environ, **variables}
    if explain_libs:
        process = subprocess.Popen(list(command), executable=program, env=environment)
        print("\n".join(watch(process)), file=sys.stderr)
        return process.returncode if process.returncode >= 0 else 128 - process.returncode
    os.execve(program, list(command), environment)
    return 126


def run(command: click.Command, name: str) -> int:
    """Run a click command; a wrong argument is one line on stderr and exit status 2."""
    try:
        return command.main(prog_name=name, standalone_mode=False) or 0
    except (click.ClickException, UsageError) as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        print(f"{name}: {' '.join(message.split())}", file=sys.stderr)
        return 2
    except click.Abort:
        return 130


def main() -> None:
    """Console script."""
    sys.exit(run(_command, "maf-exec"))


if __name__ == "__main__":
    main()
