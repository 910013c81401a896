//! A file in the making, line by line.

use std::fmt::Write as _;

use syn::{Ident, Item, Type};

use super::{argument, bare, docs, file, first_line, paths::Names, printed, taken};
use crate::spec::Spec;

/// Longest line of code.
pub(super) const WIDTH: usize = 100;

/// The most arguments that clippy lets a function have.
pub(super) const MOST_ARGUMENTS: usize = 7;

/// A method that puts a value into a field.
pub(super) struct Setter {
    pub name: Ident,
    /// The field, where that has another name.
    pub sets: Option<String>,
    /// The field's type.
    pub ty: Type,
    pub about: String,
    pub is_deprecated: bool,
}

/// The text of a file, and the names that it imports.
pub(super) struct Writer<'a> {
    spec: &'a Spec,
    names: Names<'a>,
    text: String,
}

impl<'a> Writer<'a> {
    pub(super) fn new(spec: &'a Spec) -> Self {
        Self { spec, names: Names::new(spec), text: String::new() }
    }

    /// A line, indented by so many spaces.
    pub(super) fn line(&mut self, indent: usize, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{:indent$}{line}", "");
    }

    /// Several lines as they are.
    pub(super) fn lines(&mut self, lines: &[&str]) {
        lines.iter().for_each(|line| self.line(0, line));
    }

    /// An empty line, unless there is one or a block has just begun.
    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") && !self.text.ends_with("{\n") {
            self.text.push('\n');
        }
    }

    /// A comment on what follows.
    pub(super) fn doc(&mut self, indent: usize, text: &str) {
        for line in docs::doc_lines(text) {
            self.line(indent, &format!("///{line}"));
        }
    }

    /// What comes before what the vendor advises against.
    pub(super) fn deprecated(&mut self, indent: usize, is_deprecated: bool) {
        if is_deprecated {
            self.line(indent, "#[deprecated(note = \"the vendor advises against it\")]");
        }
    }

    /// What allows a function to have as many arguments as there are values that must be given.
    pub(super) fn many(&mut self, indent: usize, arguments: usize) {
        if arguments > MOST_ARGUMENTS {
            let reason = "reason = \"the service needs all of them\"";
            self.line(indent, &format!("#[expect(clippy::too_many_arguments, {reason})]"));
        }
    }

    /// `begin(arguments)end`, on one line or with an argument a line.
    pub(super) fn call(&mut self, indent: usize, begin: &str, arguments: &[String], end: &str) {
        let line = format!("{begin}({}){end}", arguments.join(", "));
        if indent + line.chars().count() <= WIDTH {
            return self.line(indent, &line);
        }
        self.line(indent, &format!("{begin}("));
        arguments.iter().for_each(|argument| self.line(indent + 4, &format!("{argument},")));
        self.line(indent, &format!("){end}"));
    }

    /// `name { fields }`, on one line or in lines as long as may be.
    pub(super) fn fields(&mut self, indent: usize, name: &str, fields: &[String]) {
        let line = format!("{name} {{ {} }}", fields.join(", "));
        if indent + line.chars().count() <= WIDTH {
            return self.line(indent, &line);
        }
        self.line(indent, &format!("{name} {{"));
        let fields = printed::filled(&format!("{},", fields.join(", ")), indent + 4);
        fields.iter().for_each(|line| self.line(0, line));
        self.line(indent, "}");
    }

    /// The setters of a type, written by a macro, and of the builders that have a value of it.
    pub(super) fn setters(&mut self, ty: &str, builders: &[String], setters: &[Setter]) {
        if setters.is_empty() {
            return;
        }
        let name = self.core("setters");
        let of = [&[ty.to_owned()], builders].concat();
        let line = format!("{name}!({} {{", of.join(", "));
        self.gap();
        match line.chars().count() <= WIDTH {
            true => self.line(0, &line),
            false => self.line(0, &format!("{name}!({} {{", of.join(",\n        "))),
        }
        for setter in setters {
            self.doc(4, &setter.about);
            self.deprecated(4, setter.is_deprecated);
            let ty = bare(&setter.ty);
            let ty = match argument(ty, "Box") {
                Some(inner) => format!("Box<{}>", self.ty(inner)),
                None => taken(self, ty, "").0,
            };
            let sets =
                setter.sets.as_ref().map_or_else(String::new, |field| format!(" sets {field}"));
            self.line(4, &format!("{}({ty}){sets};", setter.name));
        }
        self.line(0, "});");
    }

    /// A type as this file writes it.
    pub(super) fn ty(&mut self, ty: &Type) -> String {
        self.names.ty(ty)
    }

    /// A name of `guestexec_core`.
    pub(super) fn core(&mut self, name: &str) -> String {
        self.names.name("guestexec_core", name)
    }

    /// A name of another module.
    pub(super) fn name(&mut self, module: &'static str, name: &str) -> String {
        self.names.name(module, name)
    }

    /// Code that exists as such, at the margin.
    pub(super) fn item(&mut self, mut item: Item) {
        self.names.shorten(&mut item);
        let mut file = file(vec![item]);
        docs::break_lines(&mut file);
        self.text.push_str(&printed::laid_out(prettyplease::unparse(&file).trim()));
        self.text.push('\n');
    }

    /// What is within the braces of an item.
    pub(super) fn inside(&mut self, item: Item) {
        let before = self.text.len();
        self.item(item);
        let text = self.text.split_off(before);
        let inner = text.split_once('\n').and_then(|(_, rest)| rest.trim_end().rsplit_once('\n'));
        self.text.push_str(inner.map_or("", |(inner, _)| inner));
        self.text.push('\n');
    }

    /// The file, with `uses` among its declarations.
    pub(super) fn finish(self, uses: &[String]) -> String {
        let uses = self.names.declarations(uses);
        format!("{}{uses}\n{}\n", first_line(self.spec), self.text.trim_end())
    }
}
