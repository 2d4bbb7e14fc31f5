//! A tenant's logo: an image that was decoded before anybody is shown it.

use std::io::Cursor;

use bytes::Bytes;
use strum::{Display, EnumString, IntoStaticStr};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::sha256::Sha256;

/// The largest logo, in bytes.
pub const LOGO_BYTES_MAX: usize = 100_000;
/// The widest and the tallest, in pixels: a small file may hold a huge image.
pub const LOGO_PIXELS_MAX: u32 = 2_000;

/// A logo as the tenant gave it, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    pub format: LogoFormat,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    pub bytes: Bytes,
    /// Its digest, which is its name in the portal.
    pub sha256: Sha256,
}

/// A tenant's logo, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogoRef {
    pub sha256: Sha256,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// What the bytes are, told by the bytes themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(const_into_str)]
pub enum LogoFormat {
    #[strum(serialize = "image/png")]
    Png,
    #[strum(serialize = "image/jpeg")]
    Jpeg,
}

/// Why bytes cannot be a logo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogo {
    #[error("has {bytes} bytes, more than {LOGO_BYTES_MAX}")]
    TooLarge { bytes: usize },
    #[error("is neither a PNG nor a JPEG image")]
    Unknown,
    #[error("is {width} × {height} pixels large, more than {LOGO_PIXELS_MAX} in one direction")]
    TooManyPixels { width: u32, height: u32 },
    #[error("cannot be decoded: {problem}")]
    Broken { problem: String },
}

impl Logo {
    /// Decodes the whole image, and keeps the bytes as they are.
    ///
    /// # Errors
    /// [`InvalidLogo`] if they are too many, or no image that a browser would show.
    pub fn read(bytes: Bytes) -> Result<Self, InvalidLogo> {
        if bytes.len() > LOGO_BYTES_MAX {
            return Err(InvalidLogo::TooLarge { bytes: bytes.len() });
        }
        let (format, (width, height)) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            (LogoFormat::Png, decode_png(&bytes)?)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            (LogoFormat::Jpeg, decode_jpeg(&bytes)?)
        } else {
            return Err(InvalidLogo::Unknown);
        };
        let sha256 = Sha256::of(&bytes);
        Ok(Self { format, width, height, bytes, sha256 })
    }
}

fn check_pixels(width: u32, height: u32) -> Result<(u32, u32), InvalidLogo> {
    if width > LOGO_PIXELS_MAX || height > LOGO_PIXELS_MAX {
        return Err(InvalidLogo::TooManyPixels { width, height });
    }
    Ok((width, height))
}

fn decode_png(bytes: &[u8]) -> Result<(u32, u32), InvalidLogo> {
    let broken = |error: png::DecodingError| InvalidLogo::Broken { problem: error.to_string() };
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    // Texts and colour profiles are compressed too, and no pixel needs them.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info().map_err(broken)?;
    let pixels = check_pixels(header.width, header.height)?;
    let mut reader = decoder.read_info().map_err(broken)?;
    while reader.next_row().map_err(broken)?.is_some() {}
    Ok(pixels)
}

fn decode_jpeg(bytes: &[u8]) -> Result<(u32, u32), InvalidLogo> {
    let broken = |error: zune_jpeg::errors::DecodeErrors| InvalidLogo::Broken { problem: error.to_string() };
    // Not strict: cameras write files that are not, and browsers show them.
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), DecoderOptions::default());
    decoder.decode_headers().map_err(broken)?;
    let info = decoder.info().ok_or(InvalidLogo::Unknown)?;
    let pixels = check_pixels(info.width.into(), info.height.into())?;
    decoder.decode().map_err(broken)?;
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        let pixels = vec![0x80; (width * height).try_into().unwrap()];
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        bytes
    }

    /// A grey JPEG of 8 × 8 pixels.
    fn jpeg() -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8];
        bytes.extend(hex::decode("ffdb004300").unwrap());
        bytes.extend([1; 64]);
        bytes.extend(hex::decode("ffc0000b080008000801011100").unwrap());
        bytes.extend(hex::decode("ffc4001400010000000000000000000000000000000000").unwrap());
        bytes.extend(hex::decode("ffc4001410010000000000000000000000000000000000").unwrap());
        bytes.extend(hex::decode("ffda0008010100003f003f").unwrap());
        bytes.extend([0xff, 0xd9]);
        bytes
    }

    #[test]
    fn an_image_is_kept_as_it_is() {
        for (bytes, format, size) in [(png(300, 80), LogoFormat::Png, (300, 80)), (jpeg(), LogoFormat::Jpeg, (8, 8))] {
            let logo = Logo::read(bytes.clone().into()).unwrap();
            assert_eq!((logo.format, logo.width, logo.height), (format, size.0, size.1));
            assert_eq!(logo.sha256, Sha256::of(&bytes));
            assert_eq!(logo.bytes, bytes);
        }
    }

    #[test]
    fn what_is_no_image_or_too_large_is_refused() {
        let mut cut = png(300, 80);
        cut.truncate(cut.len() / 2);
        let mut flipped = png(300, 80);
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0xff;
        for (bytes, expected) in [
            (vec![], "is neither a PNG nor a JPEG image"),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), "is neither a PNG nor a JPEG image"),
            (b"GIF89a".to_vec(), "is neither a PNG nor a JPEG image"),
            (vec![0xff; LOGO_BYTES_MAX + 1], "has 100001 bytes, more than 100000"),
            (png(LOGO_PIXELS_MAX + 1, 1), "is 2001 × 1 pixels large, more than 2000 in one direction"),
            (cut, "cannot be decoded: "),
            (flipped, "cannot be decoded: "),
            (b"\x89PNG\r\n\x1a\n".to_vec(), "cannot be decoded: "),
            (vec![0xff, 0xd8, 0xff], "cannot be decoded: "),
        ] {
            let problem = Logo::read(bytes.into()).unwrap_err().to_string();
            assert!(problem.starts_with(expected), "{problem} is not {expected}");
        }
    }
}
