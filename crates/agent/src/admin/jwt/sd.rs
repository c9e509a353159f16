//! Claims that are shown one by one: the payload and the disclosures of an SD-JWT (RFC 9901).
//!
//! Written here: the library for it brings hashes and randomness of its own, which belong to the crypto crate.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use trustkeep_crypto::hash::{Algorithm, sha256};
use trustkeep_crypto::random::{self, Random};

use super::super::refusal::Refusal;
use super::BAD_SIGNER;

/// Levels of a payload, so that its token can be read by whoever reads 128.
const DEPTH_MAX: usize = 64;
/// Disclosures of a token.
const DISCLOSURES_MAX: usize = 10_000;
/// Entries like `a[1:3]` in a list of claims that everyone sees.
const SLICES_MAX: usize = 100;
/// Bytes of a salt (section 4.2.1).
const SALT_BYTES: usize = 16;
const DIGESTS: &str = "_sd";
const ALGORITHM: &str = "_sd_alg";
const ELEMENT: &str = "...";
/// Claims whose names begin so are seen by everyone, with all that is in them, as ACA-Py does it.
const NEVER: [&str; 4] = ["iss", "iat", "exp", "cnf"];

/// Takes the claims out of a payload that their holder is to show: all but those that are listed. Gives what is left, and
/// the disclosures, inner ones first. Members of objects and plain elements of lists are claims, each with its own path.
///
/// # Errors
/// 400 for a list that cannot be read, and a payload that is too deep, too large, or has a claim of SD-JWT itself.
pub(super) fn conceal(
    payload: Map<String, Value>,
    seen_by_all: &[String],
    random: &dyn Random,
) -> Result<(Map<String, Value>, Vec<String>), Refusal> {
    if payload.contains_key(ALGORITHM) {
        return Err(reserved(ALGORITHM));
    }
    let mut issuer = Issuer { seen: Seen::read(seen_by_all)?, random, disclosures: Vec::new() };
    let mut payload = issuer.members("", payload, 1)?;
    payload.insert(ALGORITHM.to_owned(), "sha-256".into());
    Ok((payload, issuer.disclosures))
}

struct Issuer<'a> {
    seen: Seen<'a>,
    random: &'a dyn Random,
    disclosures: Vec<String>,
}

impl Issuer<'_> {
    /// What is inside of something that stands at a depth.
    fn value(&mut self, path: &str, value: Value, depth: usize) -> Result<Value, Refusal> {
        if depth >= DEPTH_MAX && (value.is_object() || value.is_array()) {
            return Err(Refusal::bad(format!("The payload is deeper than {DEPTH_MAX} levels.")));
        }
        Ok(match value {
            Value::Object(members) => Value::Object(self.members(path, members, depth + 1)?),
            Value::Array(elements) => Value::Array(self.elements(path, elements, depth + 1)?),
            plain => plain,
        })
    }

    fn members(
        &mut self,
        path: &str,
        members: Map<String, Value>,
        depth: usize,
    ) -> Result<Map<String, Value>, Refusal> {
        let (mut shown, mut digests) = (Map::new(), Vec::new());
        for (name, value) in members {
            if name == DIGESTS || name == ELEMENT {
                return Err(reserved(&name));
            }
            if NEVER.iter().any(|never| name.starts_with(never)) {
                free_of_reserved(&value)?;
                shown.insert(name, value);
                continue;
            }
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let value = self.value(&path, value, depth)?;
            if self.seen.holds(&path) {
                shown.insert(name, value);
            } else {
                digests.push(self.disclose(|salt| json!([salt, name, value]))?);
            }
        }
        if !digests.is_empty() {
            // Sorted: their order must not tell which claim is which.
            digests.sort_unstable();
            shown.shift_insert(0, DIGESTS.to_owned(), digests.into());
        }
        Ok(shown)
    }

    fn elements(&mut self, path: &str, elements: Vec<Value>, depth: usize) -> Result<Vec<Value>, Refusal> {
        let mut shown = Vec::with_capacity(elements.len());
        for (index, element) in elements.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            let is_plain = !element.is_object() && !element.is_array();
            let element = self.value(&path, element, depth)?;
            shown.push(if is_plain && !self.seen.holds(&path) {
                json!({ELEMENT: self.disclose(|salt| json!([salt, element]))?})
            } else {
                element
            });
        }
        Ok(shown)
    }

    /// Makes a disclosure and gives its digest.
    fn disclose(&mut self, content: impl FnOnce(String) -> Value) -> Result<String, Refusal> {
        if self.disclosures.len() >= DISCLOSURES_MAX {
            return Err(Refusal::bad(format!("The payload has more than {DISCLOSURES_MAX} claims.")));
        }
        let salt = URL_SAFE_NO_PAD.encode(random::array::<SALT_BYTES>(self.random));
        let disclosure = URL_SAFE_NO_PAD.encode(content(salt).to_string());
        let digest = URL_SAFE_NO_PAD.encode(sha256(disclosure.as_bytes()));
        self.disclosures.push(disclosure);
        Ok(digest)
    }
}

/// The paths of claims that everyone sees.
struct Seen<'a> {
    paths: HashSet<&'a str>,
    slices: Vec<Slice<'a>>,
}

/// `before[from:until]after`.
struct Slice<'a> {
    before: &'a str,
    from: usize,
    until: usize,
    after: &'a str,
}

impl<'a> Seen<'a> {
    fn read(list: &'a [String]) -> Result<Self, Refusal> {
        let mut seen = Self { paths: HashSet::new(), slices: Vec::new() };
        for entry in list {
            if !entry.contains(':') {
                seen.paths.insert(entry);
                continue;
            }
            seen.slices.push(Slice::read(entry).ok_or_else(|| Refusal::bad(BAD_SIGNER))?);
            if seen.slices.len() > SLICES_MAX {
                return Err(Refusal::bad(format!("non_sd_list has more than {SLICES_MAX} slices.")));
            }
        }
        Ok(seen)
    }

    fn holds(&self, path: &str) -> bool {
        self.paths.contains(path) || self.slices.iter().any(|slice| slice.holds(path))
    }
}

impl<'a> Slice<'a> {
    fn read(entry: &'a str) -> Option<Self> {
        let (left, right) = entry.split_once(':')?;
        let (before, from) = left.rsplit_once('[')?;
        let (until, after) = right.split_once(']')?;
        Some(Self { before, from: from.trim().parse().ok()?, until: until.trim().parse().ok()?, after })
    }

    fn holds(&self, path: &str) -> bool {
        let index = path.strip_prefix(self.before).and_then(|rest| rest.strip_prefix('['));
        let index = index.and_then(|rest| rest.strip_suffix(self.after)?.strip_suffix(']'));
        index
            .and_then(|index| index.parse().ok())
            .is_some_and(|index| (self.from..self.until).contains(&index))
    }
}

/// A token with what its holder shows.
pub(super) struct Presentation<'a> {
    /// The token.
    pub(super) token: &'a str,
    /// As they came, and read.
    disclosures: Vec<(&'a str, Vec<Value>)>,
}

impl<'a> Presentation<'a> {
    /// Reads `token~disclosure~…~`, where a JWT that binds a key may come last: it is passed over, as ACA-Py does.
    ///
    /// # Errors
    /// 400 with what is wrong.
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        let parts: Vec<&str> = text.split('~').take(DISCLOSURES_MAX + 3).collect();
        let [token, shown @ .., _binding] = parts.as_slice() else {
            return Err(Refusal::bad("An SD-JWT ends in '~' or in a key binding JWT."));
        };
        if shown.len() > DISCLOSURES_MAX {
            return Err(Refusal::bad(format!("The token has more than {DISCLOSURES_MAX} disclosures.")));
        }
        let mut disclosures = Vec::with_capacity(shown.len());
        let mut known = HashSet::new();
        for part in shown {
            let content: Option<Vec<Value>> = URL_SAFE_NO_PAD
                .decode(part)
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .filter(|content: &Vec<Value>| is_disclosure(content));
            let content = content.ok_or_else(|| {
                Refusal::bad("A disclosure is no JSON array of a salt, a name and a value in base64url.")
            })?;
            if !known.insert(*part) {
                return Err(Refusal::bad("A disclosure is there twice."));
            }
            disclosures.push((*part, content));
        }
        Ok(Self { token, disclosures })
    }

    /// The disclosures, in order.
    pub(super) fn disclosures(&self) -> Vec<&[Value]> {
        self.disclosures.iter().map(|(_, content)| content.as_slice()).collect()
    }

    /// Whether the token holds the digest of every disclosure, once and where it belongs (section 7.1). ACA-Py does not
    /// look, so that whoever holds a token can add what he likes.
    pub(super) fn is_of(&self, payload: &Map<String, Value>) -> bool {
        let algorithm = match payload.get(ALGORITHM).map(Value::as_str) {
            None | Some(Some("sha-256")) => Algorithm::Sha256,
            Some(Some("sha-384")) => Algorithm::Sha384,
            Some(Some("sha-512")) => Algorithm::Sha512,
            Some(_) => return false,
        };
        let by_digest = self.disclosures.iter().map(|(text, content)| {
            (URL_SAFE_NO_PAD.encode(algorithm.digest(text.as_bytes())), content.as_slice())
        });
        let mut walk = Walk { hidden: by_digest.collect(), met: HashSet::new() };
        walk.members(payload, 1) && walk.hidden.is_empty()
    }
}

struct Walk<'a> {
    /// What was not met yet.
    hidden: HashMap<String, &'a [Value]>,
    met: HashSet<String>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, value: &Value, depth: usize) -> bool {
        if depth > 2 * DEPTH_MAX {
            return false;
        }
        match value {
            Value::Object(members) => self.members(members, depth + 1),
            Value::Array(elements) => elements.iter().all(|element| {
                match element.as_object().filter(|only| only.len() == 1).and_then(|only| only.get(ELEMENT)) {
                    None => self.value(element, depth + 1),
                    Some(digest) => match self.meet(digest) {
                        None => false,
                        Some(None) => true,
                        Some(Some([_, value])) => self.value(value, depth + 1),
                        Some(Some(_)) => false,
                    },
                }
            }),
            _ => true,
        }
    }

    fn members(&mut self, members: &Map<String, Value>, depth: usize) -> bool {
        let mut names = HashSet::new();
        let digests = match members.get(DIGESTS) {
            None => &[][..],
            Some(Value::Array(digests)) => digests.as_slice(),
            Some(_) => return false,
        };
        for digest in digests {
            match self.meet(digest) {
                None => return false,
                Some(None) => {}
                Some(Some([_, Value::String(name), value])) => {
                    let is_new = !members.contains_key(name) && names.insert(name.as_str());
                    if !is_new || !self.value(value, depth + 1) {
                        return false;
                    }
                }
                Some(Some(_)) => return false,
            }
        }
        members.iter().filter(|(name, _)| *name != DIGESTS).all(|(_, value)| self.value(value, depth + 1))
    }

    /// What a digest stands for, if it is shown; none for what is no digest, or was met before.
    fn meet(&mut self, digest: &Value) -> Option<Option<&'a [Value]>> {
        let digest = digest.as_str()?;
        self.met.insert(digest.to_owned()).then(|| self.hidden.remove(digest))
    }
}

fn is_disclosure(content: &[Value]) -> bool {
    match content {
        [Value::String(_), _] => true,
        [Value::String(_), Value::String(name), _] => name != DIGESTS && name != ELEMENT,
        _ => false,
    }
}

fn free_of_reserved(value: &Value) -> Result<(), Refusal> {
    match value {
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            if name == DIGESTS || name == ELEMENT { Err(reserved(name)) } else { free_of_reserved(value) }
        }),
        Value::Array(elements) => elements.iter().try_for_each(free_of_reserved),
        _ => Ok(()),
    }
}

fn reserved(name: &str) -> Refusal {
    Refusal::bad(format!("Input data contains the special claim '{name}' reserved for SD-JWT internal data."))
}

#[cfg(test)]
mod tests;
