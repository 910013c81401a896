//! The requirements between members, and their exclusions: the examples obey them, and they follow the types.

use serde_json::Value;

use super::{
    Done, Fixer,
    place::{component, member},
};
use crate::edit::{Way, Yaml};

impl Fixer<'_> {
    /// The values of other members that a member needs, directly or indirectly, and the example lacks.
    pub(super) fn lacking(&self, holder: &str, name: &str, way: &Way) -> Vec<(String, Yaml)> {
        let rule = component(holder).to("x-requires");
        let (mut lacking, mut seen, mut next) = (Vec::new(), Vec::new(), vec![name.to_owned()]);
        while let Some(one) = next.pop() {
            let needs = rule.to(&one);
            for other in self.editor.names(&needs) {
                let Ok(wanted) = self.editor.plain_value(&needs.to(&other)) else { continue };
                if self.editor.plain_value(&way.to(&other)).ok().as_ref() != Some(&wanted) {
                    lacking.push((other.clone(), Yaml::of(&wanted)));
                }
                if !seen.contains(&other) {
                    next.push(other);
                }
            }
            seen.push(one);
        }
        lacking
    }

    /// Puts a member into a part of an example, if it is not there, with what it needs and without what it
    /// excludes.
    pub(super) fn put_with_needs(
        &mut self,
        holder: &str,
        way: &Way,
        name: &str,
        value: &Yaml,
    ) -> Done {
        self.give(holder, name, way)?;
        if self.editor.has(&way.to(name)) {
            return Ok(());
        }
        self.make_room(holder, name, way)?;
        self.put_member(holder, way, name, value)
    }

    /// Gives every example that has the member what it needs of others.
    pub(super) fn give_needs(&mut self, holder: &str, name: &str) -> Done {
        for way in self.shown(holder, false) {
            if self.editor.has(&way.to(name)) {
                self.give(holder, name, &way)?;
            }
        }
        Ok(())
    }

    fn give(&mut self, holder: &str, name: &str, way: &Way) -> Done {
        for (needed, wanted) in self.lacking(holder, name, way) {
            self.make_room(holder, &needed, way)?;
            self.put_member(holder, way, &needed, &wanted)?;
        }
        Ok(())
    }

    /// Takes the members out of a part of an example that exclude this one.
    fn make_room(&mut self, holder: &str, name: &str, way: &Way) -> Done {
        let object = component(holder);
        let required = self.editor.texts(&object.to("required"));
        for rule in ["x-exclusive", "x-exactly-one-of"].map(|rule| object.to(rule)) {
            for index in self.editor.names(&rule) {
                let group = self.editor.texts(&rule.to(&index));
                if !self.editor.lists(&rule.to(&index), name) {
                    continue;
                }
                for other in group.iter().filter(|one| *one != name && !required.contains(one)) {
                    self.editor.remove(&way.to(other))?;
                }
            }
        }
        Ok(())
    }

    /// Gives the values that others need of a member its new type, which has the value `sample`. Where the
    /// type has no such value, nothing of it is needed any more.
    pub(super) fn retype_needs(&mut self, holder: &str, name: &str, sample: &Value) -> Done {
        let rule = component(holder).to("x-requires");
        for one in self.editor.names(&rule) {
            let needed = rule.to(&one).to(name);
            let Ok(old) = self.editor.plain_value(&needed) else { continue };
            match self.retyped(&member(holder, name), &old, sample) {
                Some(new) => {
                    if new != old {
                        self.editor.replace_value(&needed, &Yaml::of(&new))?;
                    }
                    self.give_needs(holder, &one)?;
                }
                None => {
                    self.editor.prune(&needed)?;
                    self.notes.push(format!(
                        "{holder}.{one}: it needed `{name}` to be {old}, which the new type cannot be; see \
                         what it needs now"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The value of the schema that says what `old` did.
    pub(super) fn retyped(&self, schema: &Way, old: &Value, sample: &Value) -> Option<Value> {
        let text = old.as_str().map_or_else(|| old.to_string(), str::to_owned);
        let new = match sample {
            Value::Bool(_) => Value::from(text.to_ascii_lowercase().parse::<bool>().ok()?),
            Value::Number(number) if number.is_i64() => Value::from(text.parse::<i64>().ok()?),
            // A text with a format is not compared.
            Value::String(_) if !self.editor.has(&schema.to("format")) => Value::from(text),
            _ => return None,
        };
        let list = match self.reference(schema) {
            Some(_) if self.editor.has(&schema.to("enum")) => Some(schema.to("enum")),
            Some(name) => Some(component(&name).to("x-extensible-enum")),
            None => None,
        };
        let is_listed = list.is_none_or(|list| {
            self.editor.texts(&list).iter().any(|one| new.as_str() == Some(one))
        });
        (is_listed && self.fitted(schema, &new, sample) == new).then_some(new)
    }
}
