//! Expressions, as far as TableStore has a use for them: what it has none for is [`Expr::Other`], read over and named
//! in the error.

use indexmap::IndexMap;
use trustkeep_contract::json::Json;
use trustkeep_scalar_rpc::{Error, Result};

use super::error::{invalid_expression, syntax};
use super::literal;
use super::parser::Parser;
use super::token::{Kind, Token};

/// An expression and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) expr: Expr<'a>,
    pub(super) first: usize,
    pub(super) end: usize,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub(super) enum Expr<'a> {
    /// A scalar, as the JSON it becomes.
    Literal(Literal),
    /// A column or table.
    Name(String),
    /// Names with points between; `None` where a step is something else.
    Path(Option<Vec<String>>),
    /// A comparison of two values.
    Compare { operator: &'a str, left: Box<Node<'a>>, right: Box<Node<'a>> },
    /// `IS NULL`, `IS NOT NULL`.
    IsNull { value: Box<Node<'a>>, negated: bool },
    /// All of them.
    And(Vec<Node<'a>>),
    /// A function without arguments.
    Call(String),
    /// `[a, b]`.
    Array(Vec<Node<'a>>),
    /// `{'a': b}`.
    Struct(Vec<(Node<'a>, Node<'a>)>),
    /// JSON between backticks.
    Variant(String),
    /// Anything else.
    Other,
}

/// A scalar.
#[derive(Clone, Debug)]
pub(super) enum Literal {
    /// `null`, a boolean: as JSON.
    Constant(&'static str),
    /// An integer: as JSON.
    Integer(String),
    /// A decimal: as JSON.
    Decimal(String),
    /// A text as it is.
    Text(String),
}

impl Literal {
    pub(super) fn json(&self) -> String {
        match self {
            Self::Constant(json) => (*json).to_owned(),
            Self::Integer(json) | Self::Decimal(json) => json.clone(),
            Self::Text(text) => literal::text(text),
        }
    }
}

impl<'a> Parser<'a> {
    /// An expression.
    pub(super) fn expression(&mut self) -> Result<Node<'a>> {
        self.enter()?;
        let first = self.position();
        let mut node = self.conjunction()?;
        while self.take_word("OR") {
            self.conjunction()?;
            node = self.node(first, Expr::Other);
        }
        self.leave();
        Ok(node)
    }

    fn node(&self, first: usize, expr: Expr<'a>) -> Node<'a> {
        Node { expr, first, end: self.position() }
    }

    fn conjunction(&mut self) -> Result<Node<'a>> {
        let first = self.position();
        let node = self.negation()?;
        if !self.peek().is_word("AND") {
            return Ok(node);
        }
        let mut parts = vec![node];
        while self.take_word("AND") {
            parts.push(self.negation()?);
        }
        Ok(self.node(first, Expr::And(parts)))
    }

    fn negation(&mut self) -> Result<Node<'a>> {
        let first = self.position();
        let mut negated = false;
        while self.take_word("NOT") {
            negated = true;
        }
        let node = self.predicate()?;
        Ok(if negated { self.node(first, Expr::Other) } else { node })
    }

    fn predicate(&mut self) -> Result<Node<'a>> {
        const COMPARISONS: [&str; 8] = ["=", "<>", "!=", "<", "<=", ">", ">=", "=="];
        let first = self.position();
        let mut node = self.sum()?;
        loop {
            let token = self.peek();
            let expr = if token.kind == Kind::Symbol && COMPARISONS.contains(&token.text) {
                self.advance();
                let right = self.sum()?;
                // A comparison of comparisons is kept no deeper than this.
                let left = match node.expr {
                    Expr::Compare { .. } | Expr::IsNull { .. } => Node { expr: Expr::Other, ..node },
                    _ => node,
                };
                Expr::Compare { operator: token.text, left: Box::new(left), right: Box::new(right) }
            } else if self.take_word("IS") {
                let negated = self.take_word("NOT");
                if self.take_word("NULL") {
                    Expr::IsNull { value: Box::new(simple(node)), negated }
                } else {
                    if self.peek().kind != Kind::Word {
                        return Err(self.unexpected());
                    }
                    self.advance();
                    Expr::Other
                }
            } else if self.at_range() {
                self.range()?;
                Expr::Other
            } else {
                return Ok(node);
            };
            node = self.node(first, expr);
        }
    }

    /// Whether `[NOT] IN`, `BETWEEN` or `LIKE` comes next.
    fn at_range(&self) -> bool {
        let token = self.ahead(usize::from(self.peek().is_word("NOT")));
        ["IN", "BETWEEN", "LIKE"].iter().any(|word| token.is_word(word))
    }

    fn range(&mut self) -> Result<()> {
        self.take_word("NOT");
        let between = self.advance().is_word("BETWEEN");
        self.sum()?;
        if between {
            self.word("AND")?;
            self.sum()?;
        } else if self.take_word("ESCAPE") {
            self.sum()?;
        }
        Ok(())
    }

    fn sum(&mut self) -> Result<Node<'a>> {
        const OPERATORS: [&str; 9] = ["+", "-", "*", "/", "%", "||", "^", "&", "|"];
        let first = self.position();
        let mut node = self.signed()?;
        loop {
            let token = self.peek();
            if token.kind != Kind::Symbol || !OPERATORS.contains(&token.text) {
                return Ok(node);
            }
            self.advance();
            self.signed()?;
            node = self.node(first, Expr::Other);
        }
    }

    fn signed(&mut self) -> Result<Node<'a>> {
        let first = self.position();
        let number = self.ahead(1);
        if self.peek().is_symbol("-") && matches!(number.kind, Kind::Integer | Kind::Decimal) {
            self.advance();
            self.advance();
            let literal = self.number(&number, true)?;
            return Ok(self.node(first, Expr::Literal(literal)));
        }
        let mut signed = false;
        while self.take_symbol("-") || self.take_symbol("+") {
            signed = true;
        }
        let node = self.primary()?;
        Ok(if signed { self.node(first, Expr::Other) } else { node })
    }

    fn number(&self, token: &Token<'_>, negative: bool) -> Result<Literal> {
        if token.kind == Kind::Integer {
            return Ok(Literal::Integer(literal::integer(token.text, negative)));
        }
        let decimal = literal::decimal(token.text, negative).map(Literal::Decimal);
        decimal
            .ok_or_else(|| syntax(8, &format!("The specified literal is invalid. Literal: {}", token.text)))
    }

    fn primary(&mut self) -> Result<Node<'a>> {
        let first = self.position();
        let root = self.root()?;
        let mut names = match &root.expr {
            Expr::Name(name) => Some(vec![name.clone()]),
            _ => None,
        };
        let mut stepped = false;
        loop {
            if self.take_symbol("[") {
                self.skip_brackets()?;
                names = None;
            } else if self.take_symbol(".") {
                if self.take_symbol("*") {
                    names = None;
                } else {
                    let name = self.name()?;
                    names = names.map(|mut names| {
                        names.push(name);
                        names
                    });
                }
            } else {
                break;
            }
            stepped = true;
        }
        Ok(if stepped { self.node(first, Expr::Path(names)) } else { root })
    }

    fn root(&mut self) -> Result<Node<'a>> {
        let first = self.position();
        let token = self.peek();
        let expr = match token.kind {
            Kind::End => return Err(self.unexpected()),
            Kind::Text => {
                self.advance();
                Expr::Literal(Literal::Text(token.content()))
            }
            Kind::Integer | Kind::Decimal => {
                self.advance();
                Expr::Literal(self.number(&token, false)?)
            }
            Kind::Variant => {
                self.advance();
                Expr::Variant(token.content())
            }
            Kind::Symbol => return self.bracketed(),
            Kind::Word | Kind::Quoted => self.named()?,
        };
        Ok(self.node(first, expr))
    }

    fn named(&mut self) -> Result<Expr<'a>> {
        let token = self.peek();
        for (word, json) in [("NULL", "null"), ("TRUE", "true"), ("FALSE", "false")] {
            if self.take_word(word) {
                return Ok(Expr::Literal(Literal::Constant(json)));
            }
        }
        if self.take_word("MISSING") {
            return Ok(Expr::Other);
        }
        if self.take_word("CASE") {
            let mut open = 1_usize;
            while open > 0 {
                let token = self.peek();
                if token.kind == Kind::End {
                    return Err(self.unexpected());
                }
                open += usize::from(token.is_word("CASE"));
                open -= usize::from(token.is_word("END"));
                self.advance();
            }
            return Ok(Expr::Other);
        }
        let name = self.name()?;
        if self.take_symbol("(") {
            if self.take_symbol(")") {
                return Ok(Expr::Call(name));
            }
            self.skip_brackets()?;
            return Ok(Expr::Other);
        }
        // `DATE '2020-01-01'` and its like.
        if token.kind == Kind::Word && self.peek().kind == Kind::Text {
            self.advance();
            return Ok(Expr::Other);
        }
        Ok(Expr::Name(name))
    }

    fn bracketed(&mut self) -> Result<Node<'a>> {
        let first = self.position();
        let expr = if self.take_symbol("(") {
            let select = self.peek();
            if select.is_word("SELECT") || select.is_word("WITH") {
                self.skip_brackets()?;
                Expr::Other
            } else {
                let node = self.expression()?;
                if self.take_symbol(")") {
                    return Ok(node);
                }
                // A list in parentheses, or a joined table.
                self.skip_brackets()?;
                Expr::Other
            }
        } else if self.take_symbol("[") {
            Expr::Array(self.list("]", Self::expression)?)
        } else if self.take_symbol("{") {
            Expr::Struct(self.list("}", |parser| {
                let name = parser.expression()?;
                parser.symbol(":")?;
                Ok((name, parser.expression()?))
            })?)
        } else if self.take_symbol("<<") {
            self.skip_brackets()?;
            Expr::Other
        } else if self.take_symbol("@") {
            Expr::Name(self.name()?)
        } else if self.take_symbol("?") {
            Expr::Other
        } else {
            return Err(self.unexpected());
        };
        Ok(self.node(first, expr))
    }

    fn list<T>(&mut self, end: &str, element: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut list = Vec::new();
        if self.take_symbol(end) {
            return Ok(list);
        }
        loop {
            list.push(element(self)?);
            if self.take_symbol(end) {
                return Ok(list);
            }
            self.symbol(",")?;
        }
    }

    /// The JSON of a value that stands by itself: also what is between backticks.
    pub(super) fn json(&self, node: &Node<'_>) -> Result<String> {
        match &node.expr {
            Expr::Variant(text) => variant(text),
            _ => self.inner_json(node),
        }
    }

    fn inner_json(&self, node: &Node<'_>) -> Result<String> {
        match &node.expr {
            Expr::Literal(literal) => Ok(literal.json()),
            Expr::Array(elements) => {
                let elements: Result<Vec<_>> =
                    elements.iter().map(|element| self.inner_json(element)).collect();
                Ok(format!("[{}]", elements?.join(",")))
            }
            Expr::Struct(fields) => {
                let mut members = IndexMap::with_capacity(fields.len());
                for (name, value) in fields {
                    let Expr::Literal(Literal::Text(name)) = &name.expr else {
                        return Err(invalid_expression(&self.shown(name)));
                    };
                    members.insert(name.as_str(), self.inner_json(value)?);
                }
                Ok(super::statement::object(members.into_iter()))
            }
            _ => Err(invalid_expression(&self.shown(node))),
        }
    }
}

/// The canonical form of JSON between backticks.
pub(super) fn variant(text: &str) -> Result<String> {
    Json::parse(text).map(|json| json.to_string()).map_err(|error| {
        let code = trustkeep_scalar_rpc::StatusCode::RuntimeError;
        let text = format!("Deserializing the specified json string failed. Details: {error}");
        Error::numbered(code, "COMMON", 2, text)
    })
}

/// Keeps chains of predicates flat.
fn simple(node: Node<'_>) -> Node<'_> {
    match node.expr {
        Expr::Compare { .. } | Expr::IsNull { .. } => Node { expr: Expr::Other, ..node },
        _ => node,
    }
}
