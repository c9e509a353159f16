//! Which tables there are, in which shape, under which number.

use std::collections::HashMap;

use trustkeep_store::{Column, ColumnType, Error, Result, Table};

use crate::row_code::{put_long, take, take_long};

/// Where definitions stand: in the store's own table 0, under `T` and the table's name.
pub(crate) const PREFIX: [u8; 2] = [0, b'T'];

/// The tables by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    tables: HashMap<String, (u32, Table)>,
    last_id: u32,
}

impl Catalogue {
    /// The number of a table of this very shape.
    pub(crate) fn id(&self, table: &Table) -> Result<u32> {
        match self.tables.get(table.qualified()) {
            Some((id, standing)) if standing == table => Ok(*id),
            Some((_, standing)) => Err(other_shape(standing, table)),
            None => Err(Error::Schema(format!("the table {} does not exist", table.qualified()))),
        }
    }

    /// All tables, by number.
    pub(crate) fn all(&self) -> Vec<(u32, Table)> {
        let mut all: Vec<_> = self.tables.values().cloned().collect();
        all.sort_by_key(|(id, _)| *id);
        all
    }

    /// Adds the tables that are missing and returns them encoded; adds none if one stands in another shape.
    pub(crate) fn add_missing(&mut self, tables: &[Table]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut grown = self.clone();
        let mut added = Vec::new();
        for table in tables {
            match grown.tables.get(table.qualified()) {
                Some((_, standing)) if standing == table => {}
                Some((_, standing)) => return Err(other_shape(standing, table)),
                None => {
                    grown.last_id += 1;
                    grown.tables.insert(table.qualified().to_owned(), (grown.last_id, table.clone()));
                    added.push((key(table), encode(grown.last_id, table)));
                }
            }
        }
        *self = grown;
        Ok(added)
    }

    /// Takes in a definition read from disk.
    pub(crate) fn load(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let name = String::from_utf8_lossy(key.get(PREFIX.len()..).unwrap_or_default()).into_owned();
        let damaged = || Error::Corrupt(format!("the definition of the table {name} cannot be read"));
        let (id, table) = decode(value).ok_or_else(damaged)?;
        if table.qualified() != name || self.tables.values().any(|(other, _)| *other == id) {
            return Err(damaged());
        }
        self.last_id = self.last_id.max(id);
        self.tables.insert(name, (id, table));
        Ok(())
    }
}

/// The definition as bytes, without a number: also the export's form.
pub(crate) fn encode_definition(bytes: &mut Vec<u8>, table: &Table) {
    put_long(bytes, table.namespace().as_bytes());
    put_long(bytes, table.name().as_bytes());
    bytes.push(u8::from(table.clustering().is_some()));
    let columns = [Some(table.partition()), table.clustering()].into_iter().flatten().chain(table.columns());
    for column in columns {
        bytes.push(match column.kind {
            ColumnType::Text => 1,
            ColumnType::Bytes => 2,
            ColumnType::Int => 3,
            ColumnType::Bool => 4,
        });
        put_long(bytes, column.name.as_bytes());
    }
}

/// Reads what [`encode_definition`] wrote.
pub(crate) fn decode_definition(mut rest: &[u8]) -> Option<Table> {
    let namespace = std::str::from_utf8(take_long(&mut rest)?).ok()?;
    let name = std::str::from_utf8(take_long(&mut rest)?).ok()?;
    let clustered = take(&mut rest, 1)? == [1];
    let mut columns = Vec::new();
    while let [kind, behind @ ..] = rest {
        rest = behind;
        let kind = match kind {
            1 => ColumnType::Text,
            2 => ColumnType::Bytes,
            3 => ColumnType::Int,
            4 => ColumnType::Bool,
            _ => return None,
        };
        columns.push(Column { name: std::str::from_utf8(take_long(&mut rest)?).ok()?.to_owned(), kind });
    }
    let mut columns = columns.into_iter();
    let partition = columns.next()?;
    let mut table = Table::define(namespace, name).partition(&partition.name, partition.kind);
    if clustered {
        let clustering = columns.next()?;
        table = table.clustering(&clustering.name, clustering.kind);
    }
    columns.fold(table, |table, column| table.column(&column.name, column.kind)).build().ok()
}

fn key(table: &Table) -> Vec<u8> {
    [&PREFIX, table.qualified().as_bytes()].concat()
}

fn encode(id: u32, table: &Table) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&id.to_le_bytes());
    encode_definition(&mut bytes, table);
    bytes
}

fn decode(mut rest: &[u8]) -> Option<(u32, Table)> {
    if take(&mut rest, 1)? != [1] {
        return None;
    }
    let id = u32::from_le_bytes(take(&mut rest, 4)?.try_into().ok()?);
    Some((id, decode_definition(rest)?)).filter(|_| id > 0)
}

fn other_shape(standing: &Table, asked: &Table) -> Error {
    let shape = |table: &Table| {
        let mut bytes = Vec::new();
        encode_definition(&mut bytes, table);
        let keys = [Some(table.partition()), table.clustering()].into_iter().flatten();
        let columns = keys.chain(table.columns()).map(|column| format!("{} {:?}", column.name, column.kind));
        columns.collect::<Vec<_>>().join(", ")
    };
    Error::Schema(format!(
        "{} stands in another shape: ({}), asked for ({})",
        asked.qualified(),
        shape(standing),
        shape(asked)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(columns: &[&str]) -> Table {
        let table = Table::define("bank", "account").partition("owner", ColumnType::Text);
        let table = table.clustering("at", ColumnType::Int);
        columns.iter().fold(table, |table, name| table.column(name, ColumnType::Bytes)).build().unwrap()
    }

    #[test]
    fn definitions_survive_the_disk_and_another_shape_is_refused_whole() {
        let mut catalogue = Catalogue::default();
        let added = catalogue.add_missing(&[account(&["a", "b"])]).unwrap();
        assert_eq!(added.len(), 1);
        assert_eq!(added[0].0, b"\0Tbank.account");
        assert_eq!(
            added[0].1,
            [&[1, 1, 0, 0, 0, 4], &b"bank\x07account\x01\x01\x05owner\x03\x02at\x02\x01a\x02\x01b"[..]]
                .concat()
        );

        let mut loaded = Catalogue::default();
        loaded.load(&added[0].0, &added[0].1).unwrap();
        assert_eq!(loaded.id(&account(&["a", "b"])).unwrap(), 1);

        let other = Table::define("bank", "other").partition("id", ColumnType::Int).build().unwrap();
        let error = loaded.add_missing(&[other.clone(), account(&["a"])]).unwrap_err();
        assert!(error.to_string().contains("bank.account stands in another shape: (owner Text"), "{error}");
        assert!(loaded.id(&other).is_err(), "a refused call made a table");
        assert!(loaded.load(&added[0].0, &added[0].1[..9]).is_err());
    }
}
