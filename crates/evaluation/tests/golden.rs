//! Values of the reference packages. Those in `golden/pairs.json` come from `golden/make.py`, which
//! says how to make them again; those in this file from the same versions of the packages.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail, and says so where it skips"
)]

use std::collections::BTreeMap;
use std::path::Path;

use idiolect_evaluation::{
    Bleu, Metric, Paired, RougeKind, ScoreOptions, WordNet, meteor, nltk_words, paired_t_test,
    porter_stem, rouge, score, sentence_bleu, sentence_chrf,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    corpus: Corpus,
    stems: BTreeMap<String, String>,
    synonyms: BTreeMap<String, Vec<String>>,
    synsets: BTreeMap<String, Vec<(String, u32)>>,
    t_tests: Vec<TTest>,
    pairs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Corpus {
    bleu: Bleu,
    chrf: f64,
}

#[derive(Deserialize)]
struct TTest {
    a: Vec<f64>,
    b: Vec<f64>,
    n: usize,
    t: f64,
    p: f64,
}

#[derive(Deserialize)]
struct Pair {
    reference: String,
    prediction: String,
    rouge: BTreeMap<String, [f64; 3]>,
    rouge_stemmer: BTreeMap<String, [f64; 3]>,
    bleu: Bleu,
    chrf: f64,
    meteor: f64,
    meteor_wordnet: f64,
    #[serde(default)]
    tokens: Option<Vec<String>>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/pairs.json")).unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64, what: &str, text: &str) {
    assert!(
        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        "{what}: {found} instead of {expected} for {text:?}"
    );
}

fn wordnet() -> Option<WordNet> {
    let folder = Path::new("/usr/share/wordnet");
    if !folder.join("data.noun").exists() {
        println!("skipped: no WordNet in {}", folder.display());
        return None;
    }
    Some(WordNet::load(folder).unwrap())
}

#[test]
fn rouge_of_every_pair() {
    for pair in golden().pairs {
        for (stemmer, expected) in [(false, &pair.rouge), (true, &pair.rouge_stemmer)] {
            let kinds: Vec<RougeKind> = expected.keys().map(|kind| kind.parse().unwrap()).collect();
            let found = rouge(&pair.reference, &pair.prediction, &kinds, stemmer);
            assert_eq!(found.len(), 6);
            for (found, (kind, [precision, recall, f1])) in found.iter().zip(expected) {
                let what = format!("{kind}, stemmer {stemmer}");
                close(found.precision, *precision, &what, &pair.prediction);
                close(found.recall, *recall, &what, &pair.prediction);
                close(found.f1, *f1, &what, &pair.prediction);
            }
        }
    }
}

fn close_bleu(found: &Bleu, expected: &Bleu, text: &str) {
    close(found.score, expected.score, "BLEU", text);
    for (found, expected) in found.precisions.iter().zip(expected.precisions) {
        close(*found, expected, "precision", text);
    }
    close(found.bp, expected.bp, "brevity penalty", text);
    assert_eq!(
        (found.sys_len, found.ref_len),
        (expected.sys_len, expected.ref_len)
    );
}

#[test]
fn bleu_and_chrf_of_every_pair() {
    for pair in golden().pairs {
        let bleu = sentence_bleu(&pair.reference, &pair.prediction);
        close_bleu(&bleu, &pair.bleu, &pair.prediction);
        let chrf = sentence_chrf(&pair.reference, &pair.prediction);
        close(chrf, pair.chrf, "chrF", &pair.prediction);
    }
}

#[test]
fn the_corpus() {
    let golden = golden();
    let texts = |field: fn(&Pair) -> &String| -> Vec<String> {
        golden
            .pairs
            .iter()
            .map(|pair| field(pair).clone())
            .collect()
    };
    let metrics = [
        Metric::Rouge(RougeKind::L),
        Metric::Bleu,
        Metric::Chrf,
        Metric::Meteor,
    ];
    let scored = score(
        &texts(|pair| &pair.reference),
        &texts(|pair| &pair.prediction),
        &metrics,
        &ScoreOptions::default(),
    )
    .unwrap();
    let total = &scored.total.scores;
    assert_eq!(scored.total.n, 150);
    close_bleu(&total.bleu.unwrap(), &golden.corpus.bleu, "corpus");
    close(
        total.chrf.unwrap().score,
        golden.corpus.chrf,
        "chrF",
        "corpus",
    );
    let mean = |value: fn(&Pair) -> f64| golden.pairs.iter().map(value).sum::<f64>() / 150.0;
    close(
        total.meteor.unwrap().score,
        mean(|pair| pair.meteor),
        "METEOR",
        "corpus",
    );
    close(
        total.rouge["rougeL"].f1,
        mean(|pair| pair.rouge["rougeL"][2]),
        "ROUGE-L",
        "corpus",
    );
}

#[test]
fn words_of_nltk() {
    let mut compared = 0;
    for pair in golden().pairs {
        if let Some(tokens) = pair.tokens {
            assert_eq!(
                nltk_words(&pair.prediction),
                tokens,
                "{:?}",
                pair.prediction
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 75);
}

#[test]
fn stems_of_nltk() {
    let stems = golden().stems;
    assert!(stems.len() > 400);
    for (word, stem) in stems {
        assert_eq!(porter_stem(&word), stem, "{word}");
    }
}

#[test]
fn meteor_without_wordnet() {
    for pair in golden().pairs {
        let found = meteor(&pair.reference, &pair.prediction, None);
        close(found, pair.meteor, "METEOR", &pair.prediction);
    }
}

#[test]
fn meteor_with_wordnet() {
    let Some(wordnet) = wordnet() else { return };
    let mut differ = 0;
    for pair in golden().pairs {
        let found = meteor(&pair.reference, &pair.prediction, Some(&wordnet));
        close(found, pair.meteor_wordnet, "METEOR", &pair.prediction);
        differ += usize::from(pair.meteor != pair.meteor_wordnet);
    }
    assert!(differ >= 8, "only {differ} pairs have synonyms");
}

#[test]
fn wordnet_is_looked_up_as_nltk_does() {
    let Some(wordnet) = wordnet() else { return };
    assert_eq!(wordnet.len(), 117_659);
    let golden = golden();
    for (word, expected) in golden.synonyms {
        let single: Vec<&String> = expected.iter().filter(|name| !name.contains('_')).collect();
        assert!(wordnet.synonyms(&word).iter().eq(single), "{word}");
        assert_eq!(
            wordnet.synsets(&word).len(),
            golden.synsets[&word].len(),
            "{word}"
        );
        let names: std::collections::BTreeSet<&str> = wordnet
            .synsets(&word)
            .into_iter()
            .flat_map(|synset| wordnet.lemmas(synset))
            .collect();
        assert!(names.iter().eq(&expected), "{word}");
    }
}

#[test]
fn t_tests_of_scipy() {
    for test in golden().t_tests {
        let values = test.a.iter().zip(&test.b).cycle().take(test.n);
        let pairs: Vec<Paired<'_>> = values.map(|(&a, &b)| Paired { user: "u", a, b }).collect();
        let found = paired_t_test(&pairs).unwrap();
        assert_eq!(found.degrees, test.n - 1);
        close(found.t, test.t, "t", "scipy");
        assert!(
            (found.p / test.p - 1.0).abs() < 1e-9,
            "{} instead of {}",
            found.p,
            test.p
        );
    }
}

/// Reference, prediction, F1 of ROUGE-1, ROUGE-2 and ROUGE-L = ROUGE-Lsum, sentence BLEU.
const TABLE: [(&str, &str, [f64; 3], f64); 6] = [
    (
        "The cat sat on the mat.",
        "The cat is on the mat.",
        [0.833_333, 0.6, 0.833_333],
        48.8923,
    ),
    (
        "She writes short drafts quickly and edits them later.",
        "She wrote a short draft quickly, then edited it later.",
        [0.421_053, 0.0, 0.421_053],
        8.5166,
    ),
    (
        "Hi Ana,\n\nThanks for the update - see you at 10:30.\n\nBest,\nJo",
        "Hi Ana,\nThanks for the quick update. See you tomorrow at 10:30!\nBest,\nJo",
        [0.928_571, 0.769_231, 0.928_571],
        44.304,
    ),
    (
        "Café déjà vu costs $1,234.50",
        "Cafe deja vu costs $1,234.50",
        [0.666_667, 0.615_385, 0.666_667],
        50.8133,
    ),
    (
        "the the the cat",
        "the cat the",
        [0.857_143, 0.4, 0.571_429],
        45.1386,
    ),
    ("", "something", [0.0, 0.0, 0.0], 0.0),
];

// rouge-score 0.1.2 and sacrebleu 2.6.0 on the texts above, rounded to these digits.
#[test]
fn published_values() {
    let kinds = [
        RougeKind::ONE,
        RougeKind::TWO,
        RougeKind::L,
        RougeKind::Lsum,
    ];
    for (reference, prediction, expected, bleu) in TABLE {
        let found = rouge(reference, prediction, &kinds, false);
        for (found, expected) in found.iter().zip([0, 1, 2, 2].map(|kind| expected[kind])) {
            assert!((found.f1 - expected).abs() < 1e-6, "{reference}");
        }
        let found = sentence_bleu(reference, prediction).score;
        assert!((found - bleu).abs() < 1e-4, "{reference}: {found}");
    }
    let stemmed = rouge(TABLE[1].0, TABLE[1].1, &kinds, true);
    for (found, expected) in stemmed.iter().zip([0.631_579, 0.235_294, 0.631_579]) {
        assert!((found.f1 - expected).abs() < 1e-6);
    }

    let references: Vec<String> = TABLE[..5].iter().map(|row| row.0.to_owned()).collect();
    let predictions: Vec<String> = TABLE[..5].iter().map(|row| row.1.to_owned()).collect();
    let options = ScoreOptions::default();
    let scored = score(&references, &predictions, &[Metric::Bleu], &options).unwrap();
    let bleu = scored.total.scores.bleu.unwrap();
    assert!((bleu.score - 35.8255).abs() < 1e-4);
    for (found, expected) in bleu
        .precisions
        .iter()
        .zip([70.8333, 44.186, 28.9474, 18.1818])
    {
        assert!((found - expected).abs() < 1e-4);
    }
    assert_eq!((bleu.bp, bleu.sys_len, bleu.ref_len), (1.0, 48, 45));
}
