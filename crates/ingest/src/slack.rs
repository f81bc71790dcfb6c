//! Slack: an export of a workspace, a folder a channel and a file a day.

use std::{collections::HashMap, io::BufRead, ops::ControlFlow};

use idiolect_core::Document;
use serde_json::Value;

use crate::{
    Error, Removed, RemovedReason, SkipReason, dates,
    export::Export,
    json::{self, Fields},
    sink::{Outcome, Sink},
    telegram::without,
};

/// A name stands in the place of a short id: long ones would blow a text up.
const LONGEST_NAME: usize = 100;

/// Who is who.
#[derive(Debug, Default)]
pub(crate) struct Users {
    /// What people call a user, by the user's id.
    shown: HashMap<String, String>,
    /// Ids by whatever else a user goes by, in lower case.
    ids: HashMap<String, String>,
}

impl Users {
    /// Reads `users.json`; what is broken in it is left out.
    pub(crate) fn read(json: &[u8]) -> Self {
        let mut users = Self::default();
        let Ok(Value::Array(list)) = serde_json::from_slice(json) else {
            return users;
        };
        for user in list {
            let Value::Object(user) = user else { continue };
            let user = Fields(user);
            let Some(id) = user.id("id") else { continue };
            let profile = user
                .object("profile")
                .unwrap_or(Fields(serde_json::Map::new()));
            let names = [
                profile.text("display_name"),
                user.text("real_name"),
                profile.text("real_name"),
                user.text("name"),
                profile.text("email"),
            ];
            for name in names.into_iter().flatten() {
                users.ids.insert(name.to_lowercase(), id.clone());
            }
            let mut names = names.into_iter().flatten();
            if let Some(shown) = names.find(|name| name.len() <= LONGEST_NAME) {
                users.shown.insert(id, shown.to_owned());
            }
        }
        users
    }
}

/// Reads every message of a day as one item.
///
/// # Errors
/// [`Error::MeRequired`] where no name of the author's is given.
pub(crate) fn read(
    reader: &mut dyn BufRead,
    path: &str,
    sink: &mut Sink<'_>,
) -> Result<ControlFlow<()>, Error> {
    let (author, names) = sink.own()?;
    let users = match &sink.export {
        Export::Slack(users) => std::rc::Rc::clone(users),
        _ => std::rc::Rc::default(),
    };
    let mine: Vec<String> = names
        .iter()
        .map(|name| {
            users
                .ids
                .get(name)
                .map_or_else(|| name.clone(), |id| id.to_lowercase())
        })
        .collect();
    let channel = path.rsplit('/').nth(1).unwrap_or_default().to_owned();
    Ok(json::each_object(
        reader,
        b"[",
        sink,
        &mut |sink, place, message| {
            let keep_code = sink.options.keep_code;
            let outcome = outcome(message, &users, &mine, &author, &channel, keep_code);
            sink.put(place, outcome)
        },
    ))
}

fn outcome(
    message: &Fields,
    users: &Users,
    mine: &[String],
    author: &str,
    channel: &str,
    keep_code: bool,
) -> Outcome {
    let is_mine = message
        .text("user")
        .is_some_and(|user| mine.contains(&user.to_lowercase()));
    if !is_mine {
        return Outcome::Skipped(SkipReason::OtherSender);
    }
    match message.text("subtype") {
        None | Some("file_share" | "thread_broadcast" | "me_message") => {}
        Some("bot_message" | "reminder_add" | "slackbot_response") => {
            return Outcome::Skipped(SkipReason::MachineMail);
        }
        // Somebody came, went, or named a channel.
        Some(_) => return Outcome::Skipped(SkipReason::NoText),
    }
    let original = plain(message.text("text").unwrap_or_default(), users);
    let removed = quotes_and_code(&original, keep_code);
    let text = without(&original, &removed);
    if text.is_empty() {
        return Outcome::Skipped(if original.trim().is_empty() {
            SkipReason::NoText
        } else {
            SkipReason::EmptyText
        });
    }
    let moment = message.text("ts").unwrap_or_default();
    let thread = message.text("thread_ts").unwrap_or(moment);
    let document = Document {
        id: format!("{channel}-{moment}"),
        author: author.to_owned(),
        date: message.number("ts").and_then(dates::epoch),
        n: None,
        title: None,
        text,
        kind: Some("chat".to_owned()),
        thread: Some(format!("{channel}-{thread}")),
        to: Some(channel.to_owned()),
    };
    Outcome::Reduced(Box::new(document), original, removed)
}

/// The text as people see it: names for ids, words for links, signs for their escapes.
fn plain(text: &str, users: &Users) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('<') {
        let Some((inner, after)) = behind.split_once('>') else {
            break;
        };
        plain.push_str(before);
        rest = after;
        let (target, label) = match inner.split_once('|') {
            Some((target, label)) => (target, Some(label)),
            None => (inner, None),
        };
        if let Some(user) = target.strip_prefix('@') {
            plain.push('@');
            let shown = users.shown.get(user).map(String::as_str);
            plain.push_str(shown.or(label).unwrap_or(user));
        } else if let Some(channel) = target.strip_prefix('#') {
            plain.push('#');
            plain.push_str(label.unwrap_or(channel));
        } else if let Some(group) = target.strip_prefix('!') {
            plain.push('@');
            plain.push_str(label.unwrap_or(group).trim_start_matches('@'));
        } else {
            plain.push_str(label.unwrap_or(target));
        }
    }
    plain.push_str(rest);
    crate::reddit::unescaped(&plain)
}

/// Lines that begin with `>`, and blocks between three backquotes.
fn quotes_and_code(text: &str, keep_code: bool) -> Vec<Removed> {
    let mut removed: Vec<Removed> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if !keep_code
            && let Some(inner) = rest.strip_prefix("```")
            && let Some(length) = inner.find("```")
        {
            let end = at + length + 6;
            removed.push(Removed {
                span: at..end,
                reason: RemovedReason::Code,
            });
            at = end;
            continue;
        }
        let begins_line = at == 0 || text.as_bytes()[at - 1] == b'\n';
        if begins_line && rest.starts_with('>') {
            let end = rest.find('\n').map_or(text.len(), |length| at + length + 1);
            match removed.last_mut() {
                Some(last) if last.span.end == at && last.reason == RemovedReason::Quote => {
                    last.span.end = end;
                }
                _ => removed.push(Removed {
                    span: at..end,
                    reason: RemovedReason::Quote,
                }),
            }
            at = end;
            continue;
        }
        // On to the next sign that may begin something.
        let mut letters = rest.char_indices().skip(1);
        at = letters
            .find(|(next, c)| *c == '`' || rest.as_bytes()[next - 1] == b'\n')
            .map_or(text.len(), |(next, _)| at + next);
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_what_people_see() {
        let users =
            Users::read(br#"[{"id":"U1","name":"ben","profile":{"display_name":"Ben"}},{},3]"#);
        assert_eq!(
            plain(
                "<@U1> &amp; <@U2>, see <#C1|general>, <https://example.org|this> <https://example.org/x> <!here> 1 &lt; 2 <",
                &users
            ),
            "@Ben & @U2, see #general, this https://example.org/x @here 1 < 2 <"
        );
    }

    #[test]
    fn quotes_and_blocks_of_code_are_found() {
        let text = "> theirs\n> more\nmine ```x = 1``` and `y`\n>last";
        let told: Vec<_> = quotes_and_code(text, false)
            .into_iter()
            .map(|one| &text[one.span])
            .collect();
        assert_eq!(told, ["> theirs\n> more\n", "```x = 1```", ">last"]);
        assert_eq!(quotes_and_code("```open", false), []);
        assert_eq!(quotes_and_code(text, true).len(), 2);
    }
}
