//! Where a message ends: MessagePack on a stream says its length only to who reads its structure.

/// The most that one message may be: a list of 20,000 members with their tags.
pub(super) const FRAME_BYTES_MAX: usize = 16 << 20;

/// Finds the end of one message while it arrives. It never looks at a byte twice, so that long messages in small pieces cost no more
/// than their length.
#[derive(Debug)]
pub(super) struct Frame {
    /// Bytes that were looked at, or are known to belong to a text or number.
    position: usize,
    /// Values that are still to come. The arrays and maps that they stand in need not be told apart.
    values: u64,
}

/// Not a message of this protocol, or one beyond all measure.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a message of more than {FRAME_BYTES_MAX} bytes")]
    TooLong,
    #[error("the byte {0:#04x} begins no value of MessagePack")]
    Reserved(u8),
}

impl Frame {
    pub(super) fn new() -> Self {
        Self { position: 0, values: 1 }
    }

    /// Goes on in the bytes that have arrived since the message began; gives its length once it is whole.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        while self.values > 0 {
            let Some((&marker, rest)) = bytes.get(self.position..).and_then(<[u8]>::split_first) else {
                return Ok(None);
            };
            let Some(value) = Value::read(marker, rest)? else { return Ok(None) };
            self.values = self.values - 1 + value.inside;
            self.position = self.position.saturating_add(1).saturating_add(value.bytes);
            // Each value is at least a byte, so that what is promised is bounded like what has come.
            if self.position as u64 + self.values > FRAME_BYTES_MAX as u64 {
                return Err(FrameError::TooLong);
            }
        }
        Ok((self.position <= bytes.len()).then_some(self.position))
    }
}

/// What follows a marker: bytes of its own, then values inside it.
struct Value {
    bytes: usize,
    inside: u64,
}

impl Value {
    /// `None`: its length has not arrived yet.
    fn read(marker: u8, rest: &[u8]) -> Result<Option<Self>, FrameError> {
        let plain = |bytes| Ok(Some(Self { bytes, inside: 0 }));
        let low = u64::from(marker & 0x0f);
        // A length of so many bytes, big-endian, and what it counts.
        let counted = |width: usize, extra: usize, each: Counts| {
            let Some(length) = rest.get(..width) else { return Ok(None) };
            let length = length.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
            Ok(Some(match each {
                Counts::Bytes => Self {
                    bytes: width + extra + usize::try_from(length).unwrap_or(usize::MAX / 2),
                    inside: 0,
                },
                Counts::Values(per) => Self { bytes: width, inside: length * per },
            }))
        };
        match marker {
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => plain(0),
            0x80..=0x8f => Ok(Some(Self { bytes: 0, inside: low * 2 })),
            0x90..=0x9f => Ok(Some(Self { bytes: 0, inside: low })),
            0xa0..=0xbf => plain(usize::from(marker & 0x1f)),
            0xc4 | 0xd9 => counted(1, 0, Counts::Bytes),
            0xc5 | 0xda => counted(2, 0, Counts::Bytes),
            0xc6 | 0xdb => counted(4, 0, Counts::Bytes),
            0xc7 => counted(1, 1, Counts::Bytes),
            0xc8 => counted(2, 1, Counts::Bytes),
            0xc9 => counted(4, 1, Counts::Bytes),
            0xcc | 0xd0 => plain(1),
            0xcd | 0xd1 | 0xd4 => plain(2),
            0xd5 => plain(3),
            0xca | 0xce | 0xd2 => plain(4),
            0xd6 => plain(5),
            0xcb | 0xcf | 0xd3 => plain(8),
            0xd7 => plain(9),
            0xd8 => plain(17),
            0xdc => counted(2, 0, Counts::Values(1)),
            0xdd => counted(4, 0, Counts::Values(1)),
            0xde => counted(2, 0, Counts::Values(2)),
            0xdf => counted(4, 0, Counts::Values(2)),
            0xc1 => Err(FrameError::Reserved(marker)),
        }
    }
}

enum Counts {
    Bytes,
    Values(u64),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            ".{0,300}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 64, 40, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..40).prop_map(serde_json::Value::from),
                prop::collection::btree_map("[a-z]{0,40}", inner, 0..20)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_message_ends_where_it_ends(value in value(), cut in any::<prop::sample::Index>()) {
            let mut bytes = rmp_serde::to_vec_named(&value).unwrap();
            let whole = bytes.len();
            let mut frame = Frame::new();
            prop_assert_eq!(frame.end(&bytes[..cut.index(whole)]).unwrap(), None);
            bytes.extend_from_slice(b"the next");
            prop_assert_eq!(frame.end(&bytes).unwrap(), Some(whole));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let end = Frame::new().end(&bytes);
            prop_assert!(!matches!(end, Ok(Some(end)) if end > bytes.len()));
        }
    }

    #[test]
    fn promises_beyond_measure_are_refused_before_they_are_kept() {
        for bytes in
            [&[0xdd, 0xff, 0xff, 0xff, 0xff][..], &[0xdb, 0xff, 0xff, 0xff, 0xff], &[0xdf, 0x10, 0, 0, 0]]
        {
            assert_eq!(Frame::new().end(bytes), Err(FrameError::TooLong));
        }
        assert_eq!(Frame::new().end(&[0xc1]), Err(FrameError::Reserved(0xc1)));
    }
}
