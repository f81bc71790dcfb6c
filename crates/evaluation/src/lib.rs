//! Metrics, controls and significance.
//!
//! ROUGE, BLEU, chrF and METEOR give the values of the packages that papers use, to the last printed
//! digit: rouge-score 0.1.2, sacrebleu 2.6.0, NLTK 3.10.4. Beside them stand bits per byte, copied
//! spans, author verification, tests that resample users, and tables with intervals.
//!
//! Texts and numbers in, plain data out: nothing here reads or writes files, except that
//! [`WordNet::load`] reads its folder.

mod bits;
mod bleu;
mod chrf;
mod compare;
mod continuation;
mod copied;
mod error;
mod interner;
mod lcs;
mod meteor;
mod ngram_verdicts;
mod ngrams;
mod nltk_words;
mod page;
mod porter;
mod prediction;
mod python;
mod report;
mod resample;
mod rouge;
mod score;
mod signature;
mod significance;
mod student;
mod style;
mod table;
mod unicode;
mod verification;
mod wordnet;
mod wordnet_lmf;

pub use bits::{Likelihood, PairedLikelihood, bits_per_byte, bits_saved};
pub use bleu::{BLEU_ORDER, Bleu, BleuCounts, sentence_bleu};
pub use chrf::{CHRF_ORDER, ChrfCounts, sentence_chrf};
pub use compare::{RowComparison, RunComparison, compare};
pub use continuation::continuation;
pub use copied::{Copied, LONGEST_AT_LEAST, SHARE_FROM, copied};
pub use error::Error;
pub use meteor::meteor;
pub use ngram_verdicts::char_ngram_verdicts;
pub use nltk_words::nltk_words;
pub use page::{
    Mark, columns_plot, escaped, histogram, html_page, interval_picture, interval_plot,
};
pub use porter::porter_stem;
pub use prediction::{Prediction, style_scores, text_scores};
pub use report::{SideBySide, Written, report_body, report_html};
pub use resample::{Interval, Resampling};
pub use rouge::{RougeKind, RougeScore, rouge, rouge_best};
pub use score::{CorpusScores, Metric, Score, ScoreOptions, Scored, Scores, score};
pub use signature::{RunSignature, metric_signature};
pub use significance::{
    FEWEST_USERS, Observed, Paired, PairedBootstrap, TTest, WinRate, mean_interval,
    paired_bootstrap, paired_t_test, win_rate,
};
pub use style::{Style, StyleReference};
pub use table::{
    BITS_PER_BYTE, Cell, Comparison, Row, RowLabel, SIGNIFICANT, Table, lower_is_better, shown,
};
pub use verification::{Verdict, Verification, verification};
pub use wordnet::{Synset, WordNet};
