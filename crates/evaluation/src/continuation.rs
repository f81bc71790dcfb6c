use idiolect_core::first_characters;

/// What follows the start that was given, in a target or in an output: the text without as many
/// characters as `start` has, whether or not it begins with it.
///
/// ```
/// use idiolect_evaluation::continuation;
///
/// assert_eq!(continuation("Dear Ana, thank you.", "Dear Ana,"), " thank you.");
/// assert_eq!(continuation("Hello there, you.", "Dear Ana,"), "re, you.");
/// assert_eq!(continuation("short", "a longer start"), "");
/// ```
pub fn continuation<'a>(text: &'a str, start: &str) -> &'a str {
    &text[first_characters(text, start.chars().count()).len()..]
}
