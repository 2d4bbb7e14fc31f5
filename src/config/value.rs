//! What a value must look like, and what it means. Pure; no text here repeats a value that may be a secret.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

use super::fault::Wrong;
use super::source::Raw;

/// Text; from a variable or in quotes.
pub(super) fn text(raw: &Raw) -> Result<String, Wrong> {
    match raw {
        Raw::Text(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Raw::Text(_) => Err(Wrong::new("is empty", "write a value, or leave the key out for its default")),
        other => {
            Err(Wrong::new(format!("is {}, not text", other.kind()), "write the value in quotes: key = \"value\""))
        }
    }
}

/// Text that is never shown.
pub(super) fn secret(raw: &Raw) -> Result<SecretString, Wrong> {
    text(raw).map(SecretString::from)
}

/// A path; relative to the working directory.
pub(super) fn path(raw: &Raw) -> Result<PathBuf, Wrong> {
    text(raw).map(PathBuf::from)
}

/// A whole number of `min` to `max`.
pub(super) fn whole<N: TryFrom<i64>>(min: i64, max: i64) -> impl Fn(&Raw) -> Result<N, Wrong> {
    move |raw| {
        let number = match raw {
            Raw::Integer(number) => Some(*number),
            Raw::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| (min..=max).contains(number))
            .and_then(|number| N::try_from(number).ok())
            .ok_or_else(|| Wrong::new("is not a whole number in range", format!("write a number from {min} to {max}")))
    }
}

/// A rate above zero, per second.
pub(super) fn rate(raw: &Raw) -> Result<f64, Wrong> {
    let number = match raw {
        Raw::Float(number) => Some(*number),
        Raw::Integer(number) => i32::try_from(*number).ok().map(f64::from),
        Raw::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .filter(|rate: &f64| (0.001..=100_000.0).contains(rate))
        .ok_or_else(|| Wrong::new("is not a rate", "write messages per second, from 0.001 to 100000: 20 or 0.5"))
}

/// `true` or `false`.
pub(super) fn switch(raw: &Raw) -> Result<bool, Wrong> {
    match raw {
        Raw::Switch(switch) => Some(*switch),
        Raw::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
    .ok_or_else(|| Wrong::new("is neither true nor false", "write true or false"))
}

/// A time of `min` to `max`: numbers and their units, as `30s` or `1h 30m`.
pub(super) fn duration(min: Duration, max: Duration) -> impl Fn(&Raw) -> Result<Duration, Wrong> {
    move |raw| {
        let Raw::Text(text) = raw else {
            return Err(Wrong::new(format!("is {}, not a time", raw.kind()), TIME_REMEDY));
        };
        let time =
            humantime::parse_duration(text).map_err(|_| Wrong::new(format!("is {text:?}, not a time"), TIME_REMEDY))?;
        if (min..=max).contains(&time) {
            Ok(time)
        } else {
            let bounds = format!("choose from {} to {}", show_duration(min), show_duration(max));
            Err(Wrong::new(format!("is {text:?}, out of bounds"), bounds))
        }
    }
}

const TIME_REMEDY: &str = "write a number with its unit, as \"500ms\", \"30s\", \"2m\", \"4h\" or \"90d\"";

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The time in its largest whole unit, as it would be written.
pub(crate) fn show_duration(time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (name, unit_ms) =
        UNITS.iter().rev().find(|(_, unit_ms)| ms >= *unit_ms && ms.is_multiple_of(*unit_ms)).unwrap_or(&UNITS[0]);
    format!("{}{name}", ms / unit_ms)
}

/// A size in bytes of `min` to `max`: a number, or one with a binary unit, as `20MiB`.
pub(super) fn size(min: u64, max: u64) -> impl Fn(&Raw) -> Result<u64, Wrong> {
    move |raw| {
        let bytes = match raw {
            Raw::Integer(bytes) => u64::try_from(*bytes).ok(),
            Raw::Text(text) => parse_size(text.trim()),
            _ => None,
        };
        bytes.filter(|bytes| (min..=max).contains(bytes)).ok_or_else(|| {
            let remedy =
                format!("write bytes as a number or as \"20MiB\", from {} to {}", show_size(min), show_size(max));
            Wrong::new("is not a size in range", remedy)
        })
    }
}

const SIZES: [(&str, u64); 4] = [("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let (_, factor) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

pub(super) fn show_size(bytes: u64) -> String {
    let (name, factor) =
        SIZES.iter().rev().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor)).unwrap_or(&SIZES[0]);
    format!("{}{name}", bytes / factor)
}

/// One of some words.
pub(super) fn choice<T: Copy>(choices: &'static [(&'static str, T)]) -> impl Fn(&Raw) -> Result<T, Wrong> {
    move |raw| {
        let written = text(raw)?;
        choices.iter().find(|(word, _)| *word == written).map(|(_, value)| *value).ok_or_else(|| {
            let choices: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            Wrong::new(format!("is {written:?}"), format!("choose one of: {}", choices.join(", ")))
        })
    }
}

/// A list; in a variable or one text separated by commas.
pub(super) fn list<T>(item: impl Fn(&Raw) -> Result<T, Wrong>) -> impl Fn(&Raw) -> Result<Vec<T>, Wrong> {
    move |raw| match raw {
        Raw::List(items) => items.iter().map(&item).collect(),
        Raw::Text(text) => text
            .split(',')
            .filter(|part| !part.trim().is_empty())
            .map(|part| item(&Raw::Text(part.trim().to_owned())))
            .collect(),
        other => Err(Wrong::new(format!("is {}, not a list", other.kind()), "write [\"one\", \"two\"]")),
    }
}

/// Where to listen: an IP address and a port.
pub(super) fn listen(raw: &Raw) -> Result<SocketAddr, Wrong> {
    let written = text(raw)?;
    written.parse().map_err(|_| {
        Wrong::new(format!("is {written:?}, not an IP address with a port"), "write it as 127.0.0.1:8080 or [::1]:8080")
    })
}

/// A network, or a single address.
pub(super) fn network(raw: &Raw) -> Result<IpNet, Wrong> {
    let written = text(raw)?;
    written.parse().or_else(|_| written.parse().map(|address: std::net::IpAddr| address.into())).map_err(|_| {
        Wrong::new(format!("holds {written:?}, not a network"), "write networks as 10.0.0.0/8 or fd00::/8")
    })
}

/// A host name or IP address without scheme and port.
pub(super) fn host(raw: &Raw) -> Result<String, Wrong> {
    let written = text(raw)?.to_ascii_lowercase();
    let is_host = written.len() <= 253
        && (written.parse::<std::net::IpAddr>().is_ok()
            || written.split('.').all(|label| {
                !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            }));
    if is_host {
        Ok(written)
    } else {
        Err(Wrong::new(format!("holds {written:?}, not a host name"), "write names without scheme and port"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(text: &str) -> Raw {
        Raw::Text(text.to_owned())
    }

    #[test]
    fn a_time_is_numbers_and_their_units() {
        let parse = duration(Duration::ZERO, Duration::from_hours(24 * 400));
        for (written, seconds) in [
            ("30s", 30),
            ("2m", 120),
            ("4h", 14_400),
            ("90d", 7_776_000),
            ("1000ms", 1),
            ("5 m", 300),
            ("2m30s", 150),
            ("2m 30s", 150),
            ("1.5h", 5_400),
            ("1w", 604_800),
        ] {
            assert_eq!(parse(&text_of(written)), Ok(Duration::from_secs(seconds)), "{written}");
        }
        for written in ["", "30", "s", "-1s", "1x", "m30s", "99999999999999999999s", "500d"] {
            assert!(parse(&text_of(written)).is_err(), "{written}");
        }
        assert!(parse(&Raw::Integer(30)).is_err(), "a bare number has no unit");
    }

    #[test]
    fn a_time_is_shown_as_it_would_be_written() {
        for written in ["500ms", "90s", "2m", "4h", "90d", "0ms"] {
            assert_eq!(show_duration(humantime::parse_duration(written).expect("a time")), written);
        }
    }

    #[test]
    fn a_size_is_bytes_or_has_a_binary_unit() {
        let parse = size(1, 1 << 40);
        assert_eq!(parse(&text_of("20MiB")), Ok(20 << 20));
        assert_eq!(parse(&text_of("20971520")), Ok(20 << 20));
        assert_eq!(parse(&Raw::Integer(512)), Ok(512));
        for written in ["", "MiB", "20MB", "0", "99999999999GiB", "-1"] {
            assert!(parse(&text_of(written)).is_err(), "{written}");
        }
        assert_eq!(show_size(20 << 20), "20MiB");
    }

    #[test]
    fn a_list_is_a_list_or_commas() {
        let parse = list(network);
        let expected = vec!["10.0.0.0/8".parse().expect("a network"), "192.0.2.1/32".parse().expect("a network")];
        assert_eq!(parse(&text_of("10.0.0.0/8, 192.0.2.1,")), Ok(expected.clone()));
        assert_eq!(parse(&Raw::List(vec![text_of("10.0.0.0/8"), text_of("192.0.2.1")])), Ok(expected));
        assert!(parse(&text_of("proxy.example")).is_err());
    }

    #[test]
    fn a_host_stands_without_scheme_and_port() {
        assert_eq!(host(&text_of("Console.Example")), Ok("console.example".to_owned()));
        assert_eq!(host(&text_of("::1")), Ok("::1".to_owned()));
        for written in ["https://console.example", "console.example:8080", "a b", "..", "*"] {
            assert!(host(&text_of(written)).is_err(), "{written}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_time_that_is_shown_reads_back(ms in 0_u64..4_000_000_000_000) {
            let time = Duration::from_millis(ms);
            proptest::prop_assert_eq!(humantime::parse_duration(&show_duration(time)), Ok(time));
        }
    }
}
