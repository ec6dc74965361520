"""Show the overview of every journey: a journey per line, the main numbers side by side.

\b
    python scripts/show_overview.py
    python scripts/show_overview.py --database published.duckdb
"""

from pathlib import Path

import click
from export_users import open_marts
from messages import printable, run_command
from project import PROJECT
from rich import box
from rich.console import Console
from rich.table import Table

COLUMNS = {
    "Journey": "journey_id",
    "Messages": "messages_sent",
    "Entries": "total_entries",
    "Users": "entry_user_count",
    "Converted": "converted_users",
    "Rate %": "conversion_rate_pct",
    "Exits": "total_exits",
    "Active": "active_entries",
}
Cell = str | int | float | None


def read_overview(database: Path) -> tuple[list[tuple[Cell, ...]], object]:
    """Read the numbers of every journey, the largest first, and the moment until which they are complete."""
    sql = f"""
        select {", ".join(COLUMNS.values())}, data_complete_at
        from marts.journey_overview
        order by total_entries desc, journey_id
    """
    with open_marts(database) as connection:
        rows = connection.execute(sql).fetchall()
    return [row[:-1] for row in rows], rows[0][-1] if rows else None


def format_cell(cell: Cell) -> str:
    """Write a number as people read it; what cannot be said is a dash."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return printable(cell)
    return f"{cell:,.1f}" if isinstance(cell, float) else f"{cell:,}"


def overview_table(rows: list[tuple[Cell, ...]], complete_at: object) -> Table:
    nothing = "No event has been accepted yet: see marts.rejected_events"
    caption = f"All events loaded until {complete_at} UTC" if complete_at else nothing
    table = Table(caption=caption, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for heading in COLUMNS:
        table.add_column(heading, justify="left" if heading == "Journey" else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(format_cell, row))
    return table


@click.command(help=__doc__)
@click.option(
    "--database",
    type=click.Path(path_type=Path),
    envvar="JOURNEY_DUCKDB_PATH",
    default=PROJECT / "journey_analytics.duckdb",
    help="DuckDB file with the marts; default: JOURNEY_DUCKDB_PATH, else journey_analytics.duckdb of the project.",
)
def show_overview(database: Path) -> None:
    Console(markup=False).print(overview_table(*read_overview(database)))


if __name__ == "__main__":
    run_command(show_overview)
