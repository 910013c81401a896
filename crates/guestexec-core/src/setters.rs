//! The setters of requests, and of the calls that send them.

/// Writes the setters of a type, one for each entry. An entry looks like the method: its documentation, its name, and
/// the type of its argument.
///
/// ```ignore
/// setters!(RunCommandRequest, builder::RunCommand<'_> at body {
///     /// Seconds the script may run. From 1 to 86400. Default: 60 s.
///     timeout(u64);
///     /// Tags for the saved command. At most 10.
///     tags(impl IntoIterator<Item = Tag>);
/// });
/// ```
///
/// `RunCommandRequest` gets `fn timeout(mut self, value: u64) -> Self`, which sets its field `timeout`. The builder
/// `RunCommand` gets the same method, which sets `body.timeout`. So what a member means is said once for both.
///
/// An argument is `T`, `Box<T>` (given as a `T`), `impl Into<T>`, `impl IntoIterator<Item = T>` or
/// `impl IntoIterator<Item = impl Into<T>>`. A setter with another name than its field says which it sets, as in
/// `header_member(bool) sets body.header;`. That is for a list without `at`.
///
/// Setters are `inline`: a program compiles those that it calls.
#[doc(hidden)]
#[macro_export]
macro_rules! setters {
    (
        $type:ident $(<$life:lifetime>)?
        $(, $module:ident::$builder:ident<'_> at $($at:ident).+)*
        { $($setters:tt)* }
    ) => {
        $crate::setters!(@of [$type $(<$life>)?] [] { $($setters)* });
        $crate::setters!(@each [$([$module::$builder<'_>] [$($at).+])*] { $($setters)* });
    };
    (@each [$([$($type:tt)+] $at:tt)*] $setters:tt) => {
        $($crate::setters!(@of [$($type)+] $at $setters);)*
    };
    (@of [$($type:tt)+] $at:tt {
        $($(#[$meta:meta])* $name:ident $argument:tt $(sets $($field:ident).+)?;)*
    }) => {
        impl $($type)+ {
            $($crate::setters!(@one [$(#[$meta])*] $at [$($($field).+)?] $name $argument);)*
        }
    };
    (@one $metas:tt $at:tt $field:tt $name:ident (impl IntoIterator<Item = impl Into<$ty:ty>>)) => {
        $crate::setters!(@fn $metas $at $field $name
            (value: impl IntoIterator<Item = impl Into<$ty>>)
            value.into_iter().map(Into::into).collect::<Vec<$ty>>());
    };
    (@one $metas:tt $at:tt $field:tt $name:ident (impl IntoIterator<Item = $ty:ty>)) => {
        $crate::setters!(@fn $metas $at $field $name
            (value: impl IntoIterator<Item = $ty>)
            value.into_iter().collect::<Vec<$ty>>());
    };
    (@one $metas:tt $at:tt $field:tt $name:ident (impl Into<$ty:ty>)) => {
        $crate::setters!(@fn $metas $at $field $name
            (value: impl Into<$ty>)
            Into::<$ty>::into(value));
    };
    (@one $metas:tt $at:tt $field:tt $name:ident (Box<$ty:ty>)) => {
        $crate::setters!(@fn $metas $at $field $name (value: $ty) ::std::boxed::Box::new(value));
    };
    (@one $metas:tt $at:tt $field:tt $name:ident ($ty:ty)) => {
        $crate::setters!(@fn $metas $at $field $name (value: $ty) value);
    };
    (@fn $metas:tt [$($at:ident).*] [] $name:ident $argument:tt $value:expr) => {
        $crate::setters!(@fn $metas [] [$($at.)* $name] $name $argument $value);
    };
    // A member is an `Option`, or a list or a map that is left out where it is empty: `From` makes either.
    (
        @fn [$(#[$meta:meta])*] [] [$($field:ident).+] $name:ident
        ($value:ident: $ty:ty) $made:expr
    ) => {
        $(#[$meta])*
        #[inline]
        pub fn $name(mut self, $value: $ty) -> Self {
            self.$($field).+ = ::core::convert::From::from($made);
            self
        }
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    #[derive(Debug, Default, PartialEq)]
    struct Request {
        timeout: Option<u64>,
        note: Option<String>,
        part: Option<Box<Part>>,
        ids: Vec<String>,
        colors: Option<Vec<u8>>,
        labels: BTreeMap<String, String>,
        r#type: Option<String>,
    }

    #[derive(Debug, Default, PartialEq)]
    struct Part;

    mod builder {
        #[derive(Default)]
        pub struct Run<'a> {
            pub(super) name: &'a str,
            pub(super) body: Body,
        }

        #[derive(Default)]
        pub struct Body {
            pub(super) params: super::Request,
            pub(super) header: Option<bool>,
        }

        setters!(Run<'_> {
            /// A member whose name a method of every builder has.
            header_member(bool) sets body.header;
        });
    }

    setters!(Request, builder::Run<'_> at body.params {
        timeout(u64);
        note(impl Into<String>);
        part(Box<Part>);
        ids(impl IntoIterator<Item = impl Into<String>>);
        colors(impl IntoIterator<Item = u8>);
        labels(BTreeMap<String, String>);
        r#type(impl Into<String>);
    });

    #[test]
    fn a_request_and_its_builder_have_the_same_setters() {
        let labels = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
        let wanted = Request {
            timeout: Some(60),
            note: Some("why".to_owned()),
            part: Some(Box::new(Part)),
            ids: vec!["a".to_owned(), "b".to_owned()],
            colors: Some(vec![1, 2]),
            labels: labels.clone(),
            r#type: Some("round".to_owned()),
        };
        let request = Request::default().timeout(60).note("why").part(Part).ids(["a", "b"]);
        assert_eq!(request.colors([1, 2]).labels(labels.clone()).r#type("round"), wanted);
        let run = builder::Run { name: "run", ..Default::default() };
        let run = run.timeout(60).note("why").part(Part).ids(["a", "b"]).header_member(true);
        let run = run.colors([1, 2]).labels(labels).r#type("round");
        assert_eq!((run.name, run.body.header, run.body.params), ("run", Some(true), wanted));
    }
}
