//! The count of what the documentation shows: what counts, and that the crates lack no more than is allowed.

#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf};

use xtask::{
    docs_count::{self, Count, Counts},
    document::Schema,
    spec::{self, Spec},
};

/// A crate with one of each that is counted.
const LIB: &str = r#"
pub use generated::{Client, builder, types};
pub use run::{Running, Unexported as Renamed};
pub use error::Error;
"#;

const CLIENT: &str = r#"
pub struct Client;
impl Client {
    /// Shown.
    ///
    /// ```no_run
    /// client.run_command("uptime", ["ins-1"]).send().await?;
    /// ```
    pub fn run_command(&self) -> builder::RunCommand<'_> {}
    /// Not compiled.
    ///
    /// ```text
    /// client.describe_commands()
    /// ```
    pub fn describe_commands(&self) -> builder::DescribeCommands<'_> {}
    pub(crate) fn with_call(&self) -> Self {}
}
"#;

const RUN: &str = r#"
impl Client {
    pub fn run(&self) -> Result<Running, Error> {}
    #[doc(hidden)]
    pub fn hidden(&self) -> Hidden {}
}
/// A handle.
///
/// ```
/// let running = client.run()?;
/// running
///     .cancel();
/// ```
pub struct Running { pub stdin: Option<Stdin>, private: Private }
impl Running {
    pub fn cancel(self) {}
    pub fn canc(self) {}
}
impl IntoFuture for Running { type Output = Result<Renamed, Error>; }
pub struct Renamed;
impl Renamed { pub fn results(&self) {} }
pub struct Stdin;
pub struct Private;
pub struct Hidden;
pub struct Error;
impl Error { pub fn kind(&self) {} }
"#;

const TYPES: &str = r#"
pub struct RunCommandRequest;
impl RunCommandRequest {
    /// Seconds the script may run. From 1 to 86400.
    pub fn timeout(mut self, value: u64) -> Self {}
    /// The name. At most 600 bytes, not characters, all in `A-Z`.
    pub fn command_name(mut self, value: impl Into<String>) -> Self {}
    /// No limit is known of it.
    pub fn working_directory(mut self, value: impl Into<String>) -> Self {}
    /// Takes nothing.
    pub fn validate(&self) -> Self {}
}
"#;

fn counts(files: &[(&str, &str)]) -> Counts {
    let spec = Spec::load(&xtask::root().unwrap(), "tat").unwrap();
    let files = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
    docs_count::of(&spec, &files.collect::<Vec<_>>()).unwrap()
}

fn sample() -> Counts {
    let generated = [("src/generated/client.rs", CLIENT), ("src/generated/types.rs", TYPES)];
    counts(&[("src/lib.rs", LIB), ("src/run.rs", RUN), generated[0], generated[1]])
}

#[test]
fn operations_have_an_example_that_is_compiled() {
    let Count { all, missing } = sample().operations;
    // The document has more, without a method here.
    assert!(all > 1);
    assert_eq!(missing[0], "describe_commands");
    assert_eq!(missing.len(), all - 1);
}

#[test]
fn handles_are_what_methods_return_and_fields_and_futures_give() {
    let counts = sample();
    assert_eq!(counts.handles.all, 3);
    assert_eq!(counts.handles.missing, ["Client", "Renamed"]);
    assert_eq!(counts.methods.all, 4);
    assert_eq!(counts.methods.missing, ["Client::run", "Renamed::results", "Running::canc"]);
}

#[test]
fn setters_state_the_limits_of_their_member() {
    let Count { all, missing } = sample().setters;
    assert_eq!((all, missing), (2, vec!["types::RunCommandRequest::command_name: 60".to_owned()]));
}

#[test]
fn a_setter_of_a_call_is_one_of_its_body() {
    let builder = r#"
        pub struct RunCommand;
        impl RunCommand { /// How long.
            pub fn timeout(mut self, value: u64) -> Self {} }
    "#;
    let missing = counts(&[("src/generated/builder.rs", builder)]).setters.missing;
    assert_eq!(missing, ["builder::RunCommand::timeout: 86400, seconds"]);
    let types = "setters!(RunCommandRequest, builder::RunCommand<'_> at body {\n/// How long.\ntimeout(u64);\n});";
    let missing = counts(&[("src/generated/types.rs", types)]).setters.missing;
    let both = ["builder::RunCommand", "types::RunCommandRequest"];
    assert_eq!(missing, both.map(|name| format!("{name}::timeout: 86400, seconds")));
}

#[test]
fn arguments_state_the_limits_of_their_member_in_their_list() {
    let client = r#"
        pub struct Client;
        impl Client {
            /// Runs a script on 200 instances.
            ///
            /// # Arguments
            /// - `content`: The script, in Base64.
            ///   At most 65536 characters, or 49152 bytes.
            /// - `instance_ids`: The instances, 20 at most.
            ///
            /// 200 of them.
            pub fn run_command(&self, content: Base64, instance_ids: Ids) -> builder::RunCommand<'_> {}
            /// Takes an argument that it does not list.
            pub fn create_command(&self, command_name: String) -> builder::CreateCommand<'_> {}
        }
    "#;
    let Count { all, missing } = counts(&[("src/generated/client.rs", client)]).arguments;
    assert_eq!(all, 3);
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(missing[0].starts_with("run_command, instance_ids: 200"), "{missing:?}");
    assert!(missing[1].starts_with("create_command, command_name: 60"), "{missing:?}");
}

#[test]
fn values_of_enumerations_have_a_description() {
    let mut spec = Spec::load(&xtask::root().unwrap(), "tat").unwrap();
    let all = docs_count::of(&spec, &[]).unwrap().values.all;
    let schemas = &mut spec.document.components.schemas;
    let Some(Schema::Text(about)) = schemas.get_mut("CommandType") else { panic!("it is there") };
    about.value_descriptions.shift_remove("SHELL");
    let Count { all: now, missing } = docs_count::of(&spec, &[]).unwrap().values;
    assert_eq!((now, missing), (all, vec!["CommandType: SHELL".to_owned()]));
}

#[test]
fn what_is_missing_is_compared_with_what_is_allowed() {
    let counts = [("tat", sample())];
    let Count { all, missing } = &counts[0].1.operations;
    let allowed = format!(
        "# A comment.\ntat operations {}\ntat handles 2\ntat methods 3\ntat setters 1\n",
        missing.len()
    );
    assert_eq!(docs_count::compare(&counts, &allowed).unwrap(), [""; 0]);
    let complaints = docs_count::compare(&counts, &allowed.replace(" 3", " 2")).unwrap();
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(complaints[0].starts_with("tat: 3 methods lack"), "{complaints:?}");
    for wrong in ["tat methods", "tat method 3", "tat methods many"] {
        assert!(docs_count::compare(&counts, wrong).unwrap_err().contains(wrong));
    }
    let report = docs_count::report(&counts, true);
    assert!(
        report.contains(&format!("1/{all} ")) && report.contains("  Running::canc\n"),
        "{report}"
    );
}

#[test]
fn the_crates_lack_no_more_than_is_allowed() {
    let root = xtask::root().unwrap();
    let providers = spec::providers(&root).unwrap();
    let counts: Vec<_> = providers
        .iter()
        .map(|provider| (provider.as_str(), docs_count::count(&root, provider).unwrap()))
        .collect();
    let allowed = fs::read_to_string(root.join("xtask/docs-count.txt")).unwrap();
    let complaints = docs_count::compare(&counts, &allowed).unwrap();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    println!("{}", docs_count::report(&counts, false));
}
