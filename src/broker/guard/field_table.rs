//! Fields of AMQP frames, made safe for lapin's parser before it sees them.
//!
//! lapin parses a table inside a table by calling itself, on the 2 MiB stack of its own I/O thread: 2,500 tables inside
//! each other (15 kB of headers) overflow it, which ends the process, and no handler of panics can prevent that. And it
//! refuses a whole connection for one short string that is not UTF-8, which RabbitMQ lets every publisher send. So both
//! are mended in place, without changing any length:
//!
//! - a table or array deeper than [`DEPTH_MAX`] gets the type of a byte array (`x`), which has the same layout;
//! - octets of a short string that are not UTF-8 become `?`.
//!
//! Whatever is not readable even then is reported. The walk uses no recursion and no memory but a few words a level.

/// Tables and arrays inside each other, the outermost counted.
pub(in crate::broker) const DEPTH_MAX: usize = 16;

/// The octets do not follow the grammar (AMQP 0-9-1 §4.2.5), so lapin would refuse them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) struct Unreadable;

/// One field of a method or of the properties of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    /// Flags too: none of the methods has more than eight.
    Octet,
    Short,
    Long,
    LongLong,
    ShortString,
    LongString,
    Table,
}

/// The properties of a message, in the order of their flags from the highest bit down (AMQP 0-9-1 §1.8).
const PROPERTIES: [Field; 14] = {
    use Field::{LongLong, Octet, ShortString, Table};
    [
        ShortString, // content-type
        ShortString, // content-encoding
        Table,       // headers
        Octet,       // delivery-mode
        Octet,       // priority
        ShortString, // correlation-id
        ShortString, // reply-to
        ShortString, // expiration
        ShortString, // message-id
        LongLong,    // timestamp
        ShortString, // type
        ShortString, // user-id
        ShortString, // app-id
        ShortString, // cluster-id
    ]
};

/// Place of the headers among the properties.
const HEADERS: usize = 2;
/// Place of the message id among the properties.
const MESSAGE_ID: usize = 8;

/// The methods that hold a table or a name that a publisher chose, by class and number. Those that only a client sends
/// are here too: lapin would parse them from a broker.
const METHODS: [((u16, u16), &[Field]); 15] = {
    use Field::{Long, LongLong, LongString, Octet, Short, ShortString, Table};
    [
        ((10, 10), &[Octet, Octet, Table, LongString, LongString]), // connection.start
        ((10, 11), &[Table, ShortString, LongString, ShortString]), // connection.start-ok
        ((10, 50), &[Short, ShortString, Short, Short]),            // connection.close
        ((20, 40), &[Short, ShortString, Short, Short]),            // channel.close
        ((40, 10), &[Short, ShortString, ShortString, Octet, Table]), // exchange.declare
        ((40, 30), &[Short, ShortString, ShortString, ShortString, Octet, Table]), // exchange.bind
        ((40, 40), &[Short, ShortString, ShortString, ShortString, Octet, Table]), // exchange.unbind
        ((50, 10), &[Short, ShortString, Octet, Table]),            // queue.declare
        ((50, 20), &[Short, ShortString, ShortString, ShortString, Octet, Table]), // queue.bind
        ((50, 50), &[Short, ShortString, ShortString, ShortString, Table]), // queue.unbind
        ((60, 20), &[Short, ShortString, ShortString, Octet, Table]), // basic.consume
        ((60, 50), &[Short, ShortString, ShortString, ShortString]), // basic.return
        ((60, 60), &[ShortString, LongLong, Octet, ShortString, ShortString]), // basic.deliver
        ((60, 71), &[LongLong, Octet, ShortString, ShortString, Long]), // basic.get-ok
        ((60, 30), &[ShortString, Octet]),                          // basic.cancel
    ]
};

/// Mends the payload of a method frame.
pub(in crate::broker) fn mend_method(payload: &mut [u8]) -> Result<(), Unreadable> {
    let mut fields = Fields { octets: payload, at: 0 };
    let name = (fields.short()?, fields.short()?);
    let Some((_, grammar)) = METHODS.iter().find(|(known, _)| *known == name) else {
        // No table, and no name from outside.
        return Ok(());
    };
    for field in *grammar {
        fields.field(*field)?;
    }
    fields.end()
}

/// Mends the properties of a message: their flags and what follows, to the end of the frame. Returns its message id.
pub(in crate::broker) fn mend_properties(octets: &mut [u8]) -> Result<Option<&str>, Unreadable> {
    let mut fields = Fields { octets: &mut *octets, at: 0 };
    let flags = fields.short()?;
    let mut message_id = None;
    for (place, field) in PROPERTIES.iter().enumerate() {
        if flags & flag(place) != 0 {
            let begin = fields.at;
            fields.field(*field)?;
            if place == MESSAGE_ID {
                message_id = Some(begin + 1..fields.at);
            }
        }
    }
    fields.end()?;
    let octets: &[u8] = octets;
    Ok(message_id.and_then(|range| std::str::from_utf8(&octets[range]).ok()))
}

/// Properties, mended before, that hold nothing but one header, if it is there and a short text.
pub(in crate::broker) fn only_header(properties: &[u8], name: &str) -> Option<Vec<u8>> {
    /// Far more than the identifiers that are looked for.
    const TEXT_BYTES_MAX: usize = 255;
    let mut octets = properties.to_vec();
    let mut fields = Fields { octets: &mut octets, at: 0 };
    let flags = fields.short().ok()?;
    for (place, field) in PROPERTIES.iter().enumerate() {
        if flags & flag(place) == 0 {
            continue;
        }
        if place == HEADERS {
            let entry = fields.entry(name, TEXT_BYTES_MAX)?;
            let length = u32::try_from(entry.len()).ok()?;
            return Some([&flag(HEADERS).to_be_bytes()[..], &length.to_be_bytes(), entry].concat());
        }
        fields.field(*field).ok()?;
    }
    None
}

/// The flag of a property, by its place.
const fn flag(place: usize) -> u16 {
    1 << (15 - place)
}

/// Octets, read from the first on.
struct Fields<'a> {
    octets: &'a mut [u8],
    at: usize,
}

/// A table or array that has been entered.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Behind its last octet.
    end: usize,
    /// Whether each value has a name before it.
    is_table: bool,
}

impl Fields<'_> {
    fn field(&mut self, field: Field) -> Result<(), Unreadable> {
        match field {
            Field::Octet => self.skip(1),
            Field::Short => self.skip(2),
            Field::Long => self.skip(4),
            Field::LongLong => self.skip(8),
            Field::ShortString => self.short_string(),
            Field::LongString => self.long_string(),
            Field::Table => self.table(),
        }
    }

    /// All octets have been read.
    fn end(&self) -> Result<(), Unreadable> {
        if self.at == self.octets.len() { Ok(()) } else { Err(Unreadable) }
    }

    fn skip(&mut self, count: usize) -> Result<(), Unreadable> {
        let at = self.at.checked_add(count).ok_or(Unreadable)?;
        if at > self.octets.len() {
            return Err(Unreadable);
        }
        self.at = at;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let begin = self.at;
        self.skip(N)?;
        self.octets[begin..self.at].try_into().map_err(|_| Unreadable)
    }

    fn octet(&mut self) -> Result<u8, Unreadable> {
        self.array().map(|[octet]| octet)
    }

    fn short(&mut self) -> Result<u16, Unreadable> {
        self.array().map(u16::from_be_bytes)
    }

    fn length(&mut self) -> Result<usize, Unreadable> {
        usize::try_from(self.array().map(u32::from_be_bytes)?).map_err(|_| Unreadable)
    }

    fn short_string(&mut self) -> Result<(), Unreadable> {
        let length = self.octet()?;
        let begin = self.at;
        self.skip(length.into())?;
        make_utf8(&mut self.octets[begin..self.at]);
        Ok(())
    }

    /// A byte array has the same layout.
    fn long_string(&mut self) -> Result<(), Unreadable> {
        let length = self.length()?;
        self.skip(length)
    }

    /// Enters a table or array, which ends within what surrounds it.
    fn enter(&mut self, is_table: bool, surrounding_end: usize) -> Result<Level, Unreadable> {
        let length = self.length()?;
        let end = self.at.checked_add(length).filter(|end| *end <= surrounding_end).ok_or(Unreadable)?;
        Ok(Level { end, is_table })
    }

    /// The octets of an entry in the table that comes now: name, type and value, if it is a text of this name.
    fn entry(&mut self, wanted: &str, text_bytes_max: usize) -> Option<&[u8]> {
        let Level { end, .. } = self.enter(true, self.octets.len()).ok()?;
        while self.at < end {
            let begin = self.at;
            self.short_string().ok()?;
            let is_wanted = self.octets[begin + 1..self.at] == *wanted.as_bytes();
            let kind = self.octet().ok()?;
            self.value(kind).ok()?;
            if is_wanted && kind == b'S' && self.at - begin <= wanted.len() + text_bytes_max {
                return Some(&self.octets[begin..self.at]);
            }
        }
        None
    }

    /// Skips a value of a type; what is nested is skipped whole.
    fn value(&mut self, kind: u8) -> Result<(), Unreadable> {
        match kind {
            b'V' => Ok(()),
            b't' | b'b' | b'B' => self.skip(1),
            // RabbitMQ's 's' is a short integer, not a short string.
            b's' | b'U' | b'u' => self.skip(2),
            b'I' | b'i' | b'f' => self.skip(4),
            b'D' => self.skip(5),
            b'L' | b'l' | b'd' | b'T' => self.skip(8),
            b'S' | b'x' | b'F' | b'A' => self.long_string(),
            _ => Err(Unreadable),
        }
    }

    fn table(&mut self) -> Result<(), Unreadable> {
        let mut levels = [Level::default(); DEPTH_MAX];
        levels[0] = self.enter(true, self.octets.len())?;
        let mut depth = 1_usize;
        while let Some(Level { end, is_table }) = depth.checked_sub(1).map(|innermost| levels[innermost]) {
            if self.at == end {
                depth -= 1;
                continue;
            }
            if is_table {
                self.short_string()?;
            }
            let kind_at = self.at;
            match self.octet()? {
                kind @ (b'F' | b'A') if depth < DEPTH_MAX => {
                    levels[depth] = self.enter(kind == b'F', end)?;
                    depth += 1;
                }
                kind => {
                    if matches!(kind, b'F' | b'A') {
                        self.octets[kind_at] = b'x';
                    }
                    self.value(kind)?;
                }
            }
            if self.at > end {
                return Err(Unreadable);
            }
        }
        Ok(())
    }
}

/// Replaces what is not UTF-8; the length stays.
fn make_utf8(octets: &mut [u8]) {
    let mut good = 0;
    while let Err(error) = std::str::from_utf8(&octets[good..]) {
        let begin = good + error.valid_up_to();
        good = error.error_len().map_or(octets.len(), |length| begin + length);
        octets[begin..good].fill(b'?');
    }
}

#[cfg(test)]
pub(in crate::broker) mod tests;
