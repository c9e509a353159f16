//! The format of HCL files: two spaces a level, `=` of neighbouring lines below each other.
//!
//! Only space at the beginning of lines and around `=` changes; comments, order and blank lines stay.

/// Formats `text`, which must be HCL.
pub(crate) fn format(text: &str) -> String {
    let mut scanner = Scanner::default();
    let mut lines: Vec<Line> = text.lines().map(|line| scanner.line(line)).collect();
    align(&mut lines);
    let mut out: Vec<String> = lines.into_iter().map(Line::text).collect();
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    let mut formatted = out.join("\n");
    if !formatted.is_empty() {
        formatted.push('\n');
    }
    formatted
}

/// A line in its parts.
enum Line {
    /// Inside a heredoc or a comment of several lines: as it is.
    Verbatim(String),
    /// `name = value` that begins and ends on this line.
    Attribute {
        indent: usize,
        name: String,
        value: String,
        width: usize,
    },
    Other {
        indent: usize,
        text: String,
    },
}

impl Line {
    fn text(self) -> String {
        let indented = |indent: usize, text: &str| format!("{:1$}{text}", "", indent * 2);
        match self {
            Line::Verbatim(text) => text,
            Line::Attribute { indent, name, value, width } => {
                indented(indent, &format!("{name:width$} = {value}"))
            }
            Line::Other { text, .. } if text.is_empty() => String::new(),
            Line::Other { indent, text } => indented(indent, &text),
        }
    }
}

/// Gives the attributes of each run of neighbouring lines the width of the longest name.
fn align(lines: &mut [Line]) {
    let runs = lines.chunk_by_mut(|one, other| match (one, other) {
        (Line::Attribute { indent: one, .. }, Line::Attribute { indent: other, .. }) => one == other,
        _ => false,
    });
    for run in runs {
        let longest = run
            .iter()
            .map(|line| if let Line::Attribute { name, .. } = line { name.chars().count() } else { 0 })
            .max()
            .unwrap_or(0);
        for line in run {
            if let Line::Attribute { width, .. } = line {
                *width = longest;
            }
        }
    }
}

/// Where in the text a line begins.
#[derive(Default)]
struct Scanner {
    depth: usize,
    in_comment: bool,
    heredoc: Option<String>,
}

/// What a line does to the brackets.
#[derive(Default)]
struct Brackets {
    opened: usize,
    closed: usize,
    /// Closed before anything was opened or written: these pull the line itself back.
    leading: usize,
    /// Position of the first `=` outside of brackets and strings that is no comparison.
    assignment: Option<usize>,
}

impl Scanner {
    fn line(&mut self, line: &str) -> Line {
        if let Some(end) = &self.heredoc {
            if line.trim() == end {
                self.heredoc = None;
            }
            return Line::Verbatim(line.to_owned());
        }
        if self.in_comment {
            let rest = line.find("*/").map(|at| at + 2);
            self.in_comment = rest.is_none();
            return Line::Verbatim(line.trim_end().to_owned());
        }
        let text = line.trim();
        let brackets = self.scan(text);
        let indent = self.depth.saturating_sub(brackets.leading);
        self.depth = (self.depth + brackets.opened).saturating_sub(brackets.closed);
        let balanced = brackets.opened == brackets.closed && self.heredoc.is_none() && !self.in_comment;
        match brackets
            .assignment
            .and_then(|at| Some((text.get(..at)?.trim_end(), text.get(at + 1..)?.trim_start())))
        {
            Some((name, value)) if balanced => {
                Line::Attribute { indent, name: name.to_owned(), value: value.to_owned(), width: 0 }
            }
            Some((name, value)) => Line::Other { indent, text: format!("{name} = {value}") },
            None => Line::Other { indent, text: text.to_owned() },
        }
    }

    fn scan(&mut self, text: &str) -> Brackets {
        let mut found = Brackets::default();
        let mut leading = true;
        let mut in_string = false;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            if in_string {
                match character {
                    '\\' => drop(characters.next()),
                    '"' => in_string = false,
                    _ => {}
                }
                continue;
            }
            match (character, next) {
                ('"', _) => in_string = true,
                ('#', _) | ('/', Some('/')) => break,
                ('/', Some('*')) => {
                    let rest = text.get(at + 2..).unwrap_or_default();
                    match rest.find("*/") {
                        Some(end) => {
                            while characters.next_if(|(position, _)| *position < at + 2 + end + 2).is_some() {
                            }
                        }
                        None => {
                            self.in_comment = true;
                            break;
                        }
                    }
                }
                ('<', Some('<')) => {
                    let end = text.get(at + 2..).unwrap_or_default().trim_start_matches('-').trim();
                    if !end.is_empty() {
                        self.heredoc = Some(end.to_owned());
                        break;
                    }
                }
                ('{' | '[' | '(', _) => found.opened += 1,
                ('}' | ']' | ')', _) => {
                    found.closed += 1;
                    if leading {
                        found.leading += 1;
                        continue;
                    }
                }
                ('=', Some('=' | '>')) | ('!' | '<' | '>', Some('=')) => drop(characters.next()),
                ('=', _) if found.opened == found.closed && found.assignment.is_none() => {
                    found.assignment = Some(at)
                }
                _ => {}
            }
            leading &= character.is_whitespace();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn indents_and_aligns_and_keeps_comments() {
        let text = "# who reads\npath \"secret/data/*\" {\ncapabilities=[\"read\"]   # only\n    \
            min_wrapping_ttl =   \"1s\"\n\n  x   = 1\n      allowed_parameters = {\n\"a=b\" = [\"c # no comment\"]\n\
            \"*\"=[]\n}\n }\n/* a\n   b */\npath \"x\" { capabilities = [\"list\"] }\n\n\n";
        let expected = "# who reads\npath \"secret/data/*\" {\n  capabilities     = [\"read\"]   # only\n  \
            min_wrapping_ttl = \"1s\"\n\n  x = 1\n  allowed_parameters = {\n    \"a=b\" = [\"c # no comment\"]\n    \
            \"*\"   = []\n  }\n}\n/* a\n   b */\npath \"x\" { capabilities = [\"list\"] }\n";
        let formatted = format(text);
        assert_eq!(formatted, expected);
        assert_eq!(format(&formatted), expected, "formatting twice changes nothing");
    }

    #[test]
    fn the_text_of_a_heredoc_stays() {
        let text = "a {\nb = <<EOT\n    keep = this\n  EOT_no\nEOT\nc = 1\n}\n";
        assert_eq!(format(text), "a {\n  b = <<EOT\n    keep = this\n  EOT_no\nEOT\n  c = 1\n}\n");
    }

    #[test]
    fn what_is_not_hcl_is_refused() {
        assert_eq!(format(""), "");
    }
}
