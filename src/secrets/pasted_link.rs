//! The token in a link that a person has copied from an email.

/// Characters of a token: 32 bytes in base64url.
const TOKEN_CHARS: usize = 43;

/// What stands before the token in every link.
const BEFORE_TOKEN: &str = "/i/";

/// The token of a pasted link, or of a pasted token: with what mail programs put around links, and signs of the sentence
/// that it stood in. None if no token is in it.
#[must_use]
pub fn pasted_token(pasted: &str) -> Option<&str> {
    let rest = pasted.rfind(BEFORE_TOKEN).map_or(pasted, |at| &pasted[at + BEFORE_TOKEN.len()..]);
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '<' | '"' | '\'' | '('));
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))).unwrap_or(rest.len());
    let (token, behind) = rest.split_at(end);
    // A longer path is another address, and half a token is none.
    (token.len() == TOKEN_CHARS && !behind.starts_with('/')).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "Zm9yLXRlc3RzLW9ubHktbm8tdG9rZW4tb2YtYW55b_-";

    #[test]
    fn a_token_is_found_in_whatever_was_pasted() {
        assert_eq!(TOKEN.len(), TOKEN_CHARS);
        for pasted in [
            TOKEN.to_owned(),
            format!("  {TOKEN}\n"),
            format!("https://portal.example/i/{TOKEN}"),
            format!("http://127.0.0.1:8081/base/i/{TOKEN}."),
            format!("<https://portal.example/i/{TOKEN}>"),
            format!("(see https://portal.example/i/{TOKEN})"),
            format!("https://portal.example/i/{TOKEN}?lang=de#top"),
            format!("Rechnung: https://portal.example/i/{TOKEN}, danke"),
        ] {
            assert_eq!(pasted_token(&pasted), Some(TOKEN), "{pasted}");
        }
    }

    #[test]
    fn what_is_no_token_is_not_taken_for_one() {
        for pasted in [
            "",
            "https://portal.example/",
            "https://portal.example/i/",
            &TOKEN[..42],
            &format!("{TOKEN}x"),
            &format!("https://portal.example/i/{TOKEN}/more"),
            &format!("ä{TOKEN}"),
        ] {
            assert_eq!(pasted_token(pasted), None, "{pasted}");
        }
    }
}
