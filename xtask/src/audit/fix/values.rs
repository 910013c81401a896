//! Values of enumerations.

use heck::ToUpperCamelCase as _;

use super::{
    Done, Finding, Fixer,
    place::{Spot, component},
    to_write,
};
use crate::edit::{Put, Way, Yaml};

impl Fixer<'_> {
    /// Writes a value that the page lists: into the enumeration, and into what a request allows of it.
    pub(super) fn add_value(
        &mut self,
        finding: &Finding,
        value: &str,
        after: Option<&str>,
    ) -> Done {
        let spot = self.spot(&finding.place)?;
        let way = self.values_way(&spot, finding)?;
        let name = match &spot {
            Spot::Component(name) => name.clone(),
            _ => match self.reference(&way) {
                Some(name) => name,
                None if self.editor.scalar(&way.to("type")) == Some("string") => {
                    return self.begin_enumeration(finding, &spot, &way, value);
                }
                None => {
                    return Err(
                        "it is no text, so it has no list of values; edit it by hand".to_owned()
                    );
                }
            },
        };
        self.add_known_value(&name, value, after, &to_write("what this value means", ""))?;
        // A request closes the enumeration; what it allows is what the page lists.
        let closed = way.to("enum");
        if self.editor.has(&closed) && !self.editor.lists(&closed, value) {
            let put = Put::after(after);
            self.editor.push(&closed, &Yaml::text(value), put)?;
        }
        Ok(())
    }

    /// The schema with the values: the member's own, or that of the list's items.
    fn values_way(&mut self, spot: &Spot, finding: &Finding) -> Result<Way, String> {
        let way = self.schema_way(spot);
        self.own_part(finding, spot, &way)?;
        let items = way.to("items");
        Ok(if self.editor.has(&items) { items } else { way })
    }

    /// Writes a value into an enumeration and among the descriptions of its values.
    pub(super) fn add_known_value(
        &mut self,
        name: &str,
        value: &str,
        after: Option<&str>,
        about: &str,
    ) -> Done {
        let way = component(name);
        let words = ["x-extensible-enum", "enum"].map(|word| way.to(word));
        let Some(list) = words.into_iter().find(|list| self.editor.has(list)) else {
            return Err(format!("`{name}` has no list of values; edit it by hand"));
        };
        if self.editor.lists(&list, value) {
            return Ok(());
        }
        let put = Put::after(after);
        self.editor.push(&list, &Yaml::text(value), put)?;
        let meanings = way.to("x-enum-descriptions");
        if self.editor.names(&meanings).is_empty() {
            return Ok(());
        }
        self.editor.set(&meanings, value, &Yaml::text(about), put)
    }

    /// Makes a plain text an enumeration with its first value.
    fn begin_enumeration(
        &mut self,
        finding: &Finding,
        spot: &Spot,
        way: &Way,
        value: &str,
    ) -> Done {
        let (owner, member, in_request) = match spot {
            Spot::Member { component, name } => {
                (component.clone(), name.clone(), self.is_request(component))
            }
            Spot::Parameter { operation, name, .. } => {
                let id = self.editor.scalar(&operation.to("operationId")).unwrap_or_default();
                (id.to_owned(), name.clone(), true)
            }
            Spot::Component(name) => {
                return Err(format!("`{name}` has no list of values; edit it by hand"));
            }
        };
        let name = member.to_upper_camel_case();
        let taken = self.editor.has(&component(&name));
        let name = if taken { format!("{owner}{name}") } else { name };
        if self.editor.has(&component(&name)) {
            return Err(format!(
                "there is a schema `{name}` already; write the enumeration by hand"
            ));
        }
        let values = [value.to_owned()];
        self.add_enumeration(&name, &values, &owner, &to_write("what it tells", ""))?;
        let pointer = Yaml::text(format!("#/components/schemas/{name}"));
        let parts = Yaml::List(vec![Yaml::mapping([("$ref", pointer)])]);
        for word in self.editor.names(way) {
            let kept = ["description", "nullable", "x-sensitive", "deprecated", "type"];
            if !kept.contains(&word.as_str()) {
                self.editor.remove(&way.to(&word))?;
            }
        }
        self.put_word(way, "allOf", &parts)?;
        self.editor.remove(&way.to("type"))?;
        if in_request {
            self.put_word(way, "enum", &Yaml::flow_list([value]))?;
        }
        self.show_value(finding, spot, (None, value))
    }

    /// Takes a value out of what a request allows, and out of the enumeration, where nothing else has it.
    pub(super) fn remove_value(&mut self, finding: &Finding, value: &str) -> Done {
        let spot = self.spot(&finding.place)?;
        let way = self.values_way(&spot, finding)?;
        let name = match &spot {
            Spot::Component(name) => Some(name.clone()),
            _ => self.reference(&way),
        };
        let name = name.ok_or("it has no list of values; edit it by hand")?;
        let closed = way.to("enum");
        let is_closed = !matches!(spot, Spot::Component(_)) && self.editor.has(&closed);
        if is_closed {
            if self.editor.texts(&closed) == [value] {
                return Err(
                    "it is the last value that the request allows; edit it by hand".to_owned()
                );
            }
            self.remove_item(&closed, value)?;
        }
        if !is_closed || self.uses("schemas", &name) == 1 {
            let list = component(&name).to("x-extensible-enum");
            if self.editor.texts(&list) == [value] {
                return Err(format!("it is the last value of `{name}`; edit it by hand"));
            }
            self.remove_known_value(&name, value)?;
            self.remove_closed(&name, value)?;
        }
        let list = component(&name).to("x-extensible-enum");
        let allowed = if is_closed { self.editor.texts(&closed) } else { self.editor.texts(&list) };
        let first = allowed.into_iter().next().unwrap_or_default();
        self.show_value(finding, &spot, (Some(value), &first))
    }

    /// Takes a value out of an enumeration and the descriptions of its values.
    pub(super) fn remove_known_value(&mut self, name: &str, value: &str) -> Done {
        let way = component(name);
        for word in ["x-extensible-enum", "enum"] {
            self.remove_item(&way.to(word), value)?;
        }
        self.editor.prune(&way.to("x-enum-descriptions").to(value))
    }

    /// Takes a value out of every member that closes the enumeration.
    fn remove_closed(&mut self, name: &str, value: &str) -> Done {
        for holder in self.editor.names(&Way::of(["components", "schemas"])) {
            let properties = component(&holder).to("properties");
            for one in self.editor.names(&properties) {
                let way = properties.to(&one);
                if self.reference(&way).as_deref() == Some(name) {
                    self.remove_item(&way.to("enum"), value)?;
                }
            }
        }
        Ok(())
    }

    /// Puts a value in the place of another, or of any that is none, in the examples.
    fn show_value(
        &mut self,
        finding: &Finding,
        spot: &Spot,
        (old, new): (Option<&str>, &str),
    ) -> Done {
        for way in self.values_shown(spot, false) {
            let items = self.editor.names(&way).into_iter().map(|name| way.to(&name));
            let ways: Vec<Way> = items.chain([way.clone()]).collect();
            for way in ways {
                let shown = self.editor.scalar(&way);
                if shown.is_some_and(|shown| old.is_none_or(|old| old == shown)) {
                    self.show_anew(finding, spot, &way, &Yaml::text(new))?;
                }
            }
        }
        Ok(())
    }
}
