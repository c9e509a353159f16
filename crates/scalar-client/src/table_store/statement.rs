//! Statements, and the contracts and arguments that they become.

use indexmap::IndexMap;
use trustkeep_scalar_rpc::{Error, Result};

use super::error::{invalid_column, invalid_statement, numbered, syntax};
use super::expression::{Expr, Literal, Node};
use super::literal;
use super::parser::Parser;
use super::token::Kind;

/// A statement that was read: the contract to execute and its argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The contract's id.
    pub contract_id: &'static str,
    /// Its argument, compact JSON.
    pub argument: String,
}

impl Statement {
    /// Reads one statement, with or without a semicolon.
    ///
    /// # Errors
    /// 414 with the original's number (DL-TABLE-STORE-414001 to 031) and a sentence; 502 (DL-COMMON-502002) where JSON
    /// between backticks is none.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parser = Parser::new(text)?;
        let statement = parser.statement()?;
        if parser.take_symbol(";") && parser.peek().kind != Kind::End && !parser.peek().is_symbol(";") {
            return Err(numbered(31, "Multiple statements are not supported."));
        }
        if parser.peek().kind == Kind::End { Ok(statement) } else { Err(parser.unexpected()) }
    }
}

/// An object of names and JSON.
pub(super) fn object(members: impl Iterator<Item = (impl AsRef<str>, String)>) -> String {
    let members: Vec<_> =
        members.map(|(name, json)| format!("{}:{json}", literal::text(name.as_ref()))).collect();
    format!("{{{}}}", members.join(","))
}

/// An array of JSON.
pub(super) fn array(elements: &[String]) -> String {
    format!("[{}]", elements.join(","))
}

impl Parser<'_> {
    fn statement(&mut self) -> Result<Statement> {
        const QUERIES: [&str; 3] = ["SELECT", "WITH", "PIVOT"];
        let token = self.peek();
        let inner = self.ahead(1);
        let opens_query = token.is_symbol("(") && (inner.is_word("SELECT") || inner.is_symbol("("));
        if self.take_word("CREATE") {
            self.create_table()
        } else if self.take_word("INSERT") {
            self.insert()
        } else if self.take_word("UPDATE") {
            self.update()
        } else if QUERIES.iter().any(|word| token.is_word(word)) || opens_query {
            self.query()
        } else {
            Err(self.other_statement())
        }
    }

    /// Statements of PartiQL that TableStore does not have, expressions, or no statement.
    fn other_statement(&mut self) -> Error {
        const KNOWN: [&str; 7] = ["DELETE", "UPSERT", "REPLACE", "EXPLAIN", "VALUES", "DROP", "FROM"];
        if KNOWN.iter().any(|word| self.peek().is_word(word)) {
            return invalid_statement();
        }
        match self.expression() {
            Err(error) => error,
            Ok(_) if self.peek().kind == Kind::End || self.peek().is_symbol(";") => invalid_statement(),
            Ok(_) => self.unexpected(),
        }
    }

    fn create_table(&mut self) -> Result<Statement> {
        self.word("TABLE")?;
        let table = self.qualified_name()?;
        let mut key = None;
        let mut indexes = IndexMap::new();
        if self.take_symbol("(") {
            loop {
                if !self.table_constraint()? {
                    let column = self.name()?;
                    let kind = self.data_type()?;
                    if self.primary_key()? {
                        if key.replace((column, kind)).is_some() {
                            return Err(one_primary_key());
                        }
                    } else if indexes.insert(column.clone(), kind).is_some() {
                        return Err(invalid_column(&column));
                    }
                }
                if self.take_symbol(")") {
                    break;
                }
                self.symbol(",")?;
            }
        }
        let (key, kind) = key.ok_or_else(one_primary_key)?;
        let typed = |name: &str, kind: &str| [("key", literal::text(name)), ("type", literal::text(kind))];
        let indexes: Vec<_> =
            indexes.iter().map(|(name, kind)| object(typed(name, kind).into_iter())).collect();
        let members = [("name", literal::text(&table))].into_iter();
        let members = members.chain(typed(&key, kind)).chain([("indexes", array(&indexes))]);
        Ok(Statement { contract_id: "table.v1_0_0.Create", argument: object(members) })
    }

    /// `PRIMARY KEY (a)` and `UNIQUE (a)` beside the columns, which make no primary key.
    fn table_constraint(&mut self) -> Result<bool> {
        let primary = self.peek().is_word("PRIMARY") && self.ahead(1).is_word("KEY");
        let unique = self.peek().is_word("UNIQUE") && self.ahead(1).is_symbol("(");
        if !primary && !unique {
            return Ok(false);
        }
        self.take_word("PRIMARY");
        self.advance();
        self.symbol("(")?;
        self.skip_brackets()?;
        Ok(true)
    }

    fn data_type(&mut self) -> Result<&'static str> {
        let token = self.advance();
        let is = |names: &[&str]| names.iter().any(|name| token.is_word(name));
        if token.kind != Kind::Word {
            return Err(syntax(4, "The specified data type is invalid."));
        }
        if is(&["DOUBLE"]) {
            self.word("PRECISION")?;
            return Ok("NUMBER");
        }
        if is(&["BOOL", "BOOLEAN"]) {
            Ok("BOOLEAN")
        } else if is(&["STRING"]) {
            Ok("STRING")
        } else if is(&["INT", "INTEGER", "BIGINT", "FLOAT"]) {
            Ok("NUMBER")
        } else {
            Err(syntax(4, "The specified data type is invalid."))
        }
    }

    /// Whether a column is the primary key, which `UNIQUE` says as well; no other constraint exists.
    fn primary_key(&mut self) -> Result<bool> {
        let unique = self.take_word("UNIQUE");
        let primary = !unique && self.take_word("PRIMARY");
        if primary {
            self.word("KEY")?;
        }
        let token = self.peek();
        if token.is_symbol(",") || token.is_symbol(")") {
            return Ok(unique || primary);
        }
        let known = ["NOT", "NULL", "UNIQUE", "PRIMARY", "CHECK", "CONSTRAINT"];
        if known.iter().any(|word| token.is_word(word)) {
            return Err(syntax(3, "The specified column constraint is invalid."));
        }
        Err(self.unexpected())
    }

    fn insert(&mut self) -> Result<Statement> {
        let invalid = || syntax(5, "The specified INSERT statement is invalid.");
        self.word("INTO")?;
        let table = self.qualified_name()?;
        let token = self.peek();
        if token.kind == Kind::End {
            return Err(self.unexpected());
        }
        if !self.take_word("VALUES") {
            let other = [Kind::Variant, Kind::Symbol].contains(&token.kind);
            let known = token.is_word("AS") || token.is_word("DEFAULT");
            return Err(if other || known { invalid() } else { self.unexpected() });
        }
        let row = self.expression()?;
        let end = self.peek();
        if end.is_symbol(",") || end.is_word("ON") {
            return Err(invalid());
        }
        let values = match &row.expr {
            Expr::Struct(_) | Expr::Variant(_) => self.json(&row)?,
            _ => return Err(invalid()),
        };
        let members = [("table", literal::text(&table)), ("values", values)];
        Ok(Statement { contract_id: "table.v1_0_0.Insert", argument: object(members.into_iter()) })
    }

    fn update(&mut self) -> Result<Statement> {
        let table = self.qualified_name()?;
        self.word("SET")?;
        let mut values = IndexMap::new();
        loop {
            let column = self.name()?;
            if self.peek().is_symbol(".") || self.peek().is_symbol("[") {
                return Err(syntax(9, "The specified format of the update target column is invalid."));
            }
            self.symbol("=")?;
            let value = self.expression()?;
            values.insert(column, self.json(&value)?);
            if !self.take_symbol(",") {
                break;
            }
        }
        let conditions = if self.take_word("WHERE") {
            let condition = self.expression()?;
            self.conditions(&condition)?
        } else {
            Vec::new()
        };
        let conditions: Vec<_> = conditions.iter().map(Condition::json).collect();
        let members = [
            ("table", literal::text(&table)),
            ("values", object(values.into_iter())),
            ("conditions", array(&conditions)),
        ];
        Ok(Statement { contract_id: "table.v1_0_0.Update", argument: object(members.into_iter()) })
    }

    /// The conditions that all have to hold.
    pub(super) fn conditions(&self, node: &Node<'_>) -> Result<Vec<Condition>> {
        match &node.expr {
            Expr::And(parts) => {
                let parts: Result<Vec<_>> = parts.iter().map(|part| self.conditions(part)).collect();
                Ok(parts?.into_iter().flatten().collect())
            }
            Expr::Compare { operator, left, right } => {
                let (Some(operator), Expr::Literal(value)) = (named(operator), &right.expr) else {
                    return Err(self.invalid_condition(node));
                };
                Ok(vec![Condition { column: self.column(left)?, operator, value: Some(value.clone()) }])
            }
            Expr::IsNull { value, negated } => {
                let operator = if *negated { "IS_NOT_NULL" } else { "IS_NULL" };
                Ok(vec![Condition { column: self.column(value)?, operator, value: None }])
            }
            _ => Err(self.invalid_condition(node)),
        }
    }

    fn invalid_condition(&self, node: &Node<'_>) -> Error {
        let shown = self.shown(node);
        syntax(12, &format!("The specified condition is invalid. Condition: {shown}"))
    }

    /// A column by its name, perhaps with its table's before it.
    pub(super) fn column(&self, node: &Node<'_>) -> Result<String> {
        match &node.expr {
            Expr::Name(name) => Ok(name.clone()),
            Expr::Path(None) => Err(super::error::invalid_expression(&self.shown(node))),
            Expr::Path(Some(names)) if names.len() == 2 => Ok(names.join(".")),
            _ => Err(invalid_column(&self.shown(node))),
        }
    }
}

/// A column's value compared with a constant, or looked at for being there.
pub(super) struct Condition {
    pub(super) column: String,
    pub(super) operator: &'static str,
    pub(super) value: Option<Literal>,
}

impl Condition {
    pub(super) fn json(&self) -> String {
        let members = [("column", literal::text(&self.column)), ("operator", literal::text(self.operator))];
        let value = self.value.as_ref().map(|value| ("value", value.json()));
        object(members.into_iter().chain(value))
    }
}

fn named(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "=" => "EQ",
        "!=" | "<>" => "NE",
        ">" => "GT",
        ">=" => "GTE",
        "<" => "LT",
        "<=" => "LTE",
        _ => return None,
    })
}

fn one_primary_key() -> Error {
    syntax(2, "The primary key column must be specified only once in a table.")
}
