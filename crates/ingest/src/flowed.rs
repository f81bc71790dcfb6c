/// Undoes `format=flowed` (RFC 3676): lines that end with a space go on in the next one. With
/// `delsp` that space is no part of the text.
pub(crate) fn unflow(body: &str, delsp: bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    // The quote depth of the line that the next one may go on with.
    let mut open = None;
    for line in body.lines() {
        let rest = line.trim_start_matches('>');
        let depth = line.len() - rest.len();
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let is_signature = rest == "-- ";
        match lines.last_mut() {
            Some(last) if open == Some(depth) && !is_signature => {
                if delsp {
                    last.pop();
                }
                last.push_str(rest);
            }
            _ => {
                let quote = if depth > 0 { " " } else { "" };
                lines.push(format!("{}{quote}{rest}", &line[..depth]));
            }
        }
        open = (rest.ends_with(' ') && !is_signature).then_some(depth);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_breaks_are_undone_and_hard_ones_kept() {
        assert_eq!(
            unflow("One line that \ngoes on.\nAnother.\n\nA third.\n", false),
            "One line that goes on.\nAnother.\n\nA third."
        );
        assert_eq!(unflow("Donau \ndampfer\n", true), "Donaudampfer");
    }

    #[test]
    fn quotes_signatures_and_stuffed_lines_stay_apart() {
        assert_eq!(
            unflow(
                "> theirs that \n> goes on\nmine \n-- \nAna\n From here\n",
                false
            ),
            "> theirs that goes on\nmine \n-- \nAna\nFrom here"
        );
    }
}
