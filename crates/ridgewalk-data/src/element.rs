//! Number types of binary files, and their conversion to f64.

use half::f16;

/// The type of one stored number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

/// Order of the bytes within one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

impl Element {
    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Element::Bool | Element::U8 | Element::I8 => 1,
            Element::U16 | Element::I16 | Element::F16 => 2,
            Element::U32 | Element::I32 | Element::F32 => 4,
            Element::U64 | Element::I64 | Element::F64 => 8,
        }
    }

    /// Appends the numbers in `bytes`, whose length is a multiple of [`Element::size`]. Integers
    /// beyond 2⁵³ are rounded to the nearest f64.
    pub fn decode(self, endian: Endian, bytes: &[u8], out: &mut Vec<f64>) {
        macro_rules! numbers {
            ($type:ty, $width:literal, $convert:expr) => {{
                let (chunks, _) = bytes.as_chunks::<$width>();
                match endian {
                    Endian::Little => out.extend(chunks.iter().map(|&c| $convert(<$type>::from_le_bytes(c)))),
                    Endian::Big => out.extend(chunks.iter().map(|&c| $convert(<$type>::from_be_bytes(c)))),
                }
            }};
        }
        match self {
            Element::Bool => out.extend(bytes.iter().map(|&b| f64::from(u8::from(b != 0)))),
            Element::U8 => out.extend(bytes.iter().map(|&b| f64::from(b))),
            Element::I8 => out.extend(bytes.iter().map(|&b| f64::from(b as i8))),
            Element::U16 => numbers!(u16, 2, f64::from),
            Element::I16 => numbers!(i16, 2, f64::from),
            Element::U32 => numbers!(u32, 4, f64::from),
            Element::I32 => numbers!(i32, 4, f64::from),
            Element::U64 => numbers!(u64, 8, |v| v as f64),
            Element::I64 => numbers!(i64, 8, |v| v as f64),
            Element::F16 => numbers!(f16, 2, f64::from),
            Element::F32 => numbers!(f32, 4, f64::from),
            Element::F64 => numbers!(f64, 8, |v| v),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes worked out by hand: −2 in two's complement, 1.5 in IEEE 754.
    #[test]
    fn every_type_in_both_orders() {
        let cases: [(Element, &[u8], f64); 9] = [
            (Element::U16, &[1, 2], 258.0),
            (Element::I16, &[0xff, 0xfe], -2.0),
            (Element::U32, &[0, 1, 0, 0], 65536.0),
            (Element::I32, &[0xff, 0xff, 0xff, 0xfe], -2.0),
            (Element::U64, &[0, 0, 0, 1, 0, 0, 0, 0], 4294967296.0),
            (Element::I64, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], -2.0),
            (Element::F16, &[0x3e, 0x00], 1.5),
            (Element::F32, &[0x3f, 0xc0, 0, 0], 1.5),
            (Element::F64, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0], 1.5),
        ];
        for (element, big, expected) in cases {
            let little: Vec<u8> = big.iter().rev().copied().collect();
            let mut out = Vec::new();
            element.decode(Endian::Big, big, &mut out);
            element.decode(Endian::Little, &little, &mut out);
            assert_eq!(out, [expected; 2], "{element:?}");
        }
        let mut out = Vec::new();
        Element::Bool.decode(Endian::Little, &[0, 1, 7], &mut out);
        Element::I8.decode(Endian::Little, &[0xfe], &mut out);
        Element::U8.decode(Endian::Little, &[0xfe], &mut out);
        assert_eq!(out, [0.0, 1.0, 1.0, -2.0, 254.0]);
    }
}
