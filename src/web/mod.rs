//! What our HTTP listeners share: connections that are bounded in number and in time.
//!
//! [`serve()`] accepts connections and speaks HTTP/1.1 on each. [`admission`] decides who gets a place, [`deadlines`]
//! how long a client may take for each part of an exchange, and [`watched`] notes what moves.

mod access;
mod admission;
mod assets;
mod connection;
mod cookie;
mod csrf;
mod csv;
mod deadlines;
mod host;
#[cfg(test)]
pub(crate) mod html;
mod limits;
mod peer;
mod portal_preview;
mod probes;
mod problem;
mod request_span;
mod security_headers;
mod serve;
mod watched;
#[cfg(test)]
pub(crate) mod wire;

pub use access::{Access, AccessRefusal};
pub use assets::{Asset, CSS, assets_router, kept_for_good, short_hash};
pub use cookie::SessionCookie;
pub use csrf::{ForeignForm, FormTokens, check_origin};
pub use csv::{csv_answer, csv_row};
pub use limits::Limits;
pub use security_headers::add_security_headers;
pub use serve::{serve, serve_within};

pub use host::HostAllowList;
pub use peer::{Peer, PeerNetwork, is_forwarded};
pub use portal_preview::{PortalPreview, PreviewStep, PreviewedPage};
pub use probes::{Probes, observability_router, probes_router};
pub use problem::Problem;
pub use request_span::in_request_span;
