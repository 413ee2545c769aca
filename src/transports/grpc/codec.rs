//! Protobuf messages with a bound on what they make of memory.

use std::marker::PhantomData;

use bytes::{Buf as _, Bytes};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use tonic::codec::{BufferSettings, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};

/// Entries of one message: as many as a frame's count can say. An entry of two bytes on the wire is some hundred in memory.
const MAX_ENTRIES: usize = u16::MAX as usize;

/// Fields whose messages are lists of packed numbers: pause and resume.
const PACKED: [u32; 2] = [18, 19];

/// Refuses a message of too many entries before it is decoded. `LISTS`: the fields of what it reads are messages that are lists of entries themselves, as a frame's are;
/// otherwise they may be payloads, which are not looked into.
#[derive(Debug, Clone, Copy)]
pub struct Bounded<E, D, const LISTS: bool>(PhantomData<fn(E) -> D>);

/// For frames.
pub type Codec<E, D> = Bounded<E, D, true>;

/// For messages whose own fields are all that there may be too many of.
pub type FlatCodec<E, D> = Bounded<E, D, false>;

impl<E, D, const LISTS: bool> Default for Bounded<E, D, LISTS> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<E: Message + 'static, D: Message + Default + 'static, const LISTS: bool> tonic::codec::Codec for Bounded<E, D, LISTS> {
    type Encode = E;
    type Decode = D;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::default()
    }

    fn decoder(&mut self) -> Self {
        Self::default()
    }
}

impl<E: Message, D, const LISTS: bool> Encoder for Bounded<E, D, LISTS> {
    type Item = E;
    type Error = Status;

    fn encode(&mut self, item: E, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(format!("a message cannot be written: {error}")))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl<E, D: Message + Default, const LISTS: bool> Decoder for Bounded<E, D, LISTS> {
    type Item = D;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<D>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        // The code of what is wrong with the message itself, and not with the call.
        bounded::<D, LISTS>(bytes).map(Some).map_err(|what| Status::new(Code::InvalidArgument, what))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

/// Decodes a message that is made of lists of entries, if it has no more of them than a frame can have.
///
/// # Errors
/// What is wrong, in words.
pub fn decode<D: Message + Default>(bytes: Bytes) -> Result<D, String> {
    bounded::<D, true>(bytes)
}

fn bounded<D: Message + Default, const LISTS: bool>(bytes: Bytes) -> Result<D, String> {
    let entries = entries::<LISTS>(bytes.clone()).map_err(|error| error.to_string())?;
    if entries > MAX_ENTRIES {
        return Err(format!("a message of {entries} entries, at most {MAX_ENTRIES} are allowed"));
    }
    D::decode(bytes).map_err(|error| error.to_string())
}

/// Fields of the message, and with `LISTS` of the messages in it: an upper bound of what a decoder makes objects of.
fn entries<const LISTS: bool>(mut bytes: Bytes) -> Result<usize, prost::DecodeError> {
    let mut count = 0;
    while bytes.has_remaining() {
        let (tag, kind) = decode_key(&mut bytes)?;
        count += 1;
        if kind != WireType::LengthDelimited {
            skip_field(kind, tag, &mut bytes, DecodeContext::default())?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut bytes)?).unwrap_or(usize::MAX);
        if length > bytes.remaining() {
            // The decoder says so in its own words.
            return Ok(count);
        }
        let inner = bytes.split_to(length);
        if !LISTS {
            continue;
        }
        // Packed numbers are entries without a key each: as many as there are bytes that end one.
        count += if PACKED.contains(&tag) { inner.iter().filter(|byte| **byte < 0x80).count() } else { within(inner) };
    }
    Ok(count)
}

/// Fields of what may be a message. What is none has some number, too.
fn within(mut bytes: Bytes) -> usize {
    let mut count = 0;
    while bytes.has_remaining() {
        let Ok((tag, kind)) = decode_key(&mut bytes) else { break };
        if skip_field(kind, tag, &mut bytes, DecodeContext::default()).is_err() {
            break;
        }
        count += 1;
    }
    count
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
