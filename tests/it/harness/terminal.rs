//! A terminal with a person at it: what a command asks can be read, and answered.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// The person's side of a terminal.
pub(crate) struct Terminal {
    person: File,
    /// The program's side, until it is given to a program.
    program: File,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the system has pseudo terminals");
        grantpt(&person).expect("it is ours");
        unlockpt(&person).expect("it is ours");
        let name = ptsname(&person, Vec::new()).expect("it has a name");
        let program = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("it is unlocked");
        Self { person: person.into(), program: program.into() }
    }

    /// One of so many columns.
    pub(crate) fn wide(columns: u16) -> Self {
        let terminal = Self::new();
        let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal.person, size).expect("a terminal has a size");
        terminal
    }

    /// The terminal as a program's input, output or errors.
    pub(crate) fn as_stdio(&self) -> Stdio {
        self.program.try_clone().expect("a file can be shared").into()
    }

    /// Types; the program may not have asked yet.
    pub(crate) fn types(&mut self, keys: &str) {
        self.person.write_all(keys.as_bytes()).expect("the terminal is there");
    }

    /// Everything that was written to it and typed, after every program has ended.
    pub(crate) fn seen(self) -> String {
        let Self { mut person, program } = self;
        drop(program);
        let (mut seen, mut part) = (Vec::new(), [0; 1024]);
        // Where the other side has gone, reading fails (Linux: EIO) or ends.
        while let Ok(count @ 1..) = person.read(&mut part) {
            seen.extend_from_slice(&part[..count]);
        }
        String::from_utf8(seen).expect("UTF-8")
    }
}
