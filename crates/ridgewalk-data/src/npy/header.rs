//! The header of an NPY file: `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.

use crate::element::{Element, Endian};
use crate::error::{Error, Result};

/// More axes than any array of points has.
const MOST_AXES: usize = 32;

pub(super) struct Header {
    pub element: Element,
    pub endian: Endian,
    pub fortran: bool,
    pub shape: Vec<usize>,
}

/// Parses the dictionary; the keys may come in any order.
pub(super) fn parse(text: &[u8]) -> Result<Header> {
    let text = std::str::from_utf8(text).map_err(|_| broken("is not text"))?;
    let mut cursor = Cursor { rest: text.trim_end_matches(['\n', ' ', '\0']) };
    let (mut number, mut fortran, mut shape) = (None, None, None);
    cursor.expect("{")?;
    while !cursor.eat("}") {
        let key = cursor.string()?;
        cursor.expect(":")?;
        match key {
            "descr" if cursor.eat("[") => {
                return Err(Error::unsupported(
                    "holds a structured array (several named fields)",
                    "save one plain array, e.g. numpy.save(path, array['field'])",
                ));
            }
            "descr" => number = Some(element(cursor.string()?)?),
            "fortran_order" => fortran = Some(cursor.boolean()?),
            "shape" => shape = Some(cursor.tuple()?),
            other => return Err(broken(&format!("has the unknown key `{}`", other.escape_debug()))),
        }
        if !cursor.eat(",") {
            cursor.expect("}")?;
            break;
        }
    }
    match (number, fortran, shape) {
        (Some((element, endian)), Some(fortran), Some(shape)) => {
            Ok(Header { element, endian, fortran, shape })
        }
        _ => Err(broken("lacks one of descr, fortran_order, shape")),
    }
}

fn broken(how: &str) -> Error {
    Error::malformed(format!("the NPY header {how}"))
}

/// `<f8` and the like: order, kind, bytes.
fn element(descr: &str) -> Result<(Element, Endian)> {
    let (endian, code) = match descr.split_at_checked(1) {
        Some((">", code)) => (Endian::Big, code),
        Some(("<" | "|" | "=", code)) => (Endian::Little, code),
        _ => (Endian::Little, descr),
    };
    let element = match code {
        "b1" | "?" => Element::Bool,
        "u1" => Element::U8,
        "i1" => Element::I8,
        "u2" => Element::U16,
        "i2" => Element::I16,
        "u4" => Element::U32,
        "i4" => Element::I32,
        "u8" => Element::U64,
        "i8" => Element::I64,
        "f2" => Element::F16,
        "f4" => Element::F32,
        "f8" => Element::F64,
        "O" => {
            return Err(Error::unsupported(
                "holds Python objects, which only pickle could read (and pickle can run code)",
                "save it with a number type, e.g. array.astype('float64')",
            ));
        }
        _ => {
            return Err(Error::unsupported(
                format!("numbers of type `{}` are not read", descr.escape_debug()),
                "save it as float32, float64 or an integer type",
            ));
        }
    };
    Ok((element, endian))
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        self.rest = rest.strip_prefix(token).unwrap_or(rest);
        self.rest.len() < rest.len()
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.eat(token) { Ok(()) } else { Err(broken(&format!("lacks a `{token}`"))) }
    }

    fn string(&mut self) -> Result<&'a str> {
        let quote = if self.eat("'") { '\'' } else { self.expect("\"").map(|()| '"')? };
        let (text, rest) = self.rest.split_once(quote).ok_or_else(|| broken("has an open string"))?;
        self.rest = rest;
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool> {
        if self.eat("True") {
            return Ok(true);
        }
        self.expect("False").map(|()| false)
    }

    fn tuple(&mut self) -> Result<Vec<usize>> {
        let mut axes = Vec::new();
        self.expect("(")?;
        while !self.eat(")") {
            let digits = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (number, rest) = self.rest.split_at(digits);
            axes.push(number.parse().map_err(|_| broken("has a shape that is no list of sizes"))?);
            self.rest = rest;
            self.eat("L"); // Python 2 wrote long integers so
            if axes.len() > MOST_AXES {
                return Err(broken("has too many axes"));
            }
            if !self.eat(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(axes)
    }
}
