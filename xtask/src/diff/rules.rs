//! The rules: of each kind of change its id, what it means on the wire and for Rust code, its
//! sentence, and the reason of the verdicts. `cargo xtask diff --list` shows them.
//!
//! A test generates both states of an edit for every rule and compares the public items, so a verdict
//! here that the generated code contradicts fails.

use serde::{Serialize, Serializer};

use super::types::{Class, Rust, Wire};

/// What a rule says.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The stable id.
    pub id: &'static str,
    /// What the change is about.
    pub class: Class,
    /// Its effect on the wire.
    pub wire: Wire,
    /// Its effect on Rust code.
    pub rust: Rust,
    /// What happened; `{place}`, `{before}` and `{after}` are put in.
    pub sentence: &'static str,
    /// Why the verdicts are these.
    pub reason: &'static str,
}

macro_rules! rules {
    ($($name:ident $id:literal $class:ident $wire:ident $rust:ident $sentence:literal $reason:literal;)*) => {
        /// A kind of change.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        #[allow(missing_docs, reason = "each one's sentence and reason are in its facts")]
        pub enum Rule { $($name),* }

        impl Rule {
            /// All rules, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What the rule says.
            pub fn facts(self) -> Facts {
                match self {
                    $(Self::$name => Facts {
                        id: $id,
                        class: Class::$class,
                        wire: Wire::$wire,
                        rust: Rust::$rust,
                        sentence: $sentence,
                        reason: $reason,
                    },)*
                }
            }
        }
    };
}

rules! {
    // Operations.
    OperationAdded "operation-added" Interface Compatible Minor
        "{place} is a new operation." "A method, a builder and a constant are added.";
    OperationRemoved "operation-removed" Interface Breaking Major
        "{place} is gone." "Its method, builder and constant go.";
    OperationRenamed "operation-renamed" Interface Breaking Major
        "{place} was `{before}`." "Its method, builder and constant have another name, and services that route by the name get another one.";
    MethodChanged "method-changed" Interface Breaking Patch
        "{place} is sent by `{after}`, no longer by `{before}`." "The request is another one; the code that makes it stays.";
    PathChanged "path-changed" Interface Breaking Patch
        "{place} goes to `{after}`, no longer to `{before}`." "The request is another one; the code that makes it stays.";
    OperationNameChanged "operation-name-changed" Interface None Major
        "{place}: its code is called `{after}`, no longer `{before}`." "Its method, builder and constant have another name; the request stays.";
    PagesAdded "pages-added" Interface None Minor
        "{place} is read in pages." "The builder gains `pages` and `items`.";
    PagesRemoved "pages-removed" Interface None Major
        "{place} is no longer read in pages." "The builder loses `pages` and `items`.";
    PagesChanged "pages-changed" Behaviour None Patch
        "{place} is read in pages in another way." "The streams stay; where they go on may change.";
    RequestBodyAdded "request-body-added" Interface Breaking Minor
        "{place} has a body now, `{after}`." "The builder gains setters and `with_body`.";
    RequestBodyAddedRequired "request-body-added-required" Interface Breaking Major
        "{place} has a body now, `{after}`, with required members." "The method takes more arguments.";
    RequestBodyRemoved "request-body-removed" Interface Breaking Major
        "{place} has no body any more; it was `{before}`." "The builder loses its setters.";
    RequestTypeChanged "request-type-changed" Interface Breaking Major
        "{place} sends `{after}`, no longer `{before}`." "`with_body` takes another type.";
    AnswerTypeChanged "answer-type-changed" Interface Breaking Major
        "{place} is answered by {after}, no longer by {before}." "`send` returns another type.";
    SuccessStatusAdded "success-status-added" Behaviour Compatible Patch
        "{place} also succeeds with `{after}`." "One more status is taken for success.";
    SuccessStatusRemoved "success-status-removed" Behaviour Breaking Patch
        "{place} no longer succeeds with `{before}`." "An answer with this status becomes an error.";
    ErrorStatusAdded "error-status-added" Behaviour Compatible None
        "{place} may be refused with `{after}`." "The status was an error before; its documentation gains a line.";
    ErrorStatusRemoved "error-status-removed" Behaviour Compatible None
        "{place} is no longer refused with `{before}`." "The status stays an error; its documentation loses a line.";
    ErrorTypeChanged "error-type-changed" Interface Breaking None
        "{place} is refused by {after}, no longer by {before}." "Errors are read by hand-written code, which has to follow.";
    StartsCommandOn "starts-command-on" Behaviour Compatible Patch
        "{place} is known to start a command." "It is never sent a second time after it may have arrived.";
    StartsCommandOff "starts-command-off" Behaviour Breaking Patch
        "{place} is no longer known to start a command." "`may_have_run` no longer warns, and a promise is taken back.";
    RepeatableOn "repeatable-on" Behaviour Compatible Patch
        "{place} may be sent again after a lost answer." "A lost answer is retried.";
    RepeatableOff "repeatable-off" Behaviour Compatible Patch
        "{place} is not sent again after a lost answer." "A lost answer becomes an error.";
    CredentialsNeeded "credentials-needed" Behaviour Breaking Patch
        "{place} needs credentials now." "The table of operations no longer calls it open.";
    CredentialsDropped "credentials-dropped" Behaviour Compatible Patch
        "{place} needs no credentials any more." "The table of operations calls it open.";
    SecurityChanged "security-changed" Documentation None None
        "{place}: the ways to identify the caller changed." "Hand-written code signs; nothing is generated from it.";
    RateStated "rate-stated" Behaviour Compatible Patch
        "{place}: the service states a rate, {after}." "The table of operations has it; the client's own limit is a setting.";
    RateNotStated "rate-not-stated" Behaviour Compatible Patch
        "{place}: the service no longer states a rate; it was {before}." "The table of operations loses it; the client's own limit is a setting.";
    RateRaised "rate-raised" Behaviour Compatible Patch
        "{place}: the service takes {after}, no longer {before}." "The table of operations has it; the client's own limit is a setting.";
    RateLowered "rate-lowered" Behaviour Breaking Patch
        "{place}: the service takes {after}, no longer {before}." "Calls at the old rate are refused; the client's own limit is a setting.";
    ErrorCodeAdded "error-code-added" Behaviour Compatible None
        "{place} may be refused with `{after}`." "Its documentation names one more code.";
    ErrorCodeRemoved "error-code-removed" Behaviour Compatible None
        "{place} is no longer refused with `{before}`." "Its documentation names one code fewer.";
    OperationDeprecated "operation-deprecated" Interface Compatible Minor
        "{place} is deprecated: the vendor advises against it." "Code that calls it gets a warning.";
    OperationUndeprecated "operation-undeprecated" Interface Compatible Patch
        "{place} is no longer deprecated." "The table of operations and the documentation say so.";

    // Parameters.
    ParameterAdded "parameter-added" Interface Compatible Minor
        "{place} is a new parameter, and optional." "The builder gains a setter.";
    ParameterAddedRequired "parameter-added-required" Interface Breaking Major
        "{place} is a new parameter, and required." "The method takes one more argument.";
    ParameterRemoved "parameter-removed" Interface Breaking Major
        "{place} is gone." "The method loses its argument, or the builder its setter.";
    ParameterRenamed "parameter-renamed" Interface None Major
        "{place} was called `{before}`." "A part of a path has no name on the wire; the setter has another one.";
    ParameterRequired "parameter-became-required" Interface Breaking Major
        "{place} is required now." "The method takes one more argument, and the setter goes.";
    ParameterOptional "parameter-became-optional" Interface Compatible Major
        "{place} is optional now." "The method takes one argument fewer, and the builder gains a setter.";
    ArgumentsReordered "arguments-reordered" Interface None Major
        "{place}: its arguments come as {after}, no longer as {before}." "The method takes its arguments in another order, so that one may be given for the other.";
    ParameterMoved "parameter-moved" Interface Breaking Patch
        "{place} goes into the {after}, no longer into the {before}." "The request is another one; the setter stays.";
    WireNameChanged "wire-name-changed" Interface Breaking Patch
        "{place} is `{after}` on the wire, no longer `{before}`." "The Rust name is the same for both.";
    ParameterFormChanged "parameter-form-changed" Behaviour None None
        "{place}: the words on its form changed." "Only the usual form is accepted, so nothing else is sent.";

    // Members of requests.
    EnvelopeChanged "envelope-changed" Interface None Major
        "{place}: callers see the members of another part, `{after}`; it was `{before}`." "`send` returns another type, or the method takes other arguments.";
    RequestMemberAdded "request-member-added" Interface Compatible Minor
        "{place} is a new member, and optional." "The type is `#[non_exhaustive]`; it gains a field and a setter.";
    RequestMemberAddedRequired "request-member-added-required" Interface Breaking Major
        "{place} is a new member, and required." "`new` takes one more argument.";
    RequestMemberRemoved "request-member-removed" Interface Breaking Major
        "{place} is gone." "A field and its setter go.";
    RequestMemberRequired "request-member-became-required" Interface Breaking Major
        "{place} is required now." "`new` takes one more argument, and the setter goes.";
    RequestMemberOptional "request-member-became-optional" Interface Compatible Major
        "{place} is optional now." "`new` takes one argument fewer, and the field becomes an `Option`.";
    RequestNullableOn "request-nullable-on" Interface Compatible Major
        "{place} may be null." "The field of a required member becomes an `Option`.";
    RequestNullableOff "request-nullable-off" Interface Breaking Major
        "{place} may not be null any more." "The field of a required member is no longer an `Option`.";
    ConstructorReordered "constructor-reordered" Interface None Major
        "{place}: `new` takes its arguments in the order {after}, no longer {before}." "Arguments of the same type would change places without a word of the compiler.";

    // Members of answers.
    AnswerMemberAdded "answer-member-added" Interface Compatible Minor
        "{place} is a new member." "The type is `#[non_exhaustive]`; it gains a field.";
    AnswerMemberRemoved "answer-member-removed" Interface Breaking Major
        "{place} is gone." "A field goes; what still comes is in `extra`.";
    AnswerObjectRequired "answer-object-became-required" Interface Compatible Major
        "{place} always comes." "The field is no longer an `Option`.";
    AnswerObjectOptional "answer-object-became-optional" Interface Breaking Major
        "{place} may be missing." "The field becomes an `Option`.";

    // Types of values.
    UnsignedBecameSigned "unsigned-became-signed" Interface Compatible Major
        "{place} may be negative." "Without `minimum: 0` the number is an i64, no longer a u64.";
    RequestSignedBecameUnsigned "request-signed-became-unsigned" Interface Breaking Major
        "{place} may not be negative any more." "With a `minimum` of 0 or more the number is a u64, no longer an i64.";
    AnswerSignedBecameUnsigned "answer-signed-became-unsigned" Interface Compatible Major
        "{place} is never negative." "With `minimum: 0` the number is a u64, no longer an i64.";
    NumberSizeChanged "number-size-changed" Interface Breaking Major
        "{place} is a number of type `{after}`, no longer `{before}`." "The field has another type, and numbers beyond it are not read.";
    BecameBytes "became-bytes" Interface Breaking Major
        "{place} holds Base64 now." "The field is a `Base64`, which encodes by itself.";
    BytesBecameText "bytes-became-text" Interface Breaking Major
        "{place} no longer holds Base64." "The field is a `String`, which is sent as it is.";
    BecameSecret "became-secret" Interface None Major
        "{place} holds a secret." "The field is a `Secret`, which no log shows.";
    SecretBecameText "secret-became-text" Interface None Major
        "{place} is no longer called a secret." "The field is a `String`, which logs show.";
    BecameEnumeration "became-enumeration" Interface None Major
        "{place} has known values, `{after}`." "The field is an open enumeration, which takes and keeps any text.";
    EnumerationBecameText "enumeration-became-text" Interface None Major
        "{place} has no known values any more; it was `{before}`." "The field is a `String`.";
    TypeChanged "type-changed" Interface Breaking Major
        "{place} is of type `{after}`, no longer `{before}`." "The field or the setter has another type, and JSON of the old one is not read.";

    // Limits of requests.
    LimitAdded "limit-added" Behaviour Breaking Patch
        "{place}: {after} is a new limit." "What is beyond it is refused before it is sent.";
    LimitRemoved "limit-removed" Behaviour Compatible Patch
        "{place}: the limit {before} is gone." "Nothing is refused for it any more.";
    LimitTightened "limit-tightened" Behaviour Breaking Patch
        "{place}: the limit is {after}, no longer {before}." "What is beyond it is refused before it is sent.";
    LimitLoosened "limit-loosened" Behaviour Compatible Patch
        "{place}: the limit is {after}, no longer {before}." "More is accepted.";
    LimitConstantAdded "limit-constant-added" Documentation None Minor
        "{place}: the constant of the limit is new, `{after}`." "What it limits is a change of its own.";
    LimitConstantRemoved "limit-constant-removed" Interface None Major
        "{place}: the constant of the limit is gone; it was `{before}`." "Code that reads it no longer compiles.";
    LimitConstantChanged "limit-constant-changed" Interface None Major
        "{place}: the constant of the limit is `{after}`, no longer `{before}`." "A range with two ends is of another type than one with one.";
    PatternAdded "pattern-added" Behaviour Breaking Patch
        "{place} must match `{after}`." "What does not match is refused before it is sent.";
    PatternRemoved "pattern-removed" Behaviour Compatible Patch
        "{place} may be any text; it had to match `{before}`." "Nothing is refused for it any more.";
    PatternChanged "pattern-changed" Behaviour Breaking Patch
        "{place} must match `{after}`, no longer `{before}`." "Whether a pattern takes all that another takes is not decided here, so the worse is assumed.";
    ValuesClosed "values-closed" Behaviour Breaking Patch
        "{place} takes only {after}." "Any other value is refused before it is sent.";
    ValuesOpened "values-opened" Behaviour Compatible Patch
        "{place} takes any value, no longer only {before}." "Nothing is refused for it any more.";
    AllowedValueAdded "allowed-value-added" Behaviour Compatible Patch
        "{place} also takes {after}." "The enumeration knew it already; it is no longer refused.";
    AllowedValueRemoved "allowed-value-removed" Behaviour Breaking Patch
        "{place} no longer takes {before}." "The enumeration still knows it; it is refused before it is sent.";
    UniqueItemsOn "unique-items-on" Behaviour Breaking Patch
        "{place} may not hold an item twice." "Such a list is refused before it is sent.";
    UniqueItemsOff "unique-items-off" Behaviour Compatible Patch
        "{place} may hold an item twice." "Nothing is refused for it any more.";
    JsonObjectAdded "json-object-added" Behaviour Breaking Patch
        "{place} must hold a JSON object." "Any other text is refused before it is sent.";
    JsonObjectRemoved "json-object-removed" Behaviour Compatible Patch
        "{place} may hold any text, no longer only a JSON object." "Nothing is refused for it any more.";
    JsonObjectChanged "json-object-changed" Behaviour Breaking Patch
        "{place}: the JSON object in it is `{after}`, no longer `{before}`." "Several limits are in one word, so the worse is assumed.";
    GroupAdded "group-added" Behaviour Breaking Patch
        "{place}: {after} is a new rule between members." "What breaks it is refused before it is sent.";
    GroupRemoved "group-removed" Behaviour Compatible Patch
        "{place}: the rule {before} between members is gone." "Nothing is refused for it any more.";
    UnknownMembersRefused "unknown-members-refused" Behaviour None Patch
        "{place} refuses members it does not know." "Reading one fails; none can be sent from Rust anyway.";
    UnknownMembersAccepted "unknown-members-accepted" Behaviour None Patch
        "{place} no longer refuses members it does not know." "Reading one succeeds; none can be sent from Rust anyway.";
    ExtraMembersOn "extra-members-on" Interface Compatible Minor
        "{place} takes members that have no name here." "The type gains the field `extra`.";
    ExtraMembersOff "extra-members-off" Interface Breaking Major
        "{place} takes no members but its own." "The field `extra` goes.";

    // Enumerations.
    RequestValueAdded "request-value-added" Interface Compatible Minor
        "{place} is a new value." "The enumeration is `#[non_exhaustive]`; it gains a variant.";
    RequestValueRemoved "request-value-removed" Interface Breaking Major
        "{place} is no longer a value." "A variant goes, and the service is no longer said to take it.";
    AnswerValueAdded "answer-value-added" Interface Compatible Minor
        "{place} is a new value." "The enumeration is `#[non_exhaustive]`; it gains a variant, and what was `Unlisted` is this.";
    AnswerValueRemoved "answer-value-removed" Interface Compatible Major
        "{place} is no longer a value." "A variant goes; where it still comes, it is `Unlisted`.";
    ValueNameChanged "value-name-changed" Interface Breaking Patch
        "{place} is `{after}` on the wire, no longer `{before}`." "The variant is the same for both.";
    EnumerationClosed "enumeration-closed" Behaviour Breaking Patch
        "{place} takes its known values only." "Any other value is refused before it is sent.";
    EnumerationOpened "enumeration-opened" Behaviour Compatible Patch
        "{place} takes values that are not known here." "Nothing is refused for it any more.";

    // Types.
    TypeAdded "type-added" Interface None Minor
        "{place} is a new type." "What uses it is a change of its own.";
    TypeRemoved "type-removed" Interface None Major
        "{place} is gone." "What used it is a change of its own.";
    TypeKindChanged "type-kind-changed" Interface Breaking Major
        "{place} is {after}, no longer {before}." "A struct, an enumeration and a map have nothing in common.";
    TypeTurned "type-turned" Interface None Major
        "{place} is used in {after}, no longer in {before}." "A type of requests has `new` and checks, one of answers has `extra` and reads whatever comes.";

    // Anywhere.
    SensitiveOn "sensitive-on" Behaviour None Patch
        "{place} may hold a secret." "`Debug`, request shapes and recordings hide it.";
    SensitiveOff "sensitive-off" Behaviour None Patch
        "{place} is no longer said to hold a secret." "`Debug`, request shapes and recordings show it.";
    TextContentChanged "text-content-changed" Behaviour None Patch
        "{place}: what the text is said to hold, `{after}`, is new, gone or another." "Request shapes and recordings show and hide its parts by that; the same is sent.";
    MemberDeprecated "member-deprecated" Interface Compatible Minor
        "{place} is deprecated: the vendor advises against it." "Code that uses it gets a warning.";
    MemberUndeprecated "member-undeprecated" Interface Compatible Patch
        "{place} is no longer deprecated." "A warning goes.";
    WithoutEffect "without-effect" Documentation None None
        "{place}: {after} has no effect where it stands; it was {before}." "The generator makes the same of both.";
    OrderChanged "order-changed" Documentation None Patch
        "{place}: the order changed." "Checks are made, and operations listed, in the document's order.";
    DescriptionChanged "description-changed" Documentation None None
        "{place}: the description changed." "Only documentation is made of it.";
    TagsChanged "tags-changed" Documentation None None
        "{place}: the groups changed." "Nothing is made of them.";
    ExampleChanged "example-changed" Documentation None Patch
        "{place}: the example `{after}` is new, gone or another." "The feature `examples` and the request snapshots have it.";
    AnswerExampleChanged "answer-example-changed" Documentation None Patch
        "{place}: the example `{after}` of an answer is new, gone or another." "The feature `examples` has it.";
    ErrorExampleChanged "error-example-changed" Documentation None Patch
        "{place}: the example `{after}` of a refusal is new, gone or another." "The feature `examples` has it.";
    AnswerHeadersChanged "answer-headers-changed" Documentation None None
        "{place}: the headers of an answer changed." "Hand-written code reads headers; nothing is made of them.";
    PageChanged "page-changed" Documentation None Patch
        "{place}: the vendor's page is {after}, no longer {before}." "The table of operations names it.";
    ReadOnChanged "read-on-changed" Documentation None Patch
        "{place}: the page was read on {after}, before on {before}." "The table of operations has the day.";
    DecisionChanged "decision-changed" Documentation None None
        "{place}: a decision on the vendor's page is new, gone or another." "Only the audit and specs/README.md have it.";
    ApiVersionChanged "api-version-changed" Interface Breaking Patch
        "{place}: the version of the interface is `{after}`, no longer `{before}`." "Another version is another service until shown otherwise.";
    ServersChanged "servers-changed" Documentation None None
        "{place}: the addresses changed." "Endpoints are in hand-written code, which has to follow.";
    OpenapiChanged "openapi-changed" Documentation None None
        "{place}: the version of OpenAPI is `{after}`, no longer `{before}`." "It is the document's notation.";
    OtherChange "other-change" Interface Breaking Major
        "{place}: `{after}` was `{before}`, and no rule knows the word." "Nothing is silent; until there is a rule, the worst is assumed.";
}

impl Rule {
    /// The stable id.
    pub fn id(self) -> &'static str {
        self.facts().id
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}
