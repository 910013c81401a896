//! What a caller gives an operation: what is required are the arguments of its method, all else has a setter.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;
use syn::{
    Ident, Type, parse_quote,
    visit_mut::{self, VisitMut},
};

use super::{
    Field, Maker, OperationCode, argument, bare, last_segment, taken, types,
    writer::{MOST_ARGUMENTS, Setter, Writer},
};
use crate::{
    document::{NamedExample, ObjectSchema, Schema},
    lower::METHODS,
};

/// What a caller gives an operation.
pub(super) struct Inputs {
    /// What must be given: parameters, then members of the body.
    pub arguments: Vec<Input>,
    /// What may be given.
    pub setters: Vec<Input>,
    /// The body made of the arguments, as an expression; `None` where there is none to make.
    pub body: Option<String>,
    /// The types whose setters the builder has, too.
    pub sharing: Vec<Shared>,
}

/// A type whose setters a builder has, too.
pub(super) struct Shared {
    /// The type's name.
    pub ty: String,
    /// The builder's place that holds a value of it, such as `body.params`.
    pub at: String,
}

/// A parameter, or a member of the body.
#[derive(Clone)]
pub(super) struct Input {
    /// The name of the argument or of the setter.
    pub ident: Ident,
    /// Its name on the wire.
    pub wire: String,
    /// What is given.
    pub ty: Type,
    /// Its schema.
    pub schema: Option<Schema>,
    /// What the document says of it.
    pub text: String,
    /// Where it goes.
    pub place: Place,
    deprecated: bool,
}

/// Where an input goes.
#[derive(Clone)]
pub(super) enum Place {
    /// The builder's field of this name.
    Parameter(Ident),
    /// The body's member of this name.
    Member(Ident),
    /// The member of this name within the envelope.
    Content(Box<Field>, Ident),
    /// The body itself.
    Body,
}

impl Inputs {
    pub(super) fn of(maker: &Maker<'_>, code: &OperationCode<'_>) -> Self {
        let mut inputs =
            Self { arguments: Vec::new(), setters: Vec::new(), body: None, sharing: Vec::new() };
        let parameters = code.operation.parameters();
        for field in &code.parameters {
            let parameter = parameters.iter().find(|parameter| parameter.name == field.wire);
            let text = parameter.and_then(|parameter| parameter.description.as_deref());
            inputs.add(
                Input {
                    text: text
                        .map_or_else(|| format!("`{}`.", field.wire), |it| it.trim().to_owned()),
                    schema: parameter.map(|parameter| parameter.schema.clone()),
                    deprecated: parameter.is_some_and(|parameter| parameter.deprecated),
                    ..Input::new(field, Place::Parameter(field.ident.clone()))
                },
                argument(&field.ty, "Option").is_none(),
            );
        }
        // Those of the path come in its order, as a reader of the address expects them.
        let place = |input: &Input| code.operation.path.find(&format!("{{{}}}", input.wire));
        inputs.arguments.sort_by_key(|input| place(input).unwrap_or(usize::MAX));
        let Some(body) = code.body() else { return inputs };
        let name = code.operation.body_schema().unwrap_or_default();
        match maker.spec.document.schema(name) {
            Some(Schema::Object(object)) => {
                let made = inputs.add_members(maker, name, object);
                inputs.body = Some(made);
                inputs.share(name.to_owned(), "body".to_owned());
            }
            _ => inputs.add(
                Input { text: "The body.".to_owned(), ..Input::new(&body, Place::Body) },
                true,
            ),
        }
        inputs
    }

    /// Adds the members of the body; returns the expression that makes it of the arguments.
    fn add_members(&mut self, maker: &Maker<'_>, name: &str, object: &ObjectSchema) -> String {
        let fields = maker.model.fields(name);
        let mut values = Vec::new();
        for field in types::needed(fields, object) {
            let content = object.envelope.as_ref().filter(|wire| **wire == field.wire);
            let inner = last_segment(&field.ty).map(ToString::to_string).unwrap_or_default();
            let schema = maker.spec.document.schema(&inner);
            if let (Some(_), Some(Schema::Object(content))) = (content, schema) {
                values.push(self.add_content(maker, field, &inner, content));
                continue;
            }
            let place = Place::Member(field.ident.clone());
            values.push(self.add_member(maker, field, object, place, true));
        }
        for field in fields.iter().filter(|field| !types::is_needed(field, object)) {
            self.add_member(maker, field, object, Place::Member(field.ident.clone()), false);
        }
        format!("types::{name}::new({})", values.join(", "))
    }

    /// Adds the members of the envelope's content.
    fn add_content(
        &mut self,
        maker: &Maker<'_>,
        envelope: &Field,
        name: &str,
        object: &ObjectSchema,
    ) -> String {
        let fields = maker.model.fields(name);
        let mut values = Vec::new();
        for needed in [true, false] {
            let in_order: Vec<&Field> = match needed {
                true => types::needed(fields, object),
                false => fields.iter().filter(|it| !types::is_needed(it, object)).collect(),
            };
            for field in in_order {
                let place = Place::Content(Box::new(envelope.clone()), field.ident.clone());
                let value = self.add_member(maker, field, object, place, needed);
                values.extend(needed.then_some(value));
            }
        }
        self.share(name.to_owned(), format!("body.{}", envelope.ident));
        format!("types::{name}::new({})", values.join(", "))
    }

    fn add_member(
        &mut self,
        maker: &Maker<'_>,
        field: &Field,
        object: &ObjectSchema,
        place: Place,
        needed: bool,
    ) -> String {
        let schema = object.properties.get(&field.wire);
        let text = types::described(maker, schema);
        let ty = in_types(maker, bare(&field.ty));
        let input = Input {
            ty,
            text: text.unwrap_or_else(|| format!("`{}`.", field.wire)),
            schema: schema.cloned(),
            deprecated: schema.is_some_and(Schema::is_deprecated),
            ..Input::new(field, place)
        };
        self.add(input, needed);
        let added = if needed { self.arguments.last() } else { self.setters.last() };
        added.map(|input| input.ident.to_string()).unwrap_or_default()
    }

    /// Notes that the builder has the setters of a type, unless one of them has another name in the builder.
    fn share(&mut self, ty: String, at: String) {
        let mut setters = self.setters.iter().filter(|input| input.is_set_at(&at)).peekable();
        if setters.peek().is_some() && setters.all(|input| input.at().1 == input.ident) {
            self.sharing.push(Shared { ty, at });
        }
    }

    /// The setters that the builder does not share with a type.
    pub(super) fn own_setters(&self) -> impl Iterator<Item = &Input> {
        let is_shared = |input: &Input| self.sharing.iter().any(|it| input.is_set_at(&it.at));
        self.setters.iter().filter(move |input| !is_shared(input))
    }

    /// Adds an input; a member gets another name, where a method of the builder or another input has its own.
    fn add(&mut self, mut input: Input, needed: bool) {
        let is_taken = |ident: &Ident| {
            METHODS.iter().any(|name| ident == name)
                || self.arguments.iter().chain(&self.setters).any(|other| other.ident == *ident)
        };
        let bare = input.ident.to_string();
        let bare = bare.trim_start_matches("r#");
        let numbered = (2_u32..).map(|number| format_ident!("{bare}_member_{number}"));
        let mut free =
            [input.ident.clone(), format_ident!("{bare}_member")].into_iter().chain(numbered);
        input.ident = free.find(|ident| !is_taken(ident)).unwrap_or(input.ident);
        match needed {
            true => self.arguments.push(input),
            false => self.setters.push(input),
        }
    }
}

/// What allows a function to have `count` arguments.
pub(super) fn too_many(count: usize) -> Option<TokenStream> {
    (count > MOST_ARGUMENTS).then(
        || quote!(#[expect(clippy::too_many_arguments, reason = "the service needs all of them")]),
    )
}

/// A type of `types.rs` as other files name it.
pub(super) fn in_types(maker: &Maker<'_>, ty: &Type) -> Type {
    struct Qualify<'a>(&'a Maker<'a>);
    impl VisitMut for Qualify<'_> {
        fn visit_type_path_mut(&mut self, ty: &mut syn::TypePath) {
            visit_mut::visit_type_path_mut(self, ty);
            let structs = &self.0.model.structs;
            let name = ty.path.get_ident().filter(|it| structs.contains_key(&it.to_string()));
            if let Some(name) = name {
                *ty = parse_quote!(types::#name);
            }
        }
    }
    let mut ty = ty.clone();
    Qualify(maker).visit_type_mut(&mut ty);
    ty
}

impl Input {
    fn new(field: &Field, place: Place) -> Self {
        Self {
            ident: field.ident.clone(),
            wire: field.wire.clone(),
            ty: bare(&field.ty).clone(),
            schema: None,
            text: String::new(),
            place,
            deprecated: false,
        }
    }

    /// Whether it is the parameter whose field is called so.
    pub(super) fn is_parameter(&self, field: &Ident) -> bool {
        matches!(&self.place, Place::Parameter(ident) if ident == field)
    }

    pub(super) fn is_any_parameter(&self) -> bool {
        matches!(self.place, Place::Parameter(_))
    }

    /// What an example has for it.
    pub(super) fn given<'e>(&self, example: &'e NamedExample<'_>) -> Option<&'e Value> {
        match &self.place {
            Place::Parameter(_) => example.parameters.get(&self.wire),
            Place::Member(_) => example.body?.get(&self.wire),
            Place::Content(envelope, _) => example.body?.get(&envelope.wire)?.get(&self.wire),
            Place::Body => example.body,
        }
    }

    /// As an argument of a function.
    pub(super) fn argument(&self, to: &mut Writer<'_>) -> String {
        let (ty, _) = taken(to, &self.ty, "");
        format!("{}: {ty}", self.ident)
    }

    /// As an item of the list of arguments in a method's documentation.
    pub(super) fn listed(&self) -> String {
        let text = self.text.replace('\n', "\n  ");
        format!("- `{}`: {text}", self.ident.to_string().trim_start_matches("r#"))
    }

    /// As the value of a builder's field; nothing for what is no parameter.
    pub(super) fn value(&self, to: &mut Writer<'_>) -> Option<String> {
        let Place::Parameter(field) = &self.place else { return None };
        let (_, value) = taken(to, &self.ty, &self.ident.to_string());
        Some(match *field == value {
            true => value,
            false => format!("{field}: {value}"),
        })
    }

    /// Where it is in the builder: the place of the value that it is a member of, if it is one, and the field.
    fn at(&self) -> (Option<String>, Ident) {
        match &self.place {
            Place::Parameter(field) => (None, field.clone()),
            Place::Member(member) => (Some("body".to_owned()), member.clone()),
            Place::Content(envelope, member) => {
                (Some(format!("body.{}", envelope.ident)), member.clone())
            }
            Place::Body => (None, format_ident!("body")),
        }
    }

    /// Where it is in the builder, as an expression.
    pub(super) fn place(&self) -> TokenStream {
        match (&self.place, self.at().1) {
            (Place::Member(_), field) => quote!(self.body.#field),
            (Place::Content(envelope, _), field) => {
                let envelope = &envelope.ident;
                quote!(self.body.#envelope.#field)
            }
            (Place::Parameter(_) | Place::Body, field) => quote!(self.#field),
        }
    }

    /// Whether it is a member of the value at this place in the builder, and the value's type has a setter for it.
    fn is_set_at(&self, place: &str) -> bool {
        let (within, field) = self.at();
        within.as_deref() == Some(place) && field != "new"
    }

    /// Its setter.
    pub(super) fn setter(&self) -> Setter {
        let sets = match self.at() {
            (None, field) => (field != self.ident).then(|| field.to_string()),
            (Some(within), field) => Some(format!("{within}.{field}")),
        };
        Setter {
            name: self.ident.clone(),
            sets,
            ty: self.ty.clone(),
            about: self.text.clone(),
            is_deprecated: self.deprecated,
        }
    }
}
