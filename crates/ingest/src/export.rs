//! Exports of many files, which must be known as a whole before one of them is read.

use std::{collections::HashMap, path::Path, rc::Rc};

use crate::{Format, reddit, sink::Sink, slack, substack, tweets};

/// Whether a file of a folder or an archive is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Its name tells its format.
    Yes,
    /// If its first bytes tell it; else it is none of ours, and nothing is said.
    IfKnown,
    /// Never.
    No,
}

/// What a folder or an archive is as a whole.
#[derive(Debug, Clone, Default)]
pub(crate) enum Export {
    /// Many files, each for itself.
    #[default]
    None,
    /// Slack: who its users are.
    Slack(Rc<slack::Users>),
    /// Substack: what its table says of each post.
    Substack(Rc<HashMap<String, substack::About>>),
    /// Medium.
    Medium,
    /// X.
    X,
}

/// The names in a folder or an archive, and small files out of it.
pub(crate) trait Tree {
    fn has(&self, name: &str) -> bool;
    fn small(&mut self, name: &str) -> Option<Vec<u8>>;
}

/// The largest file that [`Tree::small`] gives.
pub(crate) const SMALL_BYTES: u64 = 32 << 20;

struct Folder<'a>(&'a Path);

impl Tree for Folder<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }

    fn small(&mut self, name: &str) -> Option<Vec<u8>> {
        let path = self.0.join(name);
        // A link may lead outside.
        let metadata = std::fs::symlink_metadata(&path).ok()?;
        (metadata.is_file() && metadata.len() <= SMALL_BYTES)
            .then(|| std::fs::read(path).ok())
            .flatten()
    }
}

impl Export {
    pub(crate) fn of_folder(root: &Path, sink: &mut Sink<'_>) -> Self {
        Self::of(&mut Folder(root), sink)
    }

    /// What files of these names are; what they say of their owner goes to the sink.
    pub(crate) fn of(tree: &mut dyn Tree, sink: &mut Sink<'_>) -> Self {
        let lists = ["channels.json", "dms.json", "groups.json", "mpims.json"];
        if tree.has("users.json") && lists.iter().any(|list| tree.has(list)) {
            let users = tree.small("users.json").unwrap_or_default();
            return Self::Slack(Rc::new(slack::Users::read(&users)));
        }
        if tree.has("data/tweets.js") || tree.has("data/tweet.js") {
            if let Some(account) = tree.small("data/account.js") {
                tweets::owner(&account, &mut sink.owner);
            }
            return Self::X;
        }
        if tree.has("posts.csv")
            && let Some(posts) = tree
                .small("posts.csv")
                .and_then(|table| substack::table(&table))
        {
            return Self::Substack(Rc::new(posts));
        }
        if tree.has("profile/profile.html") && tree.has("posts") {
            return Self::Medium;
        }
        if tree.has("comments.csv")
            && let Some(statistics) = tree.small("statistics.csv")
        {
            reddit::owner(&statistics, &mut sink.owner);
        }
        Self::None
    }

    /// What is known of a file by its name alone; `None` where each file tells its own format.
    pub(crate) fn wanted(&self, name: &str) -> Option<Wanted> {
        let is_wanted = match self {
            Self::None => return None,
            Self::Slack(_) => name.contains('/') && has_extension(name, "json"),
            Self::Substack(_) | Self::Medium => {
                name.starts_with("posts/") && has_extension(name, "html")
            }
            Self::X => tweets::is_wanted(name),
        };
        Some(if is_wanted { Wanted::Yes } else { Wanted::No })
    }

    /// The format of its files.
    pub(crate) fn format(&self) -> Option<Format> {
        Some(match self {
            Self::None => return None,
            Self::Slack(_) => Format::Slack,
            Self::Substack(_) => Format::Substack,
            Self::Medium => Format::Medium,
            Self::X => Format::X,
        })
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}
