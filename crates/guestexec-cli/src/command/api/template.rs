//! An example of a body, to be filled in.

use guestexec::{Example, NamedOperation};

use crate::{ending::Exit, failure::Failure, say};

/// Prints the body of the example that is called `name`; of the fullest one, if that is empty.
///
/// # Errors
/// If there is no such example, or the operation has no body.
pub(super) async fn print(
    called: &NamedOperation,
    all: &[Example],
    name: &str,
) -> Result<Exit, Failure> {
    let id = called.operation.id;
    let of_it = all.iter().filter(|example| example.operation == id);
    let bodies: Vec<(&str, &str)> =
        of_it.filter_map(|example| Some((example.name, example.body?))).collect();
    if bodies.is_empty() {
        return Err(Failure::new(format!("{id} takes no body"))
            .advise("Give NAME=VALUE after the operation; --list shows which."));
    }
    let fullest = ["full", "every-member"];
    let is_wanted = |of: &str| if name.is_empty() { fullest.contains(&of) } else { of == name };
    let found = bodies.iter().find(|(of, _)| is_wanted(of));
    let longest = || bodies.iter().max_by_key(|(_, body)| body.len());
    let found = if name.is_empty() { found.or_else(longest) } else { found };
    let Some((_, body)) = found else {
        let names: Vec<&str> = bodies.iter().map(|(name, _)| *name).collect();
        return Err(Failure::new(format!("{id} has no example `{name}`"))
            .advise(format!("There are: {}.", names.join(", "))));
    };
    say::line(*body).await?;
    Ok(Exit::SUCCESS)
}
