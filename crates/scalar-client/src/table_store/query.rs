//! Queries: of tables, of a record's history, of the tables there are.

use trustkeep_scalar_rpc::{Error, Result};

use super::error::{invalid_expression, invalid_statement, numbered, syntax, unsupported};
use super::expression::{Expr, Literal, Node};
use super::literal;
use super::parser::Parser;
use super::statement::{Condition, Statement, array, object};
use super::token::Kind;

/// What a query says, before it is looked at which one it is.
struct Query<'a> {
    items: Items<'a>,
    table: Table<'a>,
    joins: Vec<(Table<'a>, Node<'a>)>,
    conditions: Vec<Condition>,
    limit: Option<Node<'a>>,
    /// The first of the things that TableStore does not have, in the order in which the original looks for them.
    refused: Option<(u32, Error)>,
}

/// What is asked for.
enum Items<'a> {
    All,
    List(Vec<Item<'a>>),
}

struct Item<'a> {
    node: Node<'a>,
    alias: Option<String>,
}

struct Table<'a> {
    node: Node<'a>,
    alias: Option<String>,
    /// `UNPIVOT` before it or `AT` after it.
    odd: bool,
}

impl Query<'_> {
    fn refuse(&mut self, rank: u32, error: Error) {
        if self.refused.as_ref().is_none_or(|(first, _)| rank < *first) {
            self.refused = Some((rank, error));
        }
    }
}

impl<'a> Parser<'a> {
    pub(super) fn query(&mut self) -> Result<Statement> {
        if self.take_word("WITH") {
            return Err(unsupported(18, "WITH clause"));
        }
        let mut open = 0_usize;
        while self.take_symbol("(") {
            open += 1;
        }
        let statement = self.select();
        // Only a query that is whole in its parentheses is one.
        if statement.is_ok() {
            for _ in 0..open {
                self.symbol(")")?;
            }
            if self.at_set_operator() {
                return Err(invalid_statement());
            }
        }
        statement
    }

    fn select(&mut self) -> Result<Statement> {
        let query = self.read_query()?;
        // What is no query at all is said before what is refused of one.
        let end = self.peek();
        if end.kind != Kind::End && !end.is_symbol(";") && !end.is_symbol(")") {
            return Err(self.unexpected());
        }
        if let Some((_, error)) = query.refused {
            return Err(error);
        }
        if self.is_information_schema(&query) {
            return self.show_tables(&query);
        }
        let limit = limit(query.limit.as_ref())?;
        if is_history(&query) {
            return self.history(&query, limit);
        }
        if limit.is_some() {
            return Err(numbered(27, "The LIMIT clause is not supported except in the history query."));
        }
        let projections = self.projections(&query.items)?;
        let joins: Result<Vec<_>> =
            query.joins.iter().map(|(table, condition)| self.join(table, condition)).collect();
        let joins = joins?;
        let mut members = vec![("table", self.table(&query.table)?), ("conditions", conditions(&query))];
        if !projections.is_empty() {
            members.push(("projections", array(&projections)));
        }
        if !joins.is_empty() {
            members.push(("joins", array(&joins)));
        }
        Ok(Statement { contract_id: "table.v1_0_0.Select", argument: object(members.into_iter()) })
    }

    /// Reads a query to its end.
    fn read_query(&mut self) -> Result<Query<'a>> {
        let not_select = syntax(17, "The specified SELECT statement is invalid.");
        if self.peek().is_word("PIVOT") {
            return Err(not_select);
        }
        self.word("SELECT")?;
        let quantified = self.take_word("DISTINCT") || self.take_word("ALL");
        if self.peek().is_word("VALUE") && !self.ahead(1).is_word("FROM") && !self.ahead(1).is_symbol(",") {
            return Err(not_select);
        }
        let items = self.items()?;
        let excluded = self.peek().is_word("EXCLUDE");
        if excluded {
            self.skip_until(&["FROM"]);
        }
        self.word("FROM")?;
        let table = self.table_reference()?;
        let conditions = Vec::new();
        let mut query = Query { items, table, joins: Vec::new(), conditions, limit: None, refused: None };
        if excluded {
            query.refuse(4, unsupported(22, "EXCLUDE clause"));
        }
        self.read_joins(&mut query)?;
        self.read_clauses(&mut query)?;
        // Looked at last, and not for the tables there are or a history.
        if quantified && query.refused.is_none() && !self.is_information_schema(&query) && !is_history(&query)
        {
            query.refuse(9, unsupported(26, "set quantifier"));
        }
        Ok(query)
    }

    fn items(&mut self) -> Result<Items<'a>> {
        if self.take_symbol("*") {
            return Ok(Items::All);
        }
        let mut items = Vec::new();
        loop {
            let node = self.expression()?;
            items.push(Item { node, alias: self.alias()? });
            if !self.take_symbol(",") {
                return Ok(Items::List(items));
            }
        }
    }

    fn alias(&mut self) -> Result<Option<String>> {
        if self.take_word("AS") || self.at_name() { self.name().map(Some) } else { Ok(None) }
    }

    fn table_reference(&mut self) -> Result<Table<'a>> {
        let unpivot = self.peek().is_word("UNPIVOT") && self.ahead(1).kind != Kind::End;
        if unpivot {
            self.advance();
        }
        let node = self.expression()?;
        let alias = self.alias()?;
        let at = self.take_word("AT");
        if at {
            self.name()?;
        }
        if self.take_word("BY") {
            self.name()?;
        }
        Ok(Table { node, alias, odd: unpivot || at })
    }

    fn read_joins(&mut self, query: &mut Query<'a>) -> Result<()> {
        const OUTER: [&str; 4] = ["LEFT", "RIGHT", "FULL", "OUTER"];
        loop {
            if self.take_symbol(",") {
                self.table_reference()?;
                query.refuse(7, comma_join());
            } else if self.take_word("CROSS") {
                self.word("JOIN")?;
                self.table_reference()?;
                query.refuse(10, join_type());
            } else if OUTER.iter().any(|word| self.take_word(word)) {
                self.take_word("OUTER");
                self.word("JOIN")?;
                self.table_reference()?;
                self.word("ON")?;
                self.expression()?;
                query.refuse(10, join_type());
            } else if self.take_word("INNER") || self.peek().is_word("JOIN") {
                self.word("JOIN")?;
                let table = self.table_reference()?;
                self.word("ON")?;
                let condition = self.expression()?;
                query.joins.push((table, condition));
            } else {
                return Ok(());
            }
        }
    }

    fn read_clauses(&mut self, query: &mut Query<'a>) -> Result<()> {
        if self.peek().is_word("LET") {
            self.skip_until(&["WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET"]);
            query.refuse(3, unsupported(21, "LET clause"));
        }
        if self.take_word("WHERE") {
            let condition = self.expression()?;
            match self.conditions(&condition) {
                Ok(conditions) => query.conditions = conditions,
                Err(error) => query.refuse(8, error),
            }
        }
        let later = ["HAVING", "ORDER", "LIMIT", "OFFSET"];
        if self.peek().is_word("GROUP") {
            self.skip_until(&later);
            query.refuse(5, unsupported(23, "GROUP BY clause"));
        }
        if self.peek().is_word("HAVING") {
            self.skip_until(&later[1..]);
            query.refuse(6, unsupported(24, "HAVING clause"));
        }
        if self.at_set_operator() {
            return Err(invalid_statement());
        }
        if self.peek().is_word("ORDER") {
            self.skip_until(&["LIMIT", "OFFSET"]);
            query.refuse(1, unsupported(19, "ORDER BY clause"));
        }
        if self.take_word("LIMIT") {
            query.limit = Some(self.expression()?);
        }
        if self.take_word("OFFSET") {
            self.expression()?;
            query.refuse(2, unsupported(20, "OFFSET clause"));
        }
        Ok(())
    }

    fn at_set_operator(&self) -> bool {
        ["UNION", "EXCEPT", "INTERSECT"].iter().any(|word| self.peek().is_word(word))
    }

    /// Reads over a clause, to one of these words, a parenthesis that closes, or the end of the statement.
    fn skip_until(&mut self, words: &[&str]) {
        self.advance();
        let mut open = 0_usize;
        loop {
            let token = self.peek();
            match (token.kind, token.text) {
                (Kind::End, _) => return,
                (Kind::Symbol, ";" | ")") if open == 0 => return,
                (Kind::Symbol, "(" | "[" | "{" | "<<") => open += 1,
                (Kind::Symbol, ")" | "]" | "}" | ">>") => open = open.saturating_sub(1),
                _ if open == 0
                    && (self.at_set_operator() || words.iter().any(|word| token.is_word(word))) =>
                {
                    return;
                }
                _ => {}
            }
            self.advance();
        }
    }

    fn is_information_schema(&self, query: &Query<'_>) -> bool {
        let is_path = match &query.table.node.expr {
            Expr::Path(Some(names)) => {
                matches!(names.as_slice(), [schema, tables] if schema == "information_schema" && tables == "tables")
            }
            _ => false,
        };
        is_path && query.joins.is_empty()
    }

    fn show_tables(&self, query: &Query<'_>) -> Result<Statement> {
        if query.table.odd {
            return Err(invalid_table("tables"));
        }
        if query.table.alias.is_some() {
            return Err(no_alias());
        }
        if matches!(query.items, Items::List(_)) {
            let text = "Projection is not supported for the information schema query. Specify '*' instead.";
            return Err(numbered(29, text));
        }
        let name = match query.conditions.as_slice() {
            [] => None,
            [Condition { column, operator: "EQ", value: Some(Literal::Text(name)) }]
                if column == "table_name" =>
            {
                Some(("name", literal::text(name)))
            }
            _ => {
                let text = "The specified condition for the information schema query is invalid.";
                return Err(numbered(30, text));
            }
        };
        Ok(Statement { contract_id: "table.v1_0_0.ShowTables", argument: object(name.into_iter()) })
    }

    fn history(&self, query: &Query<'_>, limit: Option<u32>) -> Result<Statement> {
        let table = self.table(&query.table)?;
        if query.table.alias.is_some() {
            return Err(no_alias());
        }
        let limit = limit.map(|limit| ("limit", limit.to_string()));
        let members = [("table", table), ("conditions", conditions(query))].into_iter().chain(limit);
        Ok(Statement { contract_id: "table.v1_0_0.GetHistory", argument: object(members) })
    }

    fn projections(&self, items: &Items<'_>) -> Result<Vec<String>> {
        let Items::List(items) = items else { return Ok(Vec::new()) };
        let projection = |item: &Item<'_>| {
            let shown = self.shown(&item.node);
            let invalid = |shown: &str| {
                syntax(15, &format!("The specified projection is invalid. Projection: {shown}"))
            };
            match &item.alias {
                Some(alias) => Err(invalid(&format!("{shown} AS {alias}"))),
                None if matches!(item.node.expr, Expr::Path(None)) && shown.ends_with(".*") => {
                    Err(invalid(&shown))
                }
                None => self.column(&item.node).map(|column| literal::text(&column)),
            }
        };
        items.iter().map(projection).collect()
    }

    fn table(&self, table: &Table<'_>) -> Result<String> {
        let Expr::Name(name) = &table.node.expr else {
            return Err(invalid_expression(&self.shown(&table.node)));
        };
        if table.odd {
            return Err(invalid_table(name));
        }
        let json = literal::text(name);
        Ok(match &table.alias {
            None => json,
            Some(alias) => object([("name", json), ("alias", literal::text(alias))].into_iter()),
        })
    }

    fn join(&self, table: &Table<'_>, condition: &Node<'_>) -> Result<String> {
        let invalid = |node: &Node<'_>| {
            let shown = self.shown(node);
            syntax(13, &format!("The specified JOIN condition is invalid. Condition: {shown}"))
        };
        let Expr::Compare { operator: "=", left, right } = &condition.expr else {
            return Err(invalid(condition));
        };
        let key = |node: &Node<'_>| match &node.expr {
            Expr::Path(_) => self.column(node).map(|column| literal::text(&column)),
            _ => Err(invalid(node)),
        };
        let members = [("left", key(left)?), ("right", key(right)?), ("table", self.table(table)?)];
        Ok(object(members.into_iter()))
    }
}

fn conditions(query: &Query<'_>) -> String {
    let conditions: Vec<_> = query.conditions.iter().map(Condition::json).collect();
    array(&conditions)
}

fn is_history(query: &Query<'_>) -> bool {
    match &query.items {
        Items::List(items) if query.joins.is_empty() => {
            matches!(items.as_slice(), [Item { node: Node { expr: Expr::Call(name), .. }, alias: None }] if name == "history")
        }
        _ => false,
    }
}

/// A limit from 1 to 2^31 - 1.
fn limit(node: Option<&Node<'_>>) -> Result<Option<u32>> {
    let Some(node) = node else { return Ok(None) };
    let number = match &node.expr {
        Expr::Literal(Literal::Integer(digits)) => digits.parse::<i32>().ok(),
        _ => None,
    };
    let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
    number.map(Some).ok_or_else(|| syntax(16, "The specified LIMIT clause is invalid."))
}

fn invalid_table(name: &str) -> Error {
    syntax(10, &format!("The specified table is invalid. Table: {name}"))
}

fn no_alias() -> Error {
    numbered(28, "The table alias is not supported in the information schema and history query.")
}

fn comma_join() -> Error {
    syntax(
        25,
        "The cross join and implicit join using comma-separated tables are not supported. Use a JOIN clause instead.",
    )
}

fn join_type() -> Error {
    syntax(14, "The specified JOIN type is invalid.")
}
