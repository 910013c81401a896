//! `guestexec profile list`.

use comfy_table::{Table, presets::NOTHING};
use serde_json::{Value, json};

use crate::{
    ending::Exit,
    failure::Failure,
    global::{Format, Global},
    profiles::{Profile, Profiles},
    say,
};

/// Writes all profiles.
pub(super) async fn run(global: &Global) -> Result<Exit, Failure> {
    let profiles = Profiles::load()?;
    let is_used = |name: &str, profile: &Profile| {
        profiles.in_use.get(profile.provider()).is_some_and(|used| used == name)
    };
    let mut text = String::new();
    match global.output {
        Format::Text if profiles.profiles.is_empty() => {
            say::note(global, "there are no profiles; make one by `guestexec profile add`");
        }
        Format::Text => {
            let mut table = Table::new();
            table.load_style(NOTHING);
            table.set_header(["NAME", "SERVICE", "IN USE", "WHERE", "WHO", "SECRET"]);
            for (name, profile) in &profiles.profiles {
                let in_use = if is_used(name, profile) { "yes" } else { "" };
                let members = members(profile)?;
                let first = |keys: &[&str]| {
                    let found = keys.iter().find_map(|key| members[*key].as_str());
                    found.unwrap_or_default().to_owned()
                };
                table.add_row([
                    name.clone(),
                    profile.provider().to_owned(),
                    in_use.to_owned(),
                    first(&["endpoint", "region"]),
                    first(&["key-id", "user", "account"]),
                    first(&["secret-from", "token-from"]),
                ]);
            }
            for line in table.lines() {
                text += &format!("{}\n", line.trim());
            }
        }
        Format::Json | Format::Jsonl => {
            let mut all = Vec::new();
            for (name, profile) in &profiles.profiles {
                all.push(json!({
                    "name": name,
                    "provider": profile.provider(),
                    "in_use": is_used(name, profile),
                    "settings": members(profile)?,
                }));
            }
            text = match global.output {
                Format::Jsonl => all.iter().map(|one| format!("{one}\n")).collect(),
                _ => serde_json::to_string_pretty(&all).unwrap_or_default() + "\n",
            };
        }
    }
    say::bytes(text.as_bytes()).await?;
    Ok(Exit::SUCCESS)
}

/// The settings of a profile, without what could be a secret.
fn members(profile: &Profile) -> Result<Value, Failure> {
    let mut shown = profile.clone();
    let places = shown.secrets_mut().map(|(part, _, place)| {
        (format!("{part}-from"), place.as_ref().map(|place| place.shown()))
    });
    let mut members = serde_json::to_value(profile.members()?).unwrap_or_default();
    for (key, place) in places {
        if let Some(place) = place {
            members[key] = place.into();
        }
    }
    Ok(members)
}
