//! Parts that an anchor shares: each way to them gets one of its own where an edit is not for all.

use std::ops::Range;

use super::{
    Editor, Way,
    tree::{Id, Kind},
};

impl Editor {
    /// Makes the part at `way` one that no way but those that begin like `sharers` leads to: an alias
    /// becomes a copy, and an alias of it elsewhere does.
    ///
    /// # Errors
    /// A sentence, if there is none.
    pub fn own(&mut self, way: &Way, sharers: &[Way]) -> Result<(), String> {
        for length in 1..=way.0.len() {
            let part = Way(way.0[..length].to_vec());
            self.expand_merge(&part, sharers)?;
            let Some(raw) = self.find(&part) else { return Ok(()) };
            let target = self.tree.resolve(raw);
            let Some((name, anchor)) = self.tree.0[target].anchor.clone() else { continue };
            let is_shared = |id: Id| {
                let at = Way(self.tree.path(id));
                sharers.iter().any(|sharer| at.begins_with(sharer))
            };
            let ids = 0..self.tree.0.len();
            let aliases: Vec<Id> = ids
                .filter(|id| matches!(self.tree.0[*id].kind, Kind::Alias(of) if of == target))
                .collect();
            let outside: Vec<Id> = aliases.iter().copied().filter(|id| !is_shared(*id)).collect();
            if is_shared(target) {
                let mut edits = Vec::new();
                let all_leave = outside.len() == aliases.len();
                for (index, id) in outside.iter().enumerate() {
                    // The others repeat the first of them from now on.
                    let keeps_name = all_leave && outside.len() > 1;
                    if !keeps_name || index == 0 {
                        edits.push(self.copy(*id, keeps_name.then_some(name.as_str()))?);
                    }
                }
                if all_leave && !outside.is_empty() {
                    edits.push((self.anchor_range(anchor, target), String::new()));
                }
                if !edits.is_empty() {
                    self.replace(edits)?;
                }
            } else {
                let inside: Vec<Id> = aliases.into_iter().filter(|id| is_shared(*id)).collect();
                let edits: Result<Vec<_>, _> =
                    inside.iter().map(|id| self.copy(*id, None)).collect();
                self.replace(edits?)?;
                self.drop_unused_anchor(&name)?;
            }
        }
        Ok(())
    }

    /// An anchor with the white space behind it, or in front of it where its part begins on the next line.
    fn anchor_range(&self, anchor: Range<usize>, target: Id) -> Range<usize> {
        let start = self.tree.0[target].range.start;
        let gap = self.text.get(anchor.end..start).unwrap_or_default();
        let before = self.text[..anchor.start].trim_end_matches(' ');
        if !gap.contains('\n') {
            anchor.start..anchor.end + gap.len()
        } else if before.ends_with('-') {
            // `- &name` and the mapping below: the mapping follows the dash.
            anchor.start..start
        } else {
            before.len()..anchor.end
        }
    }

    /// Takes an anchor out that nothing repeats any more.
    fn drop_unused_anchor(&mut self, name: &str) -> Result<(), String> {
        let nodes = &self.tree.0;
        let used =
            |id: Id| nodes.iter().any(|node| matches!(node.kind, Kind::Alias(of) if of == id));
        let named = |id: &Id| nodes[*id].anchor.as_ref().is_some_and(|(of, _)| of == name);
        let unused = (0..nodes.len()).filter(named).find(|id| !used(*id));
        let Some(unused) = unused else { return Ok(()) };
        let Some((_, anchor)) = nodes[unused].anchor.clone() else { return Ok(()) };
        let range = self.anchor_range(anchor, unused);
        self.replace(vec![(range, String::new())])
    }

    /// The edit that puts a copy in the place of an alias.
    fn copy(&self, alias: Id, anchor: Option<&str>) -> Result<(Range<usize>, String), String> {
        let target = self.tree.resolve(alias);
        let at = self.tree.0[alias].range.clone();
        let parent = self.tree.0[alias].parent.and_then(|id| self.parts(id));
        let part = parent.and_then(|(_, parts)| parts.into_iter().find(|part| part.value == alias));
        let part = part.ok_or("an alias stands nowhere")?;
        let anchor = anchor.map(|name| format!("&{name}")).unwrap_or_default();
        let is_block = matches!(
            self.tree.0[target].kind,
            Kind::List { is_flow: false, .. } | Kind::Mapping { is_flow: false, .. }
        );
        if is_block && part.is_flow {
            return Err(
                "a part in braces repeats one of several lines; write it out first".to_owned()
            );
        }
        let own = self.column(self.begin(part));
        let column = own + 2;
        let lines = self.copied(target, column);
        let space = if anchor.is_empty() { "" } else { " " };
        Ok(match (is_block, part.name) {
            (true, Some(name)) => {
                let colon = self.tree.0[name].range.end;
                let from = self.text[colon..at.start].find(':').map_or(at.start, |i| colon + i + 1);
                (from..at.end, format!("{space}{anchor}\n{}{lines}", " ".repeat(column)))
            }
            (true, None) if !anchor.is_empty() => {
                (at, format!("{anchor}\n{}{lines}", " ".repeat(column)))
            }
            _ => (at, format!("{anchor}{space}{lines}")),
        })
    }

    /// The source of a part with its lines moved to `column`; parts with an anchor within it become aliases.
    fn copied(&self, target: Id, column: usize) -> String {
        let range = self.tree.0[target].range.clone();
        let mut text = self.text[range.clone()].to_owned();
        let mut within: Vec<Id> = (0..self.tree.0.len())
            .filter(|id| {
                let node = &self.tree.0[*id];
                *id != target && node.anchor.is_some() && range.contains(&node.start())
            })
            .collect();
        // If one part with an anchor is inside another, the outer one is repeated.
        within.sort_by_key(|id| self.tree.0[*id].start());
        let mut end = 0;
        within.retain(|id| {
            let node = &self.tree.0[*id];
            let is_outer = node.start() >= end;
            if is_outer {
                end = node.range.end;
            }
            is_outer
        });
        for id in within.into_iter().rev() {
            let node = &self.tree.0[id];
            let Some((name, _)) = &node.anchor else { continue };
            let (from, to) = (node.start() - range.start, node.range.end - range.start);
            text.replace_range(from..to, &format!("*{name}"));
        }
        let old = self.column(range.start);
        let move_line = |line: &str| {
            let indent = line.chars().take_while(|c| *c == ' ').count();
            if line.trim().is_empty() {
                return String::new();
            }
            format!("{}{}", " ".repeat((indent + column).saturating_sub(old)), &line[indent..])
        };
        let lines = text.lines().enumerate().map(|(index, line)| match index {
            0 => line.to_owned(),
            _ => move_line(line),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Writes out a merge that the way goes through, where others have a part in it.
    fn expand_merge(&mut self, way: &Way, sharers: &[Way]) -> Result<(), String> {
        let (parent, word) = way.split()?;
        if self.names(&parent).iter().any(|name| name == word) {
            return Ok(());
        }
        let merge = parent.to("<<");
        let Some(id) = self.find(&merge) else { return Ok(()) };
        if self.names(&merge).is_empty() {
            return Ok(());
        }
        let target = self.tree.resolve(id);
        let place = Way(self.tree.path(target));
        if target == id || sharers.iter().any(|sharer| place.begins_with(sharer)) {
            return Ok(());
        }
        let column = self.column(self.tree.0[id].parent.map_or(0, |p| self.tree.0[p].range.start));
        let lines = self.copied(target, column);
        let id = self.tree.0[id].parent.ok_or("a merge stands nowhere")?;
        let (is_flow, parts) = self.parts(id).ok_or("a merge stands nowhere")?;
        let own = parts.iter().find(|part| part.name.and_then(|n| self.tree.text(n)) == Some("<<"));
        let Some(own) = own.filter(|_| !is_flow) else {
            return Err(format!(
                "{}: a merge in braces cannot be edited; write it out",
                parent.0.join(".")
            ));
        };
        let overridden: Vec<String> = self
            .names(&parent)
            .into_iter()
            .filter(|name| self.names(&merge).contains(name))
            .collect();
        if let Some(name) = overridden.first() {
            return Err(format!(
                "{}: the merge has `{name}`, which the mapping has too; write it out",
                parent.0.join(".")
            ));
        }
        self.replace(vec![(self.begin(*own)..self.end(*own), lines)])
    }
}
