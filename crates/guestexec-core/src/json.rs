//! Request bodies.
//!
//! The bytes are those of `serde_json`. But a script, as [`Base64`](crate::Base64), may be most of a body,
//! and its text needs no JSON escapes, so it is encoded straight into the body. `serde_json` would scan
//! every character of it.

use std::io;

use reqwest::{
    RequestBuilder,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::ser::Formatter;

use crate::{CallError, base64::encode_to};

/// Gives a request `value` as its JSON body.
///
/// # Errors
/// [`CallError::InvalidRequest`], if there is no JSON for the value.
pub fn json_body<T: Serialize + ?Sized>(
    request: RequestBuilder,
    value: &T,
) -> Result<RequestBuilder, CallError> {
    with_body(request, to_json(value))
}

fn with_body(
    request: RequestBuilder,
    body: serde_json::Result<Vec<u8>>,
) -> Result<RequestBuilder, CallError> {
    let body = body.map_err(|error| {
        CallError::InvalidRequest(format!("the request cannot be written as JSON: {error}"))
    })?;
    Ok(request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body))
}

/// Writes the same bytes as `serde_json::to_vec`.
fn to_json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(256);
    value.serialize(WithBytes(&mut serde_json::Serializer::with_formatter(&mut body, Encoding)))?;
    Ok(body)
}

/// Compact JSON that writes bytes as a Base64 string.
struct Encoding;

impl Formatter for Encoding {
    fn write_byte_array<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        bytes: &[u8],
    ) -> io::Result<()> {
        writer.write_all(b"\"")?;
        encode_to(writer, bytes)?;
        writer.write_all(b"\"")
    }
}

/// A serializer that is not human-readable, so that [`Base64`](crate::Base64) gives it bytes; or a value on
/// its way to one. It forwards everything to the serializer inside.
struct WithBytes<T>(T);

impl<T: Serialize + ?Sized> Serialize for WithBytes<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(WithBytes(serializer))
    }
}

macro_rules! forward {
    ($($method:ident($($argument:ident: $ty:ty),*) -> $ok:ty;)+) => {$(
        fn $method(self, $($argument: $ty),*) -> Result<$ok, S::Error> {
            self.0.$method($($argument),*)
        }
    )+};
}

macro_rules! forward_compound {
    ($($method:ident($($argument:ident: $ty:ty),*) -> $compound:ident;)+) => {$(
        fn $method(self, $($argument: $ty),*) -> Result<Self::$compound, S::Error> {
            self.0.$method($($argument),*).map(WithBytes)
        }
    )+};
}

impl<S: Serializer> Serializer for WithBytes<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = WithBytes<S::SerializeSeq>;
    type SerializeTuple = WithBytes<S::SerializeTuple>;
    type SerializeTupleStruct = WithBytes<S::SerializeTupleStruct>;
    type SerializeTupleVariant = WithBytes<S::SerializeTupleVariant>;
    type SerializeMap = WithBytes<S::SerializeMap>;
    type SerializeStruct = WithBytes<S::SerializeStruct>;
    type SerializeStructVariant = WithBytes<S::SerializeStructVariant>;

    fn is_human_readable(&self) -> bool {
        false
    }

    forward! {
        serialize_bool(value: bool) -> S::Ok;
        serialize_i8(value: i8) -> S::Ok;
        serialize_i16(value: i16) -> S::Ok;
        serialize_i32(value: i32) -> S::Ok;
        serialize_i64(value: i64) -> S::Ok;
        serialize_i128(value: i128) -> S::Ok;
        serialize_u8(value: u8) -> S::Ok;
        serialize_u16(value: u16) -> S::Ok;
        serialize_u32(value: u32) -> S::Ok;
        serialize_u64(value: u64) -> S::Ok;
        serialize_u128(value: u128) -> S::Ok;
        serialize_f32(value: f32) -> S::Ok;
        serialize_f64(value: f64) -> S::Ok;
        serialize_char(value: char) -> S::Ok;
        serialize_str(value: &str) -> S::Ok;
        serialize_bytes(value: &[u8]) -> S::Ok;
        serialize_none() -> S::Ok;
        serialize_unit() -> S::Ok;
        serialize_unit_struct(name: &'static str) -> S::Ok;
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> S::Ok;
    }

    forward_compound! {
        serialize_seq(length: Option<usize>) -> SerializeSeq;
        serialize_tuple(length: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, length: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, length: usize)
            -> SerializeTupleVariant;
        serialize_map(length: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, length: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, length: usize)
            -> SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&WithBytes(value))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &WithBytes(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_variant(name, index, variant, &WithBytes(value))
    }
}

macro_rules! compound {
    ($($trait:ident::$method:ident($($key:ident: $ty:ty)?);)+) => {$(
        impl<S: $trait> $trait for WithBytes<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: $ty,)?
                value: &T,
            ) -> Result<(), S::Error> {
                self.0.$method($($key,)? &WithBytes(value))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        }
    )+};
}

compound! {
    SerializeSeq::serialize_element();
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(key: &'static str);
    SerializeStructVariant::serialize_field(key: &'static str);
}

impl<S: SerializeMap> SerializeMap for WithBytes<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.0.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_value(&WithBytes(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::to_json;
    use crate::Base64;

    /// Every form there is, with bytes in each.
    #[derive(Serialize)]
    struct Whole {
        bytes: Base64,
        given: Option<Base64>,
        missing: Option<Base64>,
        list: Vec<Base64>,
        pair: (Base64, &'static str),
        map: BTreeMap<String, Base64>,
        new: New,
        #[serde(flatten)]
        flat: BTreeMap<String, Base64>,
        variants: [Variant; 4],
        scalars: (bool, i8, u64, f64, char, ()),
        text: &'static str,
    }

    #[derive(Serialize)]
    struct New(Base64);

    #[derive(Serialize)]
    enum Variant {
        Unit,
        New(Base64),
        Tuple(Base64, u8),
        Struct { bytes: Base64 },
    }

    #[test]
    fn a_body_is_what_serde_json_writes() {
        for length in [0, 1, 2, 3, 127, 128, 3071, 3072, 3073, 10_000] {
            let bytes =
                || Base64::from((0..length).map(|n| (n * 7 % 256) as u8).collect::<Vec<_>>());
            let whole = Whole {
                bytes: bytes(),
                given: Some(bytes()),
                missing: None,
                list: vec![bytes(), "x".into(), Base64::from_encoded("\"not\\Base64\n")],
                pair: (bytes(), "é\u{1}"),
                map: BTreeMap::from([("a \"key\"".to_owned(), bytes())]),
                new: New(bytes()),
                flat: BTreeMap::from([("flat".to_owned(), bytes())]),
                variants: [
                    Variant::Unit,
                    Variant::New(bytes()),
                    Variant::Tuple(bytes(), 1),
                    Variant::Struct { bytes: bytes() },
                ],
                scalars: (true, -1, u64::MAX, 0.5, '"', ()),
                text: "line\nbreak \u{2028}",
            };
            let body = String::from_utf8(to_json(&whole).unwrap()).unwrap();
            assert_eq!(body, serde_json::to_string(&whole).unwrap(), "{length} bytes");
        }
    }
}
