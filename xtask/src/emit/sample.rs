//! The example in an operation's documentation: Rust made from a named example of the document.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens as _, quote};
use serde_json::Value;
use std::collections::BTreeSet;
use syn::{Ident, Type};

use super::{
    Field, Maker, OperationCode, argument, bare, enums,
    inputs::{Input, Inputs},
    last_segment, types,
};
use crate::document::Schema;

/// The example called `minimal`, or the first one, as the lines of a program that sends it; nothing
/// where its values cannot be written down in Rust.
///
/// # Errors
/// A sentence, if the generator made what is not Rust.
pub(super) fn of(
    maker: &Maker<'_>,
    code: &OperationCode<'_>,
    inputs: &Inputs,
) -> Result<Option<String>, String> {
    let examples = code.operation.examples();
    let minimal = examples.iter().find(|example| example.name == "minimal");
    let Some(example) = minimal.or_else(|| examples.first()) else { return Ok(None) };
    let mut sample = Sample { maker, types: BTreeSet::new(), enums: BTreeSet::new() };
    let (mut arguments, mut setters) = (Vec::new(), TokenStream::new());
    for input in &inputs.arguments {
        let given = input.given(example);
        let Some(value) = given.and_then(|given| sample.input(input, given)) else {
            return Ok(None);
        };
        arguments.push(value);
    }
    for input in &inputs.setters {
        let Some(given) = input.given(example) else { continue };
        let Some(value) = sample.input(input, given) else { return Ok(None) };
        let setter = &input.ident;
        setters.extend(quote!(.#setter(#value)));
    }
    let method = &code.method;
    let provider = &maker.spec.provider;
    let function: syn::File = syn::parse2(quote! {
        fn example() {
            let answer = client.#method(#(#arguments),*) #setters .send().await?;
        }
    })
    .map_err(|e| e.to_string())?;
    let text = prettyplease::unparse(&function);
    let body = text.lines().filter_map(|line| line.strip_prefix("    "));
    let mut lines = vec![format!(
        "# async fn example(client: &guestexec_{provider}::Client) -> Result<(), guestexec_{provider}::Error> {{"
    )];
    lines.extend(sample.imports());
    lines.extend(body.map(str::to_owned));
    lines.push("# Ok(()) }".to_owned());
    Ok(Some(lines.join("\n")))
}

struct Sample<'a> {
    maker: &'a Maker<'a>,
    types: BTreeSet<String>,
    enums: BTreeSet<String>,
}

impl Sample<'_> {
    /// An input's value, as it is given to the method or the setter.
    fn input(&mut self, input: &Input, given: &Value) -> Option<TokenStream> {
        match &input.schema {
            Some(schema) => self.value(schema, &input.ty, given),
            None => self.object(&last_segment(&input.ty)?.to_string(), given),
        }
    }

    fn imports(&self) -> Option<String> {
        let provider = &self.maker.spec.provider;
        let group = |module: &str, names: &BTreeSet<String>| {
            let list: Vec<&str> = names.iter().map(String::as_str).collect();
            match &list[..] {
                [] => None,
                [name] => Some(format!("{module}::{name}")),
                names => Some(format!("{module}::{{{}}}", names.join(", "))),
            }
        };
        let groups: Vec<String> = [group("enums", &self.enums), group("types", &self.types)]
            .into_iter()
            .flatten()
            .collect();
        match &groups[..] {
            [] => None,
            [group] => Some(format!("use guestexec_{provider}::{group};\n")),
            groups => Some(format!("use guestexec_{provider}::{{{}}};\n", groups.join(", "))),
        }
    }

    /// A struct, with what it must have and what `given` has.
    fn object(&mut self, name: &str, given: &Value) -> Option<TokenStream> {
        let maker = self.maker;
        let Schema::Object(schema) = maker.spec.document.schema(name)? else { return None };
        let fields: &[Field] = maker.model.fields(name);
        let mut arguments = Vec::new();
        let mut setters = TokenStream::new();
        for field in types::needed(fields, schema) {
            let property = schema.properties.get(&field.wire)?;
            arguments.push(self.value(property, &field.ty, given.get(&field.wire)?)?);
        }
        for field in fields.iter().filter(|field| !types::is_needed(field, schema)) {
            let property = schema.properties.get(&field.wire);
            let Some((property, value)) = property.zip(given.get(&field.wire)) else { continue };
            let setter = &field.ident;
            let value = self.value(property, bare(&field.ty), value)?;
            setters.extend(quote!(.#setter(#value)));
        }
        self.types.insert(name.to_owned());
        let name = Ident::new(name, Span::call_site());
        Some(quote!(#name::new(#(#arguments),*) #setters))
    }

    /// A value as it is given to a setter of a field of type `ty`.
    fn value(&mut self, schema: &Schema, ty: &Type, given: &Value) -> Option<TokenStream> {
        if let Some(item) = argument(ty, "Vec") {
            let Schema::List(list) = schema else { return None };
            let items = given.as_array()?;
            let items: Option<Vec<_>> =
                items.iter().map(|value| self.value(&list.items, item, value)).collect();
            return items.map(|items| quote!([#(#items),*]));
        }
        let component = schema.reference().and_then(|reference| reference.name_in("schemas"));
        let target = self.maker.spec.document.resolve(schema)?;
        match (given, component) {
            (Value::String(text), Some(name)) if target.values().is_some() => {
                self.enums.insert(name.to_owned());
                let name = Ident::new(name, Span::call_site());
                let variant = Ident::new(&enums::variant(text), Span::call_site());
                Some(quote!(#name::#variant))
            }
            (Value::Object(_), Some(name)) => self.object(name, given),
            (Value::String(text), _) => {
                // Base64 is made of the plain text.
                let plain = last_segment(ty).is_some_and(|name| name == "Base64");
                let text = match plain {
                    true => String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()?,
                    false => text.clone(),
                };
                Some(Literal::string(&text).into_token_stream())
            }
            (Value::Bool(value), _) => Some(quote!(#value)),
            (Value::Number(number), _) => {
                Some(Literal::i64_unsuffixed(number.as_i64()?).into_token_stream())
            }
            _ => None,
        }
    }
}
