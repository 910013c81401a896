//! `cargo xtask diff`: edits of documents with the rules they are seen by, and both verdicts, which
//! the generated code has to confirm.

#![allow(clippy::unwrap_used)]

#[path = "../support/compiled.rs"]
mod compiled;
mod edits;
mod repository;
mod semver;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use xtask::{
    diff::{
        detect,
        model::Model,
        rules::Rule,
        types::{Change, Rust},
    },
    emit::{self, Page},
    generate, items, lower,
    spec::Spec,
};

/// An edit of a document, and what is said of it.
struct Edit {
    /// `small`, `wide`, or a provider.
    document: &'static str,
    /// What is replaced, first occurrence, by what.
    edits: &'static [(&'static str, &'static str)],
    /// True where the edited document is the base.
    back: bool,
    /// `rule place wire rust`, in the order of the report.
    said: &'static [&'static str],
}

fn text(document: &str) -> String {
    static ALL: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
        let root = xtask::root().unwrap();
        let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
        let mut all: BTreeMap<String, String> = ["cci", "tat", "zstack"]
            .map(|name| (name.to_owned(), read(&format!("specs/{name}.yaml"))))
            .into();
        all.insert("small".to_owned(), include_str!("../data/small.yaml").to_owned());
        all.insert("wide".to_owned(), include_str!("../data/wide.yaml").to_owned());
        all
    });
    ALL[document].clone()
}

fn edited(edit: &Edit) -> String {
    edit.edits.iter().fold(text(edit.document), |text, (find, put)| {
        assert!(text.contains(find), "{}: there is no {find} {put}", edit.document);
        text.replacen(find, put, 1)
    })
}

fn changes(old: &str, new: &str) -> Vec<Change> {
    let model = |text: &str| Model::of("specs/small.yaml", text).unwrap_or_else(|e| panic!("{e}"));
    detect::changes(&model(old), &model(new))
}

fn said(change: &Change) -> String {
    format!("{} {} {} {}", change.rule.id(), change.place, change.wire(), change.rust())
}

/// What is generated: the public items, and the code without its documentation.
struct Code {
    items: BTreeSet<String>,
    code: String,
}

/// Generates without the linter, whose rules grow and are not what is tested here.
fn files(document: &str, text: &str) -> Vec<Page> {
    let spec = Spec::parse(document, text.to_owned()).unwrap_or_else(|e| panic!("{e}"));
    let tokens = generate::tokens(&spec, lower::lower(&spec)).unwrap_or_else(|e| panic!("{e}"));
    emit::files(&spec, tokens).unwrap()
}

fn code(document: &str, text: &str) -> Code {
    let files = files(document, text);
    let find = |path: &str| {
        let name = path.strip_prefix("generated/")?;
        files.iter().find(|(file, _)| file == name).map(|(_, text)| text.clone())
    };
    let has_enums = find("generated/enums.rs").is_some();
    let enums = if has_enums { "enums, " } else { "" };
    let root = format!(
        "mod generated;\n#[cfg(feature = \"examples\")]\npub use generated::examples;\npub use \
         generated::{{Client, builder, {enums}operations, types}};\n"
    );
    let read = |path: &str| Ok(if path == "lib.rs" { Some(root.clone()) } else { find(path) });
    let items = items::of(&read).unwrap();
    let is_code = |line: &&str| {
        let line = line.trim_start();
        !line.starts_with("///") && !line.starts_with("//!") && !line.is_empty()
    };
    let code = files.iter().map(|(path, text)| {
        let lines = text.lines().filter(is_code).map(|line| undescribed(path, line));
        format!("{path}\n{}\n", lines.collect::<Vec<_>>().join("\n"))
    });
    Code { items, code: code.collect() }
}

/// A line without what is documentation, also where a program can show it: what an operation does, and what
/// a type or member of a JSON Schema is.
fn undescribed(path: &str, line: &str) -> String {
    let before = match path {
        "by_name.rs" if line.contains("NamedOperation::new(") => "\", \"",
        "schemas.rs" if line.contains("schema!(") => ", \"",
        "schemas.rs" => ": \"",
        _ => return line.to_owned(),
    };
    let Some((begin, text)) = line.split_once(before) else { return line.to_owned() };
    let mut is_escaped = false;
    let end = text.find(|c: char| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    format!("{begin}{}", &text[end.map_or(text.len(), |end| end + 1)..])
}

/// How many items the code marks as deprecated.
fn advised_against(code: &Code) -> usize {
    code.code.matches("#[deprecated").count()
}

/// The Rust verdict that two states of the generated code have.
fn verdict(old: &Code, new: &Code) -> Rust {
    if old.items.difference(&new.items).next().is_some() {
        Rust::Major
    } else if new.items.difference(&old.items).next().is_some()
        || advised_against(new) > advised_against(old)
    {
        Rust::Minor
    } else if old.code != new.code {
        Rust::Patch
    } else {
        Rust::None
    }
}

#[test]
fn each_edit_is_seen_by_its_rules_and_the_code_agrees() {
    let mut failures = Vec::new();
    let mut bases: BTreeMap<&str, Code> = BTreeMap::new();
    let mut used = BTreeSet::new();
    for (index, edit) in edits::EDITS.iter().copied().flatten().enumerate() {
        let (mut old, mut new) = (text(edit.document), edited(edit));
        let base = bases.entry(edit.document).or_insert_with(|| code(edit.document, &old));
        let other = code(edit.document, &new);
        let real = if edit.back { verdict(&other, base) } else { verdict(base, &other) };
        if edit.back {
            std::mem::swap(&mut old, &mut new);
        }
        let changes = changes(&old, &new);
        let found: Vec<String> = changes.iter().map(said).collect();
        used.extend(changes.iter().map(|change| change.rule));
        let name = format!("{index} {} {:?}", edit.document, edit.edits);
        if found != edit.said {
            failures.push(format!("{name}\n  said {found:#?}"));
        }
        let told = changes.iter().map(Change::rust).max().unwrap_or_default();
        if told != real {
            failures.push(format!("{name}\n  Rust {told} is said, and the code says {real}"));
        }
        for change in &changes {
            let lines = [(change.old_line, &old), (change.new_line, &new)];
            for (line, text) in lines {
                let last = text.lines().count() as u64;
                if line.is_some_and(|line| line == 0 || line > last) {
                    failures.push(format!("{name}\n  {} is at no line", change.rule.id()));
                }
            }
            if change.sentence().contains('{') && !change.sentence().contains("maxProperties") {
                failures.push(format!("{name}\n  {}", change.sentence()));
            }
        }
    }
    let seldom =
        Rule::ALL.iter().filter(|rule| !used.contains(rule) && !edits::UNSEEN.contains(rule));
    failures.extend(seldom.map(|rule| format!("{}: no edit shows it", rule.id())));
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    let count = edits::EDITS.iter().copied().flatten().count();
    assert!(count >= 80, "{count}");
}

#[test]
fn what_is_written_in_another_way_is_no_change() {
    let mut failures = Vec::new();
    for document in ["small", "cci", "tat", "zstack"] {
        let text = text(document);
        let found = changes(&text, &text);
        if !found.is_empty() {
            failures.push(format!("{document} differs from itself: {found:?}"));
        }
    }
    for edit in edits::SAME {
        let (old, new) = (text(edit.document), edited(edit));
        let found: Vec<String> = changes(&old, &new).iter().map(said).collect();
        if found != edit.said {
            failures.push(format!("{:?}: {found:#?}", edit.edits));
        }
        let lines = |text: &str| {
            let Code { items, code } = code(edit.document, text);
            let mut lines: Vec<String> = code.lines().map(str::to_owned).collect();
            lines.sort();
            (items, lines)
        };
        if lines(&old) != lines(&new) {
            failures.push(format!("{:?}: the code differs", edit.edits));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The model's Rust types are those of the generated fields.
#[test]
fn the_model_has_the_types_of_the_generated_code() {
    let mut failures = Vec::new();
    for document in ["small", "cci", "tat", "zstack"] {
        let text = text(document);
        let (model, code) = (Model::of("specs/x.yaml", &text).unwrap(), code(document, &text));
        for (name, ty) in &model.types {
            for (ident, member) in &ty.members {
                let begin = format!("types::{name}.{ident}: ");
                let raw = format!("types::{name}.{ident}_: ");
                let field = code
                    .items
                    .iter()
                    .find_map(|item| item.strip_prefix(&begin).or_else(|| item.strip_prefix(&raw)));
                let plain =
                    field.unwrap_or("nothing").replace("Box<", "").replace("serde_json::", "");
                let plain = plain.trim_end_matches('>').replace("Option<", "");
                let told = member.ty.replace("enums::", "");
                if plain != told.trim_end_matches('>') {
                    failures.push(format!("{document}: {name}.{ident} is {field:?}, not {told}"));
                }
                let is_whole = !field.unwrap_or_default().starts_with("Option<");
                let is_list = told.starts_with("Vec<") || told.contains("Map<");
                if !is_list && is_whole != (member.required && !member.nullable) {
                    failures.push(format!("{document}: {name}.{ident} is {field:?}, {member:?}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn ids_of_rules_are_one_each_and_in_kebab_case() {
    let ids: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(ids.len(), Rule::ALL.len());
    for rule in Rule::ALL {
        let facts = rule.facts();
        assert!(facts.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", facts.id);
        assert!(
            facts.sentence.contains("{place}") && facts.sentence.ends_with('.'),
            "{}",
            facts.id
        );
        assert!(facts.reason.ends_with('.'), "{}", facts.id);
    }
}

/// Every word that the reader of documents knows has a rule of its own.
#[test]
fn every_x_word_of_the_documents_has_a_rule() {
    let readme = std::fs::read_to_string(xtask::root().unwrap().join("specs/README.md")).unwrap();
    let words: BTreeSet<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `x-")?.split(['`', ':', ' ']).next())
        .collect();
    assert!(words.len() > 10, "{words:?}");
    let shown: String = edits::EDITS
        .iter()
        .copied()
        .flatten()
        .flat_map(|edit| edit.edits)
        .map(|(find, put)| format!("{find}\n{put}\n"))
        .collect();
    for word in words {
        assert!(shown.contains(&format!("x-{word}")), "no edit is of x-{word}");
    }
    let other = edits::EDITS
        .iter()
        .copied()
        .flatten()
        .filter(|edit| edit.said.iter().any(|it| it.contains("other-")));
    assert_eq!(other.count(), 0);
}
