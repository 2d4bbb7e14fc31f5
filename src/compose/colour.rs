//! A tenant's colour, and the colours next to it that people can read.
//!
//! Text needs a contrast of at least 4.5 : 1 with what is behind it ([WCAG 2.2 §1.4.3]).
//!
//! [WCAG 2.2 §1.4.3]: https://www.w3.org/TR/WCAG22/#contrast-minimum

use serde::Serialize;

/// The colour of a tenant that chose none.
const DEFAULT: Rgb = Rgb([0x1f, 0x5f, 0x8b]);
const WHITE: Rgb = Rgb([0xff; 3]);
const BLACK: Rgb = Rgb([0; 3]);
/// What is behind the text in dark mode; the same as in `layout.html.j2`.
const DARK_CARD: Rgb = Rgb([0x1b, 0x1e, 0x23]);
/// The darkest area behind text on a page in light mode, and the lightest in dark mode: `assets/tokens.css`.
const PAGE_LIGHT: Rgb = Rgb([0xed, 0xf1, 0xf6]);
const PAGE_DARK: Rgb = Rgb([0x26, 0x2d, 0x38]);
/// Text on the dark mode's buttons.
const INK_DARK: Rgb = Rgb([0x10, 0x12, 0x15]);
const CONTRAST_MIN: f64 = 4.5;

/// The colours of one mail, each `#rrggbb`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Colours {
    /// The tenant's colour, for areas.
    accent: String,
    /// Text on `accent`: white or black.
    on_accent: String,
    /// The tenant's colour as text on white, darkened as far as needed.
    link: String,
    /// The tenant's colour as text on the dark card, lightened as far as needed.
    link_dark: String,
}

impl Colours {
    /// The colours around a tenant's own (`#rrggbb`); a default if it has none, or if it cannot be read.
    pub(super) fn of(colour: Option<&str>) -> Self {
        let accent = colour.and_then(Rgb::parse).unwrap_or(DEFAULT);
        let on_accent = if contrast(accent, WHITE) >= CONTRAST_MIN { WHITE } else { BLACK };
        Self {
            accent: accent.hex(),
            on_accent: on_accent.hex(),
            link: accent.until_readable_on(WHITE, BLACK).hex(),
            link_dark: accent.until_readable_on(DARK_CARD, WHITE).hex(),
        }
    }
}

/// The colours of a page, each `#rrggbb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageColours {
    /// The tenant's colour, for areas; in light mode.
    pub fill: String,
    /// Text on `fill`.
    pub on_fill: String,
    /// The tenant's colour as text and as the edge of areas, readable wherever text stands in light mode.
    pub text: String,
    /// The same in dark mode, where it is also what areas are filled with.
    pub text_dark: String,
    /// Text on areas in dark mode.
    pub on_fill_dark: String,
}

impl PageColours {
    /// The colours around a tenant's own (`#rrggbb`); a default if it has none, or if it cannot be read.
    #[must_use]
    pub fn of(colour: Option<&str>) -> Self {
        let fill = colour.and_then(Rgb::parse).unwrap_or(DEFAULT);
        let on_fill = if contrast(fill, WHITE) >= CONTRAST_MIN { WHITE } else { BLACK };
        Self {
            fill: fill.hex(),
            on_fill: on_fill.hex(),
            text: fill.until_readable_on(PAGE_LIGHT, BLACK).hex(),
            text_dark: fill.until_readable_on(PAGE_DARK, WHITE).hex(),
            on_fill_dark: INK_DARK.hex(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rgb([u8; 3]);

impl Rgb {
    fn parse(text: &str) -> Option<Self> {
        let mut channels = [0; 3];
        hex::decode_to_slice(text.strip_prefix('#')?, &mut channels).ok().map(|()| Self(channels))
    }

    fn hex(self) -> String {
        format!("#{}", hex::encode(self.0))
    }

    /// Mixes in more and more of `towards` until the colour can be read on `background`.
    fn until_readable_on(self, background: Self, towards: Self) -> Self {
        (0..=20)
            .map(|twentieths| self.mixed_with(towards, twentieths))
            .find(|mixed| contrast(*mixed, background) >= CONTRAST_MIN)
            .unwrap_or(towards)
    }

    fn mixed_with(self, other: Self, twentieths: u16) -> Self {
        let mix = |one: u8, two: u8| (u16::from(one) * (20 - twentieths) + u16::from(two) * twentieths) / 20;
        let [red, green, blue] = std::array::from_fn(|at| {
            u8::try_from(mix(self.0[at], other.0[at])).expect("a mean of two bytes is a byte")
        });
        Self([red, green, blue])
    }

    /// [Relative luminance](https://www.w3.org/TR/WCAG22/#dfn-relative-luminance).
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

/// [Contrast ratio](https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio), from 1 to 21.
fn contrast(one: Rgb, two: Rgb) -> f64 {
    let (one, two) = (one.luminance(), two.luminance());
    (one.max(two) + 0.05) / (one.min(two) + 0.05)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_colour_gives_the_default() {
        for text in ["", "red", "#fff", "#12345g", "#+12345", "\" onclick=\"", "#1234567", "#ääää"] {
            assert_eq!(Colours::of(Some(text)), Colours::of(None), "{text:?}");
        }
        assert_eq!(Colours::of(Some("#0A6B4F")).accent, "#0a6b4f");
    }

    proptest! {
        #[test]
        fn every_text_can_be_read(channels in any::<[u8; 3]>()) {
            let colours = Colours::of(Some(&Rgb(channels).hex()));
            let rgb = |text: &str| Rgb::parse(text).unwrap();
            prop_assert!(contrast(rgb(&colours.on_accent), rgb(&colours.accent)) >= CONTRAST_MIN);
            prop_assert!(contrast(rgb(&colours.link), WHITE) >= CONTRAST_MIN);
            prop_assert!(contrast(rgb(&colours.link_dark), DARK_CARD) >= CONTRAST_MIN);
            let page = PageColours::of(Some(&Rgb(channels).hex()));
            prop_assert!(contrast(rgb(&page.on_fill), rgb(&page.fill)) >= CONTRAST_MIN);
            prop_assert!(contrast(rgb(&page.text), PAGE_LIGHT) >= CONTRAST_MIN);
            prop_assert!(contrast(rgb(&page.text_dark), PAGE_DARK) >= CONTRAST_MIN);
            prop_assert!(contrast(rgb(&page.on_fill_dark), rgb(&page.text_dark)) >= CONTRAST_MIN);
        }
    }
}
