//! The codecs: any bytes are read or refused, and what is read is what stands there.

use std::sync::Arc;

use pmq_pipeline::{Header, MAX_ORIGIN};
use pmq_protocol::wire::{HeaderOrigin, PmqHeader};
use pmq_stages::decode::{
    Codec, CodecSettings, Endian, FixedSettings, Integer, JsonSettings, PmqSettings, ProtobufSettings, Range, RawSettings, TagRange,
};

use super::input::Input;

fn codec(settings: impl CodecSettings) -> Arc<dyn Codec> {
    settings.into_codec().unwrap_or_else(|error| panic!("{error}"))
}

/// Reads twice: the same bytes have the same header, tag included.
fn read(codec: &dyn Codec, payload: &[u8]) -> Option<Header> {
    let first = codec.read("topic", payload);
    assert_eq!(first, codec.read("another", payload), "two headers for one payload");
    first.ok().flatten()
}

/// What is read does not depend on the field that is no content.
pub fn codec_protobuf(data: &[u8]) -> bool {
    let settings = "origin = \"1.2\"\nsequence = \"3\"\nepoch = \"4\"\nunsigned = [15]\n";
    let codec = codec(toml::from_str::<ProtobufSettings>(settings).expect("sound settings"));
    let Some(header) = read(&*codec, data) else { return false };
    // Field 15, three bytes.
    let signed = [data, &[0x7a, 3, 1, 2, 3]].concat();
    assert!(signed.len() > 64 * 1024 || read(&*codec, &signed) == Some(header), "a signature changes the header");
    true
}

/// What is read does not depend on white space.
pub fn codec_json(data: &[u8]) -> bool {
    let settings = "origin = \"/from\"\nsequence = \"/seq\"\nepoch = \"/epoch\"\nform = \"text\"\nunsigned = [\"signature\"]\n";
    let codec = codec(toml::from_str::<JsonSettings>(settings).expect("sound settings"));
    let Some(header) = read(&*codec, data) else { return false };
    let spaced = [b" \n", data, b"\t "].concat();
    assert!(spaced.len() > 64 * 1024 || read(&*codec, &spaced) == Some(header), "white space changes the header");
    true
}

/// Nothing is read, nothing is refused.
pub fn codec_raw(data: &[u8]) -> bool {
    let codec = codec(RawSettings {});
    assert_eq!(codec.read("topic", data), Ok(None));
    assert!(!codec.reads_header());
    true
}

/// The first byte chooses: a payload of any bytes, or a header made of them.
///
/// - A payload is read exactly if its header can be split off, and header, content and signatures make the payload again.
/// - Origin, epoch and number are the header's; the tag is the content's, whatever the signatures are.
///
/// Answers whether the payload was read.
pub fn codec_pmq(data: &[u8]) -> bool {
    let mut input = Input(data);
    let codec = codec(PmqSettings {});
    if input.flag() {
        let origin = if input.flag() { HeaderOrigin::Long(input.array()) } else { HeaderOrigin::Short(input.array()) };
        let (epoch, seq, signed) = (input.number(), input.number(), input.byte());
        let (content, signatures) = input.0.split_at(usize::from(signed).min(input.0.len()));
        let header = PmqHeader { origin, epoch, seq, content: content.len() as u32 };
        let mut payload = Vec::new();
        header.write(&mut payload);
        assert_eq!(payload.len(), header.len());
        payload.extend_from_slice(content);
        payload.extend_from_slice(signatures);
        assert_eq!(PmqHeader::split(&payload), Ok((header, content, signatures)));
        check_pmq(&*codec, &payload)
    } else {
        check_pmq(&*codec, input.0)
    }
}

fn check_pmq(codec: &dyn Codec, payload: &[u8]) -> bool {
    let read = read(codec, payload);
    let Ok((header, content, signatures)) = PmqHeader::split(payload) else {
        assert_eq!(read, None, "a header out of nothing");
        return false;
    };
    let mut written = Vec::new();
    header.write(&mut written);
    written.extend_from_slice(content);
    let bare = written.len();
    written.extend_from_slice(signatures);
    assert_eq!(written, payload, "header, content and signatures are the payload");

    let read = read.unwrap_or_else(|| panic!("a good header was refused"));
    assert_eq!(read.origin.0, padded(header.origin.as_bytes()));
    assert_eq!((read.epoch, read.seq), (header.epoch, header.seq));
    assert_eq!(self::read(codec, &payload[..bare]), Some(read), "signatures are no content");
    written.push(1);
    assert_eq!(self::read(codec, &written), Some(read), "signatures are no content");
    if let Some(last) = bare.checked_sub(1).filter(|_| !content.is_empty()) {
        written[last] ^= 1;
        assert_ne!(self::read(codec, &written).map(|other| other.tag), Some(read.tag), "two contents with one tag");
    }
    assert_eq!(self::read(codec, &payload[..bare - 1]), None, "cut short and read all the same");
    true
}

/// The settings come first, then the payload.
///
/// - Settings that make no sense are refused; all others make a codec that reads exactly the payloads that hold every field.
/// - Fields are where the settings say; the tag is that of its range and of nothing else.
///
/// Answers whether the payload was read.
pub fn codec_fixed(data: &[u8]) -> bool {
    let mut input = Input(data);
    let settings = fixed_settings(&mut input);
    let Ok(codec) = settings.clone().into_codec() else {
        assert!(settings.check().is_err(), "settings that are right were refused");
        return false;
    };
    assert!(settings.check().is_ok() && codec.reads_header());
    let payload = input.0;
    let Some(read) = read(&*codec, payload) else {
        assert!(expected(&settings, payload).is_none(), "a good payload was refused");
        return false;
    };
    let expected = expected(&settings, payload).unwrap_or_else(|| panic!("a field was read that is not there"));
    let (origin, epoch, seq, tagged) = expected;
    assert_eq!((read.origin.0, read.epoch, read.seq), (origin, epoch, seq));
    // One byte more at the place that the payload itself names.
    let mut other = payload.to_vec();
    if let Some(at) = payload.len().checked_sub(1).map(|last| usize::from(payload[last]) % payload.len()) {
        other[at] ^= 0x80;
        let changed = self::read(&*codec, &other).unwrap_or_else(|| panic!("a field moved"));
        assert_eq!(changed.tag == read.tag, !tagged.contains(&at), "the tag is that of bytes {tagged:?}, byte {at} was changed");
    }
    true
}

fn fixed_settings(input: &mut Input<'_>) -> FixedSettings {
    // A payload has some hundred bytes at most; what lies far behind it is refused, or never there.
    fn place(input: &mut Input<'_>) -> usize {
        usize::try_from(input.number()).unwrap_or(usize::MAX)
    }
    fn integer(input: &mut Input<'_>) -> Integer {
        let endian = if input.flag() { Endian::Big } else { Endian::Little };
        Integer { offset: place(input), length: usize::from(input.below(10)), endian }
    }
    let origin = Range { offset: place(input), length: usize::from(input.below(34)) };
    let sequence = integer(input);
    let epoch = input.flag().then(|| integer(input));
    let length = input.flag().then(|| place(input));
    FixedSettings { origin, epoch, sequence, tag: TagRange { offset: place(input), length, trim: place(input) } }
}

type Fields = ([u8; MAX_ORIGIN], u64, u64, std::ops::Range<usize>);

/// The same by other means: fields by iterators, numbers by digits.
fn expected(settings: &FixedSettings, payload: &[u8]) -> Option<Fields> {
    let field = |offset: usize, length: usize| -> Option<Vec<u8>> {
        let bytes: Vec<u8> = payload.iter().skip(offset).take(length).copied().collect();
        (bytes.len() == length && offset <= payload.len()).then_some(bytes)
    };
    let integer = |at: Integer| {
        let mut bytes = field(at.offset, at.length)?;
        if at.endian == Endian::Big {
            bytes.reverse();
        }
        Some(bytes.iter().zip(0_u32..).map(|(&byte, place)| u64::from(byte) * 256_u64.pow(place)).sum::<u64>())
    };
    let origin = padded(&field(settings.origin.offset, settings.origin.length)?);
    let tag = settings.tag;
    let end = match tag.length {
        Some(length) => tag.offset.checked_add(length)?,
        None => payload.len().checked_sub(tag.trim)?,
    };
    if tag.offset > end || end > payload.len() {
        return None;
    }
    Some((origin, settings.epoch.map_or(Some(0), integer)?, integer(settings.sequence)?, tag.offset..end))
}

fn padded(bytes: &[u8]) -> [u8; MAX_ORIGIN] {
    std::array::from_fn(|at| bytes.get(at).copied().unwrap_or_default())
}
