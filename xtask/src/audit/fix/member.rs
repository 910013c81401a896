//! Members and parameters: new, gone, of another type, required or not, deprecated.

use serde_json::Value;

use super::{
    Done, Finding, Fixer,
    place::{Spot, component, member as member_way},
    schema::{self, Home, Words, word},
    to_write,
};
use crate::{
    audit::page::{Member, Place, Type},
    edit::{Put, Way, Yaml},
};

/// The order of a schema's words.
const ORDER: [&str; 26] = [
    "allOf", "$ref", "type", "format", "nullable", "deprecated", "x-sensitive", "enum",
    "x-extensible-enum", "x-enum-descriptions", "minLength", "maxLength", "x-max-bytes", "pattern",
    "x-json-object", "x-content", "minimum", "maximum", "minItems", "maxItems", "uniqueItems",
    "minProperties", "required", "x-exclusive", "items", "additionalProperties",
];

impl Fixer<'_> {
    /// Writes a word of a schema where such words stand.
    pub(super) fn put_word(&mut self, schema: &Way, name: &str, value: &Yaml) -> Done {
        let rank = |word: &str| ORDER.iter().position(|one| *one == word);
        let own = rank(name);
        let names = self.editor.names(schema);
        let mut before = names.iter().filter(|one| rank(one).is_some_and(|rank| Some(rank) < own));
        // Behind the last of those that come first, if no description parts them.
        let before = before.next_back().cloned();
        let put = Put::after(before.as_deref());
        self.editor.set(schema, name, value, put)
    }

    /// Gives a reference a place for more words: `$ref` becomes `allOf`.
    pub(super) fn open_reference(&mut self, schema: &Way) -> Done {
        let pointer = self.editor.scalar(&schema.to("$ref")).map(str::to_owned);
        let Some(pointer) = pointer else { return Ok(()) };
        let parts = Yaml::List(vec![Yaml::mapping([("$ref", Yaml::text(pointer))])]);
        self.editor.replace_value(schema, &Yaml::Mapping(vec![word("allOf", parts)]))
    }

    /// Writes a member, or a parameter, that the document lacks.
    pub(super) fn add_member(
        &mut self,
        finding: &Finding,
        member: &Member,
        after: Option<&str>,
    ) -> Done {
        let place = finding.place.as_str();
        let mut words: Vec<&str> = place.split('.').collect();
        if words.last() != Some(&member.name.as_str()) {
            words.push(&member.name);
        }
        let id = words.first().copied().unwrap_or_default();
        if let Some(operation) = self.operation(id)
            && words.get(1) == Some(&"request")
            && words.len() == 3
            && (member.place != Place::Body || self.body(&operation).is_none())
        {
            return self.add_parameter(finding, &operation, member, after);
        }
        let place = words.join(".");
        let found = self.container(&place);
        let (holder, name) = found.ok_or_else(|| {
            format!("the document has no object for `{place}`; write what it stands in first")
        })?;
        if self.editor.has(&member_way(&holder, &name)) {
            return Ok(());
        }
        if self.editor.names(&component(&holder)).is_empty() {
            return Err(format!("there is no schema `{holder}`; correct the reference"));
        }
        let in_request = self.is_request(&holder);
        let home = Home { owner: holder.clone(), in_request, depth: 0 };
        let schema = Yaml::Mapping(self.schema(member, &home)?);
        let properties = component(&holder).to("properties");
        if self.editor.names(&properties).is_empty() {
            let only = Yaml::Mapping(vec![(name.clone(), schema)]);
            self.editor.set(&component(&holder), "properties", &only, Put::Last)?;
        } else {
            let put = Put::after(after);
            self.editor.set(&properties, &name, &schema, put)?;
        }
        if !in_request {
            return Ok(());
        }
        let required = member.required == Some(true);
        if required {
            self.require(&holder, &name)?;
        }
        self.add_rules(&holder, &name, member)?;
        self.show_member(&holder, &name, required)
    }

    /// Lists a member as required, in the order of the members.
    fn require(&mut self, holder: &str, name: &str) -> Done {
        let object = component(holder);
        let list = object.to("required");
        let listed = self.editor.texts(&list);
        if self.editor.lists(&list, name) {
            return Ok(());
        }
        if listed.is_empty() {
            let has = self.editor.names(&object);
            let words = ["type", "description", "additionalProperties"];
            let before = has.iter().take_while(|one| words.contains(&one.as_str())).last();
            let put = Put::after(before.map(String::as_str));
            return self.editor.set(&object, "required", &Yaml::flow_list([name]), put);
        }
        let order = self.editor.names(&object.to("properties"));
        let before = order.iter().take_while(|one| *one != name);
        let before = before.filter(|one| listed.contains(one)).last();
        self.editor.push(&list, &Yaml::text(name), Put::after(before.map(String::as_str)))
    }

    /// Writes the members it must not stand beside, and those it needs.
    fn add_rules(&mut self, holder: &str, name: &str, member: &Member) -> Done {
        let object = component(holder);
        let properties = object.to("properties");
        let mut group: Vec<&str> = member.limits.excludes.iter().map(String::as_str).collect();
        if let [_] = group.as_slice() {
            group.push(name);
        }
        for (at, one) in group.iter().enumerate() {
            for other in group.iter().skip(at + 1).filter(|other| *other != one) {
                if [one, other].iter().all(|name| self.editor.has(&properties.to(name))) {
                    self.exclude(holder, &[one, other])?;
                }
            }
        }
        for (other, value) in &member.limits.requires {
            if self.editor.has(&properties.to(other)) && other != name {
                self.need(holder, name, other, value)?;
            }
        }
        Ok(())
    }

    /// Writes that two members exclude each other.
    pub(super) fn exclude(&mut self, holder: &str, names: &[&str]) -> Done {
        let object = component(holder);
        let list = object.to("x-exclusive");
        for rule in [list.clone(), object.to("x-exactly-one-of")] {
            for index in self.editor.names(&rule) {
                if names.iter().all(|name| self.editor.lists(&rule.to(&index), name)) {
                    return Ok(());
                }
            }
        }
        let group = Yaml::flow_list(names);
        if self.editor.has(&list) {
            return self.editor.push(&list, &group, Put::Last);
        }
        let groups = Yaml::Flow(Box::new(Yaml::List(vec![group])));
        self.put_rule(&object, "x-exclusive", &groups)
    }

    /// Writes that a member needs a value of another.
    pub(super) fn need(&mut self, holder: &str, name: &str, other: &str, value: &str) -> Done {
        let object = component(holder);
        let rule = object.to("x-requires");
        let schema = member_way(holder, other);
        let sample = self.sample(&schema, true)?;
        let fitting = self.retyped(&schema, &Value::from(value), &sample);
        let value = fitting.ok_or_else(|| {
            format!("`{other}` cannot be {value}; write what `{name}` needs of it by hand")
        })?;
        let value = Yaml::of(&value);
        let needs = Yaml::Flow(Box::new(Yaml::Mapping(vec![(other.to_owned(), value.clone())])));
        if self.editor.has(&rule.to(name)) {
            return self.editor.set(&rule.to(name), other, &value, Put::Last);
        }
        if self.editor.has(&rule) {
            return self.editor.set(&rule, name, &needs, Put::Last);
        }
        self.put_rule(&object, "x-requires", &Yaml::Mapping(vec![(name.to_owned(), needs)]))
    }

    /// Writes a rule of an object in front of its members.
    fn put_rule(&mut self, object: &Way, name: &str, value: &Yaml) -> Done {
        let names = self.editor.names(object);
        let before = names.iter().take_while(|one| *one != "properties").last();
        let put = Put::after(before.map(String::as_str));
        self.editor.set(object, name, value, put)
    }

    /// Makes a part of a parameter one that only `sharers` have.
    pub(super) fn own_parameter(&mut self, operation: &Way, part: &Way, sharers: &[Way]) -> Done {
        if !part.begins_with(operation) {
            // It stands at the path, for all operations of it.
            let path = Way(operation.0.iter().take(2).cloned().collect());
            let all = self.operations();
            let mut others = all.iter().filter(|(_, way)| way.begins_with(&path));
            if let Some((other, _)) = others.find(|(_, way)| !sharers.contains(way)) {
                return Err(format!(
                    "the parameter stands at the path, for `{other}` too; write it at each operation"
                ));
            }
        }
        self.editor.own(part, sharers)
    }

    /// Frees `part` of a spot from what else repeats it by an anchor, where the spot is a parameter.
    pub(super) fn own_part(&mut self, finding: &Finding, spot: &Spot, part: &Way) -> Done {
        let Spot::Parameter { operation, .. } = spot else { return Ok(()) };
        let sharers = self.sharers(finding);
        self.own_parameter(operation, part, &sharers)
    }

    fn add_parameter(
        &mut self,
        finding: &Finding,
        operation: &Way,
        member: &Member,
        after: Option<&str>,
    ) -> Done {
        if self.parameter(operation, &member.name).is_some() {
            return Ok(());
        }
        let location = match member.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
            Place::Body => {
                return Err(
                    "the operation has no body; write where the parameter goes by hand".to_owned()
                );
            }
        };
        if location == "path" {
            return Err(format!(
                "the path has no `{{{}}}`; write the path as the page has it first",
                member.name
            ));
        }
        let parameter = self.parameter_of(member, location, finding)?;
        let list = operation.to("parameters");
        let sharers = self.sharers(finding);
        let index = if self.editor.has(&list) {
            self.editor.own(&list, &sharers)?;
            let found = after.and_then(|after| self.parameter(operation, after));
            let found = found.filter(|(way, _)| *way == list).map(|(_, index)| index);
            let (put, index) = match (found, after) {
                (Some(index), _) => (Put::AfterItem(index), index + 1),
                (None, None) => (Put::First, 0),
                (None, Some(_)) => (Put::Last, self.editor.names(&list).len()),
            };
            self.editor.push(&list, &parameter, put)?;
            index
        } else {
            let names = self.editor.names(operation);
            let before = names.iter().take_while(|one| {
                !matches!(one.as_str(), "x-examples" | "requestBody" | "responses")
            });
            let before = before.last().cloned().unwrap_or_default();
            let parameters = Yaml::List(vec![parameter]);
            self.editor.set(operation, "parameters", &parameters, Put::After(&before))?;
            0
        };
        self.show_parameter(operation, &list.to(&index.to_string()), &sharers)
    }

    /// A parameter as the document writes it.
    pub(super) fn parameter_of(
        &mut self,
        member: &Member,
        location: &str,
        finding: &Finding,
    ) -> Result<Yaml, String> {
        let owner = finding.place.split('.').next().unwrap_or_default().to_owned();
        let home = Home { owner, in_request: true, depth: 0 };
        let mut schema = self.schema(member, &home)?;
        schema.retain(|(name, _)| name != "description" && name != "deprecated");
        if location == "path" {
            self.keep_in_segment(&mut schema, &member.name);
        }
        let mut words: Words =
            vec![word("name", Yaml::text(&member.name)), word("in", Yaml::text(location))];
        if member.required == Some(true) || location == "path" {
            words.push(word("required", Yaml::plain(true)));
        }
        if member.deprecated {
            words.push(word("deprecated", Yaml::plain(true)));
        }
        let about = to_write("what it is", &member.text);
        words.push(word("description", Yaml::text(about)));
        words.push(word("schema", Yaml::Mapping(schema)));
        Ok(Yaml::Mapping(words))
    }

    /// Gives a parameter of a path a pattern, without which it could leave its segment: that of another
    /// path's parameter of the name, where there is one.
    fn keep_in_segment(&self, schema: &mut Words, name: &str) {
        let is_text =
            schema.iter().any(|(of, value)| of == "type" && *value == Yaml::text("string"));
        if !is_text || schema.iter().any(|(of, _)| of == "pattern") {
            return;
        }
        let known = self.operations().into_iter().find_map(|(_, operation)| {
            let (list, index) = self.parameter(&operation, name)?;
            let one = list.to(&index.to_string());
            let in_path = self.editor.scalar(&one.to("in")) == Some("path");
            let schema = one.to("schema");
            in_path.then(|| self.editor.source(&schema.to("pattern")).map(str::to_owned))?
        });
        let pattern = known.unwrap_or_else(|| schema::quoted("^[^./\\\\][^/\\\\]*$"));
        schema.push(word("pattern", Yaml::Raw(pattern)));
    }

    /// Takes a member or a parameter out, with what names it.
    pub(super) fn remove_member(&mut self, finding: &Finding) -> Done {
        let Ok(spot) = self.spot(&finding.place) else { return Ok(()) };
        let referred = self.referred(&self.schema_way(&spot));
        match &spot {
            Spot::Parameter { operation, way, name } => {
                if self.editor.scalar(&way.to("in")) == Some("path") {
                    return Err(
                        "it is in the path; write the path as the page has it first".to_owned()
                    );
                }
                let sharers = self.sharers(finding);
                self.hide_parameter(operation, name, &sharers)?;
                // An item that others repeat by its anchor moves to the first of them.
                self.own_parameter(operation, way, &sharers)?;
                self.editor.prune(way)?;
            }
            Spot::Member { component: holder, name } => {
                self.hide_member(holder, name)?;
                let object = component(holder);
                self.remove_item(&object.to("required"), name)?;
                for rule in ["x-exclusive", "x-exactly-one-of"] {
                    self.remove_from_groups(&object.to(rule), name)?;
                }
                let needs = object.to("x-requires");
                self.editor.prune(&needs.to(name))?;
                for one in self.editor.names(&needs) {
                    self.editor.prune(&needs.to(&one).to(name))?;
                }
                let member = member_way(holder, name);
                // One that other types repeat by its anchor moves to the first of them.
                self.editor.own(&member, &[object])?;
                self.editor.remove(&member)?;
            }
            Spot::Component(name) => {
                return Err(format!("`{name}` is a type; take out what refers to it first"));
            }
        }
        self.remove_unused(referred)
    }

    /// Takes a text out of a list.
    pub(super) fn remove_item(&mut self, list: &Way, text: &str) -> Done {
        let index = self.editor.texts(list).iter().position(|one| one == text);
        match index {
            Some(index) => self.editor.prune(&list.to(&index.to_string())),
            None => Ok(()),
        }
    }

    /// Takes a member out of groups; one of a single member is none.
    fn remove_from_groups(&mut self, groups: &Way, name: &str) -> Done {
        for index in self.editor.names(groups).into_iter().rev() {
            let group = groups.to(&index);
            match self.editor.names(&group).len() {
                _ if !self.editor.lists(&group, name) => {}
                0..=2 => self.editor.prune(&group)?,
                _ => self.remove_item(&group, name)?,
            }
        }
        Ok(())
    }

    /// Gives a member or a parameter the page's type; its description stays.
    pub(super) fn change_type(&mut self, finding: &Finding, member: &Member) -> Done {
        let spot = self.spot(&finding.place)?;
        let way = self.schema_way(&spot);
        self.own_part(finding, &spot, &way)?;
        let (owner, in_request) = match &spot {
            Spot::Parameter { .. } => {
                (finding.place.split('.').next().unwrap_or_default().to_owned(), true)
            }
            Spot::Member { component, .. } => (component.clone(), self.is_request(component)),
            Spot::Component(name) => return Err(format!("`{name}` is a type; edit it by hand")),
        };
        let referred = self.referred(&way);
        let home = Home { owner, in_request, depth: 0 };
        // The page's types name what the document may have already under the same name.
        let mut page = member.clone();
        if page.ty.is_none() {
            page.ty = Some(Type::Text);
        }
        let mut words = self.schema(&page, &home)?;
        words.retain(|(name, _)| name != "description" && name != "deprecated");
        let kept = ["description", "x-sensitive", "deprecated"];
        self.open_reference(&way)?;
        let old: Vec<String> = self.editor.names(&way);
        let (gone, stays): (Vec<_>, Vec<_>) = old.into_iter().partition(|name| {
            !kept.contains(&name.as_str()) && !words.iter().any(|(word, _)| word == name)
        });
        for (name, value) in &words {
            if stays.contains(name) {
                self.editor.replace_value(&way.to(name), value)?;
            } else {
                self.put_word(&way, name, value)?;
            }
        }
        for name in gone {
            self.editor.remove(&way.to(&name))?;
        }
        self.remove_unused(referred)?;
        let sample = self.sample(&way, true)?;
        let value = Yaml::of(&sample);
        for way in self.values_shown(&spot, true) {
            self.show_anew(finding, &spot, &way, &value)?;
        }
        match &spot {
            Spot::Member { component: holder, name } => self.retype_needs(holder, name, &sample),
            _ => Ok(()),
        }
    }

    /// Says that a member or a parameter is required, or no longer does.
    pub(super) fn change_required(&mut self, finding: &Finding, page: bool) -> Done {
        match self.spot(&finding.place)? {
            Spot::Parameter { operation, way, .. } => {
                let sharers = self.sharers(finding);
                self.own_parameter(&operation, &way, &sharers)?;
                if page {
                    self.editor.set(&way, "required", &Yaml::plain(true), Put::After("in"))?;
                    return self.show_parameter(&operation, &way, &sharers);
                }
                if self.editor.scalar(&way.to("in")) == Some("path") {
                    return Err("what is in the path is always required".to_owned());
                }
                self.editor.remove(&way.to("required"))
            }
            Spot::Member { component: holder, name } if page => {
                if !self.is_request(&holder) {
                    return Err(
                        "an answer's member is required where it is certain to come; decide it, \
                         and write it or an entry of `x-differs`"
                            .to_owned(),
                    );
                }
                self.require(&holder, &name)?;
                self.show_member(&holder, &name, true)
            }
            Spot::Member { component: holder, name } => {
                self.remove_item(&component(&holder).to("required"), &name)
            }
            Spot::Component(name) => Err(format!("`{name}` is a type; edit it by hand")),
        }
    }

    /// Says that something is deprecated, or no longer does.
    pub(super) fn change_deprecated(&mut self, finding: &Finding, page: bool) -> Done {
        let yes = Yaml::plain(true);
        let (way, after) = match self.operation(&finding.place) {
            Some(operation) => (operation, Some("externalDocs")),
            None => {
                let spot = self.spot(&finding.place)?;
                let way = self.described_way(&spot);
                self.own_part(finding, &spot, &way)?;
                (way, matches!(spot, Spot::Parameter { .. }).then_some("in"))
            }
        };
        match (page, after) {
            (true, Some(after)) => self.editor.set(&way, "deprecated", &yes, Put::After(after)),
            (true, None) => {
                self.open_reference(&way)?;
                self.put_word(&way, "deprecated", &yes)
            }
            (false, _) => self.editor.remove(&way.to("deprecated")),
        }
    }
}
