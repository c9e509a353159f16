//! What is printed: tables and fields for people, JSON for programs.

use std::io::Write as _;

use serde_json::Value;

/// A line, or lines that end by themselves.
pub(super) fn text(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// One thing, a line a field.
pub(super) fn fields(value: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return text(&value.to_string());
    }
    let fields = value.as_object().into_iter().flatten();
    text(&fields.map(|(key, value)| format!("{key}: {}\n", cell(value))).collect::<String>())
}

/// Several things, a line each, under their columns' names.
pub(super) fn table(columns: &[&str], rows: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return text(&rows.to_string());
    }
    let head = columns.iter().map(|column| (*column).to_owned()).collect();
    let rows = rows.as_array().into_iter().flatten();
    let cells =
        |row: &Value| columns.iter().map(|column| row.get(column).map(cell).unwrap_or_default()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows.map(cells)).collect();
    text(&aligned(&lines))
}

fn aligned(lines: &[Vec<String>]) -> String {
    let count = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let lines = [["name", "role"], ["a-long-name", "super"], ["b", "-"]];
        let lines: Vec<Vec<String>> = lines.map(|line| line.map(str::to_owned).to_vec()).to_vec();
        assert_eq!(aligned(&lines), "name         role\na-long-name  super\nb            -\n");
        assert_eq!(aligned(&[]), "");
    }
}
