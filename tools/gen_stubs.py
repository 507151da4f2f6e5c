"""Stubs, version scripts and docs/coverage.md from the table of entry points.

    python tools/gen_stubs.py            write docs/coverage.md
    python tools/gen_stubs.py --check    exit 1 unless it is up to date
    python tools/gen_stubs.py --sync     set each status in the table from the libraries built in maf_vdev/lib

The table is shim/libcuda_stub/entry_points.tsv, the facts per library are in libraries.ini beside it. The build
(tools/build_shim.py) asks this module for C text: a weak definition of every entry point, which a hand-written
definition in the library's folder replaces at link time. A stub names itself once to the client (maf_unsupported)
and returns the library's "not supported" status.
"""

from __future__ import annotations

import argparse
import configparser
import csv
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STUB_DIR = ROOT / "shim" / "libcuda_stub"
TABLE = STUB_DIR / "entry_points.tsv"
LIBRARIES = STUB_DIR / "libraries.ini"
COVERAGE = ROOT / "docs" / "coverage.md"
LIB_DIR = ROOT / "maf_vdev" / "lib"

STATUSES = ("implemented", "not-supported", "planned")

# How a stub answers, by the table's `returns` column: C return type and expression; {code} is the library's status.
# `status` is a long so that two-word results (cuFile's error pair) come back whole in the return register.
RETURNS = {
    "status": ("long", "{code}"),
    "zero": ("long", "0"),
    "negative": ("long", "-{code}"),
    "long": ("long", "0"),
    "string": ("const char *", '"not supported"'),
    "pointer": ("void *", "0"),
    "void": ("void", ""),
}


@dataclass(frozen=True)
class Library:
    """One library folder. Majors are listed newest first; each gives one shared object."""

    name: str
    title: str
    majors: tuple[str, ...]
    soname_pattern: str
    node_pattern: str
    exports: str
    not_supported: int
    code: str
    limits: tuple[str, ...]  # what implemented functions refuse

    def soname(self, major: str) -> str:
        return self.soname_pattern.format(major=major)

    def node(self, major: str) -> str:
        """Symbol version node, empty for unversioned libraries."""
        return self.node_pattern.format(major=major)

    def file_name(self, major: str) -> str:
        """File name. It never equals the SONAME: torch loads NVIDIA's own wheels where it sees "libcudart.so"."""
        return f"libmaf_{self.name}{major}.so"


@dataclass(frozen=True)
class EntryPoint:
    """One row of the table. `majors` is `*` or a comma-separated list of library majors."""

    library: str
    symbol: str
    majors: str
    group: str
    returns: str
    status: str
    reason: str

    def in_major(self, major: str) -> bool:
        return self.majors == "*" or major in self.majors.split(",")


def read_libraries() -> dict[str, Library]:
    """Sections of libraries.ini, in file order."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(LIBRARIES.read_text())
    libraries = {}
    for name in parser.sections():
        section = parser[name]
        libraries[name] = Library(
            name=name,
            title=section["title"],
            majors=tuple(section["majors"].split()),
            soname_pattern=section["soname"],
            node_pattern=section.get("node", ""),
            exports=section["exports"],
            not_supported=int(section["not_supported"]),
            code=section["code"],
            limits=tuple(section.get("limits", "").strip().splitlines()),
        )
    return libraries


def read_table() -> list[EntryPoint]:
    """Rows of the table, checked: known library, status and return kind, no duplicate symbol in a library."""
    libraries = read_libraries()
    rows: list[EntryPoint] = []
    seen: set[tuple[str, str]] = set()
    with TABLE.open(newline="") as stream:
        for line, cells in enumerate(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE), start=2):
            row = EntryPoint(**{field.name: cells[field.name] or "" for field in fields(EntryPoint)})
            where = f"{TABLE.name}:{line}: {row.symbol}"
            if row.library not in libraries:
                raise ValueError(f"{where}: unknown library {row.library}")
            if row.status not in STATUSES or row.returns not in RETURNS:
                raise ValueError(f"{where}: unknown status {row.status} or returns {row.returns}")
            if (row.library, row.symbol) in seen:
                raise ValueError(f"{where}: listed twice")
            seen.add((row.library, row.symbol))
            rows.append(row)
    return rows


def write_table(rows: Iterable[EntryPoint]) -> None:
    """Write rows sorted by library (file order of libraries.ini), group, symbol."""
    order = list(read_libraries())
    names = [field.name for field in fields(EntryPoint)]
    ordered = sorted(rows, key=lambda row: (order.index(row.library), row.group, row.symbol))
    lines = ["\t".join(names)] + ["\t".join(getattr(row, name) for name in names) for row in ordered]
    TABLE.write_text("\n".join(lines) + "\n")


def entry_points(library: str, major: str) -> list[EntryPoint]:
    return [row for row in read_table() if row.library == library and row.in_major(major)]


def stub_source(library: Library, rows: list[EntryPoint]) -> str:
    """C text with a weak definition per entry point.

    Stubs take no parameters: in the System V ABI the caller owns the argument area, so any call is sound.
    """
    lines = [
        "/* Generated from entry_points.tsv. */",
        "extern void maf_unsupported(const char *library, const char *function);",
        '#define STUB __attribute__((weak, visibility("default")))',
        "static void said(const char *function)",
        "{",
        f'    maf_unsupported("{library.name}", function);',
        "}",
        "",
    ]
    for row in rows:
        c_type, expression = RETURNS[row.returns]
        value = expression.format(code=library.not_supported)
        separator = "" if c_type.endswith("*") else " "
        answer = f" return {value};" if value else ""
        lines.append(f"STUB {c_type}{separator}{row.symbol}(void);")
        lines.append(f'STUB {c_type}{separator}{row.symbol}(void) {{ said("{row.symbol}");{answer} }}')
    return "\n".join(lines) + "\n"


def version_script(library: Library, major: str, symbols: Iterable[str]) -> str:
    """Linker version script: the symbols under the library's node, everything else local."""
    names = "".join(f"        {name};\n" for name in sorted(symbols))
    return f"{library.node(major)} {{\n    global:\n{names}    local:\n        *;\n}};\n".lstrip()


def bindings(path: Path) -> dict[str, str]:
    """Exported functions of a shared object: name -> STB_GLOBAL (hand-written) or STB_WEAK (stub)."""
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".dynsym")
        return {
            symbol.name: symbol["st_info"]["bind"]
            for symbol in section.iter_symbols()
            if symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_info"]["type"] == "STT_FUNC"
        }


def built_status(library: Library, folder: Path = LIB_DIR) -> dict[str, tuple[set[str], set[str]]]:
    """Exported name -> (majors where it is hand-written, majors that export it), from the built libraries."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for major in library.majors:
        path = folder / library.file_name(major)
        if not path.exists():
            raise FileNotFoundError(f"{path}: not built")
        for name, bind in bindings(path).items():
            strong, exported = found.setdefault(name, (set(), set()))
            exported.add(major)
            if bind == "STB_GLOBAL":
                strong.add(major)
    return found


def _stem(name: EntryPoint | str) -> str:
    """A name without the suffixes of its variants."""
    return re.sub(r"(_ptsz|_ptds|_64|_v\d+)+$", "", name if isinstance(name, str) else name.symbol)


def sync() -> list[str]:
    """Set the table's statuses from the built libraries and add hand-written names that it lacks; returns the changes.

    A name that is hand-written in some majors only is listed for these only: the ABI of the others is another one.
    """
    changes: list[str] = []
    rows = {(row.library, row.symbol): row for row in read_table()}
    for library in read_libraries().values():
        for name, (strong, exported) in built_status(library).items():
            key = (library.name, name)
            old = rows.get(key)
            group = old.group if old else next((r.group for r in rows.values() if _stem(r) == _stem(name)), "other")
            if strong:
                majors = "*" if strong == set(library.majors) else ",".join(m for m in library.majors if m in strong)
                returns = old.returns if old else "status"
                rows[key] = EntryPoint(library.name, name, majors, group, returns, "implemented", "")
            elif old and old.status == "implemented":
                rows[key] = replace(old, status="planned")
            if rows.get(key) != old:
                changes.append(f"{library.name} {name}: {rows[key].status} in {rows[key].majors}")
    write_table(rows.values())
    return changes


def coverage_page() -> str:
    """docs/coverage.md: a summary per library, then the names by group and status."""
    table = read_table()
    libraries = read_libraries()
    text = [
        "# Coverage of the CUDA libraries",
        "",
        "Generated by `python tools/gen_stubs.py` from `shim/libcuda_stub/entry_points.tsv`.",
        "What PyTorch's operators do with them: [operators.md](operators.md).",
        "",
        "*implemented*: hand-written; limits of single functions are stated in their library's folder.",
        "*not supported*: returns the library's status for that, on purpose, for the reason given.",
        "*planned*: returns the same status today. Each such call is named once under `MAF_LOG=1` and counted by",
        "`maf-vdev explain`.",
        "",
        "| Library | SONAME | implemented | not supported | planned | status returned |",
        "|---|---|---:|---:|---:|---|",
    ]
    for library in libraries.values():
        rows = [row for row in table if row.library == library.name]
        counts = [sum(row.status == status for row in rows) for status in STATUSES]
        sonames = ", ".join(library.soname(major) for major in library.majors)
        text.append(
            f"| {library.title} | {sonames} | {counts[0]} | {counts[1]} | {counts[2]} "
            f"| {library.code} ({library.not_supported}) |"
        )
    for library in libraries.values():
        rows = [row for row in table if row.library == library.name]
        text += ["", f"## {library.title}", ""]
        for status in STATUSES:
            by_reason: dict[tuple[str, str], list[str]] = {}
            for row in rows:
                if row.status == status:
                    name = row.symbol if row.majors == "*" else f"{row.symbol} ({row.majors})"
                    by_reason.setdefault((row.group, row.reason), []).append(name)
            if not by_reason:
                continue
            text += [f"**{status.replace('-', ' ')}**", ""]
            for (group, reason), names in sorted(by_reason.items()):
                because = f" ({reason})" if reason else ""
                text.append(f"- {group}{because}: {', '.join(names)}")
            text.append("")
        if library.limits:
            text += ["**limits of implemented functions**", "", *(f"- {limit.strip()}" for limit in library.limits)]
    return "\n".join(text).rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="fail unless docs/coverage.md is up to date")
    mode.add_argument("--sync", action="store_true", help="set statuses from the built libraries first")
    arguments = parser.parse_args()
    if arguments.check:
        if COVERAGE.exists() and COVERAGE.read_text() == coverage_page():
            return 0
        print(f"{COVERAGE.relative_to(ROOT)} is out of date: run python tools/gen_stubs.py", file=sys.stderr)
        return 1
    if arguments.sync:
        print("\n".join(sync()))
    COVERAGE.parent.mkdir(exist_ok=True)
    COVERAGE.write_text(coverage_page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
