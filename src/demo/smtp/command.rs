//! A command line of SMTP: bytes in, a [`SmtpCommand`] or the reply that refuses it out.
//!
//! Grammar of [RFC 5321 §4.1.1], with the parameters of SIZE ([RFC 1870]), 8BITMIME ([RFC 6152]), SMTPUTF8
//! ([RFC 6531]) and DSN ([RFC 3461]). Pure.
//!
//! [RFC 5321 §4.1.1]: https://www.rfc-editor.org/rfc/rfc5321#section-4.1.1
//! [RFC 1870]: https://www.rfc-editor.org/rfc/rfc1870
//! [RFC 6152]: https://www.rfc-editor.org/rfc/rfc6152
//! [RFC 6531]: https://www.rfc-editor.org/rfc/rfc6531
//! [RFC 3461]: https://www.rfc-editor.org/rfc/rfc3461

use lettre::Address;

use super::SmtpReply;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SmtpCommand {
    Ehlo,
    Helo,
    Mail {
        sender: String,
        /// As they stand in the line.
        parameters: String,
        bytes: Option<u64>,
        utf8: bool,
    },
    Rcpt {
        recipient: String,
    },
    Data,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
    /// A verb of HTTP: a web page may have sent it here, and what follows is not SMTP.
    Http,
}

impl SmtpCommand {
    /// Reads one command line, without its CRLF.
    pub(super) fn parse(line: &[u8]) -> Result<Self, SmtpReply> {
        let line = std::str::from_utf8(line).map_err(|_| SmtpReply::from("500 5.5.2 the command is not UTF-8"))?;
        if line.chars().any(char::is_control) {
            return Err(SmtpReply::from("500 5.5.2 control characters in a command; lines end in CRLF"));
        }
        let line = line.trim_end_matches(' ');
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => client_name(rest).map(|()| Self::Ehlo),
            "HELO" => client_name(rest).map(|()| Self::Helo),
            "MAIL" => mail(rest),
            "RCPT" => rcpt(rest),
            "DATA" => no_argument(rest, Self::Data),
            "RSET" => no_argument(rest, Self::Rset),
            "QUIT" => no_argument(rest, Self::Quit),
            "NOOP" => Ok(Self::Noop),
            "VRFY" if rest.is_empty() => Err(SmtpReply::from("501 5.5.4 VRFY needs a name")),
            "VRFY" => Ok(Self::Vrfy),
            "HELP" => Ok(Self::Help),
            // As Postfix's smtpd_forbidden_commands: `POST` in the body of a form to this port could hold a whole
            // transaction.
            "CONNECT" | "GET" | "POST" | "PUT" | "HEAD" | "DELETE" | "OPTIONS" | "PATCH" | "TRACE" => Ok(Self::Http),
            "EXPN" | "AUTH" | "STARTTLS" | "BDAT" | "ETRN" | "TURN" => {
                Err(SmtpReply::from("502 5.5.1 that command is not offered"))
            }
            _ => Err(SmtpReply::from("500 5.5.2 unknown command")),
        }
    }
}

fn client_name(name: &str) -> Result<(), SmtpReply> {
    if name.is_empty() || name.contains(' ') {
        return Err(SmtpReply::from("501 5.5.4 EHLO and HELO need one name"));
    }
    Ok(())
}

fn no_argument(rest: &str, command: SmtpCommand) -> Result<SmtpCommand, SmtpReply> {
    if rest.is_empty() { Ok(command) } else { Err(SmtpReply::from("501 5.5.4 this command takes no argument")) }
}

fn mail(rest: &str) -> Result<SmtpCommand, SmtpReply> {
    let (path, parameters) = path_after(rest, "FROM:")?;
    let (mut bytes, mut utf8) = (None, false);
    for (key, value) in keys_and_values(parameters) {
        match (key.as_str(), value) {
            ("SIZE", Some(digits)) => {
                let count = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
                bytes = Some(count.ok_or_else(|| bad_value("SIZE"))?);
            }
            ("BODY", Some(body)) if matches!(body.to_ascii_uppercase().as_str(), "7BIT" | "8BITMIME") => {}
            ("RET", Some(part)) if matches!(part.to_ascii_uppercase().as_str(), "FULL" | "HDRS") => {}
            ("ENVID", Some(id)) if is_xtext(id) => {}
            ("SMTPUTF8", None) => utf8 = true,
            ("SIZE" | "BODY" | "RET" | "ENVID" | "SMTPUTF8", _) => return Err(bad_value(&key)),
            _ => return Err(SmtpReply::from("555 5.5.4 unknown parameter of MAIL")),
        }
    }
    // RFC 5321 §4.5.5: the null reverse-path of notifications.
    let sender = if path.is_empty() { String::new() } else { mailbox(path, utf8)? };
    Ok(SmtpCommand::Mail { sender, parameters: parameters.to_owned(), bytes, utf8 })
}

fn rcpt(rest: &str) -> Result<SmtpCommand, SmtpReply> {
    let (path, parameters) = path_after(rest, "TO:")?;
    for (key, value) in keys_and_values(parameters) {
        match (key.as_str(), value) {
            ("NOTIFY", Some(notify)) if is_notify(notify) => {}
            ("ORCPT", Some(original)) if original.split_once(';').is_some_and(|(_, address)| is_xtext(address)) => {}
            ("NOTIFY" | "ORCPT", _) => return Err(bad_value(&key)),
            _ => return Err(SmtpReply::from("555 5.5.4 unknown parameter of RCPT")),
        }
    }
    // RFC 5321 §4.1.1.3: the one address that needs no domain.
    if path.eq_ignore_ascii_case("postmaster") {
        return Ok(SmtpCommand::Rcpt { recipient: path.to_owned() });
    }
    // Whether SMTPUTF8 was asked for is known by the conversation, not by this line.
    mailbox(path, true).map(|recipient| SmtpCommand::Rcpt { recipient })
}

fn bad_value(key: &str) -> SmtpReply {
    SmtpReply::from(format!("501 5.5.4 bad value of {key}"))
}

/// `FROM:<path> KEY=value …`: path and parameters. A `>` inside a quoted local part does not end the path.
fn path_after<'a>(rest: &'a str, keyword: &str) -> Result<(&'a str, &'a str), SmtpReply> {
    let syntax = || SmtpReply::from(format!("501 5.5.4 expected {keyword}<address>"));
    let written = rest.get(..keyword.len()).ok_or_else(syntax)?;
    if !written.eq_ignore_ascii_case(keyword) {
        return Err(syntax());
    }
    let inner = rest[keyword.len()..].trim_start_matches(' ').strip_prefix('<').ok_or_else(syntax)?;
    let end = path_end(inner).ok_or_else(syntax)?;
    let (path, after) = (&inner[..end], &inner[end + 1..]);
    if !after.is_empty() && !after.starts_with(' ') {
        return Err(syntax());
    }
    Ok((without_route(path), after.trim()))
}

/// Keys in upper case.
fn keys_and_values(parameters: &str) -> impl Iterator<Item = (String, Option<&str>)> {
    parameters.split(' ').filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
        Some((key, value)) => (key.to_ascii_uppercase(), Some(value)),
        None => (word.to_ascii_uppercase(), None),
    })
}

fn path_end(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// A source route is accepted and ignored (RFC 5321 appendix C).
fn without_route(path: &str) -> &str {
    if path.starts_with('@') { path.split_once(':').map_or(path, |(_, mailbox)| mailbox) } else { path }
}

fn mailbox(path: &str, utf8: bool) -> Result<String, SmtpReply> {
    if !utf8 && !path.is_ascii() {
        return Err(not_ascii());
    }
    path.parse::<Address>()
        .map(|_| path.to_owned())
        .map_err(|_| SmtpReply::from("553 5.1.3 that is not a mail address"))
}

/// RFC 6531 §3.5: an address outside ASCII without SMTPUTF8 in MAIL.
pub(super) fn not_ascii() -> SmtpReply {
    SmtpReply::from("553 5.6.7 an address outside ASCII needs SMTPUTF8 in MAIL")
}

/// RFC 3461 §4.
fn is_xtext(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fine = match byte {
            b'+' => [bytes.next(), bytes.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_digit() || (b'A'..=b'F').contains(&digit))),
            b'!'..=b'~' => byte != b'=',
            // RFC 6533 §3: utf-8-addr-unitext.
            _ => byte >= 0x80,
        };
        if !fine {
            return false;
        }
    }
    !text.is_empty()
}

/// RFC 3461 §4.1: `NEVER` alone, or a list of the others.
fn is_notify(text: &str) -> bool {
    text.eq_ignore_ascii_case("NEVER")
        || text.split(',').all(|word| matches!(word.to_ascii_uppercase().as_str(), "SUCCESS" | "FAILURE" | "DELAY"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(line: &str) -> u16 {
        SmtpCommand::parse(line.as_bytes()).map_or_else(|reply| reply[..3].parse().expect("a code"), |_| 0)
    }

    #[test]
    fn commands_are_read_or_refused_with_the_right_code() {
        // 0: read.
        let cases = [
            ("EHLO client.example", 0),
            ("ehlo [127.0.0.1]", 0),
            ("EHLO", 501),
            ("HELO a b", 501),
            ("MAIL FROM:<a@b.example>", 0),
            ("mail from: <a@b.example> size=10 body=8bitmime", 0),
            ("MAIL FROM:<>", 0),
            ("MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ314159", 0),
            ("MAIL FROM:<a@b.example> SIZE=ten", 501),
            ("MAIL FROM:<a@b.example> SIZE", 501),
            ("MAIL FROM:<a@b.example> SIZE=99999999999999999999", 501),
            ("MAIL FROM:<a@b.example> BODY=BINARYMIME", 501),
            ("MAIL FROM:<a@b.example> HOLDFOR=10", 555),
            ("MAIL FROM:<a@b.example>SIZE=1", 501),
            ("MAIL FROM:a@b.example", 501),
            ("MAIL <a@b.example>", 501),
            ("MAIL FROM:<büro@b.example>", 553),
            ("MAIL FROM:<büro@b.example> SMTPUTF8", 0),
            ("RCPT TO:<a@b.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb@b.example", 0),
            ("RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY", 501),
            ("RCPT TO:<a@b.example> ORCPT=a@b.example", 501),
            ("RCPT TO:<Postmaster>", 0),
            ("RCPT TO:<@relay.example:a@b.example>", 0),
            ("RCPT TO:<\"a>b\"@b.example>", 0),
            ("RCPT TO:<>", 553),
            ("RCPT TO:<no at sign>", 553),
            ("RCPT TO:<a@b.example", 501),
            ("DATA", 0),
            ("DATA now", 501),
            ("VRFY", 501),
            ("VRFY a", 0),
            ("NOOP whatever", 0),
            ("AUTH PLAIN", 502),
            ("STARTTLS", 502),
            ("GET / HTTP/1.1", 0),
            ("", 500),
            ("NOOP\nQUIT", 500),
        ];
        for (line, expected) in cases {
            assert_eq!(code(line), expected, "{line:?}");
        }
        assert!(SmtpCommand::parse(b"NOOP \xff").expect_err("not UTF-8").starts_with("500"));
    }

    #[test]
    fn a_source_route_is_ignored() {
        let routed = SmtpCommand::parse(b"RCPT TO:<@one.example,@two.example:a@b.example>");
        assert_eq!(routed, Ok(SmtpCommand::Rcpt { recipient: "a@b.example".to_owned() }));
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = SmtpCommand::parse(&line);
        }

        #[test]
        fn any_path_is_read_or_refused(rest in "(FROM:|TO:)?[<>@\" \\\\a-zé.=]{0,30}") {
            let _ = SmtpCommand::parse(format!("MAIL {rest}").as_bytes());
            let _ = SmtpCommand::parse(format!("RCPT {rest}").as_bytes());
        }
    }
}
