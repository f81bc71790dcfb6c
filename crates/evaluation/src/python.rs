//! What Python calls white space, which the reference packages split at.

/// Whether `str.split` and `str.rstrip` treat the character as white space.
pub(crate) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}
