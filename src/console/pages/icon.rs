//! Icons: references into the sprite.

use std::fmt;

use strum::{IntoStaticStr, VariantArray};

use crate::web::Asset;

/// An icon of the sprite, under Lucide's name for it. Its `Display` is the element itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub(super) enum Icon {
    ArrowLeft,
    Ban,
    #[strum(serialize = "building-2")]
    Building2,
    Check,
    ChevronDown,
    ChevronRight,
    CircleAlert,
    CircleCheck,
    CircleUser,
    Clock,
    Copy,
    Download,
    ExternalLink,
    Eye,
    FileText,
    History,
    Inbox,
    Info,
    KeyRound,
    Link,
    #[strum(serialize = "link-2-off")]
    Link2Off,
    Lock,
    LockOpen,
    LogOut,
    Mail,
    MailCheck,
    Menu,
    Paperclip,
    Pause,
    Play,
    RefreshCw,
    ScrollText,
    Search,
    Send,
    SlidersHorizontal,
    TriangleAlert,
    #[strum(serialize = "undo-2")]
    Undo2,
    Users,
    X,
}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &'static str = self.into();
        write!(f, "<svg class=\"icon\" aria-hidden=\"true\"><use href=\"{}#{name}\"/></svg>", Asset::Icons.path())
    }
}

/// Its text is ours alone.
impl askama::filters::HtmlSafe for Icon {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sprite_has_what_pages_show_and_no_more() {
        let sprite = include_str!("../../../assets/vendor/lucide-icons.svg");
        let drawn: Vec<&str> =
            sprite.split("<symbol id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let mut shown: Vec<&'static str> = Icon::VARIANTS.iter().map(Into::into).collect();
        shown.sort_unstable();
        assert_eq!(drawn, shown);
    }
}
