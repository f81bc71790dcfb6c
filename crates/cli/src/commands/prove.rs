use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;
use idiolect_archive::Archive;
use idiolect_core::{Before, ImmediateContext, Ranking};
use idiolect_evaluation::{
    BITS_PER_BYTE, Comparison, Interval, Mark, Resampling, RowLabel, RunSignature, Table, escaped,
    html_page, interval_picture, report_body,
};
use idiolect_models::Decoding;
use idiolect_pipeline::{MOST_COPIED, guarded_greedy};
use idiolect_retrieval::Past;
use idiolect_training::examples::{Example, Half};
use serde::Serialize;

use super::demo;
use super::eval::{
    Maker, Makes, PastSource, Pasts, Record, Row, Run, StageSource, described, metrics, save,
    shown, weights_label, with, with_words,
};
use crate::Status;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::open;
use crate::options::{DecodingOptions, PastOptions, RankingOptions, at_least_one};
use crate::printer::counted;

/// Proves it, or not, on your own writing: your latest documents are held back, and the model goes on
/// with each of them given only what you had written before it, without any past, with somebody else's,
/// and by plain retrieval. What counts is how well it foresees what you really wrote, in bits per byte.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  idiolect prove
  idiolect prove --last 100 --out proof
  idiolect prove --author ana --no-generate --json | jq .sentence")]
pub(crate) struct Arguments {
    /// How many documents are held back
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = at_least_one)]
    last: usize,
    /// Only documents with more characters than this
    #[arg(long, value_name = "N", default_value_t = 300)]
    min_chars: usize,
    /// Write no texts, only foresee: faster
    #[arg(long)]
    no_generate: bool,
    /// Folder for the page, report.html, a picture, proof.svg, and all that stands behind them
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How many documents are computed at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = at_least_one)]
    batch: usize,
    /// Whose documents; may be left out when the archive holds one author
    #[arg(long, value_name = "NAME", env = "IDIOLECT_AUTHOR")]
    author: Option<String>,
    #[command(flatten)]
    ranking: RankingOptions,
    #[command(flatten)]
    decoding: DecodingOptions,
}

/// Fewer documents than this prove nothing.
const FEWEST: usize = 10;

/// As many earlier documents as the paper asks for.
const MIN_PAST: usize = 2;

/// Longest text, in tokens.
const MAX_TOKENS: usize = 160;

/// Somebody else is looked for among so many authors of the archive.
const OTHERS: usize = 40;

const OWN: &str = "WithPast";
const WITHOUT: &str = "WithoutPast";
const OTHER: &str = "SomebodyElse";
const RETRIEVAL: &str = "PlainRetrieval";
const PASTED: &str = "BestPassage";

/// What is compared. With a past, everything that `write` does with it, own words included. Plain
/// retrieval: the best passages as they are, no summary, no key words; and
/// the best passage pasted, which foresees nothing but can be read.
const ROWS: [Row; 5] = [
    Row {
        name: OWN,
        makes: with_words(PastSource::Own(None)),
    },
    Row {
        name: WITHOUT,
        makes: with(
            PastSource::Own(Some(Ranking::None)),
            StageSource::None,
            StageSource::None,
        ),
    },
    Row {
        name: OTHER,
        makes: with_words(PastSource::OtherAuthor),
    },
    Row {
        name: RETRIEVAL,
        makes: with(PastSource::Own(None), StageSource::None, StageSource::None),
    },
    Row {
        name: PASTED,
        makes: Makes::BestPassage,
    },
];

#[derive(Serialize)]
struct Proof<'a> {
    sentence: &'a str,
    documents: usize,
    table: &'a Table,
}

pub(crate) fn run(arguments: &Arguments, context: &mut Context) -> anyhow::Result<Status> {
    let seed = context.settings.seed;
    if arguments.ranking.ranking == Ranking::None {
        return Err(
            Failure::new("usage", "`--ranking none` leaves nothing to prove")
                .hint("choose another ranking")
                .into(),
        );
    }
    let archive = context.settings.archive()?;
    let whose = PastOptions {
        author: arguments.author.clone(),
        before: None,
    };
    let author = open::author(&archive, &whose)?;
    let (examples, written) = held_back(&archive, &author, arguments)?;
    let mut others: Vec<(usize, String)> = archive
        .authors()?
        .into_iter()
        .filter(|other| other.author != author)
        .map(|other| (other.documents.abs_diff(written), other.author))
        .collect();
    others.sort();
    others.truncate(OTHERS);
    let others: Vec<String> = others.into_iter().map(|(_, name)| name).collect();
    drop(archive);

    let model = context.settings.model()?;
    let decoding = Decoding {
        max_copy: MOST_COPIED,
        ..arguments.decoding.over(guarded_greedy(MAX_TOKENS), seed)?
    };
    let weights = weights_label(&model)?;
    let decoded = if arguments.no_generate {
        "none".to_owned()
    } else {
        shown(&decoding)
    };
    // Pasting is only to be read.
    let rows = &ROWS[..ROWS.len() - usize::from(arguments.no_generate)];
    let labels: Vec<RowLabel> = rows
        .iter()
        .map(|row| label(row, arguments, &weights, &decoded, seed))
        .collect();
    let record = match &arguments.out {
        Some(out) => Some(Record::open(out, &described(&labels, &examples))?),
        None => None,
    };
    context
        .interrupt
        .graceful("interrupted: stopping after the documents at hand");
    let measured = {
        let context: &Context = context;
        let samples = demo::samples()?;
        let run = Run {
            context,
            examples: &examples,
            pasts: Pasts::new(context, &arguments.ranking, None, &examples)
                .with_others(others, samples),
            maker: Maker {
                model: &model,
                summarizer: &model,
                synthesizer: &model,
                zero_shot: None,
                decoding: (!arguments.no_generate).then_some(&decoding),
                target_tokens: model.config().max_output(),
            },
            batch: arguments.batch,
            by_document: true,
        };
        run.rows(rows, record)?
    };
    let Some(measured) = measured else {
        return Ok(Status::Interrupted);
    };
    let resampling = Resampling {
        seed,
        ..Resampling::default()
    };
    let mut table = Table::new(&measured.predictions, &labels, Some(WITHOUT), resampling)?;
    "documents".clone_into(&mut table.unit);
    let over = |row: &str| -> anyhow::Result<Option<Comparison>> {
        let table = Table::new(&measured.predictions, &labels, Some(row), resampling)?;
        let own = table.rows.into_iter().find(|row| row.row == OWN);
        let bits = own.and_then(|own| own.scores.get(BITS_PER_BYTE).copied());
        Ok(bits.and_then(|cell| cell.against))
    };
    let over = [over(WITHOUT)?, over(OTHER)?, over(RETRIEVAL)?];
    let sentence = sentence(&author, examples.len(), &table, &over);
    if let Some(out) = &arguments.out {
        let body = report_body(&table, &measured.predictions, &measured.shown);
        let body = format!("<p class=\"lead\">{}</p>\n{HOW}{body}", escaped(&sentence));
        let page = html_page("The proof, on your own writing", &body);
        save(out, &page, &table)?;
        let picture = picture(&author, examples.len(), &over);
        files::write_whole(&out.join("proof.svg"), picture.as_bytes())?;
    }
    if context.printer.json() {
        context.printer.object(&Proof {
            sentence: &sentence,
            documents: examples.len(),
            table: &table,
        })?;
    } else {
        context.printer.line(&sentence)?;
        if let Some(out) = &arguments.out {
            context.printer.note(format_args!(
                "the page: {}",
                out.join("report.html").display()
            ));
        }
    }
    Ok(Status::Done)
}

/// What the page says below the sentence.
const HOW: &str = "<p class=\"note\">Each document was foreseen from its first 150 characters and only from what was written before it. Bits per byte say how much of the rest could not be foreseen: fewer is better. Intervals come from drawing the documents again.</p>\n";

/// The author's latest documents that can be foreseen, as examples in time order, and how many
/// different documents there are.
fn held_back(
    archive: &Archive,
    author: &str,
    arguments: &Arguments,
) -> anyhow::Result<(Vec<Example>, usize)> {
    let mut seen = HashSet::new();
    let mut different = archive.documents(author)?;
    // Of copies the first: the others would be known already.
    different.retain(|document| seen.insert(document.content().into_owned()));
    let written = different.len();
    let mut examples = Vec::new();
    for document in different.iter().rev() {
        let content = document.content();
        if content.chars().nth(arguments.min_chars).is_none()
            || ImmediateContext::continuation(&content).trim().is_empty()
        {
            continue;
        }
        let past = archive.past(author, &Before::Document(document.id.clone()))?;
        if past.documents() < MIN_PAST {
            continue;
        }
        examples.push(Example {
            id: format!("{author}/{}", document.id),
            author: author.to_owned(),
            document: document.id.clone(),
            date: document.date,
            past_documents: past.documents(),
            immediate_context: ImmediateContext::of(&content).as_str().to_owned(),
            entries: Vec::new(),
            past_passages: String::new(),
            summary_label: String::new(),
            summary_label_snippets: Vec::new(),
            keyword_label: Vec::new(),
            keywords_ind: Vec::new(),
            target: content.into_owned(),
            half: Half::of(author),
        });
        if examples.len() == arguments.last {
            break;
        }
    }
    examples.reverse();
    if examples.len() < FEWEST.min(arguments.last) {
        let found = counted(examples.len(), "document");
        let few = format!(
            "only {found} of more than {} characters with {MIN_PAST} others before: too few for a proof",
            arguments.min_chars
        );
        return Err(Failure::new("too_few_documents", few)
            .hint("import more of your writing, or lower `--min-chars`")
            .into());
    }
    Ok((examples, written))
}

/// What the past saves, over the same three as the sentence.
fn picture(author: &str, documents: usize, over: &[Option<Comparison>; 3]) -> String {
    let others = ["no past", "somebody else's past", "plain retrieval"];
    let marks: Vec<Mark> = others
        .into_iter()
        .zip(over)
        .filter_map(|(other, found)| {
            let more = found.as_ref()?.difference;
            let value = Interval {
                mean: -more.mean,
                low: -more.high,
                high: -more.low,
            };
            Some(Mark {
                label: other.to_owned(),
                value,
                shown: format!("{:.3}", value.mean),
            })
        })
        .collect();
    let title = format!(
        "Bits per byte that their own past saves over other ways, the last {} by {author}",
        counted(documents, "document")
    );
    interval_picture(&title, &marks, Some(0.0), |value| format!("{value:.3}"))
}

/// The proof in one sentence, over: without a past, somebody else's, plain retrieval.
fn sentence(
    author: &str,
    documents: usize,
    table: &Table,
    over: &[Option<Comparison>; 3],
) -> String {
    let bits = |name: &str| {
        let row = table.rows.iter().find(|row| row.row == name);
        let cell = row.and_then(|row| row.scores.get(BITS_PER_BYTE));
        cell.map_or(f64::NAN, |cell| cell.value.mean)
    };
    let against = |found: &Option<Comparison>, what: &str| match found {
        None => format!("cannot be compared with {what}"),
        Some(Comparison { difference, .. }) => {
            let (low, high) = (-difference.high, -difference.low);
            let interval = format!("95 % interval {low:.3} to {high:.3}");
            if low > 0.0 {
                format!("{:.3} fewer than {what} ({interval})", -difference.mean)
            } else if high < 0.0 {
                format!(
                    "{:.3} more than {what} (95 % interval {:.3} to {:.3})",
                    difference.mean, difference.low, difference.high
                )
            } else {
                format!("not clearly other than {what} ({interval})")
            }
        }
    };
    let [without, other, retrieval] = over;
    format!(
        "On the last {} by {author}, the model that is given their past needs {:.3} bits per byte: {}, {}, {}.",
        counted(documents, "document"),
        bits(OWN),
        against(without, "without any past"),
        against(other, "with somebody else's past"),
        against(retrieval, "by plain retrieval"),
    )
}

fn label(row: &Row, arguments: &Arguments, weights: &str, decoding: &str, seed: u64) -> RowLabel {
    let ranking = arguments.ranking.ranking.name();
    let (past, summary, keywords) = match row.makes {
        Makes::Text(setup) => (
            match setup.past {
                PastSource::Own(Some(ranking)) => ranking.name().to_owned(),
                PastSource::OtherAuthor => format!("{ranking} of another author, with own words"),
                PastSource::Own(None) if setup.own_words => format!("{ranking}, with own words"),
                PastSource::Own(None) | PastSource::OwnAtRandom => ranking.to_owned(),
            },
            setup.summary.name(),
            setup.keywords.name(),
        ),
        Makes::Start | Makes::BestPassage => (ranking.to_owned(), "none", "none"),
    };
    let uses_model = matches!(row.makes, Makes::Text(_));
    let or_none = |text: &str| if uses_model { text } else { "none" }.to_owned();
    let signature = RunSignature {
        metrics: metrics(),
        past,
        summary: summary.to_owned(),
        keywords: keywords.to_owned(),
        split: None,
        limit: Some(arguments.last),
        seed,
        weights: or_none(weights),
        decoding: or_none(decoding),
    };
    RowLabel {
        row: row.name.to_owned(),
        signature: format!("min_chars:{}|{signature}", arguments.min_chars),
    }
}

#[cfg(test)]
mod tests {
    use idiolect_evaluation::{Interval, WinRate};

    use super::*;

    fn over(mean: f64, low: f64, high: f64) -> Comparison {
        Comparison {
            examples: 60,
            difference: Interval { mean, low, high },
            win_rate: WinRate {
                wins: 1,
                ties: 0,
                losses: 0,
                rate: 1.0,
            },
            p_t_test: None,
            p_bootstrap: None,
        }
    }

    #[test]
    fn the_sentence_says_what_the_intervals_say() {
        let table = Table {
            against: None,
            metrics: Vec::new(),
            rows: Vec::new(),
            resampling: Resampling::default(),
            unit: "documents".to_owned(),
            version: String::new(),
        };
        let found = sentence(
            "ana",
            60,
            &table,
            &[
                Some(over(-0.14, -0.18, -0.1)),
                Some(over(-0.01, -0.03, 0.02)),
                Some(over(0.1, 0.05, 0.2)),
            ],
        );
        assert_eq!(
            found,
            "On the last 60 documents by ana, the model that is given their past needs NaN bits per byte: \
             0.140 fewer than without any past (95 % interval 0.100 to 0.180), \
             not clearly other than with somebody else's past (95 % interval -0.020 to 0.030), \
             0.100 more than by plain retrieval (95 % interval 0.050 to 0.200)."
        );
    }
}
