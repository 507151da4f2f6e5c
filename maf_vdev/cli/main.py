"""``maf-vdev``: what SDAs there are, what a run used, and the cache of compiled kernels."""

from __future__ import annotations

import json
import sys

import click

from maf_vdev.cli.exec import run
from maf_vdev.cli.table import print_table, size


@click.group(help="Software-Defined Accelerators of this machine.")
def _group() -> None:
    pass


@_group.command("list", help="SDAs in use (backing, memory, users) and the physical devices found.")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def _list(as_json: bool) -> None:
    from maf_vdev.sda import registry

    sdas = registry.list_sdas()
    devices = registry.physical_devices()
    if as_json:
        print(json.dumps({"sdas": sdas, "devices": devices}, indent=2))
        return
    if sdas:
        print_table(
            ("SDA", "NAME", "BACKING", "USED", "MEMORY", "PID", "USER PROGRAM"),
            (
                (
                    f"{s['app_pid']}:{s['index']}",
                    s["name"],
                    s["backing"],
                    size(s["used_bytes"]),
                    size(s["total_bytes"]),
                    s["app_pid"],
                    s["command"],
                )
                for s in sdas
            ),
        )
    else:
        print("No SDA is in use.")
    print()
    print_table(
        ("DEVICE", "NAME", "UNITS", "MEMORY", "SUB-GROUP", "STATE"),
        (
            (
                d["id"],
                d["name"],
                d["units"] or "",
                size(d["memory_bytes"]) if d["memory_bytes"] else "",
                d["subgroup"] or "",
                "; ".join([d["state"], *d["missing"]]),
            )
            for d in devices
        ),
    )


@_group.command("explain", help="What a run used; the latest run unless RUN (a number of --runs or a file) is given.")
@click.argument("run_name", metavar="[RUN]", required=False)
@click.option("--runs", is_flag=True, help="list the recorded runs")
@click.option("--missing", is_flag=True, help="what all recorded runs asked for and got slowly or not at all")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def _explain(run_name: str | None, runs: bool, missing: bool, as_json: bool) -> None:
    from maf_vdev.cli import explain

    if missing:
        explain.show_missing(as_json)
    else:
        explain.show(run_name, runs, as_json)


@_group.group("cache", help="The cache of compiled kernels.")
def _cache() -> None:
    pass


@_cache.command("info", help="Where the cache is and what it holds.")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def _cache_info(as_json: bool) -> None:
    from maf_vdev.translator import cache

    info = cache.info()
    if as_json:
        print(json.dumps(info, indent=2))
    else:
        print(f"{info['path']}: {info['entries']} compiled kernels, {size(info['bytes'])}")


@_cache.command("clear", help="Delete every compiled kernel.")
def _cache_clear() -> None:
    from maf_vdev.translator import cache

    print(f"deleted {cache.clear()} compiled kernels")


@_cache.command("warm", help="Compile the kernels of LIBRARY whose demangled name matches a regular expression.")
@click.argument("library", type=click.Path(exists=True, dir_okay=False))
@click.option("--match", default=".*", metavar="REGEX", help="kernels to compile (default: all)")
@click.option("--jobs", type=click.IntRange(min=1), default=None, metavar="N", help="processes (default: all cores)")
def _cache_warm(library: str, match: str, jobs: int | None) -> None:
    from maf_vdev.cli import warm

    warm.warm(library, match, jobs)


def main() -> None:
    """Console script."""
    sys.exit(run(_group, "maf-vdev"))


if __name__ == "__main__":
    main()
