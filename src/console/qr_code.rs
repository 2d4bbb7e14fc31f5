//! A QR code as rows of modules, for a page to draw.

use qrcode::{Color, EcLevel, QrCode};

/// The dark modules of the code of a text, without its quiet zone; nothing, if it is too long for one.
pub(super) fn qr_code(text: &str) -> Vec<Vec<bool>> {
    // Read from a screen, nothing of it is covered: the lowest level makes the largest modules.
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else { return Vec::new() };
    let width = code.width();
    code.to_colors().chunks(width).map(|row| row.iter().map(|module| *module == Color::Dark).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_square_with_its_three_corners() {
        let rows = qr_code("otpauth://totp/console.example:ap%40acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(rows.len() >= 21 && rows.iter().all(|row| row.len() == rows.len()), "{}", rows.len());
        // ISO/IEC 18004: a finder pattern begins with seven dark modules.
        let last = rows.len() - 7;
        assert!(rows[0][..7].iter().all(|dark| *dark) && rows[0][last..].iter().all(|dark| *dark));
        assert!(rows[last][..7].iter().all(|dark| *dark));
        assert!(!rows[rows.len() - 1][last..].iter().all(|dark| *dark), "none in the fourth corner");
        assert!(qr_code(&"x".repeat(10_000)).is_empty());
    }
}
