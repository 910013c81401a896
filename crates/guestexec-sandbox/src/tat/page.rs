//! Pages and filters, the same for every list.

use guestexec_tat::types::Filter;

use super::refusal::Refusal;

/// How many there are in all, and the page asked for: 20 from the beginning unless told otherwise.
pub(super) fn page<T>(found: &[T], limit: Option<u64>, offset: Option<u64>) -> (usize, &[T]) {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).min(found.len());
    let start = count(offset.unwrap_or(0));
    let end = count(limit.unwrap_or(20).saturating_add(start as u64));
    (found.len(), &found[start..end])
}

/// Whether all filters let something pass.
pub(super) fn all(
    filters: &[Filter],
    matches: impl Fn(&Filter) -> Result<bool, Refusal>,
) -> Result<bool, Refusal> {
    filters.iter().try_fold(true, |all, filter| Ok(matches(filter)? && all))
}

/// The refusal of a filter the action does not know.
pub(super) fn unknown_filter(name: &str) -> Refusal {
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    Refusal::new(
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
