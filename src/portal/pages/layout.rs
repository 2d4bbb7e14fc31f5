//! What stands around every page: the tenant, the language, the way out.

use crate::compose::TenantView;
use crate::model::logo::LogoRef;
use crate::model::tenant::TenantProfile;
use crate::portal::language::{Language, PageLanguage, in_language};
use crate::portal::pages::accent;
use crate::portal::words::Words;
use crate::web::Asset;

/// What a page is told besides its own content.
#[derive(Debug, Clone, Copy)]
pub struct PageLayout<'a> {
    pub language: PageLanguage,
    /// Whose page it is; none for somebody unknown.
    pub tenant: Option<&'a TenantProfile>,
    pub logo: Option<LogoRef>,
    /// The path of the page, for the switch of languages; none where it cannot be asked for again (answers to POST).
    pub path: Option<&'a str>,
    /// The session's CSRF token: with it the page has a button that ends the session.
    pub csrf: Option<&'a str>,
}

impl<'a> PageLayout<'a> {
    /// A page for somebody of whom nothing is known.
    #[must_use]
    pub const fn of_stranger(language: PageLanguage) -> Self {
        Self { language, tenant: None, logo: None, path: None, csrf: None }
    }

    pub(super) fn view(&self) -> LayoutView<'a> {
        let tenant = self.tenant.map(TenantView::of);
        let colour = self.tenant.and_then(|tenant| tenant.branding.colour.as_deref());
        let website = tenant.as_ref().and_then(|tenant| tenant.url.as_deref()).unwrap_or_default();
        LayoutView {
            code: self.language.language.code(),
            words: self.language.words(),
            switch: self.path.map(|path| switch(path, self.language.language)).unwrap_or_default(),
            website: website.trim_start_matches("https://").trim_end_matches('/').to_owned(),
            tenant,
            logo: self.logo.map(LogoView::of),
            style: Asset::PortalStyle.path(),
            icon: Asset::Icon.path(),
            accent: accent::path(colour),
            csrf: self.csrf,
            close: self.language.link("/close"),
        }
    }
}

/// What the templates see of the layout.
pub(super) struct LayoutView<'a> {
    pub(super) code: &'static str,
    pub(super) words: &'static Words,
    pub(super) switch: Vec<SwitchView>,
    pub(super) tenant: Option<TenantView>,
    /// The tenant's own address, as people write it.
    pub(super) website: String,
    pub(super) logo: Option<LogoView>,
    pub(super) style: &'static str,
    pub(super) icon: &'static str,
    pub(super) accent: String,
    pub(super) csrf: Option<&'a str>,
    /// Where the session is ended.
    pub(super) close: String,
}

/// One language in the switch.
pub(super) struct SwitchView {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) path: String,
    pub(super) is_current: bool,
}

fn switch(path: &str, current: Language) -> Vec<SwitchView> {
    let view = |language: Language| SwitchView {
        code: language.code(),
        name: language.words().language_name,
        path: in_language(path, language),
        is_current: language == current,
    };
    Language::ALL.into_iter().map(view).collect()
}

/// The tallest and the widest that a logo is shown, in CSS pixels.
const LOGO_HEIGHT_MAX: u32 = 48;
const LOGO_WIDTH_MAX: u32 = 200;

pub(super) struct LogoView {
    pub(super) path: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl LogoView {
    /// In the size that it is shown in, so that the page does not jump when it arrives. A small logo is not enlarged.
    fn of(logo: LogoRef) -> Self {
        let (width, height) = (logo.width.max(1), logo.height.max(1));
        let scale = |length: u32, numerator: u32, denominator: u32| (length * numerator / denominator).max(1);
        let (width, height) = match height {
            tall if tall > LOGO_HEIGHT_MAX => (scale(width, LOGO_HEIGHT_MAX, height), LOGO_HEIGHT_MAX),
            _ => (width, height),
        };
        let (width, height) = match width {
            wide if wide > LOGO_WIDTH_MAX => (LOGO_WIDTH_MAX, scale(height, LOGO_WIDTH_MAX, width)),
            _ => (width, height),
        };
        Self { path: format!("/logo/{}", logo.sha256), width, height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sha256::Sha256;

    #[test]
    fn a_logo_fits_its_place() {
        for (width, height, expected) in [
            (40, 20, (40, 20)),
            (400, 100, (192, 48)),
            (2000, 100, (200, 10)),
            (2000, 2, (200, 1)),
            (100, 2000, (2, 48)),
            (4096, 4096, (48, 48)),
            (0, 0, (1, 1)),
        ] {
            let logo = LogoView::of(LogoRef { sha256: Sha256::of(b""), width, height });
            assert_eq!((logo.width, logo.height), expected, "{width}×{height}");
        }
    }
}
