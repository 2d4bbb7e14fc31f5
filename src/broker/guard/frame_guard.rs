//! What the broker sends, frame by frame, made safe before lapin sees it.
//!
//! lapin trusts what it reads. One message with deep or unreadable headers ends its connection or the whole process,
//! again after each restart, since the broker hands the message over again; and a body is gathered in memory however
//! large it is. So this stands before it and follows the frames (AMQP 0-9-1 §4.2.3):
//!
//! - Methods and properties are mended ([`crate::broker::guard::field_table`]). Properties that cannot be read, or are larger than
//!   lapin's frames (the broker does not split them, and each publisher agrees on its own frame size), are left out:
//!   the message arrives without them.
//! - A broker without a limit of its own is given one, [`FRAME_BYTES_MAX`]: `connection.tune` is changed.
//! - Of a body that is larger than an event may be only the beginning is passed on, its size and hash beside it.
//! - While too many bytes are in memory the next message waits ([`Window`](crate::broker::consumer::window::Window)). Once the
//!   connection closes none waits, and their bodies are left out.
//!
//! It is a state machine over bytes, which may come in any pieces, and keeps one frame at most.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::field_table::{Unreadable, mend_method, mend_properties, only_header};
use super::incoming_bodies::IncomingBodies;
use crate::broker::headers::DEAD_LETTER_ID;

/// The largest frame that is agreed upon with a broker that has no limit of its own. lapin keeps room for 32 of them
/// each way.
pub(in crate::broker) const FRAME_BYTES_MAX: u32 = 1 << 20;
/// The largest frame before `connection.tune`; lapin has room for 128 KiB until then.
const FIRST_FRAME_BYTES_MAX: u32 = 64 << 10;
/// The smallest frame that a peer may insist on.
const FRAME_BYTES_MIN: u32 = 4096;
/// Type, channel and size before a payload.
const HEAD_BYTES: usize = 7;
/// The octet behind a payload.
const FRAME_END: u8 = 0xCE;
/// What a frame has beside its payload.
const FRAME_OVERHEAD: usize = HEAD_BYTES + 1;
/// Class, weight and body size, before the properties of a message.
const CONTENT_BYTES: usize = 12;
/// Channels on which messages are coming in at the same time. We open two.
const CHANNELS_MAX: usize = 64;

const METHOD: u8 = 1;
const CONTENT_HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

/// `connection.tune` and `basic.deliver`, by class and number.
const TUNE: [u8; 4] = [0, 10, 0, 30];
const DELIVER: [u8; 4] = [0, 60, 0, 60];

/// Follows what comes by one connection.
pub(in crate::broker) struct FrameGuard {
    /// Frames that we want at most; 0 if the broker's word counts.
    frame_bytes_wanted: u32,
    /// Frames that are allowed now.
    frame_bytes_max: u32,
    state: FrameState,
    /// The beginning of the frame that is coming, or all of it.
    frame: Vec<u8>,
    /// Messages that are coming, by channel.
    contents: HashMap<u16, Content>,
    bodies: Arc<IncomingBodies>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameState {
    /// Before a frame, or in its first octets.
    Head,
    /// In a frame that is kept until it is whole, unless it is too large: then its beginning is kept.
    Gathering {
        left: usize,
        keep: usize,
    },
    Whole,
    /// In a frame that passes as it comes.
    Passing {
        left: usize,
    },
    /// In a body of which only the beginning is passed on.
    Cutting {
        left: usize,
    },
}

/// A message that is coming in on a channel.
enum Content {
    /// `basic.deliver` came, with this number.
    Announced { delivery_tag: u64 },
    /// Its body is too large, and is not over yet.
    Cut(Box<CutBody>),
}

/// A body that is too large, as far as it has come.
struct CutBody {
    delivery_tag: u64,
    size: u64,
    /// Of its size.
    left: u64,
    passed: u64,
    kept: Vec<u8>,
    hash: ring::digest::Context,
}

/// How far [`FrameGuard::push`] got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) struct FrameProgress {
    /// Bytes of the input that were looked at.
    pub(in crate::broker) consumed: usize,
    /// Whether the next message must wait until there is room.
    pub(in crate::broker) waits: bool,
}

impl FrameGuard {
    /// A guard of a connection that begins; `frame_bytes_wanted` is 0 if the broker's frame size is accepted.
    pub(in crate::broker) fn new(frame_bytes_wanted: u32, bodies: Arc<IncomingBodies>) -> Self {
        Self {
            frame_bytes_wanted,
            frame_bytes_max: FIRST_FRAME_BYTES_MAX,
            state: FrameState::Head,
            frame: Vec::new(),
            contents: HashMap::new(),
            bodies,
        }
    }

    /// Follows `input`, and appends to `output` what lapin may see.
    ///
    /// # Errors
    /// If these are no frames: the connection cannot be used.
    pub(in crate::broker) fn push(&mut self, input: &[u8], output: &mut Vec<u8>) -> io::Result<FrameProgress> {
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            match self.state {
                FrameState::Whole => {
                    if !self.finish(output)? {
                        return Ok(FrameProgress { consumed, waits: true });
                    }
                    self.frame.clear();
                    // A large frame is rare: its room is not kept for the next one.
                    self.frame.shrink_to(FRAME_BYTES_MIN as usize);
                    self.state = FrameState::Head;
                }
                _ if rest.is_empty() => return Ok(FrameProgress { consumed, waits: false }),
                FrameState::Head => {
                    let count = rest.len().min(HEAD_BYTES - self.frame.len());
                    self.frame.extend_from_slice(&rest[..count]);
                    consumed += count;
                    if self.frame.len() == HEAD_BYTES {
                        self.begin(output)?;
                    }
                }
                FrameState::Gathering { left, keep } => {
                    let count = rest.len().min(left);
                    let kept = count.min(keep.saturating_sub(self.frame.len()));
                    self.frame.extend_from_slice(&rest[..kept]);
                    consumed += count;
                    self.state = FrameState::Gathering { left: left - count, keep };
                    if left == count {
                        check_end(rest[count - 1])?;
                        self.state = FrameState::Whole;
                    }
                }
                FrameState::Passing { left } => {
                    let count = rest.len().min(left);
                    output.extend_from_slice(&rest[..count]);
                    consumed += count;
                    self.state =
                        if left == count { FrameState::Head } else { FrameState::Passing { left: left - count } };
                }
                FrameState::Cutting { left } => {
                    let count = rest.len().min(left);
                    consumed += count;
                    self.cut(&rest[..count], left - count, output)?;
                }
            }
        }
    }

    /// The head of a frame is there.
    fn begin(&mut self, output: &mut Vec<u8>) -> io::Result<()> {
        let size = u32::from_be_bytes(self.frame[3..HEAD_BYTES].try_into().expect("a head is gathered"));
        let is_too_large = u64::from(size) + FRAME_OVERHEAD as u64 > u64::from(self.frame_bytes_max);
        // With the octet that ends the frame.
        let left = size as usize + 1;
        self.state = match self.frame[0] {
            // The broker speaks another version, and says which in eight octets: lapin reports it.
            b'A' => self.pass(1, output),
            METHOD if !is_too_large => FrameState::Gathering { left, keep: usize::MAX },
            CONTENT_HEADER if left < CONTENT_BYTES + 3 => {
                return Err(no_frame("the properties of a message are cut off"));
            }
            CONTENT_HEADER if left > FRAME_BYTES_MAX as usize => {
                FrameState::Gathering { left, keep: HEAD_BYTES + CONTENT_BYTES }
            }
            CONTENT_HEADER => FrameState::Gathering { left, keep: usize::MAX },
            BODY if !is_too_large && matches!(self.contents.get(&self.channel()), Some(Content::Cut(_))) => {
                FrameState::Cutting { left }
            }
            BODY | HEARTBEAT if !is_too_large => self.pass(left, output),
            METHOD | BODY | HEARTBEAT => return Err(no_frame("a frame is larger than was agreed upon")),
            _ => return Err(no_frame("it sent a frame of an unknown type")),
        };
        Ok(())
    }

    /// The frame passes as it comes.
    fn pass(&mut self, left: usize, output: &mut Vec<u8>) -> FrameState {
        output.extend_from_slice(&self.frame);
        self.frame.clear();
        FrameState::Passing { left }
    }

    fn channel(&self) -> u16 {
        u16::from_be_bytes([self.frame[1], self.frame[2]])
    }

    /// The frame is whole; false if it must wait until there is room.
    fn finish(&mut self, output: &mut Vec<u8>) -> io::Result<bool> {
        if self.frame[0] == METHOD {
            self.method()?;
        } else if !self.content_header() {
            return Ok(false);
        }
        output.extend_from_slice(&self.frame);
        Ok(true)
    }

    fn method(&mut self) -> io::Result<()> {
        let channel = self.channel();
        let end = self.frame.len() - 1;
        let payload = &mut self.frame[HEAD_BYTES..end];
        mend_method(payload).map_err(|Unreadable| no_frame("it sent a method that cannot be read"))?;
        if payload.starts_with(&DELIVER) {
            let (delivery_tag, routing_key) = delivery(payload).ok_or_else(|| no_frame("a delivery is cut off"))?;
            self.bodies.note_delivery(routing_key);
            self.contents.insert(channel, Content::Announced { delivery_tag });
            if self.contents.len() > CHANNELS_MAX {
                return Err(no_frame("it delivers on more channels than were opened"));
            }
            return Ok(());
        }
        self.contents.remove(&channel);
        if payload.starts_with(&TUNE) {
            self.frame_bytes_max =
                tune(payload, self.frame_bytes_wanted).ok_or_else(|| no_frame("connection.tune is cut off"))?;
        }
        Ok(())
    }

    /// The properties of a message; false if it must wait until there is room.
    fn content_header(&mut self) -> bool {
        const SIZE: std::ops::Range<usize> = HEAD_BYTES + 4..HEAD_BYTES + CONTENT_BYTES;
        let channel = self.channel();
        let size = u64::from_be_bytes(self.frame[SIZE].try_into().expect("its length was looked at"));
        if let Some(Content::Announced { delivery_tag }) = self.contents.get(&channel) {
            let delivery_tag = *delivery_tag;
            let passed = self.bodies.bytes_passed(size);
            if !self.bodies.window.take(passed) {
                return false;
            }
            self.contents.remove(&channel);
            if passed < size {
                self.frame[SIZE].copy_from_slice(&passed.to_be_bytes());
                self.contents.insert(channel, Content::Cut(Box::new(CutBody::new(delivery_tag, size, passed))));
            }
        }
        self.mend_content_header(size);
        true
    }

    /// Mends the properties. If they cannot be read, or no frame that lapin takes may be so large, they are left out but
    /// for the name of a dead letter.
    fn mend_content_header(&mut self, body_bytes: u64) {
        let begin = HEAD_BYTES + CONTENT_BYTES;
        let end = self.frame.len() - 1;
        let mended = if end > begin { mend_properties(&mut self.frame[begin..end]) } else { Err(Unreadable) };
        self.bodies.note_properties(body_bytes, mended.as_ref().ok().copied().flatten());
        let is_readable = mended.is_ok();
        if is_readable && self.frame.len() <= self.frame_bytes_max as usize {
            return;
        }
        let kept = if is_readable { only_header(&self.frame[begin..end], DEAD_LETTER_ID) } else { None };
        tracing::warn!(
            "the properties of a message {}, and are left out ({})",
            if is_readable { "are larger than a frame may be" } else { "cannot be read" },
            self.bodies.last_message().unwrap_or_default()
        );
        self.frame.truncate(begin);
        self.frame.extend_from_slice(kept.as_deref().unwrap_or(&[0, 0]));
        self.frame.push(FRAME_END);
        let size = u32::try_from(self.frame.len() - FRAME_OVERHEAD).expect("a small number");
        self.frame[3..HEAD_BYTES].copy_from_slice(&size.to_be_bytes());
    }

    /// A piece of a body frame of which only the beginning is passed on; `left` octets of the frame follow.
    fn cut(&mut self, piece: &[u8], left: usize, output: &mut Vec<u8>) -> io::Result<()> {
        let channel = self.channel();
        let Some(Content::Cut(body)) = self.contents.get_mut(&channel) else {
            return Err(no_frame("it sent a body that belongs to no message"));
        };
        let payload = if left == 0 { &piece[..piece.len() - 1] } else { piece };
        body.add(payload).ok_or_else(|| no_frame("a body is longer than was announced"))?;
        self.state = FrameState::Cutting { left };
        if left > 0 {
            return Ok(());
        }
        check_end(piece[piece.len() - 1])?;
        self.state = FrameState::Head;
        self.frame.clear();
        if body.left == 0
            && let Some(Content::Cut(body)) = self.contents.remove(&channel)
        {
            // Its size and hash are there before lapin has all of what it will hand over.
            let CutBody { delivery_tag, size, kept, hash, .. } = *body;
            // Of a body that is left out nothing is kept.
            if !kept.is_empty() {
                self.bodies.record_cut(channel, delivery_tag, size, hash.finish().as_ref());
            }
            for payload in kept.chunks(self.frame_bytes_max as usize - FRAME_OVERHEAD) {
                let size = u32::try_from(payload.len()).expect("what is kept is small");
                output.push(BODY);
                output.extend_from_slice(&channel.to_be_bytes());
                output.extend_from_slice(&size.to_be_bytes());
                output.extend_from_slice(payload);
                output.push(FRAME_END);
            }
        }
        Ok(())
    }
}

impl CutBody {
    fn new(delivery_tag: u64, size: u64, passed: u64) -> Self {
        let kept = Vec::with_capacity(usize::try_from(passed).expect("what is kept is small"));
        let hash = ring::digest::Context::new(&ring::digest::SHA256);
        Self { delivery_tag, size, left: size, passed, kept, hash }
    }

    fn add(&mut self, payload: &[u8]) -> Option<()> {
        self.left = self.left.checked_sub(payload.len() as u64)?;
        if self.passed > 0 {
            self.hash.update(payload);
        }
        let room = usize::try_from(self.passed).expect("what is kept is small") - self.kept.len();
        self.kept.extend_from_slice(&payload[..payload.len().min(room)]);
        Some(())
    }
}

/// Number and routing key of a `basic.deliver` that has been mended: consumer tag, number, flag, exchange, key.
fn delivery(payload: &[u8]) -> Option<(u64, &str)> {
    let rest = &payload[DELIVER.len()..];
    let (_, rest) = short_string(rest)?;
    let (delivery_tag, rest) = rest.split_first_chunk()?;
    let (_, rest) = short_string(rest.get(1..)?)?;
    let (routing_key, _) = short_string(rest)?;
    Some((u64::from_be_bytes(*delivery_tag), std::str::from_utf8(routing_key).ok()?))
}

fn short_string(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// Puts a frame size into `connection.tune` that both sides can have; returns it. `wanted` is 0 if any will do.
fn tune(payload: &mut [u8], wanted: u32) -> Option<u32> {
    // Behind the number of channels.
    let field = payload.get_mut(TUNE.len() + 2..)?.first_chunk_mut()?;
    let no_limit_is_ours = |bytes| if bytes == 0 { FRAME_BYTES_MAX } else { bytes };
    let agreed = no_limit_is_ours(u32::from_be_bytes(*field)).min(no_limit_is_ours(wanted)).min(FRAME_BYTES_MAX);
    *field = agreed.to_be_bytes();
    // No peer may want less (AMQP 0-9-1 §4.2.3), and lapin never agrees to less.
    Some(agreed.max(FRAME_BYTES_MIN))
}

fn check_end(octet: u8) -> io::Result<()> {
    if octet == FRAME_END { Ok(()) } else { Err(no_frame("a frame does not end where it should")) }
}

fn no_frame(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the broker does not keep to AMQP 0-9-1: {problem}"))
}

#[cfg(test)]
mod tests;
