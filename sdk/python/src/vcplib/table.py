"""Tables of unit groups, units and nodes, coloured by state."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

STATE_COLORS = {
    "APPLYING": "#fe9",
    "BOOTING": "#fe9",
    "RUNNING": "#dfd",
    "SUSPENDING": "#ddd",
    "SUSPENDED": "#ddd",
    "RESUMING": "#ddd",
    "STOPPING": "#ddd",
    "STOPPED": "#ddd",
    "SHUTTING_DOWN": "#add",
    "POWER_OFF": "#aaa",
    "DELETING": "#777",
    "ERROR": "#f99",
    "CONTAINER_ERROR": "#f77",
    "HOST_ERROR": "#f77",
}


def vcp_short_id(id: str) -> str:
    """The first 8 characters of an identifier and `...`."""
    return id[:8] + "..."


def vcp_to_status_color(column: pd.Series) -> list[str]:
    """The style of each cell of a column: a background by state if the column's name contains `state`."""
    if "state" not in str(column.name):
        return [""] * len(column)
    return ["background-color: " + STATE_COLORS[state] if state in STATE_COLORS else "" for state in column]


def vcp_df_color(dfs: Any) -> Any:
    """A table, or a list of tables put below each other, with colours. An empty list stays an empty list."""
    if isinstance(dfs, list):
        if not dfs:
            return dfs
        dfs = dfs[0] if len(dfs) == 1 else pd.concat(dfs, sort=False, ignore_index=True)
    return dfs.style.apply(vcp_to_status_color, axis=0) if isinstance(dfs, pd.DataFrame) else dfs


def frame(columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """A table with these columns in this order, also when there is no row."""
    columns = list(columns)
    return pd.DataFrame([[row[column] for column in columns] for row in rows], columns=columns)


def printed_table(output: str) -> Any:
    """A table that a program printed in columns that two or more spaces part, as a DataFrame; None if it printed nothing."""
    lines = [line for line in output.split("\n") if line]
    if not lines:
        return None
    titles = [title for title in lines[0].split("  ") if title.strip()]
    titles = [title.strip() for title in titles]
    starts: list[int] = []
    for title in titles:
        starts.append(lines[0].index(title, starts[-1] + 1 if starts else 0))
    rows = [[line[start:].split("  ")[0].strip() for start in starts] for line in lines[1:]]
    return pd.DataFrame(rows, columns=titles)
