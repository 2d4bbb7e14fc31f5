//! The cookie that holds a session's id ([RFC 6265]).
//!
//! [RFC 6265]: https://www.rfc-editor.org/rfc/rfc6265

use axum::http::{HeaderMap, HeaderValue, header};
use axum_extra::extract::cookie::{Cookie, SameSite};

use crate::config::BaseUrl;
use crate::secrets::SessionId;

/// How the cookie is called: on https `__Host-…`, which browsers take from this very host alone, by TLS alone and for all
/// of its paths (RFC 6265bis §4.1.3.2), so that no neighbouring host can plant an id. On http, which is this machine,
/// browsers would refuse that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCookie {
    name: &'static str,
    is_https: bool,
}

impl SessionCookie {
    /// The portal's, where browsers reach it at `url`.
    #[must_use]
    pub fn of_portal(url: &BaseUrl) -> Self {
        let is_https = url.is_https();
        Self { name: if is_https { "__Host-portal" } else { "portal_session" }, is_https }
    }

    /// The console's, where browsers reach it at `url`.
    #[must_use]
    pub fn of_console(url: &BaseUrl) -> Self {
        let is_https = url.is_https();
        Self { name: if is_https { "__Host-console" } else { "console_session" }, is_https }
    }

    /// Whether the browser sent the cookie, whatever it holds.
    #[must_use]
    pub fn is_there(self, headers: &HeaderMap) -> bool {
        self.values(headers).next().is_some()
    }

    /// The id that the browser has; none if there is more than one such cookie: one of them is not ours.
    #[must_use]
    pub fn read(self, headers: &HeaderMap) -> Option<SessionId> {
        let mut values = self.values(headers);
        let (value, None) = (values.next()?, values.next()) else { return None };
        SessionId::parse(&value)
    }

    /// `Set-Cookie` that gives the browser an id; it forgets it when it ends.
    #[must_use]
    pub fn set(self, id: &SessionId) -> HeaderValue {
        self.header(Cookie::new(self.name, id.to_cookie()))
    }

    /// `Set-Cookie` that takes the id away.
    #[must_use]
    pub fn clear(self) -> HeaderValue {
        let mut cookie = Cookie::new(self.name, "");
        cookie.make_removal();
        self.header(cookie)
    }

    fn values(self, headers: &HeaderMap) -> impl Iterator<Item = String> {
        let lists = headers.get_all(header::COOKIE).iter().filter_map(|list| list.to_str().ok());
        let cookies = lists.flat_map(|list| list.split(';')).filter_map(|one| one.trim().split_once('='));
        cookies.filter(move |(name, _)| *name == self.name).map(|(_, value)| value.to_owned())
    }

    /// `Lax`: a link in another page opens ours with it; a form in another page does not post with it.
    fn header(self, mut cookie: Cookie<'static>) -> HeaderValue {
        cookie.set_path("/");
        cookie.set_http_only(true);
        cookie.set_secure(self.is_https);
        cookie.set_same_site(SameSite::Lax);
        cookie.to_string().parse().expect("a cookie of base64url fits a header")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTPS: SessionCookie = SessionCookie { name: "__Host-portal", is_https: true };
    const HTTP: SessionCookie = SessionCookie { name: "portal_session", is_https: false };

    #[test]
    fn the_cookie_is_for_this_host_and_no_script() {
        let id = SessionId::random();
        let text = |value: HeaderValue| value.to_str().expect("ASCII").to_owned();
        let expected = format!("__Host-portal={}; HttpOnly; SameSite=Lax; Secure; Path=/", id.to_cookie());
        assert_eq!(text(HTTPS.set(&id)), expected);
        let expected = format!("portal_session={}; HttpOnly; SameSite=Lax; Path=/", id.to_cookie());
        assert_eq!(text(HTTP.set(&id)), expected);
        let cleared = text(HTTPS.clear());
        assert!(cleared.starts_with("__Host-portal=; ") && cleared.contains("Max-Age=0"), "{cleared}");
        assert!(cleared.contains("Secure") && cleared.contains("Path=/"), "{cleared}");
    }

    #[test]
    fn one_cookie_of_the_name_is_read_and_no_other() {
        let id = SessionId::random();
        let ours = format!("__Host-portal={}", id.to_cookie());
        let read = |lists: &[&str]| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(header::COOKIE, HeaderValue::from_str(list).expect("a value"));
            }
            (HTTPS.is_there(&headers), HTTPS.read(&headers) == Some(id.clone()))
        };
        assert_eq!(read(&[&ours]), (true, true));
        assert_eq!(read(&[&format!("a=b; {ours};c")]), (true, true));
        assert_eq!(read(&["a=b", &ours]), (true, true));
        assert_eq!(read(&[&format!("{ours}; {ours}")]), (true, false), "which is ours?");
        assert_eq!(read(&["__Host-portal=x"]), (true, false));
        assert_eq!(read(&[&ours.replace("__Host-portal", "portal_session")]), (false, false));
        assert_eq!(read(&[]), (false, false));
    }
}
