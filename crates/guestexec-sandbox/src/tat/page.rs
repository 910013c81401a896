//! Pages and filters, which are the same for every list.

use guestexec_tat::types::Filter;

use super::error::ApiError;

/// The total count, and the requested page; by default the first 20.
pub(super) fn page<T>(found: &[T], limit: Option<u64>, offset: Option<u64>) -> (usize, &[T]) {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).min(found.len());
    let start = count(offset.unwrap_or(0));
    let end = count(limit.unwrap_or(20).saturating_add(start as u64));
    (found.len(), &found[start..end])
}

/// Refuses filters that the action does not have. A name that ends in a colon stands for all that begin with it.
pub(super) fn check(filters: &[Filter], names: &[&str]) -> Result<(), ApiError> {
    let is = |known: &str, name: &str| {
        if known.ends_with(':') { name.starts_with(known) } else { name == known }
    };
    match filters.iter().find(|filter| !names.iter().any(|known| is(known, &filter.name))) {
        Some(filter) => Err(unknown_filter(&filter.name)),
        None => Ok(()),
    }
}

/// The error for a filter that the action does not have.
fn unknown_filter(name: &str) -> ApiError {
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    ApiError::new(
        "InvalidParameterValue.InvalidFilter",
        format!("`{name}` is not the name of a filter of this action."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        let found: Vec<u32> = (0..50).collect();
        assert_eq!(page(&found, None, None).1.len(), 20);
        assert_eq!(page(&found, Some(100), Some(45)), (50, &found[45..]));
        assert!(page(&found, Some(0), None).1.is_empty());
        assert!(page(&found, Some(u64::MAX), Some(u64::MAX)).1.is_empty());
    }
}
