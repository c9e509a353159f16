//! How a group of commits becomes few statements.
//!
//! The commits of a group take effect one after the other, in the order in which they came. Those that have no
//! row in common (or only look at it) need not know of each other, so they go into one **wave**, and those of a
//! wave that touch the same tables in the same way into one **batch**: one statement that takes all their
//! rows as arrays, checks every expectation, and writes the rows of the commits whose expectations hold.
//! A batch sees what the waves before it wrote, since each statement of a `READ COMMITTED` transaction does.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use trustkeep_store::{Commit, Expect, Key, Table, Value, Write};

use crate::names::{Names, key_columns, quoted, sql_type};
use crate::value::Array;

/// One statement for several commits.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    /// The statement; equal for all batches of one shape.
    pub(crate) text: String,
    /// Its parameters, but for the last, the writer's slot, that a batch which can fail and writes has too.
    pub(crate) arrays: Vec<Array<'a>>,
    /// Whether the writer's slot is to be added to the parameters.
    pub(crate) takes_slot: bool,
}

/// What a commit does to one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    versions: bool,
    columns: BTreeSet<usize>,
    puts: bool,
    deletes: bool,
}

/// A commit of a group: its index there, itself, and the version it gives.
pub(crate) type Member<'a> = (usize, &'a Commit, i64);

/// What a commit does to each table, by the table's name.
type Shape<'a> = BTreeMap<&'a str, Use>;

/// Divides a group into batches, to be run in this order. In a group that is `marked`, whatever fails is kept with the
/// mark.
pub(crate) fn batches<'a>(names: &Names, group: &[Member<'a>], marked: bool) -> Vec<Batch<'a>> {
    let mut waves: BTreeMap<usize, BTreeMap<Shape<'a>, Vec<Member<'a>>>> = BTreeMap::new();
    let mut rows: HashMap<(&str, &Key), (usize, usize)> = HashMap::new();
    for (index, commit, version) in group {
        let mut wave = 0;
        for expectation in &commit.expectations {
            if let Some((written, _)) = rows.get(&(expectation.table().qualified(), expectation.key())) {
                wave = wave.max(*written);
            }
        }
        for write in &commit.writes {
            if let Some((written, looked_at)) = rows.get(&(write.table().qualified(), write.key())) {
                wave = wave.max(*written).max(*looked_at);
            }
        }
        // Per row: the first wave that may look at it, and the first that may write it.
        for expectation in &commit.expectations {
            let row = rows.entry((expectation.table().qualified(), expectation.key())).or_default();
            row.1 = row.1.max(wave + 1);
        }
        for write in &commit.writes {
            let row = rows.entry((write.table().qualified(), write.key())).or_default();
            *row = (wave + 1, wave + 1);
        }
        let wave = waves.entry(wave).or_default();
        wave.entry(shape(commit)).or_default().push((*index, commit, *version));
    }
    let shapes = waves.into_values().flatten();
    shapes.map(|(shape, commits)| batch(names, &shape, &commits, marked)).collect()
}

fn shape(commit: &Commit) -> Shape<'_> {
    let mut shape: Shape<'_> = BTreeMap::new();
    for expectation in &commit.expectations {
        let table = shape.entry(expectation.table().qualified()).or_default();
        match expectation {
            Expect::Absent { .. } | Expect::Version { .. } => table.versions = true,
            Expect::Column { column, .. } => {
                table.columns.insert(*column);
            }
        }
    }
    for write in &commit.writes {
        let table = shape.entry(write.table().qualified()).or_default();
        match write {
            Write::Put { .. } => table.puts = true,
            Write::Delete { .. } => table.deletes = true,
        }
    }
    shape
}

/// Collects a statement's parts and parameters.
struct Builder<'a> {
    arrays: Vec<Array<'a>>,
    kinds: Vec<&'static str>,
}

/// The arrays of one `unnest`, by their place among the parameters.
struct Rows {
    first: usize,
    names: Vec<String>,
}

impl<'a> Builder<'a> {
    /// Starts arrays: index, ordinal if wanted, the key's parts, then others.
    fn rows(&mut self, table: &Table, ordinal: bool, others: Vec<(String, Array<'a>, &'static str)>) -> Rows {
        let first = self.arrays.len();
        let mut columns = vec![("i".to_owned(), Array::Index(Vec::new()), "int4")];
        if ordinal {
            columns.push(("o".to_owned(), Array::Index(Vec::new()), "int4"));
        }
        for (name, column) in
            ["p", "c"].into_iter().zip(std::iter::once(table.partition()).chain(table.clustering()))
        {
            columns.push((name.to_owned(), Array::new(column.kind), sql_type(column.kind)));
        }
        columns.extend(others);
        let mut names = Vec::new();
        for (name, array, kind) in columns {
            names.push(name);
            self.arrays.push(array);
            self.kinds.push(kind);
        }
        Rows { first, names }
    }

    /// `unnest($1::..., ...) AS w(...)`
    fn source(&self, rows: &Rows) -> String {
        let places: Vec<String> = self
            .kinds
            .iter()
            .enumerate()
            .skip(rows.first)
            .take(rows.names.len())
            .map(|(index, kind)| format!("${}::{kind}[]", index + 1))
            .collect();
        format!("unnest({}) AS w({})", places.join(", "), rows.names.join(", "))
    }

    fn fill(&mut self, rows: &Rows) -> impl Iterator<Item = &mut Array<'a>> {
        self.arrays.iter_mut().skip(rows.first)
    }
}

/// A table of a batch, with the arrays that its expectations and writes fill.
struct Part<'a> {
    table: &'a Table,
    versions: Option<Rows>,
    columns: BTreeMap<usize, Rows>,
    puts: Option<Rows>,
    deletes: Option<Rows>,
}

fn batch<'a>(names: &Names, shape: &Shape<'a>, commits: &[Member<'a>], marked: bool) -> Batch<'a> {
    let mut tables: BTreeMap<&str, &'a Table> = BTreeMap::new();
    if let Some((_, commit, _)) = commits.first() {
        tables.extend(
            commit
                .expectations
                .iter()
                .map(|expectation| (expectation.table().qualified(), expectation.table())),
        );
        tables.extend(commit.writes.iter().map(|write| (write.table().qualified(), write.table())));
    }
    let mut builder = Builder { arrays: Vec::new(), kinds: Vec::new() };
    let mut parts: BTreeMap<&str, Part<'a>> = BTreeMap::new();
    for (name, table) in tables {
        let Some(used) = shape.get(name) else { continue };
        let version = || ("v".to_owned(), Array::new(trustkeep_store::ColumnType::Int), "bigint");
        let versions = used.versions.then(|| builder.rows(table, true, vec![version()]));
        let columns = used.columns.iter().filter_map(|index| {
            let kind = table.columns().get(*index)?.kind;
            let value = ("v".to_owned(), Array::new(kind), sql_type(kind));
            Some((*index, builder.rows(table, true, vec![value])))
        });
        let columns = columns.collect();
        let puts = used.puts.then(|| {
            let mut others = vec![version()];
            others.extend(table.columns().iter().enumerate().map(|(index, column)| {
                (format!("c{index}"), Array::new(column.kind), sql_type(column.kind))
            }));
            builder.rows(table, false, others)
        });
        let deletes = used.deletes.then(|| builder.rows(table, false, Vec::new()));
        parts.insert(name, Part { table, versions, columns, puts, deletes });
    }
    for (index, commit, version) in commits {
        fill(&mut builder, &parts, *index, commit, *version);
    }
    let (text, takes_slot) = text(names, &builder, &parts, marked);
    Batch { text, arrays: builder.arrays, takes_slot }
}

fn fill<'a>(
    builder: &mut Builder<'a>,
    parts: &BTreeMap<&str, Part<'a>>,
    index: usize,
    commit: &'a Commit,
    version: i64,
) {
    fn key<'a, 'b>(arrays: &mut impl Iterator<Item = &'b mut Array<'a>>, key: &'a Key)
    where
        'a: 'b,
    {
        let values = std::iter::once(&key.partition).chain(&key.clustering);
        values.zip(arrays).for_each(|(value, array)| array.push(Some(value)));
    }
    for (ordinal, expectation) in commit.expectations.iter().enumerate() {
        let Some(part) = parts.get(expectation.table().qualified()) else { continue };
        let rows = match expectation {
            Expect::Absent { .. } | Expect::Version { .. } => part.versions.as_ref(),
            Expect::Column { column, .. } => part.columns.get(column),
        };
        let Some(rows) = rows else { continue };
        let mut arrays = builder.fill(rows);
        arrays.by_ref().take(1).for_each(|array| array.push_index(index));
        arrays.by_ref().take(1).for_each(|array| array.push_index(ordinal));
        let width = 1 + usize::from(part.table.clustering().is_some());
        key(&mut arrays.by_ref().take(width), expectation.key());
        arrays.take(1).for_each(|array| match expectation {
            Expect::Absent { .. } => array.push_int(None),
            Expect::Version { version, .. } => array.push_int(Some(version.0)),
            Expect::Column { value, .. } => array.push(Some(value)),
        });
    }
    for write in &commit.writes {
        let Some(part) = parts.get(write.table().qualified()) else { continue };
        let rows = match write {
            Write::Put { .. } => part.puts.as_ref(),
            Write::Delete { .. } => part.deletes.as_ref(),
        };
        let Some(rows) = rows else { continue };
        let mut arrays = builder.fill(rows);
        arrays.by_ref().take(1).for_each(|array| array.push_index(index));
        let width = 1 + usize::from(part.table.clustering().is_some());
        key(&mut arrays.by_ref().take(width), write.key());
        if let Write::Put { row, .. } = write {
            arrays.by_ref().take(1).for_each(|array| array.push_int(Some(version)));
            let values = row.values().iter().map(Option::<Value>::as_ref);
            values.zip(arrays).for_each(|(value, array)| array.push(value));
        }
    }
}

/// The statement of a batch, and whether it takes the writer's slot as its last parameter.
fn text(
    names: &Names,
    builder: &Builder<'_>,
    parts: &BTreeMap<&str, Part<'_>>,
    marked: bool,
) -> (String, bool) {
    let mut failed: Vec<String> = Vec::new();
    let mut writes: Vec<String> = Vec::new();
    let can_fail = parts.values().any(|part| part.versions.is_some() || !part.columns.is_empty());
    let spared = |also: &str| match can_fail {
        true => format!("{also} w.i NOT IN (SELECT f.i FROM failed f)"),
        false => String::new(),
    };
    for part in parts.values() {
        let (table, keys) = (names.table(part.table), key_columns(part.table));
        let same: Vec<String> =
            keys.iter().zip(["p", "c"]).map(|(column, place)| format!("t.{column} = w.{place}")).collect();
        let same = same.join(" AND ");
        let mut look = |rows: &Rows, column: &str| {
            // The value expected is never NULL, unless the row is to be absent.
            failed.push(format!(
                "SELECT w.i, w.o FROM {} LEFT JOIN {table} t ON {same} WHERE t.{column} IS DISTINCT FROM w.v",
                builder.source(rows)
            ));
        };
        if let Some(rows) = &part.versions {
            look(rows, "version");
        }
        for (index, rows) in &part.columns {
            if let Some(column) = part.table.columns().get(*index) {
                look(rows, &quoted(column));
            }
        }
        if let Some(rows) = &part.puts {
            let columns: Vec<String> = part.table.columns().iter().map(quoted).collect();
            let mut all = keys.clone();
            all.push("version".into());
            all.extend(columns.iter().cloned());
            let taken: Vec<String> = rows.names.iter().skip(1).map(|name| format!("w.{name}")).collect();
            let set: Vec<String> = std::iter::once("version".to_owned())
                .chain(columns)
                .map(|column| format!("{column} = EXCLUDED.{column}"))
                .collect();
            writes.push(format!(
                "INSERT INTO {table} ({}) SELECT {} FROM {}{} ON CONFLICT ({}) DO UPDATE SET {}",
                all.join(", "),
                taken.join(", "),
                builder.source(rows),
                spared(" WHERE"),
                keys.join(", "),
                set.join(", ")
            ));
        }
        if let Some(rows) = &part.deletes {
            let source = builder.source(rows);
            writes.push(format!("DELETE FROM {table} t USING {source} WHERE {same}{}", spared(" AND")));
        }
    }
    // Also for commits that write nothing: beside others that do, they are answered by the mark as well.
    let takes_slot = can_fail && marked;
    if takes_slot {
        // What failed is kept with the writer's mark, for the case that the answer is lost on its way.
        writes.push(format!(
            "UPDATE {} SET failed = failed || (SELECT array_agg((f.i::bigint << 32) | f.o) FROM failed f) \
             WHERE slot = ${}::bigint AND EXISTS (SELECT FROM failed)",
            names.own("writer"),
            builder.arrays.len() + 1
        ));
    }
    let mut clauses: Vec<String> = Vec::new();
    if can_fail {
        clauses.push(format!("failed AS MATERIALIZED ({})", failed.join(" UNION ALL ")));
    }
    clauses.extend(writes.iter().enumerate().map(|(index, write)| format!("w{index} AS ({write})")));
    let answer = match can_fail {
        true => "SELECT f.i, min(f.o) FROM failed f GROUP BY f.i",
        false => "SELECT 0::int4, 0::int4 WHERE false",
    };
    (format!("WITH {} {answer}", clauses.join(", ")), takes_slot)
}

#[cfg(test)]
mod tests {
    use trustkeep_store::{ColumnType, Row, Version};

    use super::*;

    #[test]
    fn beside_commits_that_write_those_that_only_look_are_kept_with_the_mark_as_well() {
        let table = Table::define("bank", "account").partition("owner", ColumnType::Text);
        let table = table.column("balance", ColumnType::Int).build().unwrap();
        let look = Commit::new().expect_version(&table, Key::of("alice"), Version(1));
        let write = look.clone().put(&table, Key::of("bob"), Row::of([1]));
        let names = Names::new("");
        let mixed = batches(&names, &[(0, &look, 2), (1, &write, 3)], true);
        assert!(mixed.len() == 2 && mixed.iter().all(|batch| batch.takes_slot));
        let looks = batches(&names, &[(0, &look, 2)], false);
        assert!(looks.iter().all(|batch| !batch.takes_slot), "a group without a mark has none to write to");
    }
}
