//! As much of a JVM class file as tells whose it is.

use crate::LoadError;

/// The first bytes of every JVM class file. Alone, they stand for the class of whatever binary name they are registered
/// with: for clients that have no class files at hand.
pub const CLASS_MAGIC: [u8; 4] = [0xca, 0xfe, 0xba, 0xbe];

/// Magic and version: nothing of the class itself.
const HEADER_BYTES: usize = 8;

/// Whether the bytes may be registered under a name: a class says its own name, as the JVM insists upon, too.
pub(super) fn check(binary_name: &str, byte_code: &[u8]) -> Result<(), LoadError> {
    if byte_code.len() <= HEADER_BYTES {
        return Ok(());
    }
    match class_name(byte_code) {
        Some(name) if name == binary_name => Ok(()),
        Some(name) => Err(LoadError(format!(
            "the registered class file is of the class {name}: register it with that binary name, not with {binary_name}"
        ))),
        None => Err(LoadError(format!(
            "the class file registered for {binary_name} is damaged: compile it again"
        ))),
    }
}

/// The name of the class in a class file (Java Virtual Machine Specification, chapter 4).
fn class_name(byte_code: &[u8]) -> Option<String> {
    let mut reader = Reader(byte_code.get(HEADER_BYTES..)?);
    let count = reader.u16()?;
    let mut texts: Vec<Option<&[u8]>> = vec![None];
    let mut classes: Vec<Option<u16>> = vec![None];
    while texts.len() < usize::from(count) {
        let (mut text, mut class, mut slots) = (None, None, 1);
        match reader.u8()? {
            1 => {
                let length = reader.u16()?;
                text = Some(reader.take(length.into())?);
            }
            7 => class = Some(reader.u16()?),
            8 | 16 | 19 | 20 => drop(reader.take(2)?),
            15 => drop(reader.take(3)?),
            3 | 4 | 9..=12 | 17 | 18 => drop(reader.take(4)?),
            5 | 6 => {
                reader.take(8)?;
                slots = 2;
            }
            _ => return None,
        }
        texts.push(text);
        classes.push(class);
        if slots == 2 {
            texts.push(None);
            classes.push(None);
        }
    }
    let _access_flags = reader.u16()?;
    let this_class = classes.get(usize::from(reader.u16()?)).copied()??;
    let name = texts.get(usize::from(this_class)).copied()??;
    Some(std::str::from_utf8(name).ok()?.replace('/', "."))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }
}
