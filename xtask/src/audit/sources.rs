//! Several pages as one: an operation and the types it uses may be described on pages of their own.

use super::page::{Code, Member, Operation, Page, Words};

/// The files that were read, and the lines of their pages when put one after the other.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The names, each with the number of lines before it.
    files: Vec<(String, usize)>,
    lines: usize,
}

impl Sources {
    /// Puts a page of so many lines after those before, and moves its lines.
    pub fn add(&mut self, file: &str, lines: usize, page: &mut Page) {
        page.move_down(self.lines);
        self.files.push((file.to_owned(), self.lines));
        self.lines += lines;
    }

    /// The file and the line in it; none for line 0, which stands for no line.
    pub fn at(&self, line: usize) -> Option<(&str, usize)> {
        let is_before = |(_, before): &&(String, usize)| line > *before;
        let (file, before) = self.files.iter().rev().find(is_before)?;
        Some((file, line - before))
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(file, _)| file.as_str())
    }
}

impl Page {
    /// Pages as one. Its edition is that of the first page that describes an operation.
    pub fn joined(pages: Vec<Self>) -> Self {
        let mut all = Self::default();
        for page in pages {
            if all.operations.is_empty() && !page.operations.is_empty() {
                all.edition = page.edition;
            }
            all.operations.extend(page.operations);
            all.types.extend(page.types);
            all.not_understood.extend(page.not_understood);
        }
        all
    }

    fn move_down(&mut self, by: usize) {
        self.operations.iter_mut().for_each(|operation| operation.move_down(by));
        for ty in &mut self.types {
            ty.name.line += by;
            move_members(&mut ty.members, by);
        }
        self.edition.iter_mut().chain(&mut self.not_understood).for_each(|words| words.line += by);
    }
}

impl Operation {
    fn move_down(&mut self, by: usize) {
        self.line += by;
        let words: [&mut Option<Words>; 6] = [
            &mut self.id, &mut self.method, &mut self.path, &mut self.version,
            &mut self.deprecated, &mut self.about,
        ];
        words.into_iter().flatten().for_each(|words| words.line += by);
        self.rate.iter_mut().for_each(|(line, _)| *line += by);
        self.examples.iter_mut().for_each(|example| example.line += by);
        let members = [&mut self.request, &mut self.answer];
        members.into_iter().flatten().for_each(|members| move_members(members, by));
        let codes: [&mut Option<Vec<Code>>; 2] = [&mut self.statuses, &mut self.errors];
        codes.into_iter().flatten().flatten().for_each(|code| code.line += by);
    }
}

fn move_members(members: &mut [Member], by: usize) {
    for member in members {
        member.line += by;
        move_members(&mut member.members, by);
    }
}
