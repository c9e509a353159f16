//! Messages between a server and its interpreters: a length, a kind, a number, texts.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use trustkeep_contract::Error;

use crate::outside::{Answer, Ask, Refusal};

/// Bytes of a message: twice what the ticks of a transaction pay for.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Texts of a message: a source and the four arguments of a function.
const TEXTS_MAX: u32 = 5;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Try this source.
    Check,
    /// Run this source as a contract, or as a function, with these arguments and so much work.
    Contract,
    Function,
    /// The interpreter asks; so much work is left.
    Ask(Ask),
    /// What was asked or run came to this. The number counts, or is the work that is left.
    Done,
    Contextual,
    Runtime,
    Unavailable,
    Interrupted,
    Usage,
    Spent,
}

const KINDS: [Kind; 21] = [
    Kind::Check,
    Kind::Contract,
    Kind::Function,
    Kind::Ask(Ask::Get),
    Kind::Ask(Ask::Put),
    Kind::Ask(Ask::Scan),
    Kind::Ask(Ask::Invoke),
    Kind::Ask(Ask::IsRoot),
    Kind::Ask(Ask::ClientIdentityKey),
    Kind::Ask(Ask::SetContext),
    Kind::Ask(Ask::GetRecord),
    Kind::Ask(Ask::ScanRecords),
    Kind::Ask(Ask::PutRecord),
    Kind::Ask(Ask::DeleteRecord),
    Kind::Done,
    Kind::Contextual,
    Kind::Runtime,
    Kind::Unavailable,
    Kind::Interrupted,
    Kind::Usage,
    Kind::Spent,
];

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
    /// Work that is left to whoever reads this.
    pub(crate) work: u64,
    pub(crate) texts: Vec<Option<Cow<'a, str>>>,
}

impl Message<'_> {
    /// How a run or a question ended.
    pub(crate) fn ending(outcome: Result<Answer, Refusal>, work: u64) -> Message<'static> {
        let (kind, number, text) = match outcome {
            Ok(Answer { text, count }) => (Kind::Done, count, text),
            Err(Refusal::Spent) => (Kind::Spent, 0, None),
            Err(Refusal::Usage(why)) => (Kind::Usage, 0, Some(why)),
            Err(Refusal::Contract(Error::Contextual(why))) => (Kind::Contextual, 0, Some(why)),
            Err(Refusal::Contract(Error::Runtime(why))) => (Kind::Runtime, 0, Some(why)),
            Err(Refusal::Contract(Error::Unavailable(why))) => (Kind::Unavailable, 0, Some(why)),
            Err(Refusal::Contract(Error::Interrupted)) => (Kind::Interrupted, 0, None),
        };
        Message { kind, number, work, texts: vec![text.map(Cow::Owned)] }
    }

    /// The same read; nothing for a message that is no ending.
    pub(crate) fn into_outcome(self) -> Option<Result<Answer, Refusal>> {
        let text = self.texts.into_iter().next().flatten().map(Cow::into_owned);
        let why = |make: fn(String) -> Error, text: Option<String>| {
            Some(Err(Refusal::Contract(make(text.unwrap_or_default()))))
        };
        match self.kind {
            Kind::Done => Some(Ok(Answer { text, count: self.number })),
            Kind::Spent => Some(Err(Refusal::Spent)),
            Kind::Usage => Some(Err(Refusal::Usage(text.unwrap_or_default()))),
            Kind::Contextual => why(Error::Contextual, text),
            Kind::Runtime => why(Error::Runtime, text),
            Kind::Unavailable => why(Error::Unavailable, text),
            Kind::Interrupted => Some(Err(Refusal::Contract(Error::Interrupted))),
            Kind::Check | Kind::Contract | Kind::Function | Kind::Ask(_) => None,
        }
    }

    /// Bytes of its texts.
    pub(crate) fn bytes(&self) -> usize {
        self.texts.iter().flatten().map(|text| text.len()).sum()
    }

    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut out = Vec::with_capacity(self.bytes() + 64);
        let kind = KINDS.iter().position(|kind| *kind == self.kind).and_then(|at| u8::try_from(at).ok());
        out.push(kind.unwrap_or(u8::MAX));
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.work.to_le_bytes());
        out.extend_from_slice(&length(self.texts.len())?.to_le_bytes());
        for text in &self.texts {
            let Some(text) = text else {
                out.extend_from_slice(&NOTHING.to_le_bytes());
                continue;
            };
            out.extend_from_slice(&length(text.len())?.to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        to.write_all(&out)?;
        to.flush()
    }

    /// The next message; nothing if the other side is gone.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Option<Message<'static>>> {
        let mut kind = [0];
        if from.read(&mut kind)? == 0 {
            return Ok(None);
        }
        let kind = *KINDS.get(usize::from(kind[0])).ok_or_else(broken)?;
        let (number, work) = (read_u64(from)?, read_u64(from)?);
        let count = read_u32(from)?;
        if count > TEXTS_MAX {
            return Err(broken());
        }
        let mut room = MESSAGE_BYTES_MAX;
        let mut texts = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let length = read_u32(from)?;
            if length == NOTHING {
                texts.push(None);
                continue;
            }
            room = room.checked_sub(length as usize).ok_or_else(broken)?;
            let mut bytes = vec![0; length as usize];
            from.read_exact(&mut bytes)?;
            texts.push(Some(Cow::Owned(String::from_utf8(bytes).map_err(|_| broken())?)));
        }
        Ok(Some(Message { kind, number, work, texts }))
    }
}

/// The length of a text that is not there.
const NOTHING: u32 = u32::MAX;

fn length(length: usize) -> io::Result<u32> {
    u32::try_from(length).ok().filter(|_| length <= MESSAGE_BYTES_MAX).ok_or_else(broken)
}

fn read_u32(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn read_u64(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        for kind in KINDS {
            let texts = vec![Some("é".into()), None, Some(Cow::Borrowed(""))];
            let message = Message { kind, number: 7, work: u64::MAX, texts };
            let mut bytes = Vec::new();
            message.write(&mut bytes).unwrap();
            assert_eq!(Message::read(&mut bytes.as_slice()).unwrap(), Some(message));
            for end in 1..bytes.len() {
                assert!(Message::read(&mut bytes.get(..end).unwrap()).is_err());
            }
        }
        assert_eq!(Message::read(&mut [].as_slice()).unwrap(), None);
    }

    #[test]
    fn nonsense_takes_no_room() {
        for bytes in
            [&[99][..], &[0xff; 64], &[&[0_u8; 17][..], &[5, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff]].concat()]
        {
            assert!(Message::read(&mut &*bytes).is_err());
        }
    }
}
