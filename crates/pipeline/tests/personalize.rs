//! The whole chain with a small model of random weights: what it writes means nothing, but
//! everything around it must be right.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::ops::ControlFlow;
use std::path::Path;

use idiolect_core::{
    Before, Document, Encoder, EncoderError, FinishReason, KeywordSource, Ranking, SummarySource,
    Trace,
};
use idiolect_models::{Belief, Config, Seq2Seq, Tokenizer, device, t5::random_parameters};
use idiolect_pipeline::{
    Error, PAST_CHARACTERS, Request, Source, Stages, own_words, personalize, plan,
};
use idiolect_retrieval::MemoryPast;

fn model() -> Seq2Seq {
    let config = serde_json::json!({
        "vocab_size": 512, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4,
        "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false, "n_positions": 300,
    });
    let config: Config = serde_json::from_value(config).unwrap();
    let device = device("cpu").unwrap();
    let parameters = random_parameters(&config, 3, &device);
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/golden/unigram/tokenizer.json");
    let tokenizer = Tokenizer::load(&file).unwrap();
    Seq2Seq::of_parameters(&config, &parameters, Some(tokenizer), "random", &device).unwrap()
}

fn documents() -> Vec<Document> {
    let texts = [
        (
            "Leaves",
            "The beech behind the house has turned. I swept all morning.",
        ),
        (
            "Rain",
            "Rain again, and the heron stood in it as if it were paid to. A heron is never wet.",
        ),
        (
            "Frost",
            "First frost. The heron has gone down to the weir, and the boats are white.",
        ),
        ("Silence", "Nothing today."),
    ];
    let made = texts.iter().enumerate().map(|(n, (title, text))| Document {
        id: format!("ana-{n}"),
        n: Some(n as i64),
        ..Document::new("ana", title, &text.repeat(12))
    });
    made.collect()
}

fn past() -> MemoryPast {
    MemoryPast::new("ana", &documents(), &Before::Now, None).unwrap()
}

fn request() -> Request {
    let mut request = Request {
        title: Some("Thaw".to_owned()),
        ..Request::new("This morning the heron stood", Before::Now)
    };
    request.decoding.max_tokens = 24;
    request
}

/// The Trace, and the pieces of text as they came.
fn write(request: &Request) -> (Trace, Vec<String>) {
    let model = model();
    let mut pieces = Vec::new();
    let trace = personalize(request, &past(), &Stages::of(&model, None), &mut |text| {
        pieces.push(text.to_owned());
        ControlFlow::Continue(())
    });
    (trace.unwrap(), pieces)
}

#[test]
fn a_trace_holds_everything() {
    let (trace, pieces) = write(&request());
    assert_eq!(pieces[0], "This morning the heron stood");
    assert_eq!(pieces.concat(), trace.text);
    assert_eq!(
        trace.immediate_context.as_str(),
        "Thaw\nThis morning the heron stood"
    );
    assert_eq!(trace.request["author"], "ana");
    assert_eq!(trace.request["before"], "now");
    assert_eq!(trace.request["ranking"], "doc-bm25");
    assert_eq!(trace.decoding["strategy"], "greedy");
    assert_eq!(trace.model.name, "random");
    assert_eq!(trace.encoder, None);
    assert!(trace.tokens > 0 && trace.tokens <= 24);

    assert!(trace.entries[0].kept && trace.entries[0].document == "ana-1");
    assert!(trace.past_passages.chars().count() <= PAST_CHARACTERS);
    assert!(
        trace
            .past_passages
            .starts_with(trace.entries[0].text.trim())
    );
    let start = "Finish the passage in the user voice passage start: Thaw\nThis morning the heron";
    assert!(trace.prompt.starts_with(start), "{}", trace.prompt);
    assert!(trace.prompt.contains(" past passages: Rain\nRain again"));
    assert!(model().tokenizer().unwrap().encode(&trace.prompt).len() < 300);

    let times = trace.timings_ms;
    let stages = [
        times.retrieve,
        times.rank,
        times.summarize,
        times.synthesize,
        times.generate,
    ];
    assert!(stages.iter().all(|&time| time > 0.0), "{times:?}");
    assert!(times.first_token > 0.0 && times.first_token <= times.total);
    // Summary and key words may be made side by side.
    let overlap = times.summarize.min(times.synthesize);
    assert!(stages.iter().sum::<f64>() - overlap <= times.total);

    let json = serde_json::to_string(&trace).unwrap();
    assert_eq!(serde_json::from_str::<Trace>(&json).unwrap(), trace);
}

#[test]
fn the_same_request_writes_the_same_text() {
    assert_eq!(write(&request()).0.text, write(&request()).0.text);
}

#[test]
fn a_plan_is_what_would_be_given_and_writes_nothing() {
    let model = model();
    let plan = plan(&request(), &past(), &Stages::of(&model, None)).unwrap();
    let (trace, _) = write(&request());
    assert_eq!(plan.input.text, trace.prompt);
    assert_eq!(plan.entries, trace.entries);
    assert!(plan.prompt.text().contains(&plan.past_passages));
}

#[test]
fn without_a_past_there_is_only_the_start() {
    let (trace, _) = write(&request().without_past());
    assert_eq!(trace.entries, []);
    assert_eq!((trace.summary.as_str(), trace.keywords.len()), ("", 0));
    assert_eq!(
        trace.prompt,
        "Finish the passage in the user voice passage start: Thaw\nThis morning the heron stood"
    );
}

#[test]
fn the_start_can_be_left_out() {
    let mut request = request();
    let (whole, _) = write(&request);
    request.target_only = true;
    let (target, pieces) = write(&request);
    assert_eq!(whole.text, format!("{}{}", request.start, target.text));
    assert_eq!(pieces.concat(), target.text);
}

#[test]
fn who_stops_listening_keeps_what_was_written() {
    let model = model();
    for heard in [1, 3] {
        let mut left = heard;
        let trace = personalize(&request(), &past(), &Stages::of(&model, None), &mut |_| {
            left -= 1;
            if left == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
        assert_eq!(trace.finish_reason, FinishReason::Interrupted);
        assert!(trace.text.starts_with("This morning the heron stood"));
        assert_eq!(trace.tokens == 0, heard == 1);
    }
}

#[test]
fn independent_key_words_come_from_all_of_the_past() {
    let mut request = request();
    request.summary = SummarySource::Ind;
    request.keywords = KeywordSource::Ind;
    let (trace, _) = write(&request);
    // With four documents, only what stands in one of them is rare enough: ln 4 < 1.5.
    assert_eq!(trace.keywords, Vec::<String>::new());
    let many: Vec<Document> = (0..9)
        .map(|n| Document {
            id: format!("bert-{n}"),
            n: Some(n),
            ..Document::new(
                "bert",
                "",
                if n == 4 {
                    "Otters, otters."
                } else {
                    "Plain words."
                },
            )
        })
        .collect();
    let past = MemoryPast::new("bert", &many, &Before::Now, None).unwrap();
    let model = model();
    let plan = plan(&request, &past, &Stages::of(&model, None)).unwrap();
    assert_eq!(plan.keywords, ["otters"]);
}

#[test]
fn an_empty_draft_is_an_error() {
    let model = model();
    let empty = Request::new("", Before::Now);
    let error = plan(&empty, &past(), &Stages::of(&model, None)).unwrap_err();
    assert!(matches!(error, Error::EmptyDraft));
}

struct Other;

impl Encoder for Other {
    fn identity(&self) -> &'static str {
        "other"
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        Ok(texts
            .iter()
            .map(|text| vec![text.len() as f32, 1.0])
            .collect())
    }
}

struct Another;

impl Encoder for Another {
    fn identity(&self) -> &'static str {
        "another"
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EncoderError> {
        Other.embed(texts)
    }
}

#[test]
fn dense_rankings_need_the_encoder_of_the_past() {
    let model = model();
    let mut request = request();
    request.ranking = Ranking::DocBySnippet;
    let past = MemoryPast::new("ana", &documents(), &Before::Now, Some(&Other)).unwrap();
    let error = plan(&request, &past, &Stages::of(&model, None)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the ranking `doc-by-snippet` needs an encoder"
    );
    let error = plan(&request, &past, &Stages::of(&model, Some(&Another))).unwrap_err();
    assert!(
        matches!(&error, Error::OtherEncoder { past, given } if past == "other" && given == "another")
    );
    assert!(error.hint().is_some());
    let plan = plan(&request, &past, &Stages::of(&model, Some(&Other))).unwrap();
    assert_eq!(plan.encoder.as_deref(), Some("other"));
    assert_eq!(plan.entries.len(), 4);
}

/// What copies from its input may copy its labels, most of all behind a short start.
#[test]
fn no_label_of_the_input_is_written() {
    let model = Seq2Seq::builtin(&device("cpu").unwrap()).unwrap();
    for start in ["Dear Ana,", "Hi Tom", "Today I", "The heron"] {
        let mut request = Request::new(start, Before::Now);
        request.decoding.max_tokens = 40;
        let stages = Stages::of(&model, None);
        let trace = personalize(&request, &past(), &stages, &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap();
        for source in [
            Source::Summary,
            Source::ImportantWords,
            Source::PastPassages,
        ] {
            assert!(!trace.text.contains(source.prefix()), "{}", trace.text);
        }
    }
}

#[test]
fn the_authors_own_words_are_those_before_the_draft() {
    let model = model();
    let documents = documents();
    let all = MemoryPast::new("ana", &documents, &Before::Now, None).unwrap();
    for (at, document) in documents.iter().enumerate() {
        let before = all.at(&Before::Document(document.id.clone())).unwrap();
        let found = own_words(&before, &model, Some(Belief::default())).unwrap();
        let Some(found) = found else {
            assert_eq!(at, 0, "only the first has nothing before it");
            continue;
        };
        let earlier = MemoryPast::new("ana", &documents[..at], &Before::Now, None).unwrap();
        let alone = own_words(&earlier, &model, Some(Belief::default())).unwrap();
        assert_eq!(Some(&found), alone.as_ref());
        let tokenizer = model.tokenizer().unwrap();
        let tokens = documents[..at]
            .iter()
            .map(|one| tokenizer.encode(&one.content()).len() + 1);
        assert_eq!(found.tokens(), tokens.sum::<usize>());
    }
}

#[test]
fn own_words_change_the_text_and_copies_stay_short() {
    let with = |own_words, max_copy| {
        let mut request = request();
        request.own_words = own_words;
        request.decoding.max_copy = max_copy;
        request.decoding.max_tokens = 120;
        request.decoding.no_repeat_ngram = 0;
        write(&request).0
    };
    let longest_copy = |trace: &Trace| {
        let written: Vec<&str> = trace.text.split_whitespace().skip(5).collect();
        let past: Vec<String> = documents()
            .iter()
            .map(|one| one.text.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        (1..=written.len())
            .rev()
            .find(|&n| {
                let mut runs = written.windows(n).map(|run| run.join(" "));
                runs.any(|run| past.iter().any(|text| text.contains(&run)))
            })
            .unwrap_or(0)
    };
    let (on, off) = (with(true, 0), with(false, 0));
    assert_eq!(
        (&on.request["own_words"], &off.request["own_words"]),
        (&true.into(), &false.into())
    );
    assert_ne!(on.text, off.text);
    // A model of random weights believes everything that its author ever wrote.
    assert!(longest_copy(&on) > 5, "{}", on.text);
    let short = with(true, 3);
    assert!(longest_copy(&short) <= 4, "{}", short.text);
    assert!(short.tokens > 20);
}

#[test]
fn of_a_document_too_long_for_own_words_the_end_counts() {
    let model = model();
    let long = Document {
        id: "ana-0".to_owned(),
        n: Some(0),
        ..Document::new("ana", "", &"The weir is white. ".repeat(40_000))
    };
    let past = MemoryPast::new("ana", &[long], &Before::Now, None).unwrap();
    let found = own_words(&past, &model, None).unwrap().unwrap();
    assert!(found.tokens() > 10_000, "{}", found.tokens());
}
