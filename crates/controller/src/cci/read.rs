//! From base64 to what is wanted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use trustkeep_crypto::{SecretBytes, SecretString};

use super::schema::{self, Param, ParamKind, Schema};
use super::value::{Result, at, expected, items, members, number, secret, shown, text, unknown};
use super::{
    CciError, CciErrors, Credential, DiskReference, Kind, RECOVERY_MODES, SIZE_MAX, UnitSpec, VcSpec,
    address, container, shown as shown_again,
};
use crate::yaml::{self, Content, Key, Node};

/// The most characters of the name of a unit group, and of a unit.
const NAME_MAX: usize = 128;

/// The most disks to attach, and the most tags.
const DISKS_MAX: usize = 64;
const TAGS_MAX: usize = 50;

/// The most bytes of the path of a reference to a secret.
const REFERENCE_MAX: usize = 512;

const VC_KEYS: [&str; 4] = ["cci_version", "type", "description", "name"];

const UNIT_KEYS: [&str; 14] = [
    "cci_version",
    "name",
    "description",
    "private_network",
    "num_nodes",
    "num_disks",
    "image",
    "recovery_mode",
    "docker_opt",
    "params",
    "user_init_command",
    "cloud_provider",
    "cloud_params",
    "tags",
];

impl VcSpec {
    /// Reads the document `- vc:` from its base64.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key and line.
    pub fn decode(base64: &str) -> std::result::Result<Self, CciErrors> {
        let members = section(decode(base64)?, "vc")?;
        let mut wrong = CciErrors::default();
        for (key, node) in &members {
            match key.text.as_str() {
                "name" | "type" => {}
                "cci_version" | "description" => {
                    wrong.take(text(node, &key.text));
                }
                _ => wrong.add(|| unknown(key, "", VC_KEYS)),
            }
        }
        let vc = Node { line: 1, content: Content::Map(members) };
        let kind = vc.get("type").map_or(Ok(None), |node| kind_of(node).map(Some));
        let kind = wrong.take(kind).unwrap_or(Kind::Compute);
        let name = wrong.take(group_name(&vc));
        wrong.into_result(Self { name, kind })
    }
}

impl UnitSpec {
    /// Reads the document `- unit:` from its base64.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key and line. No error holds the value of a credential or of the environment.
    pub fn decode(base64: &str) -> std::result::Result<Self, CciErrors> {
        let unit = Node { line: 1, content: Content::Map(section(decode(base64)?, "unit")?) };
        let mut wrong = CciErrors::default();
        for (key, _) in unit.members().iter().filter(|(key, _)| !UNIT_KEYS.contains(&key.text.as_str())) {
            wrong.add(|| unknown(key, "", UNIT_KEYS));
        }
        for key in ["cci_version", "description"] {
            wrong.take(line_of(&unit, key));
        }
        let schema = wrong.take(provider(&unit).map(Some));
        let counted = wrong.take(kind_and_count(&unit).map(Some));
        let table =
            schema.zip(counted).and_then(|(schema, (kind, _))| wrong.take(table(schema, kind).map(Some)));
        let (kind, count) = counted.unwrap_or((Kind::Storage, 0));
        let image = unit.get("image").map_or(Ok(None), container::image);
        if kind == Kind::Compute && image == Ok(None) {
            wrong.add(|| CciError::new("image", "is missing: the base container's image"));
        }
        let mut spec = Self {
            name: wrong.take(name(&unit)),
            kind,
            provider: schema.map(|schema| schema.provider).unwrap_or_default().to_owned(),
            private_network: wrong.take(line_of(&unit, "private_network")).unwrap_or("default").to_owned(),
            count,
            image: wrong.take(image).unwrap_or_default(),
            recovery_mode: wrong.take(recovery_mode(&unit)),
            docker: unit
                .get("docker_opt")
                .map(|node| container::options(node, &mut wrong))
                .unwrap_or_default(),
            binds: Vec::new(),
            env: Vec::new(),
            user_init_command: wrong
                .take(unit.get("user_init_command").map_or(Ok(None), container::init_command)),
            params: Map::new(),
            credentials: BTreeMap::new(),
            addresses: Vec::new(),
            macs: Vec::new(),
            disks: Vec::new(),
            tags: wrong.take(unit.get("tags").map_or_else(|| Ok(BTreeMap::new()), tags)),
            text: String::new(),
        };
        if let Some(node) = unit.get("params") {
            (spec.binds, spec.env) = container::params(node, &mut wrong);
        }
        let Some((schema, table)) = schema.zip(table) else { return wrong.into_result(spec) };
        spec.read_cloud_params(&unit, schema, table, &mut wrong);
        // What follows from values that could not be read would be said of empty ones.
        if wrong.is_empty() {
            wrong.take(spec.check(&unit, schema));
        }
        spec.text = shown_again::unit(unit.members(), table);
        wrong.into_result(spec)
    }

    fn read_cloud_params(&mut self, unit: &Node, schema: &Schema, table: &[Param], wrong: &mut CciErrors) {
        let empty = Node { line: unit.line, content: Content::Map(Vec::new()) };
        let node = unit.get("cloud_params").unwrap_or(&empty);
        let members = match members(node, "cloud_params") {
            Ok(members) => members,
            Err(error) => return wrong.add(|| error),
        };
        for (key, value) in members {
            if key.text == "tags" {
                self.tags.extend(wrong.take(tags(value)));
                continue;
            }
            let known = || table.iter().map(|param| param.key).chain(["tags"]);
            match table.iter().find(|param| param.key == key.text) {
                Some(param) => wrong.take(self.read_param(*param, value)),
                None => wrong.add(|| unknown(key, "cloud_params", known())),
            }
        }
        for param in table.iter().filter(|param| param.is_required) {
            let is_there = node.get(param.key).is_some_and(|value| match &value.content {
                Content::Scalar { text, .. } => !value.is_null() && !text.is_empty(),
                Content::List(items) => !items.is_empty(),
                Content::Map(_) => true,
            });
            if !is_there {
                let key = format!("cloud_params.{}", param.key);
                let message = match param.kind {
                    ParamKind::Addresses => address::NO_SERVERS.to_owned(),
                    _ => format!("is missing, and {} needs it", schema.provider),
                };
                wrong.add(|| at(node, &key, message));
            }
        }
    }

    fn read_param(&mut self, param: Param, node: &Node) -> Result<()> {
        let key = format!("cloud_params.{}", param.key);
        let value = match param.kind {
            ParamKind::Text => text(node, &key)?.map(Value::from),
            ParamKind::Count => number(node, &key, 1)?.map(Value::from),
            ParamKind::Whole => number(node, &key, 0)?.map(Value::from),
            ParamKind::Decimal => match text(node, &key)? {
                Some(text) if text.parse::<f64>().is_ok_and(|number| number.is_finite() && number >= 0.0) => {
                    Some(Value::from(text))
                }
                Some(text) => return Err(at(node, &key, format!("\"{}\" is not a number", shown(text)))),
                None => None,
            },
            ParamKind::Except(refused) => {
                let text = text(node, &key)?;
                if let Some((name, why)) = refused.iter().find(|(name, _)| Some(*name) == text) {
                    return Err(at(node, &key, format!("\"{name}\" {why}")));
                }
                text.map(Value::from)
            }
            ParamKind::OneOf(choices) => match text(node, &key)? {
                Some(text) if choices.contains(&text) => Some(Value::from(text)),
                Some(text) => {
                    let message = format!("\"{}\" is none of {}", shown(text), choices.join(", "));
                    return Err(at(node, &key, message));
                }
                None => None,
            },
            ParamKind::Credential => {
                if let Some(credential) = credential(node, &key)? {
                    self.credentials.insert(param.key.to_owned(), credential);
                }
                None
            }
            ParamKind::Addresses => {
                self.addresses = address::addresses(node, &key)?;
                None
            }
            ParamKind::Macs => {
                self.macs = address::macs(node, &key)?;
                None
            }
            ParamKind::Disks => {
                self.disks = disks(node, &key)?;
                None
            }
        };
        if let Some(value) = value {
            self.params.insert(param.key.to_owned(), value);
        }
        Ok(())
    }

    /// What follows from several keys together.
    fn check(&mut self, unit: &Node, schema: &Schema) -> Result<()> {
        // The SDK counts the addresses of machines to be made, but leaves the count of existing servers at 1.
        if self.provider == "onpremises" && self.count == 1 {
            let len = u64::try_from(self.addresses.len()).unwrap_or(u64::MAX);
            self.count = address::check_count(len)
                .map_err(|message| CciError::new("cloud_params.ip_address_list", message))?;
        }
        address::same_length(self.count, &self.addresses, &self.macs).map_err(|error| CciError {
            key: format!("cloud_params.{}", error.key),
            line: unit.get("cloud_params").and_then(|params| params.get(&error.key)).map(|node| node.line),
            ..error
        })?;
        if !self.tags.is_empty() && !schema.has_tags {
            return Err(CciError::new("tags", format!("{} has no tags", schema.provider)));
        }
        // They may stand in two places.
        if self.tags.len() > TAGS_MAX {
            return Err(CciError::new("tags", format!("more than {TAGS_MAX} tags")));
        }
        Ok(())
    }
}

/// Whether a unit may have this name.
///
/// # Errors
/// Says what a name is.
pub fn check_unit_name(name: &str) -> Result<()> {
    let is_right = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(is_right) || name.len() > NAME_MAX {
        let message = format!(
            "\"{}\" is not a unit's name: 1 to {NAME_MAX} letters, digits, \"_\" and \"-\"",
            shown(name)
        );
        return Err(CciError::new("name", message));
    }
    Ok(())
}

fn decode(base64: &str) -> Result<Node> {
    // Four characters for three bytes, and line ends where a sender folds.
    if base64.len() > SIZE_MAX / 3 * 4 + SIZE_MAX / 32 {
        return Err(CciError::new("", format!("the CCI is longer than {SIZE_MAX} bytes")));
    }
    let packed: String = base64.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = SecretBytes::from_base64(&packed).map_err(|_| CciError::new("", "the CCI is not base64"))?;
    let text = SecretString::from_utf8(bytes).map_err(|_| CciError::new("", "the CCI is not UTF-8"))?;
    yaml::read(text.expose()).map_err(|error| {
        let message = match error.message.contains("not allowed in this context") {
            // What a value of Python with ": " in it becomes in a template.
            true => format!("{}; a value with \": \" or \" #\" in it needs quotes", error.message),
            false => error.message,
        };
        CciError::at(error.line, "", message)
    })
}

/// The members of the one document: below `- unit:`, or beside it.
fn section(document: Node, name: &str) -> Result<Vec<(Key, Node)>> {
    let wrong =
        |line: usize| CciError::at(line, "", format!("the document is not one \"- {name}:\" with its keys"));
    let line = document.line;
    let item = match document.content {
        Content::List(mut items) if items.len() == 1 => items.pop().ok_or_else(|| wrong(line))?,
        content @ Content::Map(_) => Node { line, content },
        _ => return Err(wrong(line)),
    };
    let Content::Map(mut members) = item.content else { return Err(wrong(item.line)) };
    let Some(at) = members.iter().position(|(key, _)| key.text == name) else { return Err(wrong(item.line)) };
    let (_, inner) = members.remove(at);
    match inner.content {
        Content::Map(inner) if members.is_empty() => Ok(inner),
        _ if inner.is_null() && !members.is_empty() => Ok(members),
        _ => Err(wrong(inner.line)),
    }
}

fn line_of<'a>(unit: &'a Node, key: &str) -> Result<Option<&'a str>> {
    unit.get(key).map_or(Ok(None), |node| text(node, key))
}

fn name(unit: &Node) -> Result<String> {
    let name = line_of(unit, "name")?.unwrap_or_default();
    check_unit_name(name)
        .map_err(|error| CciError { line: unit.get("name").map(|node| node.line), ..error })?;
    Ok(name.to_owned())
}

fn group_name(vc: &Node) -> Result<String> {
    let name = line_of(vc, "name")?.unwrap_or_default();
    if name.trim().is_empty() {
        return Err(CciError::new("name", "the unit group has no name"));
    }
    if name.chars().count() > NAME_MAX {
        return Err(CciError::new("name", format!("longer than {NAME_MAX} characters")));
    }
    Ok(name.to_owned())
}

fn kind_of(node: &Node) -> Result<Kind> {
    match text(node, "type")? {
        None | Some("compute") => Ok(Kind::Compute),
        Some("storage") => Ok(Kind::Storage),
        Some(other) => {
            let message = format!("\"{}\" is neither \"compute\" nor \"storage\"", shown(other));
            Err(at(node, "type", message))
        }
    }
}

/// What `cloud_params` may say.
fn table(schema: &'static Schema, kind: Kind) -> Result<&'static [Param]> {
    let no_disks = || CciError::new("num_disks", format!("{} has no disks of its own", schema.provider));
    match kind {
        Kind::Compute => Ok(schema.nodes),
        Kind::Storage => schema.disks.ok_or_else(no_disks),
    }
}

fn provider(unit: &Node) -> Result<&'static Schema> {
    const KEY: &str = "cloud_provider";
    let Some(node) = unit.get(KEY) else { return Err(CciError::new(KEY, "is missing")) };
    let name = text(node, KEY)?.ok_or_else(|| at(node, KEY, "is missing"))?;
    schema::of(name).ok_or_else(|| {
        let known = schema::SCHEMAS.iter().map(|schema| schema.provider);
        match trustkeep_chassis::config::nearest(name, known) {
            Some(near) => {
                at(node, KEY, format!("unknown provider \"{}\"; did you mean \"{near}\"?", shown(name)))
            }
            None => at(node, KEY, format!("unknown provider \"{}\"", shown(name))),
        }
    })
}

fn kind_and_count(unit: &Node) -> Result<(Kind, u32)> {
    let given = |key: &'static str| unit.get(key).filter(|node| !node.is_null()).map(|node| (key, node));
    let (kind, (key, node)) = match (given("num_nodes"), given("num_disks")) {
        (Some(nodes), None) => (Kind::Compute, nodes),
        (None, Some(disks)) => (Kind::Storage, disks),
        (None, None) => return Err(CciError::new("num_nodes", "is missing (num_disks for a unit of disks)")),
        (Some(_), Some((key, node))) => {
            return Err(at(node, key, "a unit has nodes or disks, not both num_nodes and num_disks"));
        }
    };
    let count = number(node, key, 0)?.unwrap_or_default();
    Ok((kind, address::check_count(count).map_err(|message| at(node, key, message))?))
}

fn recovery_mode(unit: &Node) -> Result<String> {
    const KEY: &str = "recovery_mode";
    let Some(node) = unit.get(KEY) else { return Ok("none".to_owned()) };
    match text(node, KEY)?.unwrap_or("none") {
        mode if RECOVERY_MODES.contains(&mode) => Ok(mode.to_owned()),
        mode => Err(at(node, KEY, format!("\"{}\" is none of {}", shown(mode), RECOVERY_MODES.join(", ")))),
    }
}

fn credential(node: &Node, key: &str) -> Result<Option<Credential>> {
    let Some(text) = secret(node, key)? else { return Ok(None) };
    let Some(path) = text.strip_prefix("vault://") else {
        return Ok(Some(Credential::Literal(SecretString::new(text.to_owned()))));
    };
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    let is_path = (1..=REFERENCE_MAX).contains(&path.len())
        && path.contains('/')
        && path.split('/').all(is_part)
        && path.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"?#%\\".contains(c));
    if !is_path {
        return Err(at(node, key, "a reference is vault://<engine>/<path>"));
    }
    Ok(Some(Credential::Vault(path.to_owned())))
}

fn disks(node: &Node, key: &str) -> Result<Vec<DiskReference>> {
    let mut disks = Vec::new();
    let items = items(node, key)?;
    if items.len() > DISKS_MAX {
        return Err(expected(node, key, &format!("a list of at most {DISKS_MAX} disks")));
    }
    for item in items {
        let id = text(item, key)?.ok_or_else(|| at(item, key, "an empty entry"))?;
        let is_word =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let disk = match id.strip_prefix("vcp:").map(|rest| rest.split(':').collect::<Vec<_>>()).as_deref() {
            Some([vcid, unit, disk_id])
                if is_word(vcid) && is_word(disk_id) && check_unit_name(unit).is_ok() =>
            {
                let [vcid, unit, disk_id] = [vcid, unit, disk_id].map(|text| (*text).to_owned());
                DiskReference::Unit { vcid, unit, disk_id }
            }
            Some(_) => {
                let message = format!("\"{}\" is not a disk's vcp:<vcid>:<unit>:<disk_id>", shown(id));
                return Err(at(item, key, message));
            }
            None if id.contains(char::is_whitespace) => {
                return Err(at(item, key, format!("\"{}\" is not a disk", shown(id))));
            }
            None => DiskReference::Cloud(id.to_owned()),
        };
        if disks.contains(&disk) {
            return Err(at(item, key, format!("{} stands twice", shown(id))));
        }
        disks.push(disk);
    }
    Ok(disks)
}

fn tags(node: &Node) -> Result<BTreeMap<String, String>> {
    const KEY: &str = "tags";
    let mut tags = BTreeMap::new();
    for (key, value) in members(node, KEY)? {
        let place = format!("{KEY}.{}", shown(&key.text));
        if key.text.trim().is_empty() || key.text.chars().any(char::is_control) || key.text.len() > 512 {
            return Err(CciError::at(key.line, place, "is not a tag's name"));
        }
        let value = match &value.content {
            Content::Scalar { .. } => text(value, &place)?.unwrap_or_default(),
            _ => return Err(expected(value, &place, "a text")),
        };
        tags.insert(key.text.clone(), value.to_owned());
    }
    if tags.len() > TAGS_MAX {
        return Err(at(node, KEY, format!("more than {TAGS_MAX} tags")));
    }
    Ok(tags)
}
