//! What the paper reports, and on what it is tried here.

/// Writing of one kind.
#[derive(Debug)]
pub(crate) struct Corpus {
    /// Of its folder.
    pub(crate) name: &'static str,
    /// What it is, and what of the paper's it stands for.
    pub(crate) about: &'static str,
    pub(crate) packs: &'static [&'static str],
    /// How past passages are ranked below summaries and key words, and the row that does only that:
    /// the best of the paper's table for this kind of writing.
    pub(crate) ranking: &'static str,
    pub(crate) best: &'static str,
}

pub(crate) const MAIL: Corpus = Corpus {
    name: "mail",
    about: "mail to public lists and sent mail of a company, in place of Avocado",
    packs: &["mail_lists", "mail_enron_sent"],
    ranking: "doc-bm25",
    best: "RankDocBM25",
};

pub(crate) const REVIEWS: Corpus = Corpus {
    name: "reviews",
    about: "reviews of films and of musical instruments, in place of Amazon's of books",
    packs: &["reviews_imdb", "reviews_mi"],
    ranking: "doc-by-snippet",
    best: "RankDocBySnpt",
};

pub(crate) const BLOGS: Corpus = Corpus {
    name: "blogs",
    about: "blog posts, in place of Reddit",
    packs: &["blogs"],
    ranking: "snippet",
    best: "RankSnippet",
};

pub(crate) const CORPORA: [&Corpus; 3] = [&MAIL, &REVIEWS, &BLOGS];

/// One of the paper's tables.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) corpus: &'static Corpus,
    /// The rows to be made, where none is named.
    pub(crate) rows: &'static [&'static str],
}

/// The rows that every kind of writing gets.
const MOST: &[&str] = &[
    "ImmedCtx",
    "RecentDoc",
    "RankDocBM25",
    "RankDocDense",
    "RankSnippet",
    "RankDocBySnpt",
    "SumCtx",
    "SynCtx",
    "AuthorPred",
];

pub(crate) const TABLES: [Table; 4] = [
    Table {
        name: "table2-mail",
        corpus: &MAIL,
        // What says most comes first, as a run may be ended early.
        rows: &[
            "ImmedCtx",
            "RankDocBM25",
            "SumCtx",
            "SynCtx",
            "AuthorPred",
            "RecentDoc",
            "UserID",
            "SumCtxInd",
            "SynCtxInd",
            "RankDocBySnpt",
            "RankSnippet",
            "RankDocDense",
            "LLMZeroShot",
        ],
    },
    Table {
        name: "table3-reviews",
        corpus: &REVIEWS,
        rows: MOST,
    },
    Table {
        name: "table4-blogs",
        corpus: &BLOGS,
        rows: MOST,
    },
    Table {
        name: "table5-ablation",
        corpus: &MAIL,
        rows: &[
            "AuthorPred",
            "NoRankedEntries",
            "RemoveDocStart",
            "ImmedCtxAtEnd",
        ],
    },
];

/// Bleu, R-1, R-2, R-L in percent.
pub(crate) type Scores = [f64; 4];

/// Tables 2 to 4.
pub(crate) fn scores(corpus: &Corpus, row: &str) -> Option<Scores> {
    let table = match corpus.name {
        "mail" => AVOCADO,
        "reviews" => AMAZON,
        _ => REDDIT,
    };
    table
        .iter()
        .find(|(name, _)| *name == row)
        .map(|(_, scores)| *scores)
}

/// Table 5: the change against AuthorPred.
pub(crate) const ABLATION: [(&str, Scores); 3] = [
    ("NoRankedEntries", [-2.53, -2.60, -3.00, -2.75]),
    ("RemoveDocStart", [-0.85, -0.74, -2.25, -1.78]),
    ("ImmedCtxAtEnd", [-0.12, 0.05, 0.13, -0.08]),
];

const AVOCADO: &[(&str, Scores)] = &[
    ("ImmedCtx", [17.27, 32.36, 21.45, 28.58]),
    ("UserID", [13.28, 32.33, 20.95, 27.86]),
    ("LLMZeroShot", [14.93, 35.06, 22.11, 28.52]),
    ("RecentDoc", [19.57, 35.64, 23.96, 31.25]),
    ("RankDocBM25", [21.19, 37.69, 25.99, 33.07]),
    ("RankDocDense", [19.43, 35.62, 23.71, 30.90]),
    ("RankSnippet", [18.69, 35.82, 23.26, 30.78]),
    ("RankDocBySnpt", [21.06, 37.42, 25.65, 32.90]),
    ("SumCtxInd", [21.23, 37.58, 25.79, 33.15]),
    ("SumCtx", [23.17, 39.31, 26.64, 34.37]),
    ("SynCtxInd", [23.06, 39.24, 26.72, 34.52]),
    ("SynCtx", [23.44, 40.38, 26.93, 34.34]),
    ("AuthorPred", [23.27, 41.02, 28.60, 35.70]),
];

const AMAZON: &[(&str, Scores)] = &[
    ("ImmedCtx", [17.83, 36.22, 22.49, 31.77]),
    ("UserID", [17.61, 36.62, 22.85, 32.11]),
    ("LLMZeroShot", [16.29, 38.74, 22.52, 30.79]),
    ("RecentDoc", [19.09, 37.51, 23.37, 32.67]),
    ("RankDocBM25", [19.49, 37.79, 23.56, 32.85]),
    ("RankDocDense", [19.38, 37.49, 22.92, 32.48]),
    ("RankSnippet", [19.44, 37.45, 23.10, 32.50]),
    ("RankDocBySnpt", [19.35, 38.28, 23.87, 33.23]),
    ("SumCtxInd", [19.17, 38.33, 23.66, 33.35]),
    ("SumCtx", [19.81, 38.66, 24.25, 33.57]),
    ("SynCtxInd", [19.84, 38.68, 24.31, 33.61]),
    ("SynCtx", [19.87, 39.46, 24.66, 33.97]),
    ("AuthorPred", [19.78, 39.36, 24.56, 33.87]),
];

const REDDIT: &[(&str, Scores)] = &[
    ("ImmedCtx", [26.33, 43.69, 33.52, 40.53]),
    ("UserID", [26.55, 44.71, 34.61, 41.53]),
    ("LLMZeroShot", [24.04, 43.67, 31.24, 37.85]),
    ("RecentDoc", [28.23, 44.83, 34.57, 41.72]),
    ("RankDocBM25", [28.97, 45.71, 35.13, 42.52]),
    ("RankDocDense", [28.82, 45.61, 35.22, 42.56]),
    ("RankSnippet", [29.08, 45.94, 35.39, 42.68]),
    ("RankDocBySnpt", [28.87, 45.67, 35.24, 42.54]),
    ("SumCtxInd", [28.91, 45.71, 35.26, 42.57]),
    ("SumCtx", [28.92, 46.09, 35.82, 43.14]),
    ("SynCtxInd", [28.82, 45.91, 35.87, 43.09]),
    ("SynCtx", [29.19, 46.45, 36.13, 43.27]),
    ("AuthorPred", [29.13, 47.11, 36.94, 43.95]),
];
